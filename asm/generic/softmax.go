package generic

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

// SoftmaxGrad computes dst = p (dp - dot) scale, which is the gradient of x
// where p = softmax(x·scale) and dot = Σ p dp.
func SoftmaxGrad(dst, p, dp []float32, dot, scale float32) {
	for i, v := range p {
		dst[i] = float32(float32(v*(dp[i]-dot)) * scale)
	}
}
