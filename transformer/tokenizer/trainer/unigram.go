package trainer

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
)

// UnigramOptions say how [Unigram] trains. The zero value is ready for use.
type UnigramOptions struct {
	Options

	// MaxPieceLength is how many characters a piece has at most. 0 means 16.
	MaxPieceLength int
	// SeedSize is how many pieces training begins with at most. 0 means a million.
	SeedSize int
	// ShrinkingFactor is the part of the pieces that is kept each time, between
	// 0 and 1. 0 means 0.75.
	ShrinkingFactor float64
	// SubIterations is how often probabilities are estimated between two
	// prunings. 0 means 2.
	SubIterations int
}

// The defaults of [UnigramOptions], which are those of SentencePiece.
const (
	defaultMaxPieceLength  = 16
	defaultSeedSize        = 1_000_000
	defaultShrinkingFactor = 0.75
	defaultSubIterations   = 2
)

func (o UnigramOptions) withDefaults() (UnigramOptions, error) {
	var err error
	if o.Options, err = o.Options.withDefaults(); err != nil {
		return o, err
	}
	for _, field := range []struct {
		name  string
		value *int
		zero  int
	}{
		{"MaxPieceLength", &o.MaxPieceLength, defaultMaxPieceLength},
		{"SeedSize", &o.SeedSize, defaultSeedSize},
		{"SubIterations", &o.SubIterations, defaultSubIterations},
	} {
		if *field.value < 0 {
			return o, fmt.Errorf("trainer: %s: found %d, expected 0 or more", field.name, *field.value)
		}
		if *field.value == 0 {
			*field.value = field.zero
		}
	}
	o.MaxPieceLength = min(o.MaxPieceLength, maxCharacters) // no word is longer
	if o.ShrinkingFactor == 0 {
		o.ShrinkingFactor = defaultShrinkingFactor
	}
	if !(o.ShrinkingFactor > 0 && o.ShrinkingFactor < 1) {
		return o, fmt.Errorf("trainer: ShrinkingFactor: found %v, expected a number between 0 and 1", o.ShrinkingFactor)
	}
	return o, nil
}

// Piece is an entry of a Unigram vocabulary with its log probability.
type Piece struct {
	Text  string
	Score float64
}

// Unigram trains a vocabulary of XLNet's and XLM-R's form on words that begin
// with "▁", the mark of a space. It has the special tokens, with the score 0,
// all characters, and the pieces that are worth most, by score, equal ones by
// code points. How they are found (Kudo, arXiv 1804.10959, §3.2):
//
//  1. Begin with the substrings of words that cover most of the text. Of these
//     drop the many that are expected to be used less than once in all the
//     text, because longer ones are instead.
//  2. Give each a probability by expectation maximisation, some steps of it.
//  3. For each piece find by how much the likelihood of the text would fall without
//     it, and keep those with the largest losses.
//  4. Repeat 2 and 3 until there are a tenth more than asked for, then estimate
//     once more and keep the most probable ones.
//
// No piece is kept that is less probable than its own parts, so each is the
// best segmentation of itself. Words are cut where they have a character beyond
// LimitAlphabet, or one that is a special token.
//
// It returns an error if the options are no good or VocabSize is too small for
// special tokens and characters.
func Unigram(words map[string]int, o UnigramOptions) ([]Piece, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	sorted, err := sortedWords(words)
	if err != nil {
		return nil, err
	}
	special := map[string]bool{}
	pieces := make([]Piece, 0, len(o.SpecialTokens))
	for _, s := range o.SpecialTokens {
		special[s] = true
		pieces = append(pieces, Piece{Text: s})
	}
	known := map[rune]bool{}
	for _, r := range alphabetOf(sorted, o.LimitAlphabet) {
		if !special[string(r)] {
			known[r] = true
		}
	}
	if err := o.checkSize(len(known)); err != nil {
		return nil, err
	}
	sorted = cutUnknown(sorted, known)
	if len(sorted) == 0 {
		o.Progress(1, 1)
		return pieces, nil
	}

	size := min(o.VocabSize-len(o.SpecialTokens), maxCharacters) // there are no more pieces than that
	l := newLattice(sorted, o, max(o.SeedSize, size), runtime.GOMAXPROCS(0), func(s string) bool { return special[s] })
	target := size + size/10
	smaller := func(n int) int { return min(n-1, max(target, int(float64(n)*o.ShrinkingFactor))) }
	total := o.SubIterations
	for n := len(l.pieces); n > target; n = smaller(n) {
		total += o.SubIterations
	}
	for done := 0; ; {
		for range o.SubIterations {
			expected, _ := l.expect()
			if done == 0 {
				expected = l.dropRare(expected, target)
			}
			l.maximize(expected)
			done++
			o.Progress(done, total)
		}
		if len(l.pieces) <= target {
			break
		}
		l.prune(smaller(len(l.pieces)))
	}

	// Losses are those of single pieces, so at last the more probable piece is
	// the better choice. Characters stay, whatever their probability.
	losses := l.losses()
	l.keep(l.first(size, losses, func(a, b int32) int {
		p, q := &l.pieces[a], &l.pieces[b]
		return cmp.Or(cmp.Compare(min(p.length, 2), min(q.length, 2)), cmp.Compare(q.score, p.score))
	}))
	slices.SortStableFunc(l.pieces, func(p, q piece) int { return cmp.Compare(q.score, p.score) })
	for _, p := range l.pieces {
		pieces = append(pieces, Piece{l.textOf(p), p.score})
	}
	o.Progress(total, total)
	return pieces, nil
}

// cutUnknown cuts the words at unknown characters, which are dropped.
func cutUnknown(words []word, known map[rune]bool) []word {
	var parts []word
	for _, w := range words {
		begin := 0
		for i := 0; i <= len(w.text); i++ {
			if i < len(w.text) && known[w.text[i]] {
				continue
			}
			if i > begin {
				parts = append(parts, word{w.text[begin:i], w.count})
			}
			begin = i + 1
		}
	}
	return parts
}
