// Package tokenizer turns text into the ids that encoders were trained on,
// exactly as Hugging Face's tokenizers do, with offsets into the original text.
package tokenizer

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"
)

// Tokenizer is BERT's: clean-up, words, WordPiece. It is safe for concurrent use.
type Tokenizer struct {
	vocab      []string // by id
	ids        map[string]int32
	normalizer bertNormalizer
	model      wordPiece
	added      []addedToken // special tokens that are cut out of the text as they are
	single     []templatePart
	pair       []templatePart
	special    specialTokens
	maxLength  int // model_max_length, 0 if not known
	scratch    sync.Pool
}

// addedToken is a token that is found in the text before anything else.
type addedToken struct {
	content    string
	id         int32
	special    bool
	lstrip     bool // takes the white space before it along
	rstrip     bool // and behind it
	singleWord bool // is none where a letter or digit adjoins
	normalized bool // is looked for in the normalised text
}

// templatePart is a special token, or the text or pair (sequence 0 or 1).
type templatePart struct {
	sequence int8 // -1 for a special token
	id       int32
	typeID   int32
}

type specialTokens struct{ pad, unk, cls, sep, mask string }

var bertSpecialTokens = specialTokens{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}

// WordPieceOptions are the settings of BERT's clean-up.
type WordPieceOptions struct {
	Lowercase    bool
	StripAccents *bool // nil: as Lowercase
	ChineseChars bool  // set Chinese characters apart
}

// NewWordPiece returns BERT's tokenizer with a vocabulary, which has [PAD], [UNK],
// [CLS], [SEP] and [MASK].
func NewWordPiece(vocab []string, opt WordPieceOptions) (*Tokenizer, error) {
	return newBert(vocab, bertNormalizer{true, opt.ChineseChars, opt.StripAccents, opt.Lowercase}, bertSpecialTokens, "##", 100)
}

func newBert(vocab []string, n bertNormalizer, special specialTokens, prefix string, maxChars int) (*Tokenizer, error) {
	t := &Tokenizer{vocab: vocab, ids: make(map[string]int32, len(vocab)), normalizer: n, special: special}
	if len(vocab) == 0 {
		return nil, fmt.Errorf("the vocabulary is empty")
	}
	t.model = wordPiece{first: make(map[string]int32, len(vocab)), later: map[string]int32{}, prefix: prefix, maxChars: maxChars}
	for i, token := range vocab {
		if !utf8.ValidString(token) { // such a token could never be written back
			return nil, fmt.Errorf("vocabulary: token %d is %q, expected UTF-8", i, token)
		}
		if other, ok := t.ids[token]; ok {
			return nil, fmt.Errorf("vocabulary: token %q has the ids %d and %d", token, other, i)
		}
		t.ids[token] = int32(i)
		t.model.first[token] = int32(i)
		t.model.longest = max(t.model.longest, len(token))
		if rest, ok := strings.CutPrefix(token, prefix); ok {
			t.model.later[rest] = int32(i)
		}
	}
	for _, s := range []string{special.pad, special.unk, special.cls, special.sep, special.mask} {
		id, ok := t.ids[s]
		if !ok {
			return nil, fmt.Errorf("vocabulary: the special token %q is not among the %d tokens", s, len(vocab))
		}
		t.added = append(t.added, addedToken{content: s, id: id, special: true})
	}
	t.model.unk = t.ids[special.unk]
	cls, sep := t.ids[special.cls], t.ids[special.sep]
	t.single = []templatePart{{-1, cls, 0}, {0, 0, 0}, {-1, sep, 0}}
	t.pair = []templatePart{{-1, cls, 0}, {0, 0, 0}, {-1, sep, 0}, {1, 0, 1}, {-1, sep, 1}}
	t.init()
	return t, nil
}

func (t *Tokenizer) init() {
	t.scratch.New = func() any { return new(scratch) }
	slices.SortStableFunc(t.added, func(a, b addedToken) int { return len(b.content) - len(a.content) })
}

// VocabSize returns the number of tokens.
func (t *Tokenizer) VocabSize() int { return len(t.vocab) }

// ID returns the id of a token.
func (t *Tokenizer) ID(token string) (int32, bool) { id, ok := t.ids[token]; return id, ok }

// Token returns the token of an id, "" for an id that there is not.
func (t *Tokenizer) Token(id int32) string {
	if id < 0 || int(id) >= len(t.vocab) {
		return ""
	}
	return t.vocab[id]
}

// Pad, CLS, SEP, Mask and Unk return the ids of the special tokens.
func (t *Tokenizer) Pad() int32  { return t.ids[t.special.pad] }
func (t *Tokenizer) CLS() int32  { return t.ids[t.special.cls] }
func (t *Tokenizer) SEP() int32  { return t.ids[t.special.sep] }
func (t *Tokenizer) Mask() int32 { return t.ids[t.special.mask] }
func (t *Tokenizer) Unk() int32  { return t.ids[t.special.unk] }

// ModelMaxLength returns the longest sequence by tokenizer_config.json, 0 if it says none.
func (t *Tokenizer) ModelMaxLength() int { return t.maxLength }

// Options say what Encode does besides splitting the text.
type Options struct {
	AddSpecialTokens bool
	MaxLength        int // tokens, special ones included; 0 for no limit
	Truncation       Truncation
}

// Encode encodes a text.
func (t *Tokenizer) Encode(text string, opt Options) (Encoding, error) {
	return t.encode(text, "", false, opt)
}

// EncodePair encodes a pair of texts; an empty pair is a pair.
func (t *Tokenizer) EncodePair(text, pair string, opt Options) (Encoding, error) {
	return t.encode(text, pair, true, opt)
}

// EncodeBatch encodes texts on all cores, with their pairs if pairs is not nil.
func (t *Tokenizer) EncodeBatch(texts, pairs []string, opt Options) ([]Encoding, error) {
	if pairs != nil && len(pairs) != len(texts) {
		return nil, fmt.Errorf("%d texts with %d pairs", len(texts), len(pairs))
	}
	out := make([]Encoding, len(texts))
	errs := make([]error, len(texts))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(texts)) {
		wg.Go(func() {
			for {
				i := int(next.Add(1) - 1)
				if i >= len(texts) {
					return
				}
				if pairs != nil {
					out[i], errs[i] = t.EncodePair(texts[i], pairs[i], opt)
				} else {
					out[i], errs[i] = t.Encode(texts[i], opt)
				}
			}
		})
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("text %d: %w", i+1, err)
		}
	}
	return out, nil
}

func (t *Tokenizer) encode(text, pair string, hasPair bool, opt Options) (Encoding, error) {
	s := t.scratch.Get().(*scratch)
	defer t.scratch.Put(s)
	s.pieces[0] = t.pieces(s.pieces[0][:0], text, s)
	s.pieces[1] = s.pieces[1][:0]
	if hasPair {
		s.pieces[1] = t.pieces(s.pieces[1], pair, s)
	}
	template := t.single
	if hasPair {
		template = t.pair
	}
	n := [2]int{len(s.pieces[0]), len(s.pieces[1])}
	special := 0
	if opt.AddSpecialTokens {
		for _, p := range template {
			if p.sequence < 0 {
				special++
			}
		}
	}
	if opt.MaxLength > 0 {
		var err error
		if n[0], n[1], err = opt.Truncation.truncate(n[0], n[1], opt.MaxLength-special, hasPair); err != nil {
			return Encoding{}, err
		}
	}
	total := n[0] + n[1] + special
	e := Encoding{
		IDs: make([]int32, 0, total), TypeIDs: make([]int32, 0, total), Offsets: make([][2]int, 0, total),
		SpecialTokensMask: make([]int8, 0, total), SequenceIDs: make([]int8, 0, total), Tokens: make([]string, 0, total),
	}
	for _, p := range template {
		switch {
		case p.sequence >= 0:
			for _, q := range s.pieces[p.sequence][:n[p.sequence]] {
				e.add(q.id, p.typeID, [2]int{q.start, q.end}, 0, p.sequence, t.vocab[q.id])
			}
		case opt.AddSpecialTokens:
			e.add(p.id, p.typeID, [2]int{}, 1, -1, t.vocab[p.id])
		}
	}
	return e, nil
}

func (e *Encoding) add(id, typeID int32, offsets [2]int, mask, sequence int8, token string) {
	e.IDs = append(e.IDs, id)
	e.TypeIDs = append(e.TypeIDs, typeID)
	e.Offsets = append(e.Offsets, offsets)
	e.SpecialTokensMask = append(e.SpecialTokensMask, mask)
	e.SequenceIDs = append(e.SequenceIDs, sequence)
	e.Tokens = append(e.Tokens, token)
}

// pieces cuts added tokens out of the text and splits what is between them.
func (t *Tokenizer) pieces(dst []piece, text string, s *scratch) []piece {
	for start := 0; start < len(text); {
		at, found := t.findAdded(text, start)
		if at > start {
			s.chars[0] = characters(s.chars[0][:0], text, start, at)
			s.chars[1] = t.normalizer.normalize(s.chars[1][:0], s.chars[0])
			s.words[0] = bertPreTokenizer{}.split(s.words[0][:0], s.chars[1], s)
			for _, w := range s.words[0] {
				dst = t.model.encode(dst, w, s)
			}
		}
		if found == nil {
			return dst
		}
		start = at + len(found.content)
		dst = append(dst, piece{id: found.id, start: at, end: start})
	}
	return dst
}

// findAdded returns the leftmost added token from start on, the longest of
// those that begin there, or the end of the text.
func (t *Tokenizer) findAdded(text string, start int) (at int, found *addedToken) {
	at = len(text)
	for i := range t.added { // longest first
		content := t.added[i].content
		end := len(text)
		if found != nil {
			end = min(end, at+len(content)-1) // it must begin further left
		}
		if p := strings.Index(text[start:end], content); p >= 0 {
			at, found = start+p, &t.added[i]
		}
	}
	return at, found
}
