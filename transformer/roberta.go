package transformer

import (
	"godwit/nn"
	"godwit/tensor"
)

// RoBERTa (Liu et al., arXiv 1907.11692) and XLM-R (Conneau et al., arXiv
// 1911.02116). The encoder is BERT's, with positions counted from the padding
// token's id + 1; the heads differ.

// RobertaForSequenceClassification has a two-layer classifier, or with one
// label a regressor, on the first token.
type RobertaForSequenceClassification struct {
	Roberta    *BertModel                 `name:"roberta"`
	Classifier *RobertaClassificationHead `name:"classifier"`
}

type RobertaClassificationHead struct {
	Dense   *nn.Linear `name:"dense"`    // H → H
	OutProj *nn.Linear `name:"out_proj"` // H → labels
}

// NewRobertaForSequenceClassification returns the model with weights not yet initialised.
func NewRobertaForSequenceClassification(c *Config, labels int) *RobertaForSequenceClassification {
	return &RobertaForSequenceClassification{
		NewBertModel(c, false),
		&RobertaClassificationHead{nn.NewLinear(c.HiddenSize, c.HiddenSize), nn.NewLinear(c.HiddenSize, labels)},
	}
}

// Encode runs the encoder.
func (m *RobertaForSequenceClassification) Encode(tp *tensor.Tape, b *Batch, want Want) Output {
	return m.Roberta.Forward(tp, b, want)
}

// Summary returns the first token of each sequence.
func (m *RobertaForSequenceClassification) Summary(b *Batch) []int32 { return b.first() }

// Classify returns the logits, [B, labels], of the first tokens [B, H].
func (m *RobertaForSequenceClassification) Classify(tp *tensor.Tape, first *tensor.Tensor) *tensor.Tensor {
	p := float32(m.Roberta.Config.classifierDropout())
	x := tp.Activate(m.Classifier.Dense.Forward(tp, tp.Dropout(first, p), nil), tensor.Tanh)
	return m.Classifier.OutProj.Forward(tp, tp.Dropout(x, p), nil)
}

// Configuration returns the model's config.json.
func (m *RobertaForSequenceClassification) Configuration() *Config { return m.Roberta.Config }

// RobertaForMaskedLM predicts tokens; its output embedding is the input embedding.
type RobertaForMaskedLM struct {
	Roberta *BertModel     `name:"roberta"`
	LMHead  *RobertaLMHead `name:"lm_head"`
}

type RobertaLMHead struct {
	Dense     *nn.Linear     `name:"dense"` // H → H
	LayerNorm *nn.LayerNorm  `name:"layer_norm"`
	Bias      *tensor.Tensor `name:"bias"` // [vocabulary]
}

// NewRobertaForMaskedLM returns the model with weights not yet initialised.
func NewRobertaForMaskedLM(c *Config) *RobertaForMaskedLM {
	return &RobertaForMaskedLM{
		NewBertModel(c, false),
		&RobertaLMHead{nn.NewLinear(c.HiddenSize, c.HiddenSize), nn.NewLayerNorm(c.HiddenSize, c.LayerNormEps), tensor.NewParameter(c.VocabSize)},
	}
}

// Encode runs the encoder.
func (m *RobertaForMaskedLM) Encode(tp *tensor.Tape, b *Batch, want Want) Output {
	return m.Roberta.Forward(tp, b, want)
}

// Predict returns the scores of the vocabulary for hidden states [rows, H].
// The head's activation is GELU whatever config.json says of the layers'.
func (m *RobertaForMaskedLM) Predict(tp *tensor.Tape, hidden *tensor.Tensor) *tensor.Tensor {
	x := m.LMHead.Dense.Forward(tp, hidden, tensor.GELU)
	return predictTokens(tp, x, m.LMHead.LayerNorm, m.Roberta.Embeddings.WordEmbeddings, m.LMHead.Bias)
}

// Configuration returns the model's config.json.
func (m *RobertaForMaskedLM) Configuration() *Config { return m.Roberta.Config }
