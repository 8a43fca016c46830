package generic

// Add computes dst = x + y.
func Add(dst, x, y []float32) {
	for i, v := range x {
		dst[i] = v + y[i]
	}
}

// Mul computes dst = x y.
func Mul(dst, x, y []float32) {
	for i, v := range x {
		dst[i] = float32(v * y[i])
	}
}

// Scale computes dst = alpha x.
func Scale(dst []float32, alpha float32, x []float32) {
	for i, v := range x {
		dst[i] = float32(alpha * v)
	}
}

// Axpy computes dst = alpha x + dst, fused.
func Axpy(dst []float32, alpha float32, x []float32) {
	for i, v := range x {
		dst[i] = FMA(alpha, v, dst[i])
	}
}
