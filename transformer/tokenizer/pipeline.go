package tokenizer

import "encoding/json"

// The pipeline of a tokenizer: a text is cut at added tokens; each stretch
// between them is normalised, split into words, and each word is encoded by
// the model; a template then puts special tokens around the text and its pair.

// char is a character of the text as it is at some step, with the bytes
// [start, end) of the original text that it came from. Bytes that are no
// UTF-8 are U+FFFD, one each.
type char struct {
	r          rune
	start, end int
}

// piece is a token before it is placed in an Encoding.
type piece struct {
	id         int32
	start, end int
	text       string // what Encoding.Tokens shows; "" for the vocabulary's entry of id
}

// normalizer is one step of normalisation. normalize appends the changed src
// to dst and returns it; the two never overlap.
type normalizer interface {
	normalize(dst, src []char) []char
}

// preTokenizer is one step of splitting. split appends the words of text to
// dst; no word is empty. Words may be parts of text, or of s.arena, to which
// new characters are appended.
type preTokenizer interface {
	split(dst [][]char, text []char, s *scratch) [][]char
}

// model appends the tokens of one word, which is not empty, to dst. It may be
// called by several goroutines at once, each with a scratch of its own.
type model interface {
	encode(dst []piece, word []char, s *scratch) []piece
}

// scratch is the memory of one call of Encode, reused from text to text.
type scratch struct {
	chars  [2][]char   // the normalised text, and the step before
	words  [2][][]char // the words, and those of the step before
	arena  []char      // characters that pre-tokenizers made
	bytes  []byte
	starts []int // byte at which each character begins
	pieces [2][]piece
	model  any // what a model keeps from word to word
}

// ScoredPiece is an entry of a Unigram vocabulary with its log probability.
type ScoredPiece struct {
	Piece string
	Score float64
}

// description says all about a tokenizer that a tokenizer.json says. Classic
// files and trained vocabularies are turned into one as well, so that every
// tokenizer is built, and saved, in one way.
type description struct {
	added []addedToken
	// The components as tokenizer.json has them; nil or null for none.
	normalizer, preTokenizer, postProcessor, decoder json.RawMessage
	// model has the model's type and settings, without "vocab" and "merges".
	model  map[string]any
	vocab  []string    // the model's tokens by id
	scores []float64   // of vocab, for Unigram
	merges [][2]string // for BPE

	special     specialTokens
	maxLength   int               // model_max_length, 0 if not known
	class       string            // tokenizer_class of tokenizer_config.json
	config      map[string]any    // what else tokenizer_config.json says
	classicFile map[string][]byte // files that are written as they were read, by name: spiece.model
}
