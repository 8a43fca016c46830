package kernels

import (
	"fmt"
	"math"

	"godwit/asm/generic"
)

// vectorKernels are the routines over slices that an instruction set brings.
// Package generic defines each, and the others equal it bit for bit; where the
// result is NaN, only in that. Slices of one call have equal lengths, and dst may
// be any operand of that length, unless said otherwise.
type vectorKernels struct {
	exp, tanh, gelu, geluTanh, relu, silu                func(dst, x []float32)
	tanhGrad, geluGrad, geluTanhGrad, reluGrad, siluGrad func(dst, dy, x []float32)
	expSub                                               func(dst, x []float32, m, scale float32) float32
	sum, max                                             func(x []float32) float32
	dot                                                  func(x, y []float32) float32
	sumSquares                                           func(x []float32) float64
	add, mul                                             func(dst, x, y []float32)
	scale, axpy                                          func(dst []float32, alpha float32, x []float32)
	softmaxGrad                                          func(dst, p, dp []float32, dot, scale float32)
	deviation                                            func(x []float32, mean float32) float32
	layerNormApply                                       func(dst, x, gamma, beta []float32, mean, rstd float32)
	layerNormGradSums                                    func(dy, x, gamma []float32, mean, rstd float32) (sumG, sumGX float32)
	layerNormGradApply                                   func(dst, dy, x, gamma []float32, mean, rstd, meanG, meanGX float32)
	layerNormParamGrad                                   func(dgamma, dbeta, dy, x []float32, mean, rstd float32)
	adam                                                 func(w, g, m, v []float32, c generic.AdamConstants)
	dropout                                              func(dst, x []float32, group uint64, c generic.DropoutConstants)
}

var genericVector = vectorKernels{
	exp: generic.Exp, tanh: generic.Tanh, gelu: generic.GELU, geluTanh: generic.GELUTanh,
	relu: generic.ReLU, silu: generic.SiLU, tanhGrad: generic.TanhGrad, geluGrad: generic.GELUGrad,
	geluTanhGrad: generic.GELUTanhGrad, reluGrad: generic.ReLUGrad, siluGrad: generic.SiLUGrad, expSub: generic.ExpSub,
	sum: generic.Sum, max: generic.Max, dot: generic.Dot, sumSquares: generic.SumSquares,
	add: generic.Add, mul: generic.Mul, scale: generic.Scale, axpy: generic.Axpy,
	softmaxGrad: generic.SoftmaxGrad, deviation: generic.Deviation,
	layerNormApply: generic.LayerNormApply, layerNormGradSums: generic.LayerNormGradSums,
	layerNormGradApply: generic.LayerNormGradApply, layerNormParamGrad: generic.LayerNormParamGrad,
	adam: generic.Adam, dropout: generic.Dropout,
}

// same panics when slices differ in length; dst is that of the first.
func same(routine string, dst int, others ...int) {
	for _, n := range others {
		if n != dst {
			panic(fmt.Sprintf("kernels: %s: slices of %d and %d elements", routine, dst, n))
		}
	}
}

// Exp computes dst = e^x, within 1.2 ulp, with gradual underflow; 0 and +Inf where float32 ends.
func Exp(dst, x []float32) { same("Exp", len(dst), len(x)); current.vec.exp(dst, x) }

// Tanh computes dst = tanh x, within 1.5 ulp.
func Tanh(dst, x []float32) { same("Tanh", len(dst), len(x)); current.vec.tanh(dst, x) }

// TanhGrad computes dst = dy (1 - y²), where y = tanh x; 1 - y² is rounded once.
func TanhGrad(dst, dy, y []float32) {
	same("TanhGrad", len(dst), len(dy), len(y))
	current.vec.tanhGrad(dst, dy, y)
}

// GELU computes dst = x Φ(x), exact and not the approximation with tanh. The error is below 4.5·2⁻²⁴ |x|, and
// relative to the result below (8 + x²/2)·2⁻²⁴ where x < 0. -Inf gives NaN.
func GELU(dst, x []float32) { same("GELU", len(dst), len(x)); current.vec.gelu(dst, x) }

// GELUGrad computes dst = dy (Φ(x) + x φ(x)), the second factor within 3e-7. Infinite x gives NaN.
func GELUGrad(dst, dy, x []float32) {
	same("GELUGrad", len(dst), len(dy), len(x))
	current.vec.geluGrad(dst, dy, x)
}

// GELUTanh computes dst = ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))), within 3·2⁻²⁴ |x|. -Inf gives NaN.
func GELUTanh(dst, x []float32) { same("GELUTanh", len(dst), len(x)); current.vec.geluTanh(dst, x) }

// GELUTanhGrad computes dst = dy times the derivative of GELUTanh at x, that within 1e-6.
func GELUTanhGrad(dst, dy, x []float32) {
	same("GELUTanhGrad", len(dst), len(dy), len(x))
	current.vec.geluTanhGrad(dst, dy, x)
}

// ReLU computes dst = max(x, 0). NaN stays NaN.
func ReLU(dst, x []float32) { same("ReLU", len(dst), len(x)); current.vec.relu(dst, x) }

// ReLUGrad computes dst = dy where x > 0, 0 elsewhere, also where x is NaN.
func ReLUGrad(dst, dy, x []float32) {
	same("ReLUGrad", len(dst), len(dy), len(x))
	current.vec.reluGrad(dst, dy, x)
}

// SiLU computes dst = x/(1 + e^-x), within 4 ulp of it or of the second factor where that is denormal. -Inf gives NaN.
func SiLU(dst, x []float32) { same("SiLU", len(dst), len(x)); current.vec.silu(dst, x) }

// SiLUGrad computes dst = dy times the derivative of SiLU at x, that within 3e-7. Infinite x gives NaN.
func SiLUGrad(dst, dy, x []float32) {
	same("SiLUGrad", len(dst), len(dy), len(x))
	current.vec.siluGrad(dst, dy, x)
}

// Sum returns Σ x. Lane l of sixteen takes elements l, l+16, …; then lane i takes i+8, i+4, i+2, i+1.
func Sum(x []float32) float32 { return current.vec.sum(x) }

// Dot returns Σ x y, fused, in the lanes of Sum.
func Dot(x, y []float32) float32 { same("Dot", len(x), len(y)); return current.vec.dot(x, y) }

// Max returns the largest element, NaN if there is one, -Inf if x is empty. A maximum of zero is +0.
func Max(x []float32) float32 { return current.vec.max(x) }

// SumSquares returns Σ x² in sixteen lanes of float64.
func SumSquares(x []float32) float64 { return current.vec.sumSquares(x) }

// Add computes dst = x + y.
func Add(dst, x, y []float32) { same("Add", len(dst), len(x), len(y)); current.vec.add(dst, x, y) }

// Mul computes dst = x y.
func Mul(dst, x, y []float32) { same("Mul", len(dst), len(x), len(y)); current.vec.mul(dst, x, y) }

// Scale computes dst = alpha x.
func Scale(dst []float32, alpha float32, x []float32) {
	same("Scale", len(dst), len(x))
	current.vec.scale(dst, alpha, x)
}

// Axpy computes dst = alpha x + dst, fused.
func Axpy(dst []float32, alpha float32, x []float32) {
	same("Axpy", len(dst), len(x))
	current.vec.axpy(dst, alpha, x)
}

// Softmax computes dst = e^((x - max x)·scale) / Σ, and returns the maximum of x and
// the sum Σ of the exponentials. The division is a product with 1/Σ, which is
// rounded once more. scale is positive. A row with NaN or +Inf, or of nothing but -Inf, gives NaN.
func Softmax(dst, x []float32, scale float32) (max, sum float32) {
	same("Softmax", len(dst), len(x))
	v := &current.vec
	max = v.max(x)
	sum = v.expSub(dst, x, max, scale)
	v.scale(dst, 1/sum, dst)
	return max, sum
}

// SoftmaxGrad computes dx = p (dp - Σ p dp)·scale, the gradient of x where
// p = Softmax(x, scale).
func SoftmaxGrad(dx, p, dp []float32, scale float32) {
	same("SoftmaxGrad", len(dx), len(p), len(dp))
	current.vec.softmaxGrad(dx, p, dp, current.vec.dot(p, dp), scale)
}

// LayerNorm computes one row: dst = (x - mean)·rstd·gamma + beta with the mean
// and the biased variance of x, which is taken from the mean in a second pass, and
// rstd = 1/√(variance + eps). gamma and beta are as long as the row. dst may be x.
func LayerNorm(dst, x, gamma, beta []float32, eps float32) (mean, rstd float32) {
	same("LayerNorm", len(dst), len(x), len(gamma), len(beta))
	v, n := &current.vec, float32(len(x))
	mean = v.sum(x) / n
	rstd = 1 / float32(math.Sqrt(float64(v.deviation(x, mean)/n+eps)))
	v.layerNormApply(dst, x, gamma, beta, mean, rstd)
	return mean, rstd
}

// LayerNormGrad computes the gradient of one row:
// dx = rstd (g - mean(g) - x̂ mean(g x̂)) with g = dy gamma and x̂ = (x - mean) rstd. dx may be dy or x.
func LayerNormGrad(dx, dy, x, gamma []float32, mean, rstd float32) {
	same("LayerNormGrad", len(dx), len(dy), len(x), len(gamma))
	v, n := &current.vec, float32(len(x))
	g, gx := v.layerNormGradSums(dy, x, gamma, mean, rstd)
	v.layerNormGradApply(dx, dy, x, gamma, mean, rstd, g/n, gx/n)
}

// LayerNormParamGrad adds one row's part to the gradients of gamma and beta: dy x̂ and dy. They must not overlap.
func LayerNormParamGrad(dgamma, dbeta, dy, x []float32, mean, rstd float32) {
	same("LayerNormParamGrad", len(dgamma), len(dbeta), len(dy), len(x))
	current.vec.layerNormParamGrad(dgamma, dbeta, dy, x, mean, rstd)
}

// AdamParams are the settings of one step of Adam.
type AdamParams struct {
	LearningRate, Beta1, Beta2, Epsilon, WeightDecay float64
	// Step is the number of the step, from 1, for the correction of bias.
	Step int
	// GradScale is a factor of the gradient, 1 or less when it is clipped.
	GradScale float32
	// Decoupled shrinks the weight itself (AdamW); otherwise decay is added to the gradient.
	Decoupled bool
}

// constants works out the factors of the step, in float64.
func (p AdamParams) constants() generic.AdamConstants {
	c := generic.AdamConstants{
		GradScale:  p.GradScale,
		OneMinusB1: float32(1 - p.Beta1), Beta2: float32(p.Beta2), OneMinusB2: float32(1 - p.Beta2),
		InvSqrtBC2: float32(1 / math.Sqrt(1-math.Pow(p.Beta2, float64(p.Step)))),
		Epsilon:    float32(p.Epsilon),
		StepSize:   float32(p.LearningRate / (1 - math.Pow(p.Beta1, float64(p.Step)))),
	}
	if p.Decoupled {
		c.Decay = float32(p.LearningRate * p.WeightDecay)
	} else {
		c.L2 = float32(p.WeightDecay)
	}
	return c
}

// Adam updates weights w and moments m and v with the gradient g, as
// torch.optim.Adam (Kingma and Ba, arXiv 1412.6980) and AdamW (Loshchilov and Hutter,
// arXiv 1711.05101) do. The four must not overlap.
func Adam(w, g, m, v []float32, p AdamParams) {
	same("Adam", len(w), len(g), len(m), len(v))
	current.vec.adam(w, g, m, v, p.constants())
}

// DropoutKey and the number of an element determine whether it is dropped.
type DropoutKey struct {
	Seed       uint64
	Step, Site uint32
}

// Dropout sets elements to +0 with probability p, also NaN and infinities, and scales
// the others by 1/(1-p), with p rounded to a multiple of 2⁻¹⁶. The slice holds the
// elements first, first+1, … of the site; first is a multiple of 64. Whether an
// element is dropped depends on its number and the key alone; see generic.Dropout.
func Dropout(dst, x []float32, key DropoutKey, first uint64, p float32) {
	same("Dropout", len(dst), len(x))
	if first%generic.DropoutGroup != 0 {
		panic(fmt.Sprintf("kernels: Dropout: first element %d is not a multiple of %d", first, generic.DropoutGroup))
	}
	if !(p >= 0 && p <= 1) {
		panic(fmt.Sprintf("kernels: Dropout: probability %v is not between 0 and 1", p))
	}
	c := generic.NewDropoutConstants(key.Seed, key.Step, key.Site, p)
	current.vec.dropout(dst, x, first/generic.DropoutGroup, c)
}
