package generic

import "math"

// Constants of tanh: below tanhSmall x + x³ P(x²), relative error 7e-9; above it 1 - 2/(e^2x + 1).
const (
	tanhSmall                         = 0.625
	tanh0, tanh1, tanh2, tanh3, tanh4 = -0.333332777, 0.133313283, -0.0537292287, 0.020601999, -0.00566078071
)

// tanh is the definition of Tanh for one element. Its error is below 1.5 ulp; the sign of
// zero is kept, infinities give ±1.
func tanh(x float32) float32 {
	sign := math.Float32bits(x) & (1 << 31)
	a := math.Float32frombits(math.Float32bits(x) &^ (1 << 31))
	var y float32
	if a < tanhSmall { // not so for NaN
		z := float32(a * a)
		p := FMA(tanh4, z, tanh3)
		p = FMA(p, z, tanh2)
		p = FMA(p, z, tanh1)
		p = FMA(p, z, tanh0)
		y = FMA(float32(p*z), a, a)
	} else {
		y = 1 - 2/(exp(a+a)+1)
	}
	return math.Float32frombits(math.Float32bits(y) | sign)
}

// Tanh computes dst = tanh x.
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
