package trainer

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestMergerAgainstCounting compares the merges with those found by counting
// all pairs anew each time, on words of few characters, where pairs overlap
// and the same token is made in several ways.
func TestMergerAgainstCounting(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		words := map[string]int{}
		letters := 1 + r.IntN(4)
		for range 1 + r.IntN(30) {
			var w strings.Builder
			for range 1 + r.IntN(12) {
				w.WriteByte('a' + byte(r.IntN(letters)))
			}
			words[w.String()] += 1 + r.IntN(4)
		}
		o := Options{VocabSize: 256 + r.IntN(60), MinFrequency: 1 + r.IntN(3), SpecialTokens: nil}
		_, merges, err := ByteLevelBPE(words, o)
		if err != nil {
			t.Fatal(err)
		}
		if want := countingBPE(words, o.VocabSize-256, o.MinFrequency); !slices.Equal(merges, want) {
			t.Fatalf("%v, %+v:\n%q, expected\n%q", words, o, merges, want)
		}
	}
}

func countingBPE(words map[string]int, size, frequency int) (merges [][2]string) {
	split := map[string][]string{}
	for w := range words {
		split[w] = strings.Split(w, "")
	}
	// In the order of the vocabulary: characters, then tokens as they were made.
	made := map[string]int{}
	for len(made) < size {
		counts := map[[2]string]int{}
		for w, parts := range split {
			for i := range len(parts) - 1 {
				counts[[2]string{parts[i], parts[i+1]}] += words[w]
			}
		}
		var best [2]string
		for p, n := range counts {
			byID := func(a, b string) int { return cmp.Or(cmp.Compare(made[a], made[b]), cmp.Compare(a, b)) }
			if c := cmp.Or(cmp.Compare(n, counts[best]), byID(best[0], p[0]), byID(best[1], p[1])); c > 0 {
				best = p
			}
		}
		if counts[best] < frequency {
			break
		}
		token := best[0] + best[1]
		if made[token] == 0 {
			made[token] = len(made) + 1
		}
		if !slices.Contains(merges, best) {
			merges = append(merges, best)
		}
		for w, parts := range split {
			for i := 0; i+1 < len(parts); i++ {
				if parts[i] == best[0] && parts[i+1] == best[1] {
					parts = slices.Replace(parts, i, i+2, token)
				}
			}
			split[w] = parts
		}
	}
	return merges
}
