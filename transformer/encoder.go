package transformer

import (
	"godwit/nn"
	"godwit/tensor"
)

// Output is what an encoder computes of a batch.
type Output struct {
	// LastHidden is [T, H], or with Want.Only [len(Only), H].
	LastHidden *tensor.Tensor
	// HiddenStates holds the embeddings and each layer's output, [T, H] each, if asked for.
	HiddenStates []*tensor.Tensor
}

// Want says what an encoder is asked for.
type Want struct {
	HiddenStates bool    // keep every layer's output
	Only         []int32 // if not nil, the last layer need only give these tokens
}

// stack runs an encoder's layers one after another, on the output of embed.
// layer i maps x [T, H] to [T, H], or, where only is not nil, to these rows.
func stack(tp *tensor.Tape, batch *Batch, c *Config, want Want, embed func() *tensor.Tensor, layer func(i int, x *tensor.Tensor, only []int32) *tensor.Tensor) Output {
	var out Output
	x := run(tp, nil, batch.Tokens(), c.HiddenSize, embed)
	for i := range c.NumHiddenLayers {
		rows, reuse := batch.Tokens(), x
		var only []int32
		if want.HiddenStates {
			out.HiddenStates = append(out.HiddenStates, x)
			reuse = nil
		} else if want.Only != nil && i == c.NumHiddenLayers-1 {
			only, rows = want.Only, len(want.Only)
		}
		x = run(tp, reuse, rows, c.HiddenSize, func() *tensor.Tensor { return layer(i, x, only) })
	}
	if want.HiddenStates {
		out.HiddenStates = append(out.HiddenStates, x)
	}
	if want.Only != nil && (want.HiddenStates || c.NumHiddenLayers == 0) {
		x = tp.Gather(x, want.Only)
	}
	out.LastHidden = x
	return out
}

// run computes one layer, rows by width. On a tape that does not record, the
// layer's inner tensors are discarded, and its output goes to reuse, which may
// be its input, if that is of the right size.
func run(tp *tensor.Tape, reuse *tensor.Tensor, rows, width int, layer func() *tensor.Tensor) *tensor.Tensor {
	if tp.Recording() {
		return layer()
	}
	if reuse == nil || reuse.Rows() != rows {
		reuse = tp.New(rows, width)
	}
	tp.Discard(func() { copy(reuse.Data, layer().Data) })
	return reuse
}

// selfAttention returns the context of each token, [T, H], or of the given
// tokens only, and beside it the layer's input for the same tokens.
func selfAttention(tp *tensor.Tape, x *tensor.Tensor, query, key, value *nn.Linear, b *Batch, c *Config, only []int32) (context, residual *tensor.Tensor) {
	context = tp.Attention(query.Forward(tp, x, nil), key.Forward(tp, x, nil), value.Forward(tp, x, nil),
		b.Offsets, c.NumAttentionHeads, float32(c.AttentionProbsDropoutProb))
	if only != nil {
		context, x = tp.Gather(context, only), tp.Gather(x, only)
	}
	return context, x
}

// predictTokens is the end of a masked language model's head: LayerNorm, then
// the product with the input embedding. x is [rows, H], the result [rows, vocabulary].
func predictTokens(tp *tensor.Tape, x *tensor.Tensor, norm *nn.LayerNorm, embedding *nn.Embedding, bias *tensor.Tensor) *tensor.Tensor {
	return tp.Linear(norm.Forward(tp, x, nil, 0), embedding.Weight, bias, nil)
}

// gather returns the given rows, all for nil.
func gather(tp *tensor.Tape, x *tensor.Tensor, rows []int32) *tensor.Tensor {
	if rows == nil {
		return x
	}
	return tp.Gather(x, rows)
}
