package transformer

import (
	"godwit/nn"
	"godwit/tensor"
)

// BERT (Devlin et al., arXiv 1810.04805). One struct per module of the Hugging Face
// checkpoint; the tags are the names there.
// Shapes: T tokens, B sequences, H hidden size, I intermediate size.

// BertModel is the encoder with its pooler.
type BertModel struct {
	Embeddings *BertEmbeddings `name:"embeddings"`
	Encoder    *BertEncoder    `name:"encoder"`
	Pooler     *BertPooler     `name:"pooler"` // nil without one

	Config *Config
}

type BertEmbeddings struct {
	WordEmbeddings      *nn.Embedding `name:"word_embeddings"`
	PositionEmbeddings  *nn.Embedding `name:"position_embeddings"`
	TokenTypeEmbeddings *nn.Embedding `name:"token_type_embeddings"`
	LayerNorm           *nn.LayerNorm `name:"LayerNorm"`
}

type BertEncoder struct {
	Layer []*BertLayer `name:"layer"`
}

type BertLayer struct {
	Attention    *BertAttention    `name:"attention"`
	Intermediate *BertIntermediate `name:"intermediate"`
	Output       *BertOutput       `name:"output"`
}

type BertAttention struct {
	Self   *BertSelfAttention `name:"self"`
	Output *BertOutput        `name:"output"`
}

type BertSelfAttention struct {
	Query *nn.Linear `name:"query"` // H → H
	Key   *nn.Linear `name:"key"`   // H → H
	Value *nn.Linear `name:"value"` // H → H
}

type BertIntermediate struct {
	Dense *nn.Linear `name:"dense"` // H → I
}

// BertOutput closes both halves of a layer: LayerNorm(dropout(dense(x)) + residual).
type BertOutput struct {
	Dense     *nn.Linear    `name:"dense"`
	LayerNorm *nn.LayerNorm `name:"LayerNorm"`
}

// BertPooler is tanh(dense(first token)).
type BertPooler struct {
	Dense *nn.Linear `name:"dense"` // H → H
}

// NewBertModel returns an encoder whose weights are not yet initialised.
func NewBertModel(c *Config, pooler bool) *BertModel {
	h := c.HiddenSize
	m := &BertModel{
		Embeddings: &BertEmbeddings{
			WordEmbeddings:      nn.NewEmbedding(c.VocabSize, h),
			PositionEmbeddings:  nn.NewEmbedding(c.MaxPositionEmbeddings, h),
			TokenTypeEmbeddings: nn.NewEmbedding(c.TypeVocabSize, h),
			LayerNorm:           nn.NewLayerNorm(h, c.LayerNormEps),
		},
		Encoder: &BertEncoder{},
		Config:  c,
	}
	for range c.NumHiddenLayers {
		m.Encoder.Layer = append(m.Encoder.Layer, &BertLayer{
			Attention: &BertAttention{
				Self:   &BertSelfAttention{nn.NewLinear(h, h), nn.NewLinear(h, h), nn.NewLinear(h, h)},
				Output: &BertOutput{nn.NewLinear(h, h), nn.NewLayerNorm(h, c.LayerNormEps)},
			},
			Intermediate: &BertIntermediate{nn.NewLinear(h, c.IntermediateSize)},
			Output:       &BertOutput{nn.NewLinear(c.IntermediateSize, h), nn.NewLayerNorm(h, c.LayerNormEps)},
		})
	}
	if pooler {
		m.Pooler = &BertPooler{nn.NewLinear(h, h)}
	}
	return m
}

// Output is what an encoder computes of a batch.
type Output struct {
	// LastHidden is [T, H], or with FirstOnly [B, H].
	LastHidden *tensor.Tensor
	// HiddenStates holds the embeddings and each layer's output, [T, H] each, if asked for.
	HiddenStates []*tensor.Tensor
}

// Want says what Forward is asked for.
type Want struct {
	HiddenStates bool // keep every layer's output
	FirstOnly    bool // the last layer need only give the first token of each sequence
}

// Forward runs the encoder over a batch that passed [Batch.Check].
func (m *BertModel) Forward(tp *tensor.Tape, batch *Batch, want Want) Output {
	var out Output
	x := m.run(tp, nil, batch.Tokens(), func() *tensor.Tensor { return m.Embeddings.forward(tp, batch, m.Config) })
	for i, layer := range m.Encoder.Layer {
		rows, reuse := batch.Tokens(), x
		var only []int32
		if want.HiddenStates {
			out.HiddenStates = append(out.HiddenStates, x)
			reuse = nil
		} else if want.FirstOnly && i == len(m.Encoder.Layer)-1 {
			only, rows = batch.first(), batch.Sequences()
		}
		x = m.run(tp, reuse, rows, func() *tensor.Tensor { return layer.forward(tp, x, batch, m.Config, only) })
	}
	if want.HiddenStates {
		out.HiddenStates = append(out.HiddenStates, x)
	}
	if want.FirstOnly && (want.HiddenStates || len(m.Encoder.Layer) == 0) {
		x = tp.Gather(x, batch.first())
	}
	out.LastHidden = x
	return out
}

// run computes one layer, rows by H. On a tape that does not record, the
// layer's inner tensors are discarded, and its output goes to reuse, which may
// be its input, if that is of the right size.
func (m *BertModel) run(tp *tensor.Tape, reuse *tensor.Tensor, rows int, layer func() *tensor.Tensor) *tensor.Tensor {
	if tp.Recording() {
		return layer()
	}
	if reuse == nil || reuse.Rows() != rows {
		reuse = tp.New(rows, m.Config.HiddenSize)
	}
	tp.Discard(func() { copy(reuse.Data, layer().Data) })
	return reuse
}

func (e *BertEmbeddings) forward(tp *tensor.Tape, b *Batch, c *Config) *tensor.Tensor {
	x := tp.EmbeddingSum(e.WordEmbeddings.Lookup(b.IDs), e.TokenTypeEmbeddings.Lookup(b.TypeIDs), e.PositionEmbeddings.Lookup(b.Positions))
	return tp.Dropout(e.LayerNorm.Forward(tp, x, nil, 0), float32(c.HiddenDropoutProb))
}

// forward computes a layer, [T, H] → [T, H]. Where only rows of the output are
// wanted, the token-wise part runs over these alone.
func (l *BertLayer) forward(tp *tensor.Tape, x *tensor.Tensor, b *Batch, c *Config, only []int32) *tensor.Tensor {
	self := l.Attention.Self
	context := tp.Attention(self.Query.Forward(tp, x, nil), self.Key.Forward(tp, x, nil), self.Value.Forward(tp, x, nil),
		b.Offsets, c.NumAttentionHeads, float32(c.AttentionProbsDropoutProb))
	if only != nil {
		context, x = tp.Gather(context, only), tp.Gather(x, only)
	}
	x = l.Attention.Output.forward(tp, context, x, c)
	return l.Output.forward(tp, l.Intermediate.Dense.Forward(tp, x, activations[c.HiddenAct]), x, c)
}

func (o *BertOutput) forward(tp *tensor.Tape, x, residual *tensor.Tensor, c *Config) *tensor.Tensor {
	return o.LayerNorm.Forward(tp, o.Dense.Forward(tp, x, nil), residual, c.HiddenDropoutProb)
}

// Forward pools the first token of each sequence, [B, H] → [B, H].
func (p *BertPooler) Forward(tp *tensor.Tape, first *tensor.Tensor) *tensor.Tensor {
	return tp.Activate(p.Dense.Forward(tp, first, nil), tensor.Tanh)
}

// BertForSequenceClassification has a linear classifier, or with one label a
// regressor, on the pooled output.
type BertForSequenceClassification struct {
	Bert       *BertModel `name:"bert"`
	Classifier *nn.Linear `name:"classifier"` // H → labels
}

// NewBertForSequenceClassification returns the model with weights not yet initialised.
func NewBertForSequenceClassification(c *Config, labels int) *BertForSequenceClassification {
	return &BertForSequenceClassification{NewBertModel(c, true), nn.NewLinear(c.HiddenSize, labels)}
}

// Logits returns [B, labels].
func (m *BertForSequenceClassification) Logits(tp *tensor.Tape, b *Batch) *tensor.Tensor {
	first := m.Bert.Forward(tp, b, Want{FirstOnly: true}).LastHidden
	return m.Classify(tp, m.Bert.Pooler.Forward(tp, first))
}

// Classify returns the logits, [B, labels], of pooled outputs [B, H].
func (m *BertForSequenceClassification) Classify(tp *tensor.Tape, pooled *tensor.Tensor) *tensor.Tensor {
	return m.Classifier.Forward(tp, tp.Dropout(pooled, float32(m.Bert.Config.classifierDropout())), nil)
}

// BertForMaskedLM predicts tokens; its output embedding is the input embedding.
type BertForMaskedLM struct {
	Bert *BertModel       `name:"bert"`
	Cls  *BertOnlyMLMHead `name:"cls"`
}

type BertOnlyMLMHead struct {
	Predictions *BertLMPredictionHead `name:"predictions"`
}

type BertLMPredictionHead struct {
	Transform *BertPredictionHeadTransform `name:"transform"`
	Bias      *tensor.Tensor               `name:"bias"` // [vocabulary]
}

type BertPredictionHeadTransform struct {
	Dense     *nn.Linear    `name:"dense"` // H → H
	LayerNorm *nn.LayerNorm `name:"LayerNorm"`
}

// NewBertForMaskedLM returns the model with weights not yet initialised.
func NewBertForMaskedLM(c *Config) *BertForMaskedLM {
	return &BertForMaskedLM{
		Bert: NewBertModel(c, false),
		Cls: &BertOnlyMLMHead{&BertLMPredictionHead{
			Transform: &BertPredictionHeadTransform{nn.NewLinear(c.HiddenSize, c.HiddenSize), nn.NewLayerNorm(c.HiddenSize, c.LayerNormEps)},
			Bias:      tensor.NewParameter(c.VocabSize),
		}},
	}
}

// Logits returns the scores of the vocabulary for the given tokens of the
// batch (all if rows is nil): [len(rows), vocabulary].
func (m *BertForMaskedLM) Logits(tp *tensor.Tape, b *Batch, rows []int32) *tensor.Tensor {
	return m.Predict(tp, m.Bert.Forward(tp, b, Want{}).LastHidden, rows)
}

// Predict returns the scores of the vocabulary for rows of hidden states [T, H].
func (m *BertForMaskedLM) Predict(tp *tensor.Tape, hidden *tensor.Tensor, rows []int32) *tensor.Tensor {
	if rows != nil {
		hidden = tp.Gather(hidden, rows)
	}
	t := m.Cls.Predictions.Transform
	x := t.LayerNorm.Forward(tp, t.Dense.Forward(tp, hidden, activations[m.Bert.Config.HiddenAct]), nil, 0)
	return tp.Linear(x, m.Bert.Embeddings.WordEmbeddings.Weight, m.Cls.Predictions.Bias, nil)
}
