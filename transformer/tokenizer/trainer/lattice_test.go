package trainer

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestExpAndLog(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 100000 {
		x := float64(-708 * r.Float64() * r.Float64() * r.Float64())
		if got, want := exp(x), math.Exp(x); math.Abs(got-want) > 4e-16*want {
			t.Fatalf("exp(%v): %v, expected %v", x, got, want)
		}
		y := math.Ldexp(r.Float64(), r.IntN(400)-200)
		if got, want := log(y), math.Log(y); math.Abs(got-want) > 4e-16*max(1, math.Abs(want)) {
			t.Fatalf("log(%v): %v, expected %v", y, got, want)
		}
	}
	if exp(0) != 1 || exp(math.Inf(-1)) != 0 || log(1) != 0 || !math.IsInf(log(0), -1) {
		t.Errorf("found %v, %v, %v, %v, expected 1, 0, 0, -Inf", exp(0), exp(math.Inf(-1)), log(1), log(0))
	}
}

func defaultLattice(t *testing.T, words map[string]int, maxLength, frequency, workers int) *lattice {
	t.Helper()
	o, err := UnigramOptions{Options: Options{MinFrequency: frequency}, MaxPieceLength: maxLength}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	sorted, err := sortedWords(words)
	if err != nil {
		t.Fatal(err)
	}
	return newLattice(sorted, o, 1<<30, workers, func(string) bool { return false })
}

// TestSubstrings compares the pieces of the lattice with substrings counted one
// by one.
func TestSubstrings(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 200 {
		words := map[string]int{}
		for range 1 + r.IntN(20) {
			var w strings.Builder
			for range 1 + r.IntN(12) {
				w.WriteRune([]rune("abß京")[r.IntN(1+r.IntN(4))])
			}
			words[w.String()] = 1 + r.IntN(3)
		}
		maxLength, frequency := 1+r.IntN(6), 1+r.IntN(4)
		counts, following := map[string]int{}, map[string]map[string]int{}
		for w, n := range words {
			runes := append([]rune(w), edge)
			for i := range len(runes) - 1 {
				for j := i + 1; j < len(runes); j++ {
					s := string(runes[i:j])
					counts[s] += n
					if following[s] == nil {
						following[s] = map[string]int{}
					}
					next := string(runes[j])
					if runes[j] == edge {
						next = "edge"
					}
					following[s][next]++
				}
			}
		}
		want := map[string]bool{}
		for s, n := range counts {
			length := len([]rune(s))
			branches := len(following[s]) > 1 || following[s]["edge"] > 0
			if length == 1 || branches && length <= maxLength && n >= frequency {
				want[s] = true
			}
		}
		l := defaultLattice(t, words, maxLength, frequency, 1+r.IntN(4))
		got := map[string]bool{}
		for _, p := range l.pieces {
			got[l.textOf(p)] = true
			if !want[l.textOf(p)] {
				t.Errorf("%v, at most %d characters, at least %d times: found %q", words, maxLength, frequency, l.textOf(p))
			}
		}
		if len(got) != len(l.pieces) || len(got) != len(want) {
			t.Fatalf("%v, at most %d characters, at least %d times: found %d pieces, %d different ones, expected %d",
				words, maxLength, frequency, len(l.pieces), len(got), len(want))
		}
		checkLongest(t, l)
		// The same when every other piece is dropped.
		kept := make([]bool, len(l.pieces))
		for i, p := range l.pieces {
			kept[i] = i%2 == 0 || p.length == 1
		}
		l.keep(kept)
		checkLongest(t, l)
	}
}

// checkLongest compares the pieces from each position with a search of all.
func checkLongest(t *testing.T, l *lattice) {
	t.Helper()
	for w := range l.begins {
		begin, end := l.word(w)
		for at := begin; at < end; at++ {
			found := map[int32]bool{}
			for id := l.longest[at]; id != noPiece; id = l.pieces[id].parent {
				found[id] = true
			}
			for id, p := range l.pieces {
				if is := strings.HasPrefix(string(l.text[at:end]), l.textOf(p)); is != found[int32(id)] {
					t.Fatalf("%q at %d of %q: found %v, expected %v", l.textOf(p), at-begin, string(l.text[begin:end]), found[int32(id)], is)
				}
			}
		}
	}
}

// TestExpectAgainstAllSegmentations sums over every segmentation one by one.
func TestExpectAgainstAllSegmentations(t *testing.T) {
	l := defaultLattice(t, map[string]int{"▁abab": 3, "▁ab": 5, "▁ba": 2, "▁abba": 4}, 4, 2, 2)
	want := make([]float64, len(l.pieces))
	likelihood := 0.0
	for w := range l.begins {
		begin, end := l.word(w)
		type segmentation struct {
			pieces []int32
			p      float64
		}
		var all []segmentation
		total, best := 0.0, 0.0
		var extend func(at int32, s segmentation)
		extend = func(at int32, s segmentation) {
			if at == end {
				s.pieces = append([]int32(nil), s.pieces...)
				all = append(all, s)
				total += s.p
				best = max(best, s.p)
				return
			}
			for id := l.longest[at]; id != noPiece; id = l.pieces[id].parent {
				p := l.pieces[id]
				extend(at+p.length, segmentation{append(s.pieces, id), s.p * math.Exp(p.score)})
			}
		}
		extend(begin, segmentation{p: 1})
		for _, s := range all {
			for _, id := range s.pieces {
				want[id] += float64(l.counts[w]) * s.p / total
			}
		}
		likelihood += float64(l.counts[w]) * math.Log(total)
		if _, score := l.segment(&path{}, begin, end, noPiece); math.Abs(score-math.Log(best)) > 1e-12 {
			t.Errorf("the best segmentation has the score %v, expected %v", score, math.Log(best))
		}
	}
	got, gotLikelihood := l.expect()
	for id := range want {
		if math.Abs(got[id]-want[id]) > 1e-12*max(1, want[id]) {
			t.Errorf("%q is expected %v times, expected %v", l.textOf(l.pieces[id]), got[id], want[id])
		}
	}
	if math.Abs(gotLikelihood-likelihood) > 1e-12*math.Abs(likelihood) {
		t.Errorf("the likelihood is %v, expected %v", gotLikelihood, likelihood)
	}
}

// TestLikelihoodNeverFalls takes steps of expectation maximisation between
// prunings. What rises is the likelihood of the words and of what characterPrior
// adds to them.
func TestLikelihoodNeverFalls(t *testing.T) {
	l := defaultLattice(t, mapWords(sampleWords(2000), metaspace), 0, 2, 2)
	for round := 0; len(l.pieces) > 300; round++ {
		last, first := math.Inf(-1), 0.0
		for step := range 5 {
			expected, likelihood := l.expect()
			for _, p := range l.pieces {
				if p.length == 1 {
					likelihood += characterPrior * p.score
				}
			}
			if likelihood < last-1e-12*math.Abs(last) {
				t.Errorf("%d pieces: step %d brought the log likelihood from %v to %v", len(l.pieces), step, last, likelihood)
			}
			if step == 0 {
				first = likelihood
			}
			last = likelihood
			l.maximize(expected)
		}
		// It begins with crude probabilities. Later it may have settled already.
		if round == 0 && last <= first {
			t.Errorf("the log likelihood is %v as in the beginning", last)
		}
		sum := 0.0
		for _, p := range l.pieces {
			sum += math.Exp(p.score)
		}
		if math.Abs(sum-1) > 1e-9 {
			t.Errorf("%d pieces: the probabilities add up to %v", len(l.pieces), sum)
		}
		l.prune(len(l.pieces) / 2)
	}
}
