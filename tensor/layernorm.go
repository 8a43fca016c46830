package tensor

import "godwit/kernels"

// LayerNorm returns LayerNorm(dropout(x) + residual), row by row
// (Ba et al., arXiv 1607.06450), for x and residual [T, H], gamma and beta [H].
// residual may be nil; p is the probability of dropout, used while dropout is on.
func (tp *Tape) LayerNorm(x, residual, gamma, beta *Tensor, eps, p float32) *Tensor {
	h, rows := x.Cols(), x.Rows()
	mustMatch("LayerNorm", len(gamma.Data) == h && len(beta.Data) == h, "x %v, gamma %v, beta %v", x.Shape, gamma.Shape, beta.Shape)
	if residual != nil {
		mustMatch("LayerNorm", x.sameMatrix(residual), "x %v, residual %v", x.Shape, residual.Shape)
	}
	drop := tp.train && p > 0
	var key kernels.DropoutKey
	if drop {
		key = tp.nextSite()
	}
	y := tp.New(rows, h)
	sum := x // what is normalised
	if residual != nil || drop {
		sum = tp.New(rows, h)
	}
	stats := tp.New(rows, 2) // mean and 1/σ of each row
	forRows(rows, func(r0, r1, _ int) {
		s := sum.Data[r0*h : r1*h]
		if drop {
			kernels.Dropout(s, x.Data[r0*h:r1*h], key, uint64(r0*h), p)
			if residual != nil {
				kernels.Add(s, s, residual.Data[r0*h:r1*h])
			}
		} else if residual != nil {
			kernels.Add(s, x.Data[r0*h:r1*h], residual.Data[r0*h:r1*h])
		}
		for r := r0; r < r1; r++ {
			mean, rstd := kernels.LayerNorm(y.Row(r), sum.Row(r), gamma.Data, beta.Data, eps)
			stats.Data[2*r], stats.Data[2*r+1] = mean, rstd
		}
	})
	if tp.recording {
		tp.record(y, func() { tp.layerNormBackward(y, sum, x, residual, gamma, beta, stats, drop, key, p) })
	}
	return y
}

func (tp *Tape) layerNormBackward(y, sum, x, residual, gamma, beta, stats *Tensor, drop bool, key kernels.DropoutKey, p float32) {
	h, rows, dy := y.Cols(), y.Rows(), y.Grad
	dgammaBeta := tp.arena.Alloc(2 * h)
	tp.sumRows(rows, 2*h, dgammaBeta, false, func(r0, r1 int, into []float32) {
		for r := r0; r < r1; r++ {
			row, mean, rstd := dy[r*h:(r+1)*h], stats.Data[2*r], stats.Data[2*r+1]
			kernels.LayerNormParamGrad(into[:h], into[h:], row, sum.Row(r), mean, rstd)
			kernels.LayerNormGrad(row, row, sum.Row(r), gamma.Data, mean, rstd) // from here on dy is d(sum)
		}
	})
	tp.addGradient(gamma, dgammaBeta[:h])
	tp.addGradient(beta, dgammaBeta[h:])
	tp.arena.Free(dgammaBeta)
	if residual != nil {
		tp.addGradient(residual, dy)
	}
	if drop {
		forRows(rows, func(r0, r1, _ int) {
			s := dy[r0*h : r1*h]
			kernels.Dropout(s, s, key, uint64(r0*h), p)
		})
	}
	tp.addGradient(x, dy)
}
