package stats

import (
	"cmp"
	"slices"
)

// Holm returns the p-values of a family of tests adjusted by Holm's step-down
// procedure (1979), in the given order: rejecting those at most α keeps the
// probability of any false rejection at most α. A NaN stands for a test that
// could not be made; it stays NaN and counts as no member of the family.
func Holm(p []float64) []float64 {
	adjusted := slices.Clone(p)
	var order []int
	for i, v := range p {
		if v == v {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	var least float64 // adjusted values never fall as p rises
	for rank, i := range order {
		least = max(least, min(1, float64(len(order)-rank)*p[i]))
		adjusted[i] = least
	}
	return adjusted
}
