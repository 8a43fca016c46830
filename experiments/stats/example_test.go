package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
)

// TestMcNemar: by hand, and against the exact binomial test with one seed.
func TestMcNemar(t *testing.T) {
	balance := func(up, down, same int) (list []int) {
		for range up {
			list = append(list, 1)
		}
		for range down {
			list = append(list, -1)
		}
		return append(list, make([]int, same)...)
	}
	for _, c := range []struct {
		balance []int
		want    float64
	}{
		{nil, 1}, {balance(5, 5, 3), 1}, {balance(8, 2, 0), 0.109375}, {balance(0, 6, 9), 0.03125},
		{[]int{2, 1}, 0.5},        // of ±2 ±1 half reach 3
		{[]int{3, -1, 1}, 0.75},   // ±3 ±1 ±1: all but 1, 1 of 8 reach 3
		{[]int{2, 2, -1}, 0.5},    // of ±2 ±2 ±1 half reach 3: 5, 3 and their negatives
		{[]int{-2, -2, -2}, 0.25}, // all alike
		{[]int{0, 0}, 1},          // nothing differs
	} {
		if p := McNemarP(c.balance); math.Abs(p-c.want) > 1e-12 {
			t.Errorf("%v: p-value %v, want %v", c.balance, p, c.want)
		}
	}
	for _, c := range [][2]int{{40, 20}, {3, 11}, {100, 101}} {
		want := min(1, 2*distuv.Binomial{N: float64(c[0] + c[1]), P: 0.5}.CDF(float64(min(c[0], c[1]))))
		if p := McNemarP(balance(c[0], c[1], 7)); math.Abs(p-want) > 1e-10 {
			t.Errorf("%v: p-value %v, want %v", c, p, want)
		}
	}
}

// TestSwapsByDefinition: swap the answers themselves, score both arms again. For all swaps of a few
// examples; the p-value is the share of those as far from 0 as the gain.
func TestSwapsByDefinition(t *testing.T) {
	const n = 9
	for _, m := range []Metric{MacroF1, Pearson, Spearman} {
		p := random(m, 2, n, 3)
		p.Arm[0][2], p.Arm[0][5] = p.Direct[0][2], p.Direct[0][5] // answered alike
		gain := newSwapper(p)
		swapped := p // the answers as the test takes them
		if !m.classes() {
			prepare := func(rows [][]float64) (out [][]float64) {
				for _, row := range rows {
					if m == Spearman {
						row = shares(ordered(row), n)
					}
					out = append(out, standardised(row))
				}
				return out
			}
			swapped = Pair{Metric: Pearson, Gold: prepare([][]float64{p.Gold})[0], Direct: prepare(p.Direct), Arm: prepare(p.Arm)}
		}
		extreme := 0
		for swap := range uint64(1) << n {
			both := swapped
			both.Direct, both.Arm = nil, nil
			for s := range p.Arm {
				direct, arm := slices.Clone(swapped.Direct[s]), slices.Clone(swapped.Arm[s])
				for i := range n {
					if swap>>i&1 == 1 {
						direct[i], arm[i] = arm[i], direct[i]
					}
				}
				both.Direct, both.Arm = append(both.Direct, direct), append(both.Arm, arm)
			}
			scores := newSeries(both, slices.Concat(both.Direct, both.Arm)).scores()
			want := Mean(scores[2:]) - Mean(scores[:2])
			if got := gain([]uint64{swap}); math.Abs(got-want) > 1e-12 {
				t.Fatalf("%s: gain after swap %b is %v, want %v", m, swap, got, want)
			}
			if math.Abs(want) >= math.Abs(gain([]uint64{0}))-1e-12 {
				extreme++
			}
		}
		scores := newSeries(p, slices.Concat(p.Direct, p.Arm)).scores()
		if want := Mean(scores[2:]) - Mean(scores[:2]); math.Abs(gain([]uint64{0})-want) > 1e-12 {
			t.Errorf("%s: gain without a swap is %v, want that of the scores, %v", m, gain([]uint64{0}), want)
		}
		want := float64(extreme) / (1 << n)
		const permutations = 20000
		if got := swapP(p, Options{Permutations: permutations}); math.Abs(got-want) > 4*math.Sqrt(want*(1-want)/permutations) {
			t.Errorf("%s: p-value %v, of all swaps %v", m, got, want)
		}
	}
}

// TestExamplePUnderNull: where arms differ by chance alone, the p-value is at most α in a share α of
// studies; for McNemar's test, whose values are few, in no more.
func TestExamplePUnderNull(t *testing.T) {
	const studies = 1500
	for _, m := range metrics {
		for _, seeds := range []int{1, 3} {
			if m == Spearman && seeds == 3 {
				continue // as Pearson, of ranks
			}
			d := design{string(m), m, seeds, 60, 0, 1, 0}
			var p []float64
			for k := range studies {
				p = append(p, exampleP(d.pair(rand.New(rand.NewPCG(uint64(k), 6))), Options{Seed: uint64(k), Permutations: 199}))
			}
			for _, level := range []float64{0.01, 0.05, 0.2, 0.5} {
				found := 0
				for _, v := range p {
					if v <= level {
						found++
					}
				}
				share, noise := float64(found)/studies, 3*math.Sqrt(level*(1-level)/studies)
				if share > level+noise || m != Accuracy && share < level-noise {
					t.Errorf("%s, %d seeds: p ≤ %v in %.4f of studies without an effect, ± %.4f", m, seeds, level, share, noise)
				}
			}
		}
	}
}
