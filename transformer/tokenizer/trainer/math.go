package trainer

import "math"

// exp and log are accurate to about the last bit and give the same bits on
// every processor. Package math has assembly for some, and where products are
// not converted the compiler may fuse them with sums.

// exp returns e^x for x <= 0, and 0 where that is less than the smallest normal number.
func exp(x float64) float64 {
	const (
		ln2High = 0x1.62e42fefa38p-1 // few enough bits for a product with k to be exact
		ln2Low  = 0x1.ef35793c7673p-45
	)
	if x < -708 {
		return 0
	}
	k := math.Floor(float64(x*math.Log2E) + 0.5)
	r := (x - float64(k*ln2High)) - float64(k*ln2Low) // at most ln(2)/2 in size
	sum := 1.0
	for n := 13.0; n > 0; n-- {
		sum = 1 + float64(sum*r)/n // Taylor's series: 1 + r(1 + r/2(1 + r/3(...)))
	}
	return float64(sum * math.Float64frombits(uint64(int64(k)+1023)<<52))
}

// log returns the natural logarithm of x >= 0, which is -Inf for 0.
func log(x float64) float64 {
	if x == 0 {
		return math.Inf(-1)
	}
	m, e := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m, e = 2*m, e-1
	}
	// log(m) = 2 artanh((m-1)/(m+1)), and its series ends quickly for m about 1.
	s := (m - 1) / (m + 1)
	z := float64(s * s)
	sum := 0.0
	for n := 21.0; n > 0; n -= 2 {
		sum = float64(sum*z) + 1/n
	}
	return float64(float64(e)*math.Ln2) + float64(2*s*sum)
}
