package trainer

import (
	"fmt"
	"slices"
)

// Options say how a vocabulary is trained. The zero value is ready for use.
type Options struct {
	// VocabSize is how many tokens the vocabulary has, special tokens included;
	// it has fewer where the words yield no more. 0 means 30000.
	VocabSize int

	// SpecialTokens come first, in this order. No text is ever trained to become one.
	SpecialTokens []string

	// MinFrequency is how often a piece of two characters or more must occur in
	// the words. 0 means 2: what occurs once is noise, and is learned by heart.
	MinFrequency int

	// LimitAlphabet keeps so many characters, the most frequent ones, of equally
	// frequent ones those with the smaller code points. 0 means all. A byte-level
	// vocabulary always has its 256.
	LimitAlphabet int

	// Progress, when not nil, is told how many of how many steps are done. It is
	// called about a hundred times from the goroutine that trains.
	Progress func(done, total int)
}

// The defaults of [Options].
const (
	defaultVocabSize    = 30000
	defaultMinFrequency = 2
)

// withDefaults checks the options and puts the defaults for zeros.
func (o Options) withDefaults() (Options, error) {
	for _, field := range []struct {
		name  string
		value int
	}{{"VocabSize", o.VocabSize}, {"MinFrequency", o.MinFrequency}, {"LimitAlphabet", o.LimitAlphabet}} {
		if field.value < 0 {
			return o, fmt.Errorf("trainer: %s: found %d, expected 0 or more", field.name, field.value)
		}
	}
	for i, s := range o.SpecialTokens {
		if s == "" {
			return o, fmt.Errorf("trainer: special token %d: found an empty one", i)
		}
		if j := slices.Index(o.SpecialTokens[:i], s); j >= 0 {
			return o, fmt.Errorf("trainer: special token %d: found %q, which is special token %d too", i, s, j)
		}
	}
	if o.VocabSize == 0 {
		o.VocabSize = defaultVocabSize
	}
	if o.MinFrequency == 0 {
		o.MinFrequency = defaultMinFrequency
	}
	if o.Progress == nil {
		o.Progress = func(int, int) {}
	}
	return o, nil
}

// checkSize returns an error if the vocabulary that every training begins
// with, special tokens and characters, is larger than the one asked for.
func (o Options) checkSize(characters int) error {
	if special := len(o.SpecialTokens); o.VocabSize < special+characters {
		return fmt.Errorf("trainer: VocabSize: found %d, expected at least %d for %d special tokens and %d characters of the alphabet",
			o.VocabSize, special+characters, special, characters)
	}
	return nil
}
