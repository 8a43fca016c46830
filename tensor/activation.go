package tensor

import (
	"sync"

	"godwit/kernels"
)

// Activations by their names in a config.json's hidden_act.
var (
	// GELU is x Φ(x) (Hendrycks and Gimpel, arXiv 1606.08415).
	GELU = &Activation{"gelu", kernels.GELU, kernels.GELUGrad}
	// GELUTanh approximates Φ by ½(1 + tanh(√(2/π)(x + 0.044715 x³))), as the same paper gives it.
	GELUTanh = &Activation{"gelu_new", kernels.GELUTanh, kernels.GELUTanhGrad}
	ReLU     = &Activation{"relu", kernels.ReLU, kernels.ReLUGrad}
	SiLU     = &Activation{"silu", kernels.SiLU, kernels.SiLUGrad}
	Tanh     = &Activation{"tanh", kernels.Tanh, tanhBackward}
)

// tanhBuffer holds tanh x for a stretch of the backward pass.
type tanhBuffer [512]float32

var tanhBuffers = sync.Pool{New: func() any { return new(tanhBuffer) }}

func tanhBackward(dx, dy, x []float32) {
	b := tanhBuffers.Get().(*tanhBuffer)
	defer tanhBuffers.Put(b)
	for i := 0; i < len(x); i += len(b) {
		j := min(len(x), i+len(b))
		y := b[:j-i]
		kernels.Tanh(y, x[i:j])
		kernels.TanhGrad(dx[i:j], dy[i:j], y)
	}
}

// Activate returns act(x) element by element.
func (tp *Tape) Activate(x *Tensor, act *Activation) *Tensor {
	y := tp.New(x.Shape...)
	c := x.Cols()
	forRows(x.Rows(), func(r0, r1, _ int) { act.Forward(y.Data[r0*c:r1*c], x.Data[r0*c:r1*c]) })
	if tp.recording {
		tp.record(y, func() {
			g := y.Grad
			forRows(x.Rows(), func(r0, r1, _ int) {
				s := g[r0*c : r1*c]
				act.Backward(s, s, x.Data[r0*c:r1*c])
			})
			tp.addGradient(x, g)
		})
	}
	return y
}

// addGradient adds the contribution g to the gradient of x.
func (tp *Tape) addGradient(x *Tensor, g []float32) {
	if !x.wantsGrad {
		return
	}
	dx, accumulate := tp.gradient(x)
	if !accumulate {
		copy(dx, g)
		return
	}
	c := x.Cols()
	forRows(x.Rows(), func(r0, r1, _ int) {
		kernels.Add(dx[r0*c:r1*c], dx[r0*c:r1*c], g[r0*c:r1*c])
	})
}
