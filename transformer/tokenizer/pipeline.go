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
	cuts     [2][]stretch // at added tokens: in the text as it is, and normalised
	chars    [2][]char    // the text as it is at a step of normalisation, and the step before
	places   []int        // byte of each character of the normalised text
	words    [2][][]char  // the words, and those of the step before
	spans    []span
	arena    []char // characters that pre-tokenizers made
	bytes    []byte
	numbered [maxCachedWord]char
	pieces   [2][]piece
	model    any // what a model keeps from word to word
}

// ScoredPiece is an entry of a Unigram vocabulary with its log probability.
type ScoredPiece struct {
	Piece string
	Score float64
}

// description says all about a tokenizer that a directory of Hugging Face
// says. Classic files and trained vocabularies are turned into one as well, so
// that every tokenizer is built, and saved, in one way.
type description struct {
	added []addedToken
	// The components as tokenizer.json has them; nil or null for none.
	normalizer, preTokenizer, postProcessor, decoder json.RawMessage
	model                                            modelSettings
	vocab                                            []string    // the model's tokens by id
	scores                                           []float64   // of vocab, for Unigram
	merges                                           [][2]string // for BPE

	special   specialTokens
	maxLength int    // model_max_length, 0 if not known
	class     string // tokenizer_class
	// config has what else tokenizer_config.json says.
	config map[string]json.RawMessage
	// classic has files that are written as they were read, by name: spiece.model.
	classic map[string][]byte
}

// modelSettings are the settings of all models, as tokenizer.json names them.
type modelSettings struct {
	Type         string   `json:"type"`
	UnkToken     *string  `json:"unk_token"`                 // WordPiece, BPE
	UnkID        *int     `json:"unk_id"`                    // Unigram
	Prefix       *string  `json:"continuing_subword_prefix"` // WordPiece, BPE
	MaxChars     *int     `json:"max_input_chars_per_word"`  // WordPiece
	Suffix       *string  `json:"end_of_word_suffix"`        // BPE
	Dropout      *float64 `json:"dropout"`                   // BPE
	FuseUnk      bool     `json:"fuse_unk"`                  // BPE
	ByteFallback bool     `json:"byte_fallback"`             // BPE, Unigram
	IgnoreMerges bool     `json:"ignore_merges"`             // BPE
}
