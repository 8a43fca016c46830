package tensor

import "godwit/kernels"

// Dropout sets elements to zero with probability p and scales the others by
// 1/(1-p) while dropout is on; otherwise it returns x itself.
func (tp *Tape) Dropout(x *Tensor, p float32) *Tensor {
	if !tp.train || p <= 0 {
		return x
	}
	key, c := tp.nextSite(), x.Cols()
	y := tp.New(x.Shape...)
	apply := func(dst, src []float32) {
		forRows(x.Rows(), func(r0, r1, _ int) {
			kernels.Dropout(dst[r0*c:r1*c], src[r0*c:r1*c], key, uint64(r0*c), p)
		})
	}
	apply(y.Data, x.Data)
	tp.record(y, func() {
		apply(y.Grad, y.Grad)
		tp.addGradient(x, y.Grad)
	})
	return y
}
