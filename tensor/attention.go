package tensor

import "godwit/kernels"

// Attention returns for each sequence and head softmax(q kᵀ / √d) v
// (Vaswani et al., arXiv 1706.03762, eq. 1), heads side by side: [T, H].
//
// q, k and v are [T, H]; sequence b has the rows offsets[b]:offsets[b+1]. There
// is no mask because there is no padding. While dropout is on, attention
// probabilities are dropped with probability p. Probabilities are not kept for
// the backward pass: they are computed again, to the same bits.
func (tp *Tape) Attention(q, k, v *Tensor, offsets []int32, heads int, p float32) *Tensor {
	mustMatch("Attention", q.Cols()%heads == 0 && q.sameMatrix(k) && q.sameMatrix(v) && int(offsets[len(offsets)-1]) == q.Rows(),
		"q %v, k %v, v %v, %d heads, %d tokens in offsets", q.Shape, k.Shape, v.Shape, heads, offsets[len(offsets)-1])
	a := kernels.Attention{Offsets: offsets, Heads: heads}
	if tp.train && p > 0 {
		a.Dropout, a.Key = p, tp.nextSite()
	}
	y := tp.New(q.Rows(), q.Cols())
	a.Forward(y.matrix(), q.matrix(), k.matrix(), v.matrix())
	if tp.recording {
		tp.record(y, func() {
			dq, dk, dv := tp.gradientToAddTo(q), tp.gradientToAddTo(k), tp.gradientToAddTo(v)
			a.Backward(q.matrixOf(dq), k.matrixOf(dk), v.matrixOf(dv), y.matrixOf(y.Grad), q.matrix(), k.matrix(), v.matrix())
		})
	}
	return y
}
