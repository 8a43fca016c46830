package stats

import "math"

// exampleP returns the p-value of the paired test over examples: for
// accuracy the exact one of McNemar (1947), else from random permutations.
//
// Under its null hypothesis it does not matter which arm gave which of two
// answers to an example, so these are swapped at random, the same way in all
// seeds: an example is one draw however many models answered it.
func exampleP(p Pair, direct, arm *series, o Options) float64 {
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
	return swapP(p, direct, arm, o)
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
func swapP(p Pair, direct, arm *series, o Options) float64 {
	n, seeds := len(p.Gold), len(p.Arm)
	gain := func(swap []uint64, room *swapRoom) float64 {
		var sum float64
		for s := range seeds {
			if p.Metric == MacroF1 {
				sum += room.macroF1(direct.rows[s].class, arm.rows[s].class, arm.gold.class, swap)
			} else {
				sum += swapCorrelation(room.direct[s], room.arm[s], room.gold, swap)
			}
		}
		return sum / float64(seeds)
	}
	shared := newSwapRoom(p)
	words := (n + 63) / 64
	observed := math.Abs(gain(make([]uint64, words), shared))

	extreme := make([]bool, o.Permutations)
	inParallel(o.Permutations, func(from, to int) {
		room := shared.own(p.Classes)
		swap := make([]uint64, words)
		for b := from; b < to; b++ {
			random := newStream(o.Seed, sitePermutation, b)
			for k := range swap {
				swap[k] = random.next()
			}
			// Sums that are equal in exact arithmetic differ by rounding.
			extreme[b] = math.Abs(gain(swap, room)) >= observed-1e-12
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

// swapRoom is what swapP computes with: numbers to correlate, or room to count
// classes in.
type swapRoom struct {
	gold             []float64
	direct, arm      [][]float64  // [seed][example]
	labelled         []float64    // [class]
	right, predicted [2][]float64 // [direct, arm][class]
}

func newSwapRoom(p Pair) *swapRoom {
	room := &swapRoom{}
	if p.Metric == MacroF1 {
		return room.own(p.Classes)
	}
	prepare := func(x []float64) []float64 {
		if p.Metric == Spearman {
			return standardised(shares(ordered(x), len(x)))
		}
		return standardised(x)
	}
	room.gold = prepare(p.Gold)
	for s := range p.Arm {
		room.direct = append(room.direct, prepare(p.Direct[s]))
		room.arm = append(room.arm, prepare(p.Arm[s]))
	}
	return room
}

// own returns a room with the same numbers and its own counts.
func (r *swapRoom) own(classes int) *swapRoom {
	room := *r
	room.labelled = make([]float64, classes)
	for k := range room.right {
		room.right[k], room.predicted[k] = make([]float64, classes), make([]float64, classes)
	}
	return &room
}

// macroF1 returns arm minus direct after swapping the examples whose bit is
// set.
func (r *swapRoom) macroF1(direct, arm, gold []int32, swap []uint64) float64 {
	clear(r.labelled)
	for k := range r.right {
		clear(r.right[k])
		clear(r.predicted[k])
	}
	for i, g := range gold {
		to := swap[i/64] >> (i % 64) & 1
		d, a := direct[i], arm[i]
		r.labelled[g]++
		r.predicted[to][d]++
		r.predicted[1-to][a]++
		if d == g {
			r.right[to][g]++
		}
		if a == g {
			r.right[1-to][g]++
		}
	}
	return macroF1(r.right[1], r.labelled, r.predicted[1]) - macroF1(r.right[0], r.labelled, r.predicted[0])
}

// swapCorrelation returns arm minus direct after swapping the examples whose
// bit is set.
func swapCorrelation(direct, arm, gold []float64, swap []uint64) float64 {
	// Sums of x, x² and xy, gained by what has become direct and what has become
	// the arm.
	var sum, square, product [2]float64
	var goldSum, goldSquare float64
	for i, y := range gold {
		to := swap[i/64] >> (i % 64) & 1
		d, a := direct[i], arm[i]
		sum[to] += d
		square[to] += float64(d * d)
		product[to] += float64(d * y)
		sum[1-to] += a
		square[1-to] += float64(a * a)
		product[1-to] += float64(a * y)
		goldSum += y
		goldSquare += float64(y * y)
	}
	n := float64(len(gold))
	return correlation(n, sum[1], goldSum, square[1], goldSquare, product[1]) -
		correlation(n, sum[0], goldSum, square[0], goldSquare, product[0])
}
