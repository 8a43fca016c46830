package tensor

import "godwit/kernels"

// Project returns x W, [T, out], for x [T, in] and W [in, …], whose further
// dimensions are together out: XLNet keeps its projections as
// [hidden, heads, width of a head], and has no bias in them.
func (tp *Tape) Project(x, w *Tensor) *Tensor {
	mustMatch("Project", x.Cols() == w.Rows(), "x %v, weight %v", x.Shape, w.Shape)
	y := tp.New(x.Rows(), w.Cols())
	kernels.MatMulPacked(y.matrix(), x.matrix(), w.packN(), false, nil)
	if tp.recording {
		tp.record(y, func() { tp.projectBackward(y, x, w) })
	}
	return y
}

// projectBackward: dx = dy Wᵀ, dW = xᵀ dy.
func (tp *Tape) projectBackward(y, x, w *Tensor) {
	dy := y.matrixOf(y.Grad)
	if x.wantsGrad {
		dx, accumulate := tp.gradient(x)
		kernels.MatMulPacked(x.matrixOf(dx), dy, w.packT(), accumulate, nil)
	}
	if w.wantsGrad {
		dw, accumulate := tp.gradient(w)
		kernels.MatMulTN(w.matrixOf(dw), x.matrix(), dy, accumulate)
	}
}
