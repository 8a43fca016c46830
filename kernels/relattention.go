package kernels

import (
	"math"
	"slices"
	"sync"
)

// RelativeAttention is the attention of XLNet (Yang et al., arXiv 1906.08237,
// after Dai et al., arXiv 1901.02860) over a ragged batch, with no memory of
// earlier segments. For a query at position i of a sequence and a key at j
//
//	score = ((q_i + w)·k_j + (q_i + r)·R_{i-j} + (q_i + s)·S_{i,j}) / √d
//
// where R holds an encoding of each distance, S is one vector for tokens of one
// segment and another for tokens of two, and w, r and s are biases of a head.
// Hidden keys have the probability 0; a query that sees no key at all spreads
// its probability evenly over the keys of its sequence.
//
// Sequence b owns rows Offsets[b]:Offsets[b+1] of k and v [T, H], head h owns
// columns h·d:(h+1)·d with d = H/Heads.
type RelativeAttention struct {
	Offsets []int32
	Heads   int
	// Queries are the rows of tokens that ask, ascending; q has one row for each.
	// Nil stands for all tokens, each of which sees itself whatever Hidden says.
	Queries []int32
	// TypeIDs are the segments of the tokens. Nil takes the term S away.
	TypeIDs []int32
	// Hidden has n² elements for a sequence of n tokens, one sequence after the
	// other: element i·n+j is true where a query at i must not see the key at j.
	Hidden  []bool
	Dropout float32 // probability, 0 for none
	Key     DropoutKey
}

// RelativeOperands are the inputs of RelativeAttention, or their gradients.
type RelativeOperands struct {
	Q, K, V Matrix
	// R is [2N-1, H], N not less than the longest sequence: rows are for the
	// distances i-j = N-1, …, -(N-1).
	R Matrix
	// RWBias, RRBias and RSBias (w, r and s) are [Heads, d]; SegEmbed is
	// [2, Heads, d], tokens of one segment first. RSBias and SegEmbed are not
	// looked at without TypeIDs.
	RWBias, RRBias, RSBias, SegEmbed []float32
}

// segments returns the vectors of tokens of one and of two segments, [Heads, d].
func (x *RelativeOperands) segments() (same, other []float32) {
	half := len(x.SegEmbed) / 2
	return x.SegEmbed[:half], x.SegEmbed[half:]
}

const (
	// relativeRows is how many queries are scored at once; a multiple of 64, so
	// that each block begins at a multiple of 64 elements, as Dropout asks.
	relativeRows = 64
	// shiftRows is how many of them share one product with the distances. One
	// query needs n distances, neighbours need one more each.
	shiftRows = 8
	// chunkTokens is how many tokens share one sum of the gradients of R and the
	// biases; the sums are added in order. It is part of the definition of results.
	chunkTokens = 512
)

// relativeSequence is where the parts of one sequence are.
type relativeSequence struct {
	key, n     int  // its first row of k and v, and how many
	query, m   int  // the same of q
	mask, list int  // where its elements of Hidden and of relativeBatch.hiddenKeys begin
	segments   bool // it has more than one
}

// relativeBatch is what the heads of a batch share.
type relativeBatch struct {
	sequences []relativeSequence
	longest   int
	r         []Packed // of each head: Rᵀ [d, 2·longest-1]
	// hiddenKeys lists for each query the keys that it must not see, n places a
	// query of which hiddenCount are used. Heads would otherwise search the mask anew.
	hiddenKeys  []int32
	hiddenCount []int32
	chunks      []relativeChunk
	sums        []float32
}

// relativeChunk is a run of sequences whose gradients of R and the biases are summed.
type relativeChunk struct {
	s0, s1  int // sequences
	longest int
	sums    int // where in relativeBatch.sums those of the first head begin
}

// The sums of a head are rows of d elements: one for each distance of the chunk's
// longest sequence, then these.
const (
	sumOfRW = iota
	sumOfRR
	sumOfRS
	sumOfSame // of the vector of one segment; that of two gets the opposite
	otherSums // how many they are
)

func (c *relativeChunk) distances() int { return 2*c.longest - 1 }
func (c *relativeChunk) sumRows() int   { return c.distances() + otherSums }

// otherSum returns one of the sums above.
func otherSum(sums Matrix, which int) []float32 {
	return sums.Data[(sums.Rows-otherSums+which)*sums.Stride:][:sums.Cols]
}

// relativeScratch is what one worker needs for one head.
type relativeScratch struct {
	matmul                   matmulScratch
	k, v, kRows              Packed    // Kᵀ; V or Vᵀ; K
	qw, qr, dqw, dqr         []float32 // [relativeRows, d]
	qs, segments, column     []float32 // [d]
	same                     []float32 // 1 for each token of the query's segment, else 0
	shifted                  []float32
	scores, dropped, dscores []float32
}

var (
	relativeBatches   = sync.Pool{New: func() any { return new(relativeBatch) }}
	relativeScratches = sync.Pool{New: func() any { return new(relativeScratch) }}
)

// plan works out what the heads share.
func (a *RelativeAttention) plan(x *RelativeOperands) *relativeBatch {
	batch := relativeBatches.Get().(*relativeBatch)
	batch.sequences, batch.longest = batch.sequences[:0], 0
	var s relativeSequence
	for _, end := range a.Offsets[1:] {
		s.n = int(end) - s.key
		s.m = s.n
		if a.Queries != nil {
			s.m, _ = slices.BinarySearch(a.Queries[s.query:], end)
		}
		s.segments = a.TypeIDs != nil && slices.ContainsFunc(a.TypeIDs[s.key:end], func(t int32) bool { return t != a.TypeIDs[s.key] })
		batch.sequences = append(batch.sequences, s)
		batch.longest = max(batch.longest, s.n)
		s.key, s.query = s.key+s.n, s.query+s.m
		s.mask, s.list = s.mask+s.n*s.n, s.list+s.m*s.n
	}
	if a.Hidden != nil {
		a.listHidden(batch, s.query, s.list)
	}
	if batch.longest > 0 {
		if len(batch.r) < a.Heads {
			batch.r = append(batch.r, make([]Packed, a.Heads-len(batch.r))...)
		}
		d, middle := x.R.Cols/a.Heads, x.R.Rows/2
		Parallel(a.Heads, func(h, _ int) {
			batch.r[h].packSerial(x.R.block(middle-batch.longest+1, middle+batch.longest, h*d, (h+1)*d), true)
		})
	}
	return batch
}

func (a *RelativeAttention) listHidden(batch *relativeBatch, queries, elements int) {
	batch.hiddenCount = growInts(batch.hiddenCount, queries)
	batch.hiddenKeys = growInts(batch.hiddenKeys, elements)
	Parallel(len(batch.sequences), func(b, _ int) {
		s := batch.sequences[b]
		for i := range s.m {
			p := a.position(s, i)
			list := batch.hiddenKeys[s.list+i*s.n:][:0:s.n]
			for j, hidden := range a.Hidden[s.mask+p*s.n:][:s.n] {
				if hidden && (a.Queries != nil || j != p) {
					list = append(list, int32(j))
				}
			}
			batch.hiddenCount[s.query+i] = int32(len(list))
		}
	})
}

func growInts(x []int32, n int) []int32 {
	if cap(x) < n {
		return make([]int32, n)
	}
	return x[:n]
}

// position returns where in its sequence query i of s is.
func (a *RelativeAttention) position(s relativeSequence, i int) int {
	if a.Queries == nil {
		return i
	}
	return int(a.Queries[s.query+i]) - s.key
}

// relativeHead is one head of one sequence.
type relativeHead struct {
	head
	relativeSequence
	a     *RelativeAttention
	batch *relativeBatch
	s     *relativeScratch
	x     *RelativeOperands
}

func (a *RelativeAttention) head(batch *relativeBatch, s *relativeScratch, x *RelativeOperands, sequence, h int) relativeHead {
	q := batch.sequences[sequence]
	d := x.K.Cols / a.Heads
	// The numbers of dropout are shared out as in Attention.
	first := uint64(q.key)*uint64(a.Heads)<<16 + uint64(h)*(uint64(q.n*q.n+63)&^63)
	return relativeHead{head{q.key, q.key + q.n, h * d, (h + 1) * d, first}, q, a, batch, s, x}
}

func (h *relativeHead) d() int { return h.c1 - h.c0 }

func (h *relativeHead) position(i int) int { return h.a.position(h.relativeSequence, i) }

func (h *relativeHead) keys(m Matrix) Matrix { return m.block(h.r0, h.r1, h.c0, h.c1) }

func (h *relativeHead) queries(m Matrix, i0, i1 int) Matrix {
	return m.block(h.query+i0, h.query+i1, h.c0, h.c1)
}

// addBias writes the queries i0:i1 plus a bias to dst.
func (h *relativeHead) addBias(dst []float32, bias []float32, i0, i1 int) []float32 {
	d := h.d()
	dst = grow(dst, relativeRows*d)
	q := h.queries(h.x.Q, i0, i1)
	for i := range q.Rows {
		Add(dst[i*d:(i+1)*d], q.Data[i*q.Stride:][:d], bias[h.c0:h.c1])
	}
	return dst[:q.Rows*d]
}

// prepare packs what all blocks of queries need for their scores.
func (h *relativeHead) prepare() {
	s := h.s
	s.k.packSerial(h.keys(h.x.K), true)
	if h.segments {
		s.qs, s.segments, s.same = grow(s.qs, h.d()), grow(s.segments, h.d()), grow(s.same, h.n)
		same, other := h.x.segments()
		for i := range s.segments {
			s.segments[i] = same[h.c0+i] - other[h.c0+i]
		}
	}
}

// probabilities fills s.scores with the probabilities of the queries i0:i1,
// s.qw and s.qr with what is multiplied with the keys and the distances.
func (h *relativeHead) probabilities(i0, i1 int) []float32 {
	s, n, d := h.s, h.n, h.d()
	s.scores = grow(s.scores, relativeRows*n)
	p := s.scores[:(i1-i0)*n]

	s.qw = h.addBias(s.qw, h.x.RWBias, i0, i1)
	s.productPacked(dense(p, i1-i0, n), dense(s.qw, i1-i0, d), &s.k, 0, n)

	s.qr = h.addBias(s.qr, h.x.RRBias, i0, i1)
	h.addDistances(p, i0, i1)
	if h.segments {
		h.eachSegment(i0, i1, func(i int) {
			Axpy(p[i*n:(i+1)*n], Dot(s.qs, s.segments), s.same)
		})
	}
	for i := range i1 - i0 {
		row := p[i*n : (i+1)*n]
		if hidden := h.hiddenFrom(i0 + i); len(hidden) > 0 {
			softmaxWithout(row, hidden, h.scale())
		} else {
			Softmax(row, row, h.scale())
		}
	}
	return p
}

// addDistances adds (q_i + r)·R_{i-j} to the scores. Column c of the product with
// all distances is the distance longest-1-c, so that query i finds key j in
// column j + longest-1-i: each row is read from one column less than that before.
func (h *relativeHead) addDistances(p []float32, i0, i1 int) {
	s, n, d := h.s, h.n, h.d()
	r := &h.batch.r[h.c0/d]
	s.shifted = grow(s.shifted, shiftRows*r.n)
	for t0 := i0; t0 < i1; t0 += shiftRows {
		t1 := min(i1, t0+shiftRows)
		start := func(i int) int { return h.batch.longest - 1 - h.position(i) }
		s.productPacked(dense(s.shifted, t1-t0, r.n), dense(s.qr[(t0-i0)*d:], t1-t0, d), r, start(t1-1), start(t0)+n)
		for i := t0; i < t1; i++ {
			row := p[(i-i0)*n : (i-i0+1)*n]
			Add(row, row, s.shifted[(i-t0)*r.n+start(i):][:n])
		}
	}
}

// eachSegment calls f for the queries i0:i1, numbered from 0, with s.qs = q_i + s
// and s.same telling the keys of the query's segment. A softmax does not change
// where all its scores do, so that the vector of two segments is taken from that
// of one, and the term is (q_i + s)·s.segments for keys of the same segment.
func (h *relativeHead) eachSegment(i0, i1 int, f func(i int)) {
	s, q := h.s, h.queries(h.x.Q, i0, i1)
	types := h.a.TypeIDs[h.r0:h.r1]
	for i := range q.Rows {
		mine := types[h.position(i0+i)]
		if i == 0 || mine != types[h.position(i0+i-1)] {
			for j, t := range types {
				s.same[j] = 0
				if t == mine {
					s.same[j] = 1
				}
			}
		}
		Add(s.qs, q.Data[i*q.Stride:][:h.d()], h.x.RSBias[h.c0:h.c1])
		f(i)
	}
}

// hiddenFrom lists the keys that query i must not see.
func (h *relativeHead) hiddenFrom(i int) []int32 {
	if h.a.Hidden == nil {
		return nil
	}
	return h.batch.hiddenKeys[h.list+i*h.n:][:h.batch.hiddenCount[h.query+i]]
}

// softmaxWithout replaces the scores x by their Softmax over all but the hidden
// elements, which become 0; if all are hidden, by 1/n each. The hidden get a
// harmless exponent first: machines take long over e^-∞.
func softmaxWithout(x []float32, hidden []int32, scale float32) {
	if len(hidden) == len(x) {
		clear(x)
		Softmax(x, x, scale)
		return
	}
	set := func(value float32) {
		for _, j := range hidden {
			x[j] = value
		}
	}
	v := &current.vec
	set(float32(math.Inf(-1)))
	high := v.max(x)
	set(high)
	v.expSub(x, x, high, scale)
	set(0)
	v.scale(x, 1/v.sum(x), x)
}

// Forward writes the context vectors, one row for each query, to out.
func (a *RelativeAttention) Forward(out Matrix, x *RelativeOperands) {
	batch := a.plan(x)
	Parallel(len(batch.sequences)*a.Heads, func(task, _ int) {
		if batch.sequences[task/a.Heads].m == 0 {
			return
		}
		s := relativeScratches.Get().(*relativeScratch)
		h := a.head(batch, s, x, task/a.Heads, task%a.Heads)
		h.prepare()
		s.v.packSerial(h.keys(x.V), false)
		for i0 := 0; i0 < h.m; i0 += relativeRows {
			i1 := min(h.m, i0+relativeRows)
			p := h.probabilities(i0, i1)
			if a.Dropout > 0 {
				Dropout(p, p, a.Key, h.first+uint64(i0*h.n), a.Dropout)
			}
			s.productPacked(h.queries(out, i0, i1), dense(p, i1-i0, h.n), &s.v, 0, h.d())
		}
		relativeScratches.Put(s)
	})
	relativeBatches.Put(batch)
}

// Backward adds the gradients of all operands to dx, given that of the output.
//
// With P the probabilities and D = dropout(P): dV = Dᵀ dO, dD = dO Vᵀ,
// dP = dropout'(dD), dS = P (dP - Σ P dP)/√d. dS goes to the queries, keys and
// biases by the product with the keys, and once more, each row shifted to where
// its distances are, by that with R. A query that sees no key passes on the
// gradient of its even probabilities as if the scores had made them.
func (a *RelativeAttention) Backward(dx *RelativeOperands, dout Matrix, x *RelativeOperands) {
	batch := a.plan(x)
	d := x.K.Cols / a.Heads
	batch.split(a.Heads * d)
	Parallel(len(batch.chunks)*a.Heads, func(task, _ int) {
		c, head := &batch.chunks[task/a.Heads], task%a.Heads
		sums := batch.sumsOf(c, head, d)
		clear(sums.Data)
		s := relativeScratches.Get().(*relativeScratch)
		for b := c.s0; b < c.s1; b++ {
			if batch.sequences[b].m > 0 {
				h := a.head(batch, s, x, b, head)
				h.backward(dx, dout, sums)
			}
		}
		relativeScratches.Put(s)
	})
	a.addSums(batch, dx)
	relativeBatches.Put(batch)
}

// split divides the sequences into chunks and makes room for their sums.
func (batch *relativeBatch) split(width int) {
	batch.chunks = batch.chunks[:0]
	tokens, total := chunkTokens, 0
	for b, s := range batch.sequences {
		if tokens >= chunkTokens {
			batch.chunks = append(batch.chunks, relativeChunk{s0: b, longest: 1})
			tokens = 0
		}
		c := &batch.chunks[len(batch.chunks)-1]
		c.s1, c.longest = b+1, max(c.longest, s.n)
		tokens += s.n
	}
	for i := range batch.chunks {
		batch.chunks[i].sums = total
		total += batch.chunks[i].sumRows() * width
	}
	batch.sums = grow(batch.sums, total)
}

// sumsOf returns the sums of a chunk for one head.
func (batch *relativeBatch) sumsOf(c *relativeChunk, head, d int) Matrix {
	size := c.sumRows() * d
	return dense(batch.sums[c.sums+head*size:][:size], c.sumRows(), d)
}

// addSums adds the sums of the chunks to the gradients, in order.
func (a *RelativeAttention) addSums(batch *relativeBatch, dx *RelativeOperands) {
	d, middle := dx.K.Cols/a.Heads, dx.R.Rows/2
	const rows = 32 // of R in a task
	tasks := (2*batch.longest + rows) / rows
	Parallel(a.Heads*tasks, func(task, _ int) {
		h, part := task/tasks, task%tasks
		u0 := middle - batch.longest + 1 + part*rows
		for i := range batch.chunks {
			c := &batch.chunks[i]
			sums := batch.sumsOf(c, h, d)
			first := middle - c.longest + 1
			for u := max(u0, first); u < min(u0+rows, first+c.distances()); u++ {
				row := dx.R.Data[u*dx.R.Stride+h*d:][:d]
				Add(row, row, sums.Data[(u-first)*d:][:d])
			}
			if part == 0 {
				a.addOtherSums(sums, dx, h*d, (h+1)*d)
			}
		}
	})
}

func (a *RelativeAttention) addOtherSums(sums Matrix, dx *RelativeOperands, c0, c1 int) {
	add := func(dst []float32, which int) { Add(dst[c0:c1], dst[c0:c1], otherSum(sums, which)) }
	add(dx.RWBias, sumOfRW)
	add(dx.RRBias, sumOfRR)
	if a.TypeIDs != nil {
		same, other := dx.segments()
		add(dx.RSBias, sumOfRS)
		add(same, sumOfSame)
		Axpy(other[c0:c1], -1, otherSum(sums, sumOfSame))
	}
}

// backward adds the gradients of one head of one sequence. sums has the rows of
// relativeChunk.sumRows.
func (h *relativeHead) backward(dx *RelativeOperands, dout, sums Matrix) {
	s, a, n := h.s, h.a, h.n
	h.prepare()
	s.kRows.packSerial(h.keys(h.x.K), false)
	s.v.packSerial(h.keys(h.x.V), true)
	for i0 := 0; i0 < h.m; i0 += relativeRows {
		i1 := min(h.m, i0+relativeRows)
		rows := i1 - i0
		p := h.probabilities(i0, i1)
		first := h.first + uint64(i0*n)
		dropped := p
		if a.Dropout > 0 {
			s.dropped = grow(s.dropped, relativeRows*n)
			dropped = s.dropped[:len(p)]
			Dropout(dropped, p, a.Key, first, a.Dropout)
		}
		matmulSerial(&s.matmul, formTN, h.keys(dx.V), dense(dropped, rows, n), h.queries(dout, i0, i1), true)

		s.dscores = grow(s.dscores, relativeRows*n)
		ds := s.dscores[:len(p)]
		s.productPacked(dense(ds, rows, n), h.queries(dout, i0, i1), &s.v, 0, n)
		if a.Dropout > 0 {
			Dropout(ds, ds, a.Key, first, a.Dropout)
		}
		for i := range rows {
			SoftmaxGrad(ds[i*n:(i+1)*n], p[i*n:(i+1)*n], ds[i*n:(i+1)*n], h.scale())
		}
		h.contentGrad(dx, sums, ds, i0, i1)
		h.distanceGrad(dx, sums, ds, i0, i1)
		if h.segments {
			h.segmentGrad(dx, sums, ds, i0, i1)
		}
	}
}

// contentGrad is of (q_i + w)·k_j.
func (h *relativeHead) contentGrad(dx *RelativeOperands, sums Matrix, ds []float32, i0, i1 int) {
	s, d := h.s, h.d()
	s.dqw = grow(s.dqw, relativeRows*d)
	dqw, qw := dense(s.dqw, i1-i0, d), dense(s.qw, i1-i0, d)
	m := dense(ds, i1-i0, h.n)
	s.productPacked(dqw, m, &s.kRows, 0, d)
	matmulSerial(&s.matmul, formTN, h.keys(dx.K), m, qw, true)
	h.addQueryGrad(dx, dqw, otherSum(sums, sumOfRW), i0, i1)
}

// distanceGrad is of (q_i + r)·R_{i-j}: row i of dS is moved to the columns of its distances.
func (h *relativeHead) distanceGrad(dx *RelativeOperands, sums Matrix, ds []float32, i0, i1 int) {
	s, n, d := h.s, h.n, h.d()
	last := h.position(i1 - 1)
	width := n + last - h.position(i0)
	s.shifted = grow(s.shifted, (i1-i0)*width)
	clear(s.shifted)
	for i := i0; i < i1; i++ {
		at := (i-i0)*width + last - h.position(i)
		copy(s.shifted[at:at+n], ds[(i-i0)*n:])
	}
	shifted := dense(s.shifted, i1-i0, width)
	u := h.x.R.Rows/2 - last // row of the first distance
	s.dqr = grow(s.dqr, relativeRows*d)
	dqr, qr := dense(s.dqr, i1-i0, d), dense(s.qr, i1-i0, d)
	matmulSerial(&s.matmul, formNN, dqr, shifted, h.x.R.block(u, u+width, h.c0, h.c1), false)
	u = (sums.Rows-otherSums)/2 - last
	matmulSerial(&s.matmul, formTN, sums.block(u, u+width, 0, d), shifted, qr, true)
	h.addQueryGrad(dx, dqr, otherSum(sums, sumOfRR), i0, i1)
}

// segmentGrad is of (q_i + s)·S_{i,j}. As the scores of a query change nothing
// together, the gradients of both vectors of S are opposite.
func (h *relativeHead) segmentGrad(dx *RelativeOperands, sums Matrix, ds []float32, i0, i1 int) {
	s, d := h.s, h.d()
	s.dqr = grow(s.dqr, relativeRows*d)
	dq := dense(s.dqr, i1-i0, d)
	h.eachSegment(i0, i1, func(i int) {
		g := Dot(ds[i*h.n:(i+1)*h.n], s.same)
		Scale(dq.Data[i*d:(i+1)*d], g, s.segments)
		Axpy(otherSum(sums, sumOfSame), g, s.qs)
	})
	h.addQueryGrad(dx, dq, otherSum(sums, sumOfRS), i0, i1)
}

// addQueryGrad adds rows to the gradient of the queries i0:i1, and their sum to
// that of the bias that was added to the queries.
func (h *relativeHead) addQueryGrad(dx *RelativeOperands, g Matrix, bias []float32, i0, i1 int) {
	s, d := h.s, h.d()
	s.column = grow(s.column, d)
	clear(s.column)
	dq := h.queries(dx.Q, i0, i1)
	for i := range g.Rows {
		row := g.Data[i*d : (i+1)*d]
		Add(s.column, s.column, row)
		Add(dq.Data[i*dq.Stride:][:d], dq.Data[i*dq.Stride:][:d], row)
	}
	Add(bias, bias, s.column)
}

// packSerial packs b, or its transpose, without the pool.
func (p *Packed) packSerial(b Matrix, transposed bool) {
	p.shape(b, transposed)
	for i := range p.panels {
		p.fillPanel(i, b, transposed)
	}
}

// productPacked computes C = A B for the columns c0:c1 of B, and what else is in
// the panels that have them, without the pool.
func (s *relativeScratch) productPacked(c, a Matrix, b *Packed, c0, c1 int) {
	p0 := c0 / b.width()
	p1 := p0
	for p1 < len(b.panels) && b.panels[p1].column < c1 {
		p1++
	}
	b.block(&s.matmul.tile, formNN, c, a, false, 0, a.Rows, p0, p1)
}
