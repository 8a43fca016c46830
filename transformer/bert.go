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
			WordEmbeddings:      nn.NewEmbedding(c.VocabSize, h).WithPadding(c.pad()),
			PositionEmbeddings:  positionEmbeddings(c),
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

// positionEmbeddings returns the table of an architecture with learned
// positions; RoBERTa's takes padding out of the training of positions as well.
func positionEmbeddings(c *Config) *nn.Embedding {
	e := nn.NewEmbedding(c.MaxPositionEmbeddings, c.HiddenSize)
	if c.firstPosition() > 0 {
		e.WithPadding(c.pad())
	}
	return e
}

// Forward runs the encoder over a batch that passed [Batch.Check].
func (m *BertModel) Forward(tp *tensor.Tape, b *Batch, want Want) Output {
	return stack(tp, b, m.Config, want,
		func() *tensor.Tensor { return m.Embeddings.forward(tp, b, m.Config) },
		func(i int, x *tensor.Tensor, only []int32) *tensor.Tensor {
			return m.Encoder.Layer[i].forward(tp, x, b, m.Config, only)
		})
}

func (e *BertEmbeddings) forward(tp *tensor.Tape, b *Batch, c *Config) *tensor.Tensor {
	x := tp.EmbeddingSum(e.WordEmbeddings.Lookup(b.IDs), e.TokenTypeEmbeddings.Lookup(b.TypeIDs), e.PositionEmbeddings.Lookup(b.positions(c)))
	return tp.Dropout(e.LayerNorm.Forward(tp, x, nil, 0), float32(c.HiddenDropoutProb))
}

// forward computes a layer, [T, H] → [T, H]. Where only rows of the output are
// wanted, the token-wise part runs over these alone.
func (l *BertLayer) forward(tp *tensor.Tape, x *tensor.Tensor, b *Batch, c *Config, only []int32) *tensor.Tensor {
	self := l.Attention.Self
	context, x := selfAttention(tp, x, self.Query, self.Key, self.Value, b, c, only)
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

// Encode runs the encoder.
func (m *BertForSequenceClassification) Encode(tp *tensor.Tape, b *Batch, want Want) Output {
	return m.Bert.Forward(tp, b, want)
}

// Summary returns the first token of each sequence.
func (m *BertForSequenceClassification) Summary(b *Batch) []int32 { return b.first() }

// Classify returns the logits, [B, labels], of the first tokens [B, H].
func (m *BertForSequenceClassification) Classify(tp *tensor.Tape, first *tensor.Tensor) *tensor.Tensor {
	pooled := tp.Dropout(m.Bert.Pooler.Forward(tp, first), float32(m.Bert.Config.classifierDropout()))
	return m.Classifier.Forward(tp, pooled, nil)
}

// Configuration returns the model's config.json.
func (m *BertForSequenceClassification) Configuration() *Config { return m.Bert.Config }

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

// Encode runs the encoder.
func (m *BertForMaskedLM) Encode(tp *tensor.Tape, b *Batch, want Want) Output {
	return m.Bert.Forward(tp, b, want)
}

// Predict returns the scores of the vocabulary for hidden states [rows, H].
func (m *BertForMaskedLM) Predict(tp *tensor.Tape, hidden *tensor.Tensor) *tensor.Tensor {
	t := m.Cls.Predictions.Transform
	x := t.Dense.Forward(tp, hidden, activations[m.Bert.Config.HiddenAct])
	return predictTokens(tp, x, t.LayerNorm, m.Bert.Embeddings.WordEmbeddings, m.Cls.Predictions.Bias)
}

// Configuration returns the model's config.json.
func (m *BertForMaskedLM) Configuration() *Config { return m.Bert.Config }
