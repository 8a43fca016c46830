package train

import (
	"math"
	"slices"
	"testing"
)

func permuter(vocabulary int) *permutationLM {
	return &permutationLM{ratio: 1. / 6, maxSpan: 5, special: masker(vocabulary).special}
}

func TestPermutationHidesWhatComesLater(t *testing.T) {
	m, d := permuter(1000), newDraws()
	var p predictions
	predicted := 0
	for i := range 400 {
		text := make([]int32, 1+i%70)
		for j := range text {
			text[j] = int32(5 + (i+j)%995)
		}
		before := append(text, 3, 2) // as XLNet has them: text <sep> <cls>
		ids := slices.Clone(before)
		n := len(ids)
		p.reset()
		m.draw(ids, 7, d.of(3, 1, i), &p)
		if !slices.Equal(ids, before) {
			t.Fatal("the content of a sequence was changed")
		}
		if len(p.hidden) != n*n {
			t.Fatalf("%d entries of hidden for %d tokens", len(p.hidden), n)
		}
		target := make([]bool, n)
		for k, row := range p.rows {
			j := int(row - 7)
			target[j] = true
			if p.labels[k] != before[j] || m.special[before[j]] {
				t.Fatalf("token %d is %d, the label %d", j, before[j], p.labels[k])
			}
		}
		predicted += len(p.rows)
		// Targets are in a total order: of two, just one sees the other, none
		// itself, and the numbers of those that they see are 0, 1, 2, …
		var sees []int
		for a := range n {
			count := 0
			for b := range n {
				hidden := p.hidden[a*n+b]
				switch {
				case !target[b] && hidden:
					t.Fatalf("%d must not see %d, which is no target", a, b)
				case target[b] && !target[a] && !hidden:
					t.Fatalf("%d, no target, sees the target %d and would pass it on", a, b)
				case target[a] && a == b && !hidden:
					t.Fatalf("target %d sees itself", a)
				case target[a] && target[b] && a != b && hidden == p.hidden[b*n+a]:
					t.Fatalf("targets %d and %d: each sees the other, or none does", a, b)
				}
				if target[b] && !hidden {
					count++
				}
			}
			if target[a] {
				sees = append(sees, count)
			}
		}
		slices.Sort(sees)
		for k, count := range sees {
			if count != k {
				t.Fatalf("targets see %v others, expected 0, 1, 2, …", sees)
			}
		}
		// What a target sees sees no more than it does: nothing leaks through a layer.
		for a := range n {
			for b := range n {
				for c := range n {
					if target[a] && !p.hidden[a*n+b] && !p.hidden[b*n+c] && p.hidden[a*n+c] {
						t.Fatalf("target %d sees %d, which sees %d, which %d must not see", a, b, c, a)
					}
				}
			}
		}
	}
	if predicted == 0 {
		t.Error("nothing is to be predicted")
	}
}

// TestPermutationSpans: spans and their share are those of the published algorithm.
func TestPermutationSpans(t *testing.T) {
	m, d := permuter(1000), newDraws()
	const n = 3000
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32(5 + i%995)
	}
	tokens, predicted := 0, 0
	runs := map[int]int{}
	firsts := map[int32]bool{}
	for i := range 20 {
		var p predictions
		m.draw(ids, 0, d.of(1, 1, i), &p)
		tokens += n
		predicted += len(p.rows)
		length := 0
		for k, row := range p.rows {
			if length++; k+1 == len(p.rows) || p.rows[k+1] != row+1 {
				runs[length]++
				length = 0
			}
		}
		// The first in the order sees no target.
		for _, row := range p.rows {
			sees := 0
			for _, other := range p.rows {
				if !p.hidden[int(row)*n+int(other)] {
					sees++
				}
			}
			if sees == 0 {
				firsts[row] = true
			}
		}
	}
	// Spans of 1 to 5 tokens, each in six times its length. Two may touch.
	if share := float64(predicted) / float64(tokens); math.Abs(share-1./6) > 0.004 {
		t.Errorf("%.4f of the tokens are predicted, expected 1/6", share)
	}
	all := 0
	for _, c := range runs {
		all += c
	}
	for length := 1; length <= 5; length++ {
		if share := float64(runs[length]) / float64(all); share < 0.13 || share > 0.26 {
			t.Errorf("%.3f of the spans have %d tokens, expected about a fifth", share, length)
		}
	}
	if len(firsts) < 18 {
		t.Errorf("the first of the order is one of %d places in 20 draws", len(firsts))
	}
}
