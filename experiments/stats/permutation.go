package stats

import (
	"fmt"
	"math"
)

// maxSignFlip is the most differences that SignFlipP enumerates: 2^24 sums
// take a fraction of a second.
const maxSignFlip = 25

// SignFlipP returns the two-sided p-value of the exact permutation test that
// differences of pairs are symmetric about 0: the share of all 2^n
// assignments of signs whose sum is at least as far from 0 as the one that was
// observed. It never falls below 2^(1-n), so few seeds bound what it can show.
//
// It is an error if there are none, more than 25, or one is not finite.
func SignFlipP(differences []float64) (float64, error) {
	n := len(differences)
	if n == 0 || n > maxSignFlip {
		return 0, fmt.Errorf("stats: found %d differences, expected 1 to %d for the exact test", n, maxSignFlip)
	}
	var observed, largest float64
	for i, d := range differences {
		if math.IsNaN(d) || math.IsInf(d, 0) {
			return 0, fmt.Errorf("stats: difference %d is %v, expected a finite number", i, d)
		}
		observed += d
		largest += math.Abs(d)
	}
	// Sums that are equal in exact arithmetic differ by rounding, which grows
	// with the magnitudes that were added.
	bound := math.Abs(observed) - 1e-12*largest

	// By symmetry the sign of the first difference stays. Subset k of the
	// others is flipped by following a Gray code, in which neighbours differ in
	// one sign; the sum is renewed now and then to keep rounding small.
	signs := make([]float64, n)
	for i := range signs {
		signs[i] = 1
	}
	sum := observed
	total := 1 << (n - 1)
	extreme := 0
	for k := range total {
		if k > 0 {
			flip := 1
			for bit := k; bit&1 == 0; bit >>= 1 {
				flip++
			}
			sum -= 2 * signs[flip] * differences[flip]
			signs[flip] = -signs[flip]
			if k%1024 == 0 {
				sum = 0
				for i, d := range differences {
					sum += float64(signs[i] * d)
				}
			}
		}
		if math.Abs(sum) >= bound {
			extreme++
		}
	}
	return float64(extreme) / float64(total), nil
}
