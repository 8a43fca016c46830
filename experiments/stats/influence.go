package stats

import "math"

// influences returns how each example bears on the score of each row,
// [row][example]: the derivative of the score by the example's share of the
// weight (Hampel 1974, "The influence curve and its role in robust
// estimation"). Each row sums to 0. A score is to first order a mean of these,
// so the variance of any metric over examples is as simple as that of
// accuracy.
func (s *series) influences() [][]float64 {
	out := make([][]float64, len(s.rows))
	for k, row := range s.rows {
		switch s.metric {
		case Accuracy:
			out[k] = accuracyInfluence(row.class, s.gold.class)
		case MacroF1:
			out[k] = macroF1Influence(row.class, s.gold.class, s.classes)
		case Pearson:
			out[k] = pearsonInfluence(row.value, s.gold.value)
		case Spearman:
			out[k] = spearmanInfluence(row.groups, s.gold.groups, s.examples)
		}
	}
	return out
}

func accuracyInfluence(answers, gold []int32) []float64 {
	out := make([]float64, len(gold))
	for i, g := range gold {
		if answers[i] == g {
			out[i] = 1
		}
	}
	centre(out)
	return out
}

// macroF1Influence differentiates F = 2r/(l+p) of each class, where r, l and p
// are the shares of examples that are right, labelled and predicted as it.
func macroF1Influence(answers, gold []int32, classes int) []float64 {
	n := float64(len(gold))
	right, both := make([]float64, classes), make([]float64, classes) // both is l+p
	for i, g := range gold {
		both[g] += 1 / n
		both[answers[i]] += 1 / n
		if answers[i] == g {
			right[g] += 1 / n
		}
	}
	slope := func(class int32) float64 { // of F by l or p
		return -2 * right[class] / (both[class] * both[class]) / float64(classes)
	}
	out := make([]float64, len(gold))
	for i, g := range gold {
		a := answers[i]
		out[i] = slope(g) + slope(a)
		if a == g {
			out[i] += 2 / both[g] / float64(classes)
		}
	}
	centre(out)
	return out
}

// pearsonInfluence is x·y - r(x² + y²)/2 of standardised x and y.
func pearsonInfluence(x, y []float64) []float64 {
	out := make([]float64, len(x))
	var r float64
	for i := range x {
		r += float64(x[i]*y[i]) / float64(len(x))
	}
	for i := range x {
		out[i] = float64(x[i]*y[i]) - float64(r*(float64(x[i]*x[i])+float64(y[i]*y[i])))/2
	}
	centre(out)
	return out
}

// spearmanInfluence treats the correlation of ranks as a ratio of moments of
// a and b, the shares of examples below x and y less 1/2. An example bears on
// a moment by its own product and by shifting the ranks of all above it.
func spearmanInfluence(x, y [][]int32, n int) []float64 {
	a, b := shares(x, n), shares(y, n)
	var aa, bb, ab float64
	for i := range a {
		aa += float64(a[i]*a[i]) / float64(n)
		bb += float64(b[i]*b[i]) / float64(n)
		ab += float64(a[i]*b[i]) / float64(n)
	}
	out := make([]float64, n)
	if aa == 0 || bb == 0 {
		return out
	}
	r := ab / math.Sqrt(aa*bb)
	bAboveX, aAboveX := above(x, b), above(x, a)
	aAboveY, bAboveY := above(y, a), above(y, b)
	for i := range out {
		product := float64(a[i]*b[i]) + bAboveX[i] + aAboveY[i]
		left := float64(a[i]*a[i]) + 2*aAboveX[i]
		right := float64(b[i]*b[i]) + 2*bAboveY[i]
		out[i] = product/math.Sqrt(aa*bb) - float64(r*(left/aa+right/bb))/2
	}
	centre(out)
	return out
}

// shares returns the share of examples below each, equal ones counting half,
// less 1/2.
func shares(groups [][]int32, n int) []float64 {
	out := make([]float64, n)
	below := 0
	for _, group := range groups {
		for _, i := range group {
			out[i] = (float64(below)+float64(len(group))/2)/float64(n) - 0.5
		}
		below += len(group)
	}
	return out
}

// above returns for each example the mean over all examples of v where they
// are above it, of half of v where they are equal, of 0 elsewhere.
func above(groups [][]int32, v []float64) []float64 {
	out := make([]float64, len(v))
	var sum float64
	for k := len(groups) - 1; k >= 0; k-- {
		var here float64
		for _, i := range groups[k] {
			here += v[i]
		}
		for _, i := range groups[k] {
			out[i] = (sum + here/2) / float64(len(v))
		}
		sum += here
	}
	return out
}

// centre subtracts the mean.
func centre(x []float64) {
	mean := Mean(x)
	for i := range x {
		x[i] -= mean
	}
}
