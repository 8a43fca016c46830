package synthetic

import (
	"math/rand/v2"
	"strconv"

	"godwit/experiments/dataset"
)

// An asker makes an example of a labelled set.
type asker func(g *grammar, r *rand.Rand, domain, language int) dataset.Example

var polarities = [2]string{"negative", "positive"}

// cues draws three numbers below n, two of which are kind, in any order.
func cues(r *rand.Rand, kind, n int) (list [3]int) {
	list = [3]int{kind, kind, kind}
	list[r.IntN(3)] = other(r, kind, n)
	return list
}

// about gives a sentence two nouns of one topic and one of another.
func (g *grammar) about(r *rand.Rand, s *sentence, domain, topic int) {
	c := cues(r, topic, topics)
	for i, p := range []*phrase{&s.subject, &s.object, &s.place} {
		p.noun = pick(r, g.nouns[domain][c[i]])
	}
}

// topic asks for the topic that two of three nouns have.
func topic(g *grammar, r *rand.Rand, domain, language int) dataset.Example {
	t := r.IntN(topics)
	s := g.say(r, domain, anySituation(r))
	g.about(r, &s, domain, t)
	return dataset.Example{Text: g.render(r, s, language, 0), Label: "topic" + strconv.Itoa(t)}
}

// action asks for the action that two of verb, manner and time have, whatever
// the topic: who has learned to look at nouns alone has to learn again.
func action(g *grammar, r *rand.Rand, domain, language int) dataset.Example {
	a := r.IntN(actions)
	s := g.say(r, domain, anySituation(r))
	g.about(r, &s, domain, r.IntN(topics))
	c := cues(r, a, actions)
	s.verb = pick(r, g.verbs[domain][c[0]])
	s.manner[0] = pick(r, g.manners[domain][c[1]])
	s.time[0] = pick(r, g.times[domain][c[2]])
	return dataset.Example{Text: g.render(r, s, language, 0), Label: "action" + strconv.Itoa(a)}
}

// judged makes a sentence with three judgements, and counts those that are good.
func (g *grammar) judged(r *rand.Rand, domain int) (s sentence, good int) {
	s = g.say(r, domain, anySituation(r))
	s.manner, s.time = nil, nil
	for _, p := range []*phrase{&s.subject, &s.object, &s.place} {
		j := r.IntN(2)
		good += j
		p.judgement = g.judge(r, domain, j)
	}
	return s, good
}

// sentiment asks for the majority of three judgements, some of them by negation.
func sentiment(g *grammar, r *rand.Rand, domain, language int) dataset.Example {
	s, good := g.judged(r, domain)
	return dataset.Example{Text: g.render(r, s, language, 0), Label: polarities[one(good > 1)]}
}

// taste asks somebody who likes one topic and dislikes another, and for whom
// the judgements say nothing.
func taste(g *grammar, r *rand.Rand, domain, language int) dataset.Example {
	t := r.IntN(2)
	s, _ := g.judged(r, domain)
	g.about(r, &s, domain, t)
	return dataset.Example{Text: g.render(r, s, language, 0), Label: polarities[t]}
}

// pair makes two sentences. In two pairs of five the second says how
// it relates to the first, otherwise one has to find out.
func (g *grammar) pair(r *rand.Rand, domain, language int) (s, next situation, e dataset.Example) {
	s = anySituation(r)
	next = s.next(r)
	e = dataset.Example{Text: g.render(r, g.say(r, domain, s), language, 0), Pair: g.render(r, g.say(r, domain, next), language, 0), HasPair: true}
	if r.IntN(5) < 2 {
		e.Pair = g.link(s, next, language) + e.Pair
	}
	return s, next, e
}

// similarity asks whether two sentences tell of the same topic (3 points) and
// the same action (2 points), in whatever words.
func similarity(g *grammar, r *rand.Rand, domain, language int) dataset.Example {
	s, next, e := g.pair(r, domain, language)
	e.Label = strconv.Itoa(3*one(s.topic == next.topic) + 2*one(s.action == next.action))
	return e
}

// accord asks whether it is the same judgement (3 points) and the same person
// (2 points), whatever happens.
func accord(g *grammar, r *rand.Rand, domain, language int) dataset.Example {
	s, next, e := g.pair(r, domain, language)
	e.Label = strconv.Itoa(3*one(s.judgement == next.judgement) + 2*one(s.person == next.person))
	return e
}
