package kernels

import (
	"math"
	"sync"
)

// Attention is scaled dot-product attention over a ragged batch: sequence b
// owns rows Offsets[b]:Offsets[b+1] of q, k and v [T, H], head h owns columns
// h·d:(h+1)·d with d = H/Heads. Each sequence and head is one task.
type Attention struct {
	Offsets []int32
	Heads   int
	Dropout float32 // probability, 0 for none
	Key     DropoutKey
}

// scoreRows is how many queries are scored at once where a sequence is longer;
// a multiple of 64, so that each block begins at a multiple of 64 elements.
const scoreRows = 512

// attentionScratch is what one worker needs for one head.
type attentionScratch struct {
	matmul                   matmulScratch
	scores, dropped, dscores []float32
}

var attentionScratches = sync.Pool{New: func() any { return new(attentionScratch) }}

// head describes one task: the rows, columns and dropout counter of a head of a sequence.
type head struct {
	r0, r1, c0, c1 int
	first          uint64
}

func (a *Attention) each(width int, run func(s *attentionScratch, h head)) {
	sequences := len(a.Offsets) - 1
	d := width / a.Heads
	Parallel(sequences*a.Heads, func(task, _ int) {
		b, h := task/a.Heads, task%a.Heads
		n := int(a.Offsets[b+1] - a.Offsets[b])
		if n == 0 {
			return
		}
		// Dropout counts probabilities sequence by sequence and head by head.
		// A sequence's counter begins at (its first token)·1024·Heads·64, which
		// leaves room for sequences of 65536 tokens.
		first := uint64(a.Offsets[b])*uint64(a.Heads)<<16 + uint64(h)*(uint64(n*n+63)&^63)
		s := attentionScratches.Get().(*attentionScratch)
		run(s, head{int(a.Offsets[b]), int(a.Offsets[b+1]), h * d, (h + 1) * d, first})
		attentionScratches.Put(s)
	})
}

func (m Matrix) block(r0, r1, c0, c1 int) Matrix {
	return Matrix{Data: m.Data[r0*m.Stride+c0 : (r1-1)*m.Stride+c1], Rows: r1 - r0, Cols: c1 - c0, Stride: m.Stride}
}

func dense(x []float32, rows, cols int) Matrix {
	return Matrix{Data: x, Rows: rows, Cols: cols, Stride: cols}
}

// probabilities fills s.scores with softmax(q kᵀ/√d) for the queries i0:i1 of the head.
func (h head) probabilities(s *attentionScratch, q, k Matrix, i0, i1 int) []float32 {
	n := h.r1 - h.r0
	s.scores = grow(s.scores, (i1-i0)*n)
	matmulSerial(&s.matmul, formNT, dense(s.scores, i1-i0, n), q.block(h.r0+i0, h.r0+i1, h.c0, h.c1), k.block(h.r0, h.r1, h.c0, h.c1), false)
	scale := h.scale()
	for i := range i1 - i0 {
		row := s.scores[i*n : (i+1)*n]
		Softmax(row, row, scale)
	}
	return s.scores
}

func (h head) scale() float32 { return float32(1 / math.Sqrt(float64(h.c1-h.c0))) }

// Forward writes the context vectors, [T, H], to out.
func (a *Attention) Forward(out, q, k, v Matrix) {
	a.each(q.Cols, func(s *attentionScratch, h head) {
		n := h.r1 - h.r0
		for i0 := 0; i0 < n; i0 += scoreRows {
			i1 := min(n, i0+scoreRows)
			p := h.probabilities(s, q, k, i0, i1)
			if a.Dropout > 0 {
				Dropout(p, p, a.Key, h.first+uint64(i0*n), a.Dropout)
			}
			matmulSerial(&s.matmul, formNN, out.block(h.r0+i0, h.r0+i1, h.c0, h.c1), dense(p, i1-i0, n), v.block(h.r0, h.r1, h.c0, h.c1), false)
		}
	})
}

// Backward adds the gradients of q, k and v, given that of the output.
//
// With P the probabilities and D = dropout(P): dV = Dᵀ dO, dD = dO Vᵀ,
// dP = dropout'(dD), dS = P (dP - Σ P dP)/√d, dQ = dS K, dK = dSᵀ Q.
func (a *Attention) Backward(dq, dk, dv, dout, q, k, v Matrix) {
	a.each(q.Cols, func(s *attentionScratch, h head) {
		n := h.r1 - h.r0
		keys := func(m Matrix) Matrix { return m.block(h.r0, h.r1, h.c0, h.c1) }
		for i0 := 0; i0 < n; i0 += scoreRows {
			i1 := min(n, i0+scoreRows)
			queries := func(m Matrix) Matrix { return m.block(h.r0+i0, h.r0+i1, h.c0, h.c1) }
			p := h.probabilities(s, q, k, i0, i1)
			first := h.first + uint64(i0*n)

			dropped := p
			if a.Dropout > 0 {
				s.dropped = grow(s.dropped, len(p))
				dropped = s.dropped
				Dropout(dropped, p, a.Key, first, a.Dropout)
			}
			matmulSerial(&s.matmul, formTN, keys(dv), dense(dropped, i1-i0, n), queries(dout), true)

			s.dscores = grow(s.dscores, len(p))
			ds := s.dscores
			matmulSerial(&s.matmul, formNT, dense(ds, i1-i0, n), queries(dout), keys(v), false)
			if a.Dropout > 0 {
				Dropout(ds, ds, a.Key, first, a.Dropout)
			}
			for i := range i1 - i0 {
				SoftmaxGrad(ds[i*n:(i+1)*n], p[i*n:(i+1)*n], ds[i*n:(i+1)*n], h.scale())
			}
			matmulSerial(&s.matmul, formNN, queries(dq), dense(ds, i1-i0, n), keys(k), true)
			matmulSerial(&s.matmul, formTN, keys(dk), dense(ds, i1-i0, n), queries(q), true)
		}
	})
}
