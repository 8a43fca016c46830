package transformer

import (
	"godwit/nn"
	"godwit/tensor"
)

// DistilBERT (Sanh et al., arXiv 1910.01108): BERT without segments and
// without a pooler, under its own names.

func distilBertDefaults() Config {
	c := bertDefaults(0, 512, 1e-12) // the LayerNorm epsilon is fixed
	c.NumHiddenLayers, c.TypeVocabSize = 6, 0
	dropout := 0.2
	c.ClassifierDropout = &dropout
	return c
}

// DistilBertModel is the encoder.
type DistilBertModel struct {
	Embeddings  *DistilBertEmbeddings  `name:"embeddings"`
	Transformer *DistilBertTransformer `name:"transformer"`

	Config *Config
}

type DistilBertEmbeddings struct {
	WordEmbeddings     *nn.Embedding `name:"word_embeddings"`
	PositionEmbeddings *nn.Embedding `name:"position_embeddings"`
	LayerNorm          *nn.LayerNorm `name:"LayerNorm"`
}

type DistilBertTransformer struct {
	Layer []*DistilBertLayer `name:"layer"`
}

type DistilBertLayer struct {
	Attention       *DistilBertAttention `name:"attention"`
	SALayerNorm     *nn.LayerNorm        `name:"sa_layer_norm"`
	FFN             *DistilBertFFN       `name:"ffn"`
	OutputLayerNorm *nn.LayerNorm        `name:"output_layer_norm"`
}

type DistilBertAttention struct {
	QLin   *nn.Linear `name:"q_lin"`   // H → H
	KLin   *nn.Linear `name:"k_lin"`   // H → H
	VLin   *nn.Linear `name:"v_lin"`   // H → H
	OutLin *nn.Linear `name:"out_lin"` // H → H
}

type DistilBertFFN struct {
	Lin1 *nn.Linear `name:"lin1"` // H → I
	Lin2 *nn.Linear `name:"lin2"` // I → H
}

// NewDistilBertModel returns an encoder whose weights are not yet initialised.
func NewDistilBertModel(c *Config) *DistilBertModel {
	h := c.HiddenSize
	m := &DistilBertModel{
		Embeddings: &DistilBertEmbeddings{
			WordEmbeddings:     nn.NewEmbedding(c.VocabSize, h).WithPadding(c.pad()),
			PositionEmbeddings: positionEmbeddings(c),
			LayerNorm:          nn.NewLayerNorm(h, c.LayerNormEps),
		},
		Transformer: &DistilBertTransformer{},
		Config:      c,
	}
	for range c.NumHiddenLayers {
		m.Transformer.Layer = append(m.Transformer.Layer, &DistilBertLayer{
			Attention:       &DistilBertAttention{nn.NewLinear(h, h), nn.NewLinear(h, h), nn.NewLinear(h, h), nn.NewLinear(h, h)},
			SALayerNorm:     nn.NewLayerNorm(h, c.LayerNormEps),
			FFN:             &DistilBertFFN{nn.NewLinear(h, c.IntermediateSize), nn.NewLinear(c.IntermediateSize, h)},
			OutputLayerNorm: nn.NewLayerNorm(h, c.LayerNormEps),
		})
	}
	return m
}

// Forward runs the encoder over a batch that passed [Batch.Check].
func (m *DistilBertModel) Forward(tp *tensor.Tape, b *Batch, want Want) Output {
	return stack(tp, b, m.Config, want,
		func() *tensor.Tensor { return m.Embeddings.forward(tp, b, m.Config) },
		func(i int, x *tensor.Tensor, only []int32) *tensor.Tensor {
			return m.Transformer.Layer[i].forward(tp, x, b, m.Config, only)
		})
}

func (e *DistilBertEmbeddings) forward(tp *tensor.Tape, b *Batch, c *Config) *tensor.Tensor {
	x := tp.EmbeddingSum(e.WordEmbeddings.Lookup(b.IDs), e.PositionEmbeddings.Lookup(b.positions(c)))
	return tp.Dropout(e.LayerNorm.Forward(tp, x, nil, 0), float32(c.HiddenDropoutProb))
}

// forward computes a layer, [T, H] → [T, H] or the rows that are wanted. Unlike
// BERT's it has no dropout between attention and its LayerNorm.
func (l *DistilBertLayer) forward(tp *tensor.Tape, x *tensor.Tensor, b *Batch, c *Config, only []int32) *tensor.Tensor {
	a := l.Attention
	context, x := selfAttention(tp, x, a.QLin, a.KLin, a.VLin, b, c, only)
	x = l.SALayerNorm.Forward(tp, a.OutLin.Forward(tp, context, nil), x, 0)
	y := l.FFN.Lin2.Forward(tp, l.FFN.Lin1.Forward(tp, x, activations[c.HiddenAct]), nil)
	return l.OutputLayerNorm.Forward(tp, y, x, c.HiddenDropoutProb)
}

// DistilBertForSequenceClassification has a two-layer classifier, or with one
// label a regressor, on the first token.
type DistilBertForSequenceClassification struct {
	DistilBert    *DistilBertModel `name:"distilbert"`
	PreClassifier *nn.Linear       `name:"pre_classifier"` // H → H
	Classifier    *nn.Linear       `name:"classifier"`     // H → labels
}

// NewDistilBertForSequenceClassification returns the model with weights not yet initialised.
func NewDistilBertForSequenceClassification(c *Config, labels int) *DistilBertForSequenceClassification {
	return &DistilBertForSequenceClassification{NewDistilBertModel(c), nn.NewLinear(c.HiddenSize, c.HiddenSize), nn.NewLinear(c.HiddenSize, labels)}
}

// Encode runs the encoder.
func (m *DistilBertForSequenceClassification) Encode(tp *tensor.Tape, b *Batch, want Want) Output {
	return m.DistilBert.Forward(tp, b, want)
}

// Summary returns the first token of each sequence.
func (m *DistilBertForSequenceClassification) Summary(b *Batch) []int32 { return b.first() }

// Classify returns the logits, [B, labels], of the first tokens [B, H].
func (m *DistilBertForSequenceClassification) Classify(tp *tensor.Tape, first *tensor.Tensor) *tensor.Tensor {
	x := m.PreClassifier.Forward(tp, first, tensor.ReLU)
	return m.Classifier.Forward(tp, tp.Dropout(x, float32(m.DistilBert.Config.classifierDropout())), nil)
}

// Configuration returns the model's config.json.
func (m *DistilBertForSequenceClassification) Configuration() *Config { return m.DistilBert.Config }

// DistilBertForMaskedLM predicts tokens; its output embedding is the input embedding.
type DistilBertForMaskedLM struct {
	DistilBert     *DistilBertModel          `name:"distilbert"`
	VocabTransform *nn.Linear                `name:"vocab_transform"` // H → H
	VocabLayerNorm *nn.LayerNorm             `name:"vocab_layer_norm"`
	VocabProjector *DistilBertVocabProjector `name:"vocab_projector"`
}

type DistilBertVocabProjector struct {
	Bias *tensor.Tensor `name:"bias"` // [vocabulary]
}

// NewDistilBertForMaskedLM returns the model with weights not yet initialised.
func NewDistilBertForMaskedLM(c *Config) *DistilBertForMaskedLM {
	return &DistilBertForMaskedLM{
		NewDistilBertModel(c), nn.NewLinear(c.HiddenSize, c.HiddenSize), nn.NewLayerNorm(c.HiddenSize, c.LayerNormEps),
		&DistilBertVocabProjector{tensor.NewParameter(c.VocabSize)},
	}
}

// Encode runs the encoder.
func (m *DistilBertForMaskedLM) Encode(tp *tensor.Tape, b *Batch, want Want) Output {
	return m.DistilBert.Forward(tp, b, want)
}

// Predict returns the scores of the vocabulary for hidden states [rows, H].
func (m *DistilBertForMaskedLM) Predict(tp *tensor.Tape, hidden *tensor.Tensor) *tensor.Tensor {
	x := m.VocabTransform.Forward(tp, hidden, activations[m.DistilBert.Config.HiddenAct])
	return predictTokens(tp, x, m.VocabLayerNorm, m.DistilBert.Embeddings.WordEmbeddings, m.VocabProjector.Bias)
}

// Configuration returns the model's config.json.
func (m *DistilBertForMaskedLM) Configuration() *Config { return m.DistilBert.Config }
