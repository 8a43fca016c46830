package train

import (
	"context"
	"errors"

	"godwit/transformer/tokenizer"
)

// VocabularyOptions say how a vocabulary is trained.
type VocabularyOptions struct {
	ModelType  string
	Size       int
	Cased      bool
	TextColumn string
}

// TrainTokenizer waits for the package trainer.
func TrainTokenizer(ctx context.Context, paths []string, opt VocabularyOptions) (*tokenizer.Tokenizer, error) {
	return nil, errors.New("no vocabulary can be trained yet: give --tokenizer")
}
