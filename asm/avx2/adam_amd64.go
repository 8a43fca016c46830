package avx2

import "godwit/asm/generic"

// adam8 is, for n a multiple of 8,
//
//	for i := range n {
//		g := FMA(c.L2, w[i], grad[i]*c.GradScale)
//		m[i] = FMA(c.OneMinusB1, g-m[i], m[i])
//		v[i] = FMA(g*c.OneMinusB2, g, v[i]*c.Beta2)
//		w[i] -= FMA(c.Decay, w[i], m[i]*c.StepSize/FMA(sqrt(v[i]), c.InvSqrtBC2, c.Epsilon))
//	}
//
//go:noescape
func adam8(w, grad, m, v *float32, n int, c *generic.AdamConstants)

// Adam is generic.Adam.
func Adam(w, g, m, v []float32, c generic.AdamConstants) {
	n := len(w) &^ 7
	g, m, v = g[:len(w)], m[:len(w)], v[:len(w)]
	for i := 0; i < n; i += block {
		adam8(&w[i], &g[i], &m[i], &v[i], min(block, n-i), &c)
	}
	generic.Adam(w[n:], g[n:], m[n:], v[n:], c)
}
