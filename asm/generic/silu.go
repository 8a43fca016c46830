package generic

// SiLU computes dst = x / (1 + e^-x). Below -88.7, where the exact value is above
// -3e-37, it is -0.
func SiLU(dst, x []float32) {
	for i, v := range x {
		dst[i] = v / (1 + exp(-v))
	}
}

// SiLUGrad computes dst = dy s (1 + x (1 - s)) with s = 1/(1 + e^-x).
func SiLUGrad(dst, dy, x []float32) {
	for i, v := range x {
		s := 1 / (1 + exp(-v))
		dst[i] = float32(dy[i] * float32(s*FMA(v, 1-s, 1)))
	}
}
