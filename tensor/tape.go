package tensor

import (
	"fmt"

	"godwit/kernels"
)

// Tape runs operations. A recording tape also remembers them, for Backward.
//
// One step of training is Reset, forward operations, one loss, Backward.
// All tensors that the operations return live until the next Reset.
type Tape struct {
	arena     Arena
	recording bool
	nodes     []node

	// Tensor headers and shapes are reused from step to step as well.
	headers []*Tensor
	taken   int

	seed  uint64
	step  uint32
	site  uint32
	train bool
}

type node struct {
	output   *Tensor
	backward func()
}

// NewTape returns a tape that records for Backward.
func NewTape() *Tape { return &Tape{recording: true} }

// NewInference returns a tape that runs operations and keeps nothing:
// dropout is off, and Backward panics.
func NewInference() *Tape { return &Tape{} }

// Recording reports whether the tape keeps what Backward needs.
func (tp *Tape) Recording() bool { return tp.recording }

// Reset takes back all tensors of the last step.
// The values of dropout in the coming step are determined by seed and step.
func (tp *Tape) Reset(seed uint64, step uint32) {
	tp.arena.Reset()
	clear(tp.nodes)
	tp.nodes = tp.nodes[:0]
	tp.taken = 0
	tp.seed, tp.step, tp.site = seed, step, 0
}

// SetDropout switches dropout on or off. It is off on a new tape.
func (tp *Tape) SetDropout(on bool) { tp.train = on && tp.recording }

// MemoryBytes returns the size of the tape's arena.
func (tp *Tape) MemoryBytes() int { return 4 * tp.arena.Len() }

// New returns a tensor on the tape with unspecified contents.
func (tp *Tape) New(shape ...int) *Tensor {
	t := tp.header(shape)
	t.Data = tp.arena.Alloc(size(shape))
	t.wantsGrad = tp.recording
	return t
}

func (tp *Tape) header(shape []int) *Tensor {
	if tp.taken == len(tp.headers) {
		tp.headers = append(tp.headers, new(Tensor))
	}
	t := tp.headers[tp.taken]
	tp.taken++
	*t = Tensor{Shape: append(t.Shape[:0], shape...)}
	return t
}

// Discard runs f and takes back every tensor that f made, on a tape that does
// not record: what f wants to keep it must copy into tensors made before.
func (tp *Tape) Discard(f func()) {
	if tp.recording {
		panic("tensor: Discard on a recording tape")
	}
	m, taken := tp.arena.mark(), tp.taken
	f()
	tp.arena.release(m)
	tp.taken = taken
}

// record remembers how to pass the gradient of output on to its inputs.
func (tp *Tape) record(output *Tensor, backward func()) {
	tp.nodes = append(tp.nodes, node{output, backward})
}

// Backward computes the gradients of all parameters that the losses on the
// tape depend on, and adds them to those that are there since ZeroGrad.
func (tp *Tape) Backward() {
	if !tp.recording {
		panic("tensor: Backward on a tape that does not record")
	}
	for i := len(tp.nodes) - 1; i >= 0; i-- {
		n := tp.nodes[i]
		if n.output != nil && !n.output.hasGrad {
			continue // nothing downstream asked for it
		}
		n.backward()
		if n.output != nil {
			tp.arena.Free(n.output.Grad)
			n.output.Grad, n.output.hasGrad = nil, false
		}
	}
	clear(tp.nodes)
	tp.nodes = tp.nodes[:0]
}

// gradient returns the place of t's gradient and whether a contribution is
// there already, to be added to; if not, all of it must be written.
func (tp *Tape) gradient(t *Tensor) (g []float32, accumulate bool) {
	if t.Grad == nil {
		if t.parameter {
			t.Grad = alignedSlice(len(t.Data))
		} else {
			t.Grad = tp.arena.Alloc(len(t.Data))
		}
	}
	accumulate = t.hasGrad
	t.hasGrad, t.onlyRows = true, false
	return t.Grad, accumulate
}

// gradientOfRows returns the place of t's gradient, to be added to in the
// given rows alone. What is not 0 there is a contribution of this step.
func (tp *Tape) gradientOfRows(t *Tensor, rows []int32) []float32 {
	known := t.parameter && t.onlyRows
	g, accumulate := tp.gradient(t)
	h := t.Cols()
	switch {
	case accumulate && !known:
		return g
	case accumulate:
	case known:
		for _, r := range t.gradRows {
			clear(g[int(r)*h : int(r+1)*h])
			t.inRows[r] = false
		}
		t.gradRows = t.gradRows[:0]
	default:
		const piece = 1 << 16
		kernels.Parallel((len(g)+piece-1)/piece, func(i, _ int) { clear(g[i*piece : min(len(g), (i+1)*piece)]) })
		if !t.parameter {
			return g
		}
		t.gradRows, t.inRows = t.gradRows[:0], make([]bool, t.Rows())
	}
	t.onlyRows = true
	for _, r := range rows {
		if !t.inRows[r] {
			t.inRows[r] = true
			t.gradRows = append(t.gradRows, r)
		}
	}
	return g
}

// gradientToAddTo returns the place of t's gradient, zero unless a contribution
// is there. That of a constant is memory of this step which t never hears of.
func (tp *Tape) gradientToAddTo(t *Tensor) []float32 {
	if !t.wantsGrad {
		g := tp.arena.Alloc(len(t.Data))
		clear(g)
		return g
	}
	g, accumulate := tp.gradient(t)
	if !accumulate {
		clear(g)
	}
	return g
}

// rowChunk is the number of rows that are one unit of work in token-wise
// operations, and the number of rows whose sum is taken before sums are added.
// It is part of the definition of results: it must not depend on the machine.
// It is a multiple of 64, as dropout asks.
const rowChunk = 64

// forRows runs f over chunks of rows on all cores.
func forRows(rows int, f func(r0, r1, worker int)) {
	chunks := (rows + rowChunk - 1) / rowChunk
	kernels.Parallel(chunks, func(task, worker int) {
		f(task*rowChunk, min(rows, (task+1)*rowChunk), worker)
	})
}

// sumRows gives sum over rows r of what add(r0, r1, into) adds up for each
// chunk of rows, the chunks' sums being added in order. The result, n
// elements, is written or added to dst.
func (tp *Tape) sumRows(rows, n int, dst []float32, accumulate bool, add func(r0, r1 int, into []float32)) {
	chunks := (rows + rowChunk - 1) / rowChunk
	partial := tp.arena.Alloc(chunks * n)
	kernels.Parallel(chunks, func(task, _ int) {
		into := partial[task*n : (task+1)*n]
		clear(into)
		add(task*rowChunk, min(rows, (task+1)*rowChunk), into)
	})
	if !accumulate {
		clear(dst)
	}
	for c := range chunks {
		kernels.Add(dst, dst, partial[c*n:(c+1)*n])
	}
	tp.arena.Free(partial)
}

func (tp *Tape) nextSite() kernels.DropoutKey {
	tp.site++
	return kernels.DropoutKey{Seed: tp.seed, Step: tp.step, Site: tp.site}
}

func mustMatch(op string, ok bool, format string, args ...any) {
	if !ok {
		panic("tensor: " + op + ": " + fmt.Sprintf(format, args...))
	}
}
