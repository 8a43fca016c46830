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
	moving    [][]bool    // of parameters whose gradients have rows: which rows' moments are not all 0
	still     [][]float32 // room of each worker for the decay of other rows
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
	o.state, o.moving = state, nil
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
		if rows := o.movingRows(i); rows != nil && (k.Decoupled || k.WeightDecay == 0) && finite(gradScale) {
			o.stepRows(p, s, k, rows)
		} else {
			inPieces(len(p.Data), func(a, b int) {
				kernels.Adam(p.Data[a:b], p.Grad[a:b], s.FirstMoment[a:b], s.SecondMoment[a:b], k)
			})
		}
		p.Changed()
	}
}

// movingRows returns which rows of parameter i have a gradient in this step or
// moments that are not all 0, or nil if that is not known.
func (o *Adam) movingRows(i int) []bool {
	if o.moving == nil {
		o.moving = make([][]bool, len(o.Parameters))
	}
	p, s := o.Parameters[i], &o.state[i]
	touched, known := p.GradRows()
	if !known {
		o.moving[i] = nil
		return nil
	}
	if o.moving[i] == nil {
		rows, h := make([]bool, p.Rows()), p.Cols()
		for r := range rows {
			rows[r] = !zero(s.FirstMoment[r*h:(r+1)*h]) || !zero(s.SecondMoment[r*h:(r+1)*h])
		}
		o.moving[i] = rows
	}
	for _, r := range touched {
		o.moving[i][r] = true
	}
	return o.moving[i]
}

// stepRows is a step of a table of which most rows have neither a gradient nor
// moments. These only decay, w - (Decay w + 0) in the words of generic.Adam, to the same bits:
// that spares three quarters of the traffic with memory, which is what a step waits for.
func (o *Adam) stepRows(p Parameter, s *AdamState, k kernels.AdamParams, moving []bool) {
	const most = 4096 // elements at a time: they stay in the cache
	decay := float32(k.LearningRate * k.WeightDecay)
	for len(o.still) < kernels.Workers() {
		o.still = append(o.still, nil)
	}
	h := p.Cols()
	rows := max(1, piece/h)
	kernels.Parallel((len(moving)+rows-1)/rows, func(task, worker int) {
		end := min(len(moving), (task+1)*rows)
		for r := task * rows; r < end; {
			to := r + 1
			for to < end && moving[to] == moving[r] {
				to++
			}
			a, b := r*h, to*h
			switch {
			case moving[r]:
				kernels.Adam(p.Data[a:b], p.Grad[a:b], s.FirstMoment[a:b], s.SecondMoment[a:b], k)
			case k.WeightDecay != 0:
				if o.still[worker] == nil {
					o.still[worker] = make([]float32, most)
				}
				for ; a < b; a += most {
					w := p.Data[a:min(b, a+most)]
					d := o.still[worker][:len(w)]
					clear(d)
					kernels.Axpy(d, decay, w)
					kernels.Axpy(w, -1, d)
				}
			}
			r = to
		}
	})
}

// zero reports whether all elements are +0.
func zero(x []float32) bool {
	for _, v := range x {
		if math.Float32bits(v) != 0 {
			return false
		}
	}
	return true
}

func finite(x float32) bool { return x-x == 0 }

// piece is how many elements of a parameter one task updates.
const piece = 1 << 15

func inPieces(n int, f func(a, b int)) {
	kernels.Parallel((n+piece-1)/piece, func(i, _ int) { f(i*piece, min(n, (i+1)*piece)) })
}

// pieces tells which of the n pieces of a gradient hold rows that are not 0, nil if that is not known.
func pieces(p Parameter, n int) []bool {
	rows, known := p.GradRows()
	if !known {
		return nil
	}
	reached, h := make([]bool, n), p.Cols()
	for _, r := range rows {
		for i := int(r) * h / piece; i <= (int(r+1)*h-1)/piece; i++ {
			reached[i] = true
		}
	}
	return reached
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
		reached := pieces(p, n)
		kernels.Parallel(n, func(i, _ int) {
			if sums[i] = 0; reached != nil && !reached[i] {
				return // all 0
			}
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
