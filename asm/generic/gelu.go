package generic

import "math"

// The normal distribution: for a ≥ 0, Φ(-a) = e^(-a²/2) R(a), where
// R(a) = ½ erfcx(a/√2) falls smoothly from ½. R is a polynomial in t = 1/(1 + 0.3 a),
// relative error 4e-8 for a ≤ 14.5, beyond which Φ(-a) is 0; fitted by Lawson's iteration.
const (
	normalHigh = 14.5
	normalC    = 0.3
	invSqrt2Pi = 0.3989422804
)

// normalR holds the coefficients of R from t⁰ to t¹⁰.
var normalR = [11]float32{7.06687729e-07, 0.119670324, 0.119735688, 0.109301224, 0.0817529336, 0.088153027, -0.0666474178, 0.17824845, -0.219084218, 0.108888738, -0.0200194642}

// normal returns Φ(x) and e^(-x²/2).
func normal(x float32) (cdf, e float32) {
	a := math.Float32frombits(math.Float32bits(x) &^ (1 << 31))
	if a > normalHigh { // not so for NaN
		a = normalHigh
	}
	t := 1 / FMA(normalC, a, 1)
	r := FMA(normalR[10], t, normalR[9])
	for i := 8; i >= 0; i-- {
		r = FMA(r, t, normalR[i])
	}
	e = exp(float32(float32(a*-0.5) * a))
	q := float32(e * r)
	if math.Signbit(float64(x)) {
		return q, e
	}
	return 1 - q, e
}

// GELU computes dst = x Φ(x). Where x < 0 the relative error is below
// (8 + x²/2)·2⁻²⁴: that of e^(-x²/2), whose argument is rounded. -Inf gives NaN, which is -Inf·0.
func GELU(dst, x []float32) {
	for i, v := range x {
		p, _ := normal(v)
		dst[i] = float32(v * p)
	}
}

// GELUGrad computes dst = dy (Φ(x) + x φ(x)), whose second factor has an absolute
// error below 3e-7. Infinities give NaN.
func GELUGrad(dst, dy, x []float32) {
	for i, v := range x {
		p, e := normal(v)
		dst[i] = float32(dy[i] * FMA(float32(v*invSqrt2Pi), e, p))
	}
}

// Constants of the approximation with tanh.
const (
	geluA  = 0.7978845608 // √(2/π)
	geluB  = 0.044715
	geluB3 = 3 * geluB
)

// GELUTanh computes dst = ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))).
func GELUTanh(dst, x []float32) {
	for i, v := range x {
		z := float32(v * v)
		t := tanh(float32(float32(v*geluA) * FMA(geluB, z, 1)))
		dst[i] = float32(float32(v*0.5) * (1 + t))
	}
}

// geluTanhHigh is where tanh has long been 1: beyond it the derivative is 0 or 1,
// and not 0·∞ as the factors would have it when x³ overflows.
const geluTanhHigh = 16

// GELUTanhGrad computes dst = dy times the derivative of GELUTanh at x.
func GELUTanhGrad(dst, dy, x []float32) {
	for i, v := range x {
		// NaN passes both comparisons by.
		if v < -geluTanhHigh {
			v = -geluTanhHigh
		}
		if v > geluTanhHigh {
			v = geluTanhHigh
		}
		z := float32(v * v)
		t := tanh(float32(float32(v*geluA) * FMA(geluB, z, 1)))
		slope := float32(float32(v*geluA) * FMA(geluB3, z, 1)) // x times the derivative of tanh's argument
		d := FMA(FMA(-t, t, 1), slope, 1+t)
		dst[i] = float32(dy[i] * float32(d*0.5))
	}
}
