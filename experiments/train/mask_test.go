package train

import (
	"math"
	"slices"
	"testing"
)

// masker has a vocabulary of 5 special tokens, 0 to 4 with the mask 4, and words above.
func masker(vocabulary int) *maskedLM {
	special := make([]bool, vocabulary)
	for id := range 5 {
		special[id] = true
	}
	return &maskedLM{ratio: 0.15, mask: 4, vocabulary: vocabulary, special: special}
}

// sequence is [CLS] text [SEP] with the given ids.
func sequence(text ...int32) []int32 { return append(append([]int32{2}, text...), 3) }

// within reports a count that differs from its mean n·p by more than five
// standard deviations of a binomial variable.
func within(t *testing.T, what string, count, n int, p float64) {
	t.Helper()
	if mean, sd := float64(n)*p, math.Sqrt(float64(n)*p*(1-p)); math.Abs(float64(count)-mean) > 5*sd {
		t.Errorf("%s: %d of %d, expected %.0f ± %.0f", what, count, n, mean, 5*sd)
	}
}

func TestMaskingShares(t *testing.T) {
	const vocabulary = 1000
	m, d := masker(vocabulary), newDraws()
	var p predictions
	tokens, masked, kept, random, special, low := 0, 0, 0, 0, 0, 0
	for i := range 4000 {
		n := 1 + i%60 // short sequences as well
		text := make([]int32, n)
		for j := range text {
			text[j] = int32(5 + (i*7+j*13)%(vocabulary-5))
		}
		if i%3 == 0 {
			text[n/2] = 1 // an unknown token within the text
		}
		before := sequence(text...)
		ids := slices.Clone(before)
		p.reset()
		m.draw(ids, 100, d.of(1, 0, i), &p)
		for j, id := range before {
			if m.special[id] {
				special++
				if slices.Contains(p.rows, int32(100+j)) || ids[j] != id {
					t.Fatalf("special token %d at %d is to be predicted", id, j)
				}
			} else {
				tokens++
			}
		}
		if !slices.IsSorted(p.rows) || len(slices.Compact(slices.Clone(p.rows))) != len(p.rows) {
			t.Fatalf("rows %v are not increasing", p.rows)
		}
		for k, row := range p.rows {
			j := row - 100
			if p.labels[k] != before[j] {
				t.Fatalf("label of %d is %d, the token was %d", j, p.labels[k], before[j])
			}
			switch ids[j] {
			case m.mask:
				masked++
			case before[j]:
				kept++
			default:
				random++
				if ids[j] < vocabulary/2 {
					low++
				}
			}
			before[j] = ids[j]
		}
		if !slices.Equal(before, ids) {
			t.Fatal("a token that is not to be predicted was changed")
		}
	}
	all := masked + kept + random
	within(t, "predicted", all, tokens, 0.15)
	within(t, "shown as the mask", masked, all, 0.8+0.1/vocabulary)
	within(t, "shown as they are", kept, all, 0.1+0.1/vocabulary)
	within(t, "shown as a random token", random, all, 0.1-0.2/vocabulary)
	within(t, "random tokens in the lower half", low, random, 0.5)
	if special == 0 {
		t.Error("no special token was met")
	}
}

func TestWholeWordsAreMaskedWhole(t *testing.T) {
	const vocabulary = 300
	m, d := masker(vocabulary), newDraws()
	m.continues = make([]bool, vocabulary)
	for id := 200; id < vocabulary; id++ {
		m.continues[id] = true
	}
	var p predictions
	tokens, asked := 0, 0
	for i := range 3000 {
		var text []int32
		for w := range 20 { // words of one to four tokens
			text = append(text, int32(5+(i+w)%195))
			for k := range (i + w) % 4 {
				text = append(text, int32(200+(i+k)%100))
			}
		}
		before := sequence(text...)
		p.reset()
		m.draw(slices.Clone(before), 0, d.of(1, 0, i), &p)
		tokens += len(text)
		asked += len(p.rows)
		if float64(len(p.rows)) > math.Floor(0.15*float64(len(text)))+1 {
			t.Fatalf("%d of %d tokens are to be predicted", len(p.rows), len(text))
		}
		is := make([]bool, len(before)+1)
		for _, r := range p.rows {
			is[r] = true
		}
		for j, id := range before {
			if m.continues[id] && is[j] != is[j-1] {
				t.Fatalf("of the word with the tokens %d and %d, at %d, only one is to be predicted", before[j-1], id, j)
			}
		}
	}
	within(t, "predicted", asked, tokens, 0.15)
	// A sequence that begins within a word: the first token is a word as well.
	p.reset()
	m.ratio = 0.99
	m.draw([]int32{2, 201, 202, 3}, 0, d.of(0, 0, 0), &p)
	if len(p.rows) != 0 && !slices.Equal(p.rows, []int32{1, 2}) {
		t.Errorf("rows %v of a single word", p.rows)
	}
}

func TestDrawsDependOnSeedPassAndSequence(t *testing.T) {
	d := newDraws()
	seen := map[uint64]bool{}
	for seed := range uint64(3) {
		for _, pass := range []uint32{0, 1, 2, heldOut} {
			for sequence := range 50 {
				x := d.of(seed, pass, sequence).Uint64()
				if d.of(seed, pass, sequence).Uint64() != x {
					t.Fatal("the same draw twice gives two values")
				}
				if seen[x] {
					t.Errorf("seed %d, pass %d, sequence %d draws as another does", seed, pass, sequence)
				}
				seen[x] = true
			}
		}
	}
}
