package synthetic

import (
	"math/rand/v2"
	"strings"
)

// sentence is what is said, as concepts, before it has words.
type sentence struct {
	subject, object, place phrase
	verb                   int
	// manner and time need not be said.
	manner, time []int
}

// phrase is a noun or a name with the adjective that judges it, if there is
// one, and the negation before that.
type phrase struct {
	noun      int
	judgement []int
}

// judge returns a judgement, one in six by negating its opposite.
func (g *grammar) judge(r *rand.Rand, domain, judgement int) []int {
	if r.IntN(6) == 0 {
		return []int{g.negation, pick(r, g.judgements[domain][1-judgement])}
	}
	return []int{pick(r, g.judgements[domain][judgement])}
}

// say makes a sentence of a situation; it judges the object.
func (g *grammar) say(r *rand.Rand, domain int, s situation) sentence {
	return sentence{
		subject: phrase{noun: g.people[domain][s.person]},
		object:  phrase{pick(r, g.nouns[domain][s.topic]), g.judge(r, domain, s.judgement)},
		place:   phrase{noun: pick(r, g.nouns[domain][s.topic])},
		verb:    pick(r, g.verbs[domain][s.action]),
		manner:  []int{pick(r, g.manners[domain][s.action])},
		time:    []int{pick(r, g.times[domain][s.action])},
	}
}

// render gives a sentence its words. Language A says subject, manner, verb,
// object, place, time, and adjectives before nouns; language B says time, verb,
// manner, subject, object, place, and adjectives after nouns. mixed is the
// share of the concepts that are said in the other language.
func (g *grammar) render(r *rand.Rand, s sentence, language int, mixed float64) string {
	var out []string
	say := func(concepts ...int) {
		for _, c := range concepts {
			l := language
			if mixed > 0 && r.Float64() < mixed {
				l = 1 - l
			}
			out = append(out, g.words[l][c])
		}
	}
	if language == languageA {
		noun := func(p phrase) { say(p.judgement...); say(p.noun) }
		noun(s.subject)
		say(s.manner...)
		say(s.verb)
		noun(s.object)
		noun(s.place)
		say(s.time...)
	} else {
		noun := func(p phrase) { say(p.noun); say(p.judgement...) }
		say(s.time...)
		say(s.verb)
		say(s.manner...)
		noun(s.subject)
		noun(s.object)
		noun(s.place)
	}
	return strings.Join(append(out, "."), " ")
}

// link returns the words before a sentence that say how its situation relates to
// the one before.
func (g *grammar) link(s, next situation, language int) string {
	words := g.words[language]
	return words[g.relations[one(s.topic == next.topic)][one(s.action == next.action)]] + " " +
		words[g.agreements[one(s.person == next.person)][one(s.judgement == next.judgement)]] + " "
}
