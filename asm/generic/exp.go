package generic

import "math"

// Constants of exp: e^x = 2^n e^r with n = round(x log₂e) and |r| ≤ ½ ln 2.
const (
	expLow, expHigh = -104, 89     // beyond these e^x is 0 or infinite
	log2e           = 0x1.715476p0 // float32(log₂ e)
	roundMagic      = 0x1.8p23     // adding it rounds to an integer
	ln2High         = 0x1.62e4p-1  // ln 2 in two parts
	ln2Low          = 0x1.7f7d1cp-20

	// (e^r - 1 - r)/r² on |r| ≤ ½ ln 2, relative error of e^r 6e-9; fitted by Lawson's iteration.
	exp0, exp1, exp2, exp3, exp4 = 0.5, 0.166665182, 0.041666206, 0.00836888794, 0.00139504857
)

// exp is the definition of Exp for one element. Its error is below 1.2 ulp.
func exp(x float32) float32 {
	// NaN passes both comparisons by.
	if x < expLow {
		x = expLow
	}
	if x > expHigh {
		x = expHigh
	}
	t := FMA(x, log2e, roundMagic)
	n := t - roundMagic
	r := FMA(-n, ln2High, x)
	r = FMA(-n, ln2Low, r)
	q := FMA(exp4, r, exp3)
	q = FMA(q, r, exp2)
	q = FMA(q, r, exp1)
	q = FMA(q, r, exp0)
	y := FMA(q, float32(r*r), r) + 1
	// 2^n in two factors, so that results below the normal range are rounded once.
	i := int32(math.Float32bits(t)) - int32(math.Float32bits(roundMagic))
	half := i >> 1
	y = float32(y * math.Float32frombits(uint32(half+127)<<23))
	return float32(y * math.Float32frombits(uint32(i-half+127)<<23))
}

// Exp computes dst = e^x.
func Exp(dst, x []float32) {
	for i, v := range x {
		dst[i] = exp(v)
	}
}
