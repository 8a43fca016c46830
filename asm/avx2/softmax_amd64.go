package avx2

import "godwit/asm/generic"

// expSub16 is, for n a multiple of 16,
//
//	for i := range n {
//		dst[i] = exp((x[i] - m) * scale)
//		lanes[i%16] += dst[i]
//	}
//
//go:noescape
func expSub16(dst, x *float32, n int, m, scale float32, lanes *[16]float32)

// softmaxGrad8 is, for n a multiple of 8,
//
//	for i := range n {
//		dst[i] = (p[i] * (dp[i] - dot)) * scale
//	}
//
//go:noescape
func softmaxGrad8(dst, p, dp *float32, n int, dot, scale float32)

// ExpSub is generic.ExpSub. The last elements go through a buffer, so that
// nothing beyond the slices is read or written.
func ExpSub(dst, x []float32, m, scale float32) float32 {
	var lanes [16]float32
	n := len(x) &^ 15
	dst = dst[:len(x)]
	for i := 0; i < n; i += block {
		expSub16(&dst[i], &x[i], min(block, n-i), m, scale, &lanes)
	}
	if n < len(x) {
		var b, sums [16]float32
		copy(b[:], x[n:])
		expSub16(&b[0], &b[0], 16, m, scale, &sums)
		for i, e := range b[:copy(dst[n:], b[:])] {
			lanes[i] += e
		}
	}
	return generic.Fold(&lanes)
}

// SoftmaxGrad is generic.SoftmaxGrad.
func SoftmaxGrad(dst, p, dp []float32, dot, scale float32) {
	n := len(p) &^ 7
	dst, dp = dst[:len(p)], dp[:len(p)]
	for i := 0; i < n; i += block {
		softmaxGrad8(&dst[i], &p[i], &dp[i], min(block, n-i), dot, scale)
	}
	generic.SoftmaxGrad(dst[n:], p[n:], dp[n:], dot, scale)
}
