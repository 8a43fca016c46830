package transformer

import "godwit/tensor"

// SequenceClassifier is an encoder of any family with a classification or,
// with one label, a regression head. Its parameters are listed by [nn.Parameters].
type SequenceClassifier interface {
	// Logits returns [B, labels] of a batch that passed [Batch.Check].
	Logits(tp *tensor.Tape, b *Batch) *tensor.Tensor
	// Configuration returns the model's config.json.
	Configuration() *Config
	// LabelCount returns the number of logits of a sequence.
	LabelCount() int
}

// Configuration returns the model's config.json.
func (m *BertForSequenceClassification) Configuration() *Config { return m.Bert.Config }

// LabelCount returns the number of logits of a sequence.
func (m *BertForSequenceClassification) LabelCount() int { return m.Classifier.Weight.Rows() }
