package kernels

import (
	"fmt"
	"math"

	"godwit/asm/generic"
)

// vectorKernels are the routines over slices that an instruction set brings.
// Package generic defines each.
type vectorKernels struct {
	exp, tanh, gelu, geluTanh func(dst, x []float32)
	geluGrad, geluTanhGrad    func(dst, dy, x []float32)
	expSub                    func(dst, x []float32, m, scale float32) float32
	sum, max                  func(x []float32) float32
	dot                       func(x, y []float32) float32
	sumSquares                func(x []float32) float64
	add, mul                  func(dst, x, y []float32)
	scale, axpy               func(dst []float32, alpha float32, x []float32)
	softmaxGrad               func(dst, p, dp []float32, dot, scale float32)
	deviation                 func(x []float32, mean float32) float32
	layerNormApply            func(dst, x, gamma, beta []float32, mean, rstd float32)
	layerNormGradSums         func(dy, x, gamma []float32, mean, rstd float32) (sumG, sumGX float32)
	layerNormGradApply        func(dst, dy, x, gamma []float32, mean, rstd, meanG, meanGX float32)
	layerNormParamGrad        func(dgamma, dbeta, dy, x []float32, mean, rstd float32)
	adam                      func(w, g, m, v []float32, c *generic.AdamConstants)
	dropout                   func(dst, x []float32, group uint64, c *generic.DropoutConstants)
}

var genericVector = vectorKernels{
	exp: generic.Exp, tanh: generic.Tanh, gelu: generic.GELU, geluTanh: generic.GELUTanh,
	geluGrad: generic.GELUGrad, geluTanhGrad: generic.GELUTanhGrad, expSub: generic.ExpSub,
	sum: generic.Sum, max: generic.Max, dot: generic.Dot, sumSquares: generic.SumSquares,
	add: generic.Add, mul: generic.Mul, scale: generic.Scale, axpy: generic.Axpy,
	softmaxGrad: generic.SoftmaxGrad, deviation: generic.Deviation,
	layerNormApply: generic.LayerNormApply, layerNormGradSums: generic.LayerNormGradSums,
	layerNormGradApply: generic.LayerNormGradApply, layerNormParamGrad: generic.LayerNormParamGrad,
	adam: generic.Adam, dropout: generic.Dropout,
}

func same(routine string, dst int, others ...int) {
	for _, n := range others {
		if n != dst {
			panic(fmt.Sprintf("kernels: %s: slices of %d and %d elements", routine, dst, n))
		}
	}
}

// Exp computes dst = e^x, within 1.2 ulp.
func Exp(dst, x []float32) { same("Exp", len(dst), len(x)); current.vec.exp(dst, x) }

// Tanh computes dst = tanh x.
func Tanh(dst, x []float32) { same("Tanh", len(dst), len(x)); current.vec.tanh(dst, x) }

// TanhGrad computes dst = dy (1 - y²), where y = tanh x.
func TanhGrad(dst, dy, y []float32) {
	same("TanhGrad", len(dst), len(dy), len(y))
	generic.TanhGrad(dst, dy, y)
}

// GELU computes dst = x Φ(x).
func GELU(dst, x []float32) { same("GELU", len(dst), len(x)); current.vec.gelu(dst, x) }

// GELUGrad computes dst = dy (Φ(x) + x φ(x)).
func GELUGrad(dst, dy, x []float32) {
	same("GELUGrad", len(dst), len(dy), len(x))
	current.vec.geluGrad(dst, dy, x)
}

// GELUTanh computes dst = ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))).
func GELUTanh(dst, x []float32) { same("GELUTanh", len(dst), len(x)); current.vec.geluTanh(dst, x) }

// GELUTanhGrad computes dst = dy times the derivative of GELUTanh at x.
func GELUTanhGrad(dst, dy, x []float32) {
	same("GELUTanhGrad", len(dst), len(dy), len(x))
	current.vec.geluTanhGrad(dst, dy, x)
}

// ReLU computes dst = max(x, 0).
func ReLU(dst, x []float32) { same("ReLU", len(dst), len(x)); generic.ReLU(dst, x) }

// ReLUGrad computes dst = dy where x > 0, 0 elsewhere.
func ReLUGrad(dst, dy, x []float32) {
	same("ReLUGrad", len(dst), len(dy), len(x))
	generic.ReLUGrad(dst, dy, x)
}

// SiLU computes dst = x/(1 + e^-x).
func SiLU(dst, x []float32) { same("SiLU", len(dst), len(x)); generic.SiLU(dst, x) }

// SiLUGrad computes dst = dy times the derivative of SiLU at x.
func SiLUGrad(dst, dy, x []float32) {
	same("SiLUGrad", len(dst), len(dy), len(x))
	generic.SiLUGrad(dst, dy, x)
}

// Sum returns Σ x in sixteen lanes.
func Sum(x []float32) float32 { return current.vec.sum(x) }

// Dot returns Σ x y in sixteen lanes.
func Dot(x, y []float32) float32 { same("Dot", len(x), len(y)); return current.vec.dot(x, y) }

// Max returns the largest element, NaN if there is one; x is not empty.
func Max(x []float32) float32 { return current.vec.max(x) }

// SumSquares returns Σ x² in float64.
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

// Axpy computes dst = alpha x + dst.
func Axpy(dst []float32, alpha float32, x []float32) {
	same("Axpy", len(dst), len(x))
	current.vec.axpy(dst, alpha, x)
}

// Softmax computes dst = e^((x - max x)·scale) / Σ, and returns the maximum and
// the sum of the exponentials. x is not empty; dst may be x.
func Softmax(dst, x []float32, scale float32) (max, sum float32) {
	same("Softmax", len(dst), len(x))
	v := &current.vec
	max = v.max(x)
	sum = v.expSub(dst, x, max, scale)
	v.scale(dst, 1/sum, dst)
	return max, sum
}

// SoftmaxGrad computes dx = p (dp - Σ p dp)·scale, the gradient of x where
// p = Softmax(x, scale). dx may be dp.
func SoftmaxGrad(dx, p, dp []float32, scale float32) {
	same("SoftmaxGrad", len(dx), len(p), len(dp))
	current.vec.softmaxGrad(dx, p, dp, current.vec.dot(p, dp), scale)
}

// LayerNorm computes one row: dst = (x - mean)·rstd·gamma + beta with the mean
// and the biased variance of x, rstd = 1/√(variance + eps).
func LayerNorm(dst, x, gamma, beta []float32, eps float32) (mean, rstd float32) {
	same("LayerNorm", len(dst), len(x), len(gamma), len(beta))
	v, n := &current.vec, float32(len(x))
	mean = v.sum(x) / n
	rstd = 1 / float32(math.Sqrt(float64(v.deviation(x, mean)/n+eps)))
	v.layerNormApply(dst, x, gamma, beta, mean, rstd)
	return mean, rstd
}

// LayerNormGrad computes the gradient of one row:
// dx = rstd (g - mean(g) - x̂ mean(g x̂)) with g = dy gamma and x̂ = (x - mean) rstd. dx may be dy.
func LayerNormGrad(dx, dy, x, gamma []float32, mean, rstd float32) {
	same("LayerNormGrad", len(dx), len(dy), len(x), len(gamma))
	v, n := &current.vec, float32(len(x))
	g, gx := v.layerNormGradSums(dy, x, gamma, mean, rstd)
	v.layerNormGradApply(dx, dy, x, gamma, mean, rstd, g/n, gx/n)
}

// LayerNormParamGrad adds one row's part to the gradients of gamma and beta.
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

// Constants works out the factors of the step, in float64.
func (p AdamParams) constants() generic.AdamConstants {
	c := generic.AdamConstants{
		GradScale: p.GradScale, Decay: 1,
		OneMinusB1: float32(1 - p.Beta1), Beta2: float32(p.Beta2), OneMinusB2: float32(1 - p.Beta2),
		InvSqrtBC2: float32(1 / math.Sqrt(1-math.Pow(p.Beta2, float64(p.Step)))),
		Epsilon:    float32(p.Epsilon),
		StepSize:   float32(p.LearningRate / (1 - math.Pow(p.Beta1, float64(p.Step)))),
	}
	if p.Decoupled {
		c.Decay = float32(1 - p.LearningRate*p.WeightDecay)
	} else {
		c.L2 = float32(p.WeightDecay)
	}
	return c
}

// Adam updates weights w and moments m and v with the gradient g, as
// torch.optim.Adam and AdamW do.
func Adam(w, g, m, v []float32, p AdamParams) {
	same("Adam", len(w), len(g), len(m), len(v))
	c := p.constants()
	current.vec.adam(w, g, m, v, &c)
}

// DropoutKey and the number of an element determine whether it is dropped.
type DropoutKey struct {
	Seed       uint64
	Step, Site uint32
}

// Dropout sets elements to zero with probability p and scales the others by
// 1/(1-p). The slice holds the elements first, first+1, …; first is a multiple of 64.
func Dropout(dst, x []float32, key DropoutKey, first uint64, p float32) {
	same("Dropout", len(dst), len(x))
	if first%generic.DropoutGroup != 0 {
		panic(fmt.Sprintf("kernels: Dropout: first element %d is not a multiple of %d", first, generic.DropoutGroup))
	}
	c := generic.NewDropoutConstants(key.Seed, key.Step, key.Site, p)
	current.vec.dropout(dst, x, first/generic.DropoutGroup, &c)
}

// Philox4x32 returns the four random words that Philox4x32-10 gives a counter under a key.
func Philox4x32(counter [4]uint32, key [2]uint32) [4]uint32 { return generic.Philox4x32(counter, key) }
