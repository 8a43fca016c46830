package nn

import (
	"fmt"
	"math"
	"strings"

	"godwit/kernels"
)

// Optimizers in order of increasing complexity. Each updates the parameters
// that have a gradient; a parameter that the loss did not reach stays as it is.

// Optimizer takes steps down the gradient.
type Optimizer interface {
	// Step updates all parameters with their gradients times gradScale,
	// which is 1 or comes from ClipGradNorm.
	Step(learningRate float64, gradScale float32)
}

// SGD is stochastic gradient descent: v ← μ v + g, w ← w - lr v.
type SGD struct {
	Parameters []Parameter
	Momentum   float64

	velocity [][]float32
}

func (o *SGD) Step(learningRate float64, gradScale float32) {
	if o.velocity == nil {
		o.velocity = make([][]float32, len(o.Parameters))
	}
	for i, p := range o.Parameters {
		if !p.HasGrad() {
			continue
		}
		if o.velocity[i] == nil {
			o.velocity[i] = make([]float32, len(p.Data))
		}
		v := o.velocity[i]
		inPieces(len(p.Data), func(a, b int) {
			kernels.Scale(v[a:b], float32(o.Momentum), v[a:b])
			kernels.Axpy(v[a:b], gradScale, p.Grad[a:b])
			kernels.Axpy(p.Data[a:b], float32(-learningRate), v[a:b])
		})
		p.Changed()
	}
}

// Adam is Kingma and Ba's optimizer (arXiv 1412.6980) with bias correction.
// Weight decay is an L2 penalty, added to the gradient.
type Adam struct {
	Parameters   []Parameter
	Beta1, Beta2 float64
	Epsilon      float64
	WeightDecay  float64
	// NoDecay says which parameters are not decayed; nil decays all.
	NoDecay func(name string) bool

	decoupled bool
	state     []AdamState
}

// AdamState is what Adam keeps of one parameter.
type AdamState struct {
	Steps                     int
	FirstMoment, SecondMoment []float32
}

// NewAdam returns Adam with the usual β = (0.9, 0.999) and ε = 1e-8.
func NewAdam(parameters []Parameter) *Adam {
	return &Adam{Parameters: parameters, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}
}

// NewAdamW returns AdamW (Loshchilov and Hutter, arXiv 1711.05101): weights
// shrink by lr·weightDecay a step, apart from the gradient. Biases and
// LayerNorm weights are not decayed.
func NewAdamW(parameters []Parameter, weightDecay float64) *Adam {
	o := NewAdam(parameters)
	o.WeightDecay, o.NoDecay, o.decoupled = weightDecay, BiasOrLayerNorm, true
	return o
}

// BiasOrLayerNorm reports whether a parameter is a bias or belongs to a LayerNorm, by its name.
func BiasOrLayerNorm(name string) bool {
	return name == "bias" || strings.HasSuffix(name, ".bias") || strings.HasSuffix(name, "LayerNorm.weight") || strings.HasSuffix(name, "layer_norm.weight")
}

// State returns the moments of each parameter, nil before its first step, in the order of Parameters.
func (o *Adam) State() []AdamState { return o.state }

// SetState makes the optimizer go on from what State returned, there with the same parameters.
func (o *Adam) SetState(state []AdamState) {
	if len(state) != len(o.Parameters) {
		panic(fmt.Sprintf("nn: state of %d parameters for an optimizer of %d", len(state), len(o.Parameters)))
	}
	for i, p := range o.Parameters {
		want := len(p.Data)
		if state[i].Steps == 0 {
			want = 0
		}
		if s := state[i]; len(s.FirstMoment) != want || len(s.SecondMoment) != want {
			panic(fmt.Sprintf("nn: %s after %d steps has moments of %d and %d elements, expected %d", p.Name, s.Steps, len(s.FirstMoment), len(s.SecondMoment), want))
		}
	}
	o.state = state
}

func (o *Adam) Step(learningRate float64, gradScale float32) {
	if o.state == nil {
		o.state = make([]AdamState, len(o.Parameters))
	}
	for i, p := range o.Parameters {
		if !p.HasGrad() {
			continue
		}
		s := &o.state[i]
		if s.FirstMoment == nil {
			s.FirstMoment, s.SecondMoment = make([]float32, len(p.Data)), make([]float32, len(p.Data))
		}
		s.Steps++
		decay := o.WeightDecay
		if o.NoDecay != nil && o.NoDecay(p.Name) {
			decay = 0
		}
		k := kernels.AdamParams{
			LearningRate: learningRate, Beta1: o.Beta1, Beta2: o.Beta2, Epsilon: o.Epsilon,
			WeightDecay: decay, Step: s.Steps, GradScale: gradScale, Decoupled: o.decoupled,
		}
		inPieces(len(p.Data), func(a, b int) {
			kernels.Adam(p.Data[a:b], p.Grad[a:b], s.FirstMoment[a:b], s.SecondMoment[a:b], k)
		})
		p.Changed()
	}
}

// piece is how many elements of a parameter one task updates.
const piece = 1 << 15

func inPieces(n int, f func(a, b int)) {
	kernels.Parallel((n+piece-1)/piece, func(i, _ int) { f(i*piece, min(n, (i+1)*piece)) })
}

// ClipGradNorm returns the Euclidean norm of all gradients together, and the
// factor, at most 1, that brings it down to max. The gradients are not changed: the factor
// is for [Optimizer.Step]. With max ≤ 0 the factor is 1.
func ClipGradNorm(parameters []Parameter, max float64) (norm float64, scale float32) {
	total := 0.0
	var sums []float64
	for _, p := range parameters {
		if !p.HasGrad() {
			continue
		}
		n := (len(p.Grad) + piece - 1) / piece
		if cap(sums) < n {
			sums = make([]float64, n)
		}
		sums = sums[:n]
		kernels.Parallel(n, func(i, _ int) {
			sums[i] = kernels.SumSquares(p.Grad[i*piece : min(len(p.Grad), (i+1)*piece)])
		})
		for _, s := range sums {
			total += s
		}
	}
	norm = math.Sqrt(total)
	if max <= 0 {
		return norm, 1
	}
	if f := max / (norm + 1e-6); f < 1 {
		return norm, float32(f)
	}
	return norm, 1
}
