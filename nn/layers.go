package nn

import "godwit/tensor"

// Linear is y = act(x Wᵀ + b).
type Linear struct {
	Weight *tensor.Tensor `name:"weight"` // [out, in]
	Bias   *tensor.Tensor `name:"bias"`   // [out]
}

// NewLinear returns a layer of zeros from in to out features.
func NewLinear(in, out int) *Linear {
	return &Linear{tensor.NewParameter(out, in), tensor.NewParameter(out)}
}

// Forward maps x [T, in] to [T, out]; act may be nil.
func (l *Linear) Forward(tp *tensor.Tape, x *tensor.Tensor, act *tensor.Activation) *tensor.Tensor {
	return tp.Linear(x, l.Weight, l.Bias, act)
}

// Embedding is a table of vectors, one a row.
type Embedding struct {
	Weight *tensor.Tensor `name:"weight"` // [rows, features]

	padding int32 // the row that lookups do not train, or -1
}

// NewEmbedding returns a table of zeros.
func NewEmbedding(rows, features int) *Embedding {
	return &Embedding{tensor.NewParameter(rows, features), -1}
}

// WithPadding names the row of the padding token, which gets no gradient from
// lookups; -1 for none.
func (e *Embedding) WithPadding(row int32) *Embedding {
	e.padding = row
	return e
}

// Lookup names rows of the table for [tensor.Tape.EmbeddingSum].
func (e *Embedding) Lookup(ids []int32) tensor.Lookup {
	return tensor.Lookup{Table: e.Weight, IDs: ids, Frozen: e.padding + 1}
}

// LayerNorm normalises each row to mean 0 and variance 1, then scales and
// shifts it (Ba et al., arXiv 1607.06450).
type LayerNorm struct {
	Weight  *tensor.Tensor `name:"weight"` // [features], γ
	Bias    *tensor.Tensor `name:"bias"`   // [features], β
	Epsilon float32
}

// NewLayerNorm returns the layer with γ = 1 and β = 0.
func NewLayerNorm(features int, epsilon float64) *LayerNorm {
	l := &LayerNorm{tensor.NewParameter(features), tensor.NewParameter(features), float32(epsilon)}
	fill(l.Weight, 1)
	return l
}

// Forward returns LayerNorm(dropout(x) + residual); residual may be nil.
func (l *LayerNorm) Forward(tp *tensor.Tape, x, residual *tensor.Tensor, dropout float64) *tensor.Tensor {
	return tp.LayerNorm(x, residual, l.Weight, l.Bias, l.Epsilon, float32(dropout))
}
