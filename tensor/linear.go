package tensor

import "godwit/kernels"

// Activation is an elementwise function y = f(x) with its gradient dx = dy f'(x).
// Both get slices of equal length; Backward may write over dy.
type Activation struct {
	Name     string
	Forward  func(dst, x []float32)
	Backward func(dx, dy, x []float32)
}

// Linear returns act(x Wᵀ + b), [T, out], for x [T, in], W [out, in], b [out].
// b and act may be nil. Bias and activation are applied to each block of the
// product while it is in cache.
func (tp *Tape) Linear(x, w, b *Tensor, act *Activation) *Tensor {
	in, out, rows := x.Cols(), w.Rows(), x.Rows()
	mustMatch("Linear", w.Cols() == in, "x %v, weight %v", x.Shape, w.Shape)
	if b != nil {
		mustMatch("Linear", len(b.Data) == out, "weight %v, bias %v", w.Shape, b.Shape)
	}
	y := tp.New(rows, out)
	pre := y // x Wᵀ + b, which the activation's gradient needs
	if act != nil && tp.recording {
		pre = tp.New(rows, out)
	}
	var after func(i0, i1, j0, j1 int)
	if b != nil || act != nil {
		after = func(i0, i1, j0, j1 int) {
			for i := i0; i < i1; i++ {
				p := pre.Data[i*out+j0 : i*out+j1]
				if b != nil {
					kernels.Add(p, p, b.Data[j0:j1])
				}
				if act != nil {
					act.Forward(y.Data[i*out+j0:i*out+j1], p)
				}
			}
		}
	}
	kernels.MatMulPacked(pre.matrix(), x.matrix(), w.packT(), false, after)
	if tp.recording {
		tp.record(y, func() { tp.linearBackward(y, pre, x, w, b, act) })
	}
	return y
}

// linearBackward: with g = dy act'(pre), dx = g W, dW = gᵀ x, db = Σ over tokens of g.
func (tp *Tape) linearBackward(y, pre, x, w, b *Tensor, act *Activation) {
	g, out := y.Grad, w.Rows()
	if act != nil {
		forRows(y.Rows(), func(r0, r1, _ int) {
			s := g[r0*out : r1*out]
			act.Backward(s, s, pre.Data[r0*out:r1*out])
		})
	}
	gm := y.matrixOf(g)
	if x.wantsGrad {
		dx, accumulate := tp.gradient(x)
		kernels.MatMulPacked(x.matrixOf(dx), gm, w.packN(), accumulate, nil)
	}
	if w.wantsGrad {
		dw, accumulate := tp.gradient(w)
		kernels.MatMulTN(w.matrixOf(dw), gm, x.matrix(), accumulate)
	}
	if b != nil && b.wantsGrad {
		db, accumulate := tp.gradient(b)
		tp.sumRows(y.Rows(), out, db, accumulate, func(r0, r1 int, into []float32) {
			for r := r0; r < r1; r++ {
				kernels.Add(into, into, g[r*out:(r+1)*out])
			}
		})
	}
}
