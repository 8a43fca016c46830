package synthetic

import (
	"math/rand/v2"
	"strings"
)

// lexicon gives concepts their words in both languages. A concept has two
// words in each, synonyms of one another.
type lexicon struct {
	words [2][][2]string // language, concept, synonym
	taken map[string]bool
}

const (
	languageA = 0
	languageB = 1
)

var (
	onsets = strings.Fields("b d f g k l m n p r s t v z br dr gl kr pl st tr")
	vowels = strings.Fields("a e i o u ai ou")
	codas  = []string{"", "", "", "n", "r", "s", "l"}
)

// word makes a new word of two or three syllables.
func (l *lexicon) word(r *rand.Rand) string {
	for {
		var b strings.Builder
		for range 2 + r.IntN(2) {
			b.WriteString(onsets[r.IntN(len(onsets))])
			b.WriteString(vowels[r.IntN(len(vowels))])
		}
		b.WriteString(codas[r.IntN(len(codas))])
		if w := b.String(); !l.taken[w] {
			l.taken[w] = true
			return w
		}
	}
}

// soundChange is how words of language A became cognates in language B.
var soundChange = strings.NewReplacer("br", "pr", "dr", "tr", "b", "p", "d", "t", "g", "k", "v", "f", "z", "s", "ai", "e", "ou", "o")

// concepts adds n concepts. In language B a word is the same (one in six), a
// cognate with an ending of its own (one half) or unrelated.
func (l *lexicon) concepts(r *rand.Rand, n int) []int {
	ids := make([]int, n)
	for i := range ids {
		var a, b [2]string
		for s := range a {
			a[s] = l.word(r)
			switch k := r.IntN(6); {
			case k == 0:
				b[s] = a[s]
			case k < 4:
				// Merging sounds may make two words one; a word with two meanings
				// would make scores disagree with the texts.
				if b[s] = soundChange.Replace(a[s]) + "i"; l.taken[b[s]] {
					b[s] = l.word(r)
				}
				l.taken[b[s]] = true
			default:
				b[s] = l.word(r)
			}
		}
		ids[i] = len(l.words[languageA])
		l.words[languageA] = append(l.words[languageA], a)
		l.words[languageB] = append(l.words[languageB], b)
	}
	return ids
}

// phrase is a noun with the adjectives before it; negated marks those that "not" goes before.
type phrase struct {
	noun       int
	adjectives []int
	negated    []bool
}

// clause is a sentence before it has words: language A says subject, verb,
// object and adjectives before nouns; language B says verb, subject, object
// and adjectives after nouns.
type clause struct {
	subject, object phrase
	verb            int
}

// render gives a clause its words. synonym is the share of concepts that take their second word.
func (g *grammar) render(r *rand.Rand, c clause, language int, synonym float64) string {
	var out []string
	say := func(concept int) {
		s := 0
		if r.Float64() < synonym {
			s = 1
		}
		out = append(out, g.words[language][concept][s])
	}
	noun := func(p phrase) {
		say(g.articles[r.IntN(len(g.articles))])
		if language == languageB {
			say(p.noun)
		}
		for i, a := range p.adjectives {
			if p.negated[i] {
				say(g.negation)
			}
			if r.IntN(4) == 0 {
				say(g.intensifiers[r.IntN(len(g.intensifiers))])
			}
			say(a)
		}
		if language == languageA {
			say(p.noun)
		}
	}
	if language == languageA {
		noun(c.subject)
		say(c.verb)
	} else {
		say(c.verb)
		noun(c.subject)
	}
	noun(c.object)
	return strings.Join(out, " ")
}
