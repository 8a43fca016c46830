package stats

import (
	"math"
	"math/bits"
)

// exampleP returns the p-value of the paired test over examples: for
// accuracy the exact one of McNemar (1947), else from random permutations.
//
// Under its null hypothesis it does not matter which arm gave which of two
// answers to an example, so these are swapped at random, the same way in all
// seeds: an example is one draw however many models answered it.
func exampleP(p Pair, o Options) float64 {
	if p.Metric == Accuracy {
		balance := make([]int, len(p.Gold))
		for i, gold := range p.Gold {
			for s := range p.Arm {
				if p.Arm[s][i] == gold {
					balance[i]++
				}
				if p.Direct[s][i] == gold {
					balance[i]--
				}
			}
		}
		return McNemarP(balance)
	}
	return swapP(p, o)
}

// McNemarP returns the exact two-sided p-value of the balance of each example:
// in how many seeds the arm alone was right, less those in which direct alone
// was. Each balance may as well have the other sign. With one seed this is
// McNemar's exact test.
func McNemarP(balance []int) float64 {
	sum, largest := 0, 0
	for _, b := range balance {
		sum += b
		largest = max(largest, abs(b))
	}
	counts := make([]int, largest+1) // by size of the balance
	for _, b := range balance {
		counts[abs(b)]++
	}
	// Of n examples with balance ±k, j with a plus make k(2j - n). The
	// distribution of the whole sum is the convolution over k; chance[j] is that
	// of 2j less the largest sum.
	chance := []float64{1}
	span := 0
	for k := 1; k <= largest; k++ {
		n := counts[k]
		grown := make([]float64, len(chance)+k*n)
		for j := range n + 1 {
			c := binomialHalf(n, j)
			if c == 0 {
				continue
			}
			for i, v := range chance {
				grown[i+k*j] += float64(c * v)
			}
		}
		chance = grown
		span += k * n
	}
	var p float64
	for j, c := range chance {
		if abs(2*j-span) >= abs(sum) {
			p += c
		}
	}
	return min(1, p)
}

// binomialHalf returns the chance of j heads in n throws of a coin.
func binomialHalf(n, j int) float64 {
	lg := func(n int) float64 {
		v, _ := math.Lgamma(float64(n + 1))
		return v
	}
	return math.Exp(lg(n) - lg(j) - lg(n-j) - float64(n)*math.Ln2)
}

func abs(x int) int {
	if x < 0 {
		return -x
	}
	return x
}

// swapP returns the p-value of a paired permutation test: the share, the data
// themselves included, of random swaps whose mean gain over seeds is as far
// from 0 as the one observed.
//
// Numbers are standardised before they are swapped, and ranked for Spearman's
// correlation: a correlation does not see the scale of an arm's answers, so
// arms that differ in it alone must not differ to the test.
func swapP(p Pair, o Options) float64 {
	words := (len(p.Gold) + 63) / 64
	observed := math.Abs(newSwapper(p)(make([]uint64, words)))
	extreme := make([]bool, o.Permutations)
	inParallel(o.Permutations, func(from, to int) {
		gain := newSwapper(p)
		swap := make([]uint64, words)
		for b := from; b < to; b++ {
			random := newStream(o.Seed, sitePermutation, b)
			for k := range swap {
				swap[k] = random.next()
			}
			swap[words-1] &= math.MaxUint64 >> (64*words - len(p.Gold)) // no bits beyond the last example
			// Sums that are equal in exact arithmetic differ by rounding.
			extreme[b] = math.Abs(gain(swap)) >= observed-1e-12
		}
	})
	count := 1
	for _, e := range extreme {
		if e {
			count++
		}
	}
	return float64(count) / float64(o.Permutations+1)
}

// A swapper returns the mean over seeds of arm minus direct after swapping the
// answers to the examples whose bit is set. It is for one goroutine.
//
// What the arms have together stays the same, so that it is enough to follow
// what a swap brings to the arm.
type swapper func(swap []uint64) float64

func newSwapper(p Pair) swapper {
	if p.Metric == MacroF1 {
		return newF1Swapper(p)
	}
	return newCorrelationSwapper(p)
}

func newF1Swapper(p Pair) swapper {
	// change is an example whose answers differ, and what a swap does to the
	// number of the arm's answers that are right.
	type change struct {
		example           int
		direct, arm, gold int
		right             float64
	}
	type counts struct{ right, both []float64 } // [class], as macroF1 takes them
	type trained struct {
		changes                   []change
		arm, together             counts
		swappedArm, swappedDirect counts // after a swap
	}
	one := func(yes bool) float64 {
		if yes {
			return 1
		}
		return 0
	}
	fresh := func() counts { return counts{make([]float64, p.Classes), make([]float64, p.Classes)} }
	var seeds []trained
	for s := range p.Arm {
		t := trained{arm: fresh(), together: fresh(), swappedArm: fresh(), swappedDirect: fresh()}
		for i, g := range p.Gold {
			c := change{i, int(p.Direct[s][i]), int(p.Arm[s][i]), int(g), 0}
			armRight, directRight := one(c.arm == c.gold), one(c.direct == c.gold)
			c.right = directRight - armRight
			t.arm.right[c.gold] += armRight
			t.arm.both[c.gold]++
			t.arm.both[c.arm]++
			t.together.right[c.gold] += armRight + directRight
			t.together.both[c.gold] += 2
			t.together.both[c.arm]++
			t.together.both[c.direct]++
			if c.arm != c.direct {
				t.changes = append(t.changes, c)
			}
		}
		seeds = append(seeds, t)
	}
	return func(swap []uint64) float64 {
		var sum float64
		for _, t := range seeds {
			arm, direct := t.swappedArm, t.swappedDirect
			copy(arm.right, t.arm.right)
			copy(arm.both, t.arm.both)
			for _, c := range t.changes {
				swapped := float64(swap[c.example/64] >> (c.example % 64) & 1)
				arm.right[c.gold] += float64(swapped * c.right)
				arm.both[c.direct] += swapped
				arm.both[c.arm] -= swapped
			}
			for class := range p.Classes {
				direct.right[class] = t.together.right[class] - arm.right[class]
				direct.both[class] = t.together.both[class] - arm.both[class]
			}
			sum += macroF1(arm.right, arm.both) - macroF1(direct.right, direct.both)
		}
		return sum / float64(len(seeds))
	}
}

func newCorrelationSwapper(p Pair) swapper {
	prepare := func(x []float64) []float64 {
		if p.Metric == Spearman {
			return standardised(shares(ordered(x), len(x)))
		}
		return standardised(x)
	}
	// Sums over examples of x, x² and xy, where y is gold.
	type sums [3]float64
	of := func(x, y float64) sums { return sums{x, float64(x * x), float64(x * y)} }
	type trained struct {
		arm, direct sums
		change      []sums // by a swap of the example: what the arm gets, and direct loses
	}
	gold := prepare(p.Gold)
	var goldSum, goldSquare float64
	for _, y := range gold {
		goldSum += y
		goldSquare += float64(y * y)
	}
	var seeds []trained
	for s := range p.Arm {
		t := trained{change: make([]sums, len(gold))}
		direct, arm := prepare(p.Direct[s]), prepare(p.Arm[s])
		for i, y := range gold {
			a, d := of(arm[i], y), of(direct[i], y)
			for k := range a {
				t.arm[k] += a[k]
				t.direct[k] += d[k]
				t.change[i][k] = d[k] - a[k]
			}
		}
		seeds = append(seeds, t)
	}
	n := float64(len(gold))
	score := func(s sums) float64 { return correlation(n, s[0], goldSum, s[1], goldSquare, s[2]) }
	swapped := make([]int32, 0, len(gold))
	return func(swap []uint64) float64 {
		swapped = swapped[:0]
		for k, word := range swap {
			for ; word != 0; word &= word - 1 {
				swapped = append(swapped, int32(64*k+bits.TrailingZeros64(word)))
			}
		}
		var sum float64
		for _, t := range seeds {
			var x, xx, xy float64
			for _, i := range swapped {
				c := &t.change[i]
				x += c[0]
				xx += c[1]
				xy += c[2]
			}
			sum += score(sums{t.arm[0] + x, t.arm[1] + xx, t.arm[2] + xy}) - score(sums{t.direct[0] - x, t.direct[1] - xx, t.direct[2] - xy})
		}
		return sum / float64(len(seeds))
	}
}
