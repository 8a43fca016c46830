package generic

import "math"

// AdamConstants are the factors of one step, in the order in which the assembly reads them.
type AdamConstants struct {
	GradScale  float32 // of the gradient, from clipping
	Decay      float32 // of the weight: 1 - lr·weightDecay, decoupled
	L2         float32 // times the weight is added to the gradient
	OneMinusB1 float32
	Beta2      float32
	OneMinusB2 float32
	InvSqrtBC2 float32 // 1/√(1 - β₂^t)
	Epsilon    float32
	StepSize   float32 // lr/(1 - β₁^t)
}

// Adam takes a step of Adam or AdamW:
//
//	g = L2 w + GradScale g;  w = Decay w
//	m = m + (1-β₁)(g - m);   v = β₂ v + (1-β₂) g²
//	w = w - StepSize m / (√v InvSqrtBC2 + ε)
func Adam(w, g, m, v []float32, c *AdamConstants) {
	for i := range w {
		gi := FMA(c.L2, w[i], float32(g[i]*c.GradScale))
		wi := float32(w[i] * c.Decay)
		mi := FMA(c.OneMinusB1, gi-m[i], m[i])
		vi := FMA(float32(gi*c.OneMinusB2), gi, float32(v[i]*c.Beta2))
		m[i], v[i] = mi, vi
		root := float32(math.Sqrt(float64(vi)))
		w[i] = wi - float32(mi*c.StepSize)/FMA(root, c.InvSqrtBC2, c.Epsilon)
	}
}
