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

// ExpSub computes dst = e^((x - m)·scale) and returns the sum of it, in lanes.
func ExpSub(dst, x []float32, m, scale float32) float32 {
	var lanes [Lanes]float32
	for i, v := range x {
		e := exp(float32((v - m) * scale))
		dst[i] = e
		lanes[i%Lanes] += e
	}
	return Fold(&lanes)
}

// Constants of tanh: below tanhSmall x + x³ P(x²), relative error 7e-9; above it 1 - 2/(e^2x + 1).
const (
	tanhSmall                         = 0.625
	tanh0, tanh1, tanh2, tanh3, tanh4 = -0.333332777, 0.133313283, -0.0537292287, 0.020601999, -0.00566078071
)

func tanh(x float32) float32 {
	sign := math.Float32bits(x) & (1 << 31)
	a := math.Float32frombits(math.Float32bits(x) &^ (1 << 31))
	if a < tanhSmall {
		z := float32(x * x)
		p := FMA(tanh4, z, tanh3)
		p = FMA(p, z, tanh2)
		p = FMA(p, z, tanh1)
		p = FMA(p, z, tanh0)
		return FMA(float32(p*z), x, x)
	}
	e := exp(a + a)
	y := 1 - 2/(e+1)
	return math.Float32frombits(math.Float32bits(y) | sign)
}

// Tanh computes dst = tanh x. That of -0 is 0.
func Tanh(dst, x []float32) {
	for i, v := range x {
		dst[i] = tanh(v)
	}
}

// TanhGrad computes dst = dy (1 - y²) with y = tanh x.
func TanhGrad(dst, dy, y []float32) {
	for i, v := range y {
		dst[i] = float32(dy[i] * FMA(-v, v, 1))
	}
}
