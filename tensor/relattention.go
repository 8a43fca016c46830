package tensor

import (
	"slices"

	"godwit/kernels"
)

// RelativeAttention says over what the operation of that name works. T is the
// number of tokens of all sequences together, d the width of a head. The slices
// must not change until the backward pass is over.
type RelativeAttention struct {
	Offsets []int32 // sequence b has the tokens Offsets[b]:Offsets[b+1]
	Heads   int
	// TypeIDs are the segments of the T tokens. Two tokens are of the same segment
	// or of two, no matter which. Nil takes the term of segments away.
	TypeIDs []int32
	// Queries are the tokens that ask, ascending: the query stream of permutation
	// language modelling. Nil stands for all, the content stream, in which a token
	// sees itself whatever Hidden says.
	Queries []int32
	// Hidden has n² elements for a sequence of n tokens, one sequence after the
	// other: element i·n+j is true where a query at position i of the sequence must
	// not see the key at position j. Nil hides nothing.
	Hidden []bool
	// RWBias, RRBias and RSBias, [Heads, d], are added to queries before they meet
	// keys, distances and segments.
	RWBias, RRBias, RSBias *Tensor
	// SegEmbed, [2, Heads, d], are the keys of the same and of another segment.
	// Without TypeIDs, RSBias and SegEmbed may be nil.
	SegEmbed *Tensor
	Dropout  float32 // probability with which attention probabilities are dropped while dropout is on
}

// RelativeAttention returns the attention of XLNet (Yang et al., arXiv
// 1906.08237; Dai et al., arXiv 1901.02860), heads side by side, one row for each
// query. For the query at position i and the key at position j of a sequence
//
//	score = ((q_i + RWBias)·k_j + (q_i + RRBias)·r_{i-j} + (q_i + RSBias)·SegEmbed[s]) / √d
//
// with s = 0 where both are of one segment, else 1. Hidden keys have exactly the
// probability 0. A query that sees no key at all has the same probability for
// all keys of its sequence, and passes gradients on as if their scores had made
// it so: both are what Hugging Face's scores of -10³⁰ come to.
//
// q is [T, H], or [len(Queries), H]; k and v are [T, H]. r is [2N-1, H], the
// projected encodings of the distances N-1, …, -(N-1), where N is at least the
// length of the longest sequence; what is beyond changes no result.
// Probabilities are not kept for the backward pass: they are computed again, to
// the same bits.
func (tp *Tape) RelativeAttention(q, k, v, r *Tensor, a RelativeAttention) *Tensor {
	a.check(q, k, v, r)
	op := kernels.RelativeAttention{Offsets: a.Offsets, Heads: a.Heads, Queries: a.Queries, TypeIDs: a.TypeIDs, Hidden: a.Hidden}
	if tp.train && a.Dropout > 0 {
		op.Dropout, op.Key = a.Dropout, tp.nextSite()
	}
	y := tp.New(q.Rows(), q.Cols())
	x := a.operands(q, k, v, r, func(t *Tensor) []float32 { return t.Data })
	op.Forward(y.matrix(), &x)
	if tp.recording {
		tp.record(y, func() {
			dx := a.operands(q, k, v, r, tp.gradientToAddTo)
			op.Backward(&dx, y.matrixOf(y.Grad), &x)
		})
	}
	return y
}

// operands collects the data, or the gradients, of all inputs.
func (a *RelativeAttention) operands(q, k, v, r *Tensor, of func(*Tensor) []float32) kernels.RelativeOperands {
	x := kernels.RelativeOperands{
		Q: q.matrixOf(of(q)), K: k.matrixOf(of(k)), V: v.matrixOf(of(v)), R: r.matrixOf(of(r)),
		RWBias: of(a.RWBias), RRBias: of(a.RRBias),
	}
	if a.TypeIDs != nil {
		x.RSBias, x.SegEmbed = of(a.RSBias), of(a.SegEmbed)
	}
	return x
}

func (a *RelativeAttention) check(q, k, v, r *Tensor) {
	const op = "RelativeAttention"
	tokens, width := k.Rows(), k.Cols()
	mustMatch(op, len(a.Offsets) > 0, "no Offsets, k %v", k.Shape)
	longest, elements, end := 0, 0, int32(0)
	for b, o := range a.Offsets {
		mustMatch(op, o >= end && (b > 0 || o == 0), "offset %d after %d", o, end)
		n := int(o - end)
		longest, elements, end = max(longest, n), elements+n*n, o
	}
	mustMatch(op, a.Heads > 0 && width%a.Heads == 0 && q.Cols() == width && k.sameMatrix(v) && int(end) == tokens,
		"q %v, k %v, v %v, %d heads, %d tokens in offsets", q.Shape, k.Shape, v.Shape, a.Heads, end)
	if a.Queries == nil {
		mustMatch(op, q.Rows() == tokens, "q %v, k %v, and no Queries", q.Shape, k.Shape)
	} else {
		mustMatch(op, q.Rows() == len(a.Queries), "q %v, %d Queries", q.Shape, len(a.Queries))
	}
	for i, t := range a.Queries {
		mustMatch(op, t >= 0 && int(t) < tokens && (i == 0 || t > a.Queries[i-1]), "Queries are not ascending tokens of k %v: number %d is %d", k.Shape, i, t)
	}
	mustMatch(op, r.Cols() == width && r.Rows()%2 == 1 && r.Rows() >= 2*longest-1, "r %v, k %v, longest sequence %d", r.Shape, k.Shape, longest)
	mustMatch(op, a.Hidden == nil || len(a.Hidden) == elements, "%d elements in Hidden, sequences of k %v have %d", len(a.Hidden), k.Shape, elements)
	d := width / a.Heads
	bias := func(b *Tensor, name string) {
		mustMatch(op, b != nil, "%s is missing, k %v", name, k.Shape)
		mustMatch(op, b.Rows() == a.Heads && b.Cols() == d, "%s %v, k %v of %d heads", name, b.Shape, k.Shape, a.Heads)
	}
	bias(a.RWBias, "RWBias")
	bias(a.RRBias, "RRBias")
	if a.TypeIDs != nil {
		mustMatch(op, len(a.TypeIDs) == tokens, "%d TypeIDs, k %v", len(a.TypeIDs), k.Shape)
		bias(a.RSBias, "RSBias")
		mustMatch(op, a.SegEmbed != nil, "SegEmbed is missing, k %v", k.Shape)
		mustMatch(op, slices.Equal(a.SegEmbed.Shape, []int{2, a.Heads, d}), "SegEmbed %v, k %v of %d heads", a.SegEmbed.Shape, k.Shape, a.Heads)
	}
}
