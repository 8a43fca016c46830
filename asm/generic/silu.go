package generic

import "math"

// sigmoids returns s = 1/(1 + e^-x) and 1 - s = 1/(1 + e^x). Both come from
// e^-|x|, which neither overflows nor cancels.
func sigmoids(x float32) (s, rest float32) {
	e := exp(math.Float32frombits(math.Float32bits(x) | 1<<31))
	s = 1 / (1 + e)
	rest = float32(e * s)
	if math.Signbit(float64(x)) {
		return rest, s
	}
	return s, rest
}

// SiLU computes dst = x s with s = 1/(1 + e^-x). Its error is below 4 ulp of
// the result, or of s where that is denormal; -Inf gives NaN, which is -Inf·0.
func SiLU(dst, x []float32) {
	for i, v := range x {
		s, _ := sigmoids(v)
		dst[i] = float32(v * s)
	}
}

// SiLUGrad computes dst = dy s (1 + x (1 - s)) with s = 1/(1 + e^-x). Infinite x gives NaN.
func SiLUGrad(dst, dy, x []float32) {
	for i, v := range x {
		s, rest := sigmoids(v)
		dst[i] = float32(dy[i] * float32(s*FMA(v, rest, 1)))
	}
}
