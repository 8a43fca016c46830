package transformer

import "godwit/tensor"

// SequenceClassifier is an encoder of any family with a classification or,
// with one label, a regression head. Its parameters are listed by [nn.Parameters].
type SequenceClassifier interface {
	// Encode runs the encoder over a batch that passed [Batch.Check].
	Encode(tp *tensor.Tape, b *Batch, want Want) Output
	// Summary returns the token of each sequence that stands for it: the head's input.
	Summary(b *Batch) []int32
	// Classify returns the logits, [B, labels], of the encoder's output for these tokens, [B, H].
	Classify(tp *tensor.Tape, summary *tensor.Tensor) *tensor.Tensor
	// Configuration returns the model's config.json.
	Configuration() *Config
}

// Logits returns [B, labels] of a batch that passed [Batch.Check].
func Logits(tp *tensor.Tape, m SequenceClassifier, b *Batch) *tensor.Tensor {
	return m.Classify(tp, m.Encode(tp, b, Want{Only: m.Summary(b)}).LastHidden)
}

// LanguageModel is an encoder of any family with the head that it is
// pretrained with.
type LanguageModel interface {
	// Encode runs the encoder over a batch that passed [Batch.Check]. If the batch
	// has a permutation and Want.Only is not nil, LastHidden is that of the query stream (XLNet).
	Encode(tp *tensor.Tape, b *Batch, want Want) Output
	// Predict returns the scores of the vocabulary, [rows, vocabulary], for hidden states [rows, H].
	Predict(tp *tensor.Tape, hidden *tensor.Tensor) *tensor.Tensor
	// Configuration returns the model's config.json.
	Configuration() *Config
}

// TokenLogits returns the scores of the vocabulary for the given tokens of the
// batch: [len(rows), vocabulary].
func TokenLogits(tp *tensor.Tape, m LanguageModel, b *Batch, rows []int32) *tensor.Tensor {
	return m.Predict(tp, m.Encode(tp, b, Want{Only: rows}).LastHidden)
}

// NewSequenceClassifier returns a model of the config's family with weights not yet initialised.
func NewSequenceClassifier(c *Config, labels int) (SequenceClassifier, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	return c.family().classifier(c, labels), nil
}

// NewLanguageModel returns a model of the config's family with weights not yet initialised.
func NewLanguageModel(c *Config) (LanguageModel, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	return c.family().languageModel(c), nil
}
