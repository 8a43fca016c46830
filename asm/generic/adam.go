package generic

import "math"

// AdamConstants are the factors of one step, in the order in which the assembly reads them.
type AdamConstants struct {
	GradScale  float32 // of the gradient, from clipping
	Decay      float32 // lr·weightDecay, decoupled: the share of the weight that goes
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
//	g = L2 w + GradScale g
//	m = m + (1-β₁)(g - m);   v = β₂ v + (1-β₂) g²
//	w = w - (Decay w + StepSize m / (√v InvSqrtBC2 + ε))
//
// A weight is rounded once a step, and the decay, of which float32 keeps little
// as a factor like 1 - 2e-7, is added to the step in full.
func Adam(w, g, m, v []float32, c AdamConstants) {
	for i, wi := range w {
		gi := FMA(c.L2, wi, float32(g[i]*c.GradScale))
		mi := FMA(c.OneMinusB1, gi-m[i], m[i])
		vi := FMA(float32(gi*c.OneMinusB2), gi, float32(v[i]*c.Beta2))
		m[i], v[i] = mi, vi
		root := float32(math.Sqrt(float64(vi)))
		w[i] = wi - FMA(c.Decay, wi, float32(mi*c.StepSize)/FMA(root, c.InvSqrtBC2, c.Epsilon))
	}
}
