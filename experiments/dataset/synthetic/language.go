package synthetic

import (
	"math/rand/v2"
	"strings"
)

// The two languages. They share names and a few borrowed words, and differ in
// all other words and in their order.
const (
	languageA = iota
	languageB
	languages
)

// lexicon gives every concept its word in each language. No word has two meanings.
type lexicon struct {
	words [languages][]string // by language and concept
	taken map[string]bool
}

var (
	onsets = strings.Fields("b d f g k l m n p r s t v z br dr kr pl st tr")
	vowels = strings.Fields("a e i o u")
	codas  = []string{"", "", "n", "r", "s", "l"}
)

// word makes a new word of two syllables.
func (l *lexicon) word(r *rand.Rand) string {
	for {
		var b strings.Builder
		for range 2 {
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

// Which concepts have the same word in both languages: one in so many, 0 for none.
const (
	notBorrowed    = 0
	alwaysBorrowed = 1
	oftenBorrowed  = 6
)

// concepts adds n concepts.
func (l *lexicon) concepts(r *rand.Rand, n, borrowed int) []int {
	ids := make([]int, n)
	for i := range ids {
		ids[i] = len(l.words[languageA])
		a := l.word(r)
		b := a
		if borrowed == notBorrowed || r.IntN(borrowed) > 0 {
			b = l.word(r)
		}
		l.words[languageA] = append(l.words[languageA], a)
		l.words[languageB] = append(l.words[languageB], b)
	}
	return ids
}
