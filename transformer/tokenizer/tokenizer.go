// Package tokenizer turns text into the ids that encoders were trained on,
// exactly as Hugging Face's tokenizers do, with offsets into the original text.
package tokenizer

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
)

// Tokenizer is a pipeline: added tokens, normalisation, words, the model's
// tokens, special tokens around them. It is safe for concurrent use.
type Tokenizer struct {
	description   description
	tokens        []string // by id: the vocabulary, then added tokens
	ids           map[string]int32
	added         *addedTokens // found in the text as it is
	addedLater    *addedTokens // found in the normalised text
	normalizers   []normalizer
	preTokenizers []preTokenizer
	model         model
	cache         *wordCache
	post          postProcessor
	margins       []margins // of tokens by id, where offsets are trimmed
	special       [5]int32  // ids of description.special, -1 for none
	decoder       []decoder
	scratch       sync.Pool
}

// specialTokens are names of tokens, "" for none.
type specialTokens struct{ pad, unk, cls, sep, mask string }

// VocabSize returns the number of tokens, with those that were added to the vocabulary.
func (t *Tokenizer) VocabSize() int { return len(t.tokens) }

// ID returns the id of a token.
func (t *Tokenizer) ID(token string) (int32, bool) { id, ok := t.ids[token]; return id, ok }

// Token returns the token of an id, "" for an id that there is not.
func (t *Tokenizer) Token(id int32) string {
	if id < 0 || int(id) >= len(t.tokens) {
		return ""
	}
	return t.tokens[id]
}

// Pad, Unk, CLS, SEP and Mask return the ids of the special tokens, -1 where
// the tokenizer has none.
func (t *Tokenizer) Pad() int32  { return t.special[0] }
func (t *Tokenizer) Unk() int32  { return t.special[1] }
func (t *Tokenizer) CLS() int32  { return t.special[2] }
func (t *Tokenizer) SEP() int32  { return t.special[3] }
func (t *Tokenizer) Mask() int32 { return t.special[4] }

// ModelMaxLength returns the longest sequence by tokenizer_config.json, 0 if it says none.
func (t *Tokenizer) ModelMaxLength() int { return t.description.maxLength }

// Options say what Encode does besides splitting the text.
type Options struct {
	AddSpecialTokens bool
	MaxLength        int // tokens, special ones included; 0 for no limit
	Truncation       Truncation
	// Overflow gives what truncation cuts off as further windows, each of at
	// most MaxLength tokens, in Encoding.Overflow.
	Overflow bool
	// Stride is how many tokens of one window the next one repeats.
	Stride int
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

// PreTokenize returns the words of a text as the model sees them, normalised
// and split; added tokens are left out. Vocabularies are trained on these.
func (t *Tokenizer) PreTokenize(text string) []string {
	s := t.scratch.Get().(*scratch)
	defer t.release(s)
	var words []string
	t.stretches(text, s, func(token *addedToken, text []char) {
		if token != nil {
			return
		}
		for _, w := range t.words(text, s) {
			words = append(words, surface(w))
		}
	})
	return words
}

// release keeps s for the next text, unless this one was huge.
func (t *Tokenizer) release(s *scratch) {
	if cap(s.chars[0]) < 1<<20 {
		t.scratch.Put(s)
	}
}

func (t *Tokenizer) encode(text, pair string, hasPair bool, opt Options) (Encoding, error) {
	s := t.scratch.Get().(*scratch)
	defer t.release(s)
	s.pieces[0] = t.pieces(s.pieces[0][:0], text, s)
	s.pieces[1] = s.pieces[1][:0]
	template := t.post.single
	if hasPair {
		s.pieces[1] = t.pieces(s.pieces[1], pair, s)
		template = t.post.pair
	}
	special := 0
	if opt.AddSpecialTokens {
		for _, p := range template {
			if p.sequence < 0 {
				special++
			}
		}
	}
	all := [2]int{len(s.pieces[0]), len(s.pieces[1])}
	kept := all
	if opt.MaxLength > 0 && opt.Truncation != NoTruncation {
		if opt.MaxLength < special {
			return Encoding{}, fmt.Errorf("truncation to %d tokens: the special tokens alone are %d", opt.MaxLength, special)
		}
		var err error
		if kept[0], kept[1], err = opt.Truncation.truncate(all[0], all[1], opt.MaxLength-special, hasPair); err != nil {
			return Encoding{}, err
		}
	}
	texts := [2]string{text, pair}
	whole := func(side int) window { return window{0, kept[side]} }
	e := t.assemble(template, opt.AddSpecialTokens, texts, s, [2]window{whole(0), whole(1)})
	if !opt.Overflow {
		return e, nil
	}
	var windows [2][]window
	for side := range windows {
		var err error
		if windows[side], err = overflow(all[side], kept[side], opt.Stride); err != nil {
			return Encoding{}, err
		}
	}
	if n := len(windows[0]) * len(windows[1]); len(windows[0]) > 1 && len(windows[1]) > 1 && n > maxWindowPairs {
		return Encoding{}, fmt.Errorf("overflow: %d windows of the text and %d of the pair make %d pairs, at most %d are made", len(windows[0]), len(windows[1]), n, maxWindowPairs)
	}
	// Each window of the one text with each of the other, in the order of tokenizers:
	// that text first which is first in the template, its first window last.
	first := 0
	for _, p := range template {
		if p.sequence >= 0 {
			first = int(p.sequence)
			break
		}
	}
	for i := range windows[first] {
		w := windows[first][(i+1)%len(windows[first])]
		for j, v := range windows[1-first] {
			if i == len(windows[first])-1 && j == 0 {
				continue // that is e
			}
			pair := [2]window{w, v}
			if first == 1 {
				pair = [2]window{v, w}
			}
			e.Overflow = append(e.Overflow, t.assemble(template, opt.AddSpecialTokens, texts, s, pair))
		}
	}
	return e, nil
}

// assemble fills the template with windows of the pieces of both texts.
func (t *Tokenizer) assemble(template []templatePart, addSpecial bool, texts [2]string, s *scratch, windows [2]window) Encoding {
	n := 0
	for _, p := range template {
		if p.sequence >= 0 {
			n += windows[p.sequence].end - windows[p.sequence].start
		} else if addSpecial {
			n++
		}
	}
	e := Encoding{
		IDs: make([]int32, 0, n), TypeIDs: make([]int32, 0, n), Offsets: make([][2]int, 0, n),
		SpecialTokensMask: make([]int8, 0, n), SequenceIDs: make([]int8, 0, n), Tokens: make([]string, 0, n),
	}
	for _, p := range template {
		if p.sequence < 0 {
			if addSpecial {
				e.add(p.id, p.typeID, [2]int{}, 1, -1, t.tokens[p.id])
			}
			continue
		}
		w := windows[p.sequence]
		for i, q := range s.pieces[p.sequence][w.start:w.end] {
			token := q.text
			if token == "" {
				token = t.tokens[q.id]
			}
			offsets := [2]int{q.start, q.end}
			if len(t.post.trims) > 0 {
				m := t.margins[q.id]
				if q.text != "" {
					m = marginsOf(token)
				}
				if m != (margins{}) {
					for _, prefixed := range t.post.trims {
						offsets = m.trim(offsets, texts[p.sequence], i == 0, prefixed)
					}
				}
			}
			e.add(q.id, p.typeID, offsets, 0, p.sequence, token)
		}
	}
	return e
}

func (e *Encoding) add(id, typeID int32, offsets [2]int, mask, sequence int8, token string) {
	e.IDs = append(e.IDs, id)
	e.TypeIDs = append(e.TypeIDs, typeID)
	e.Offsets = append(e.Offsets, offsets)
	e.SpecialTokensMask = append(e.SpecialTokensMask, mask)
	e.SequenceIDs = append(e.SequenceIDs, sequence)
	e.Tokens = append(e.Tokens, token)
}

// pieces appends the tokens of a text, without special tokens around it.
func (t *Tokenizer) pieces(dst []piece, text string, s *scratch) []piece {
	t.stretches(text, s, func(token *addedToken, text []char) {
		if token == nil {
			for _, w := range t.words(text, s) {
				dst = t.cache.encode(dst, w, t.model, s)
			}
			return
		}
		p := piece{id: token.id, start: text[0].start, end: text[len(text)-1].end}
		if found := surface(text); found != t.tokens[token.id] {
			p.text = found
		}
		dst = append(dst, p)
	})
	return dst
}

// stretches calls do with each added token and the text between them, normalised.
func (t *Tokenizer) stretches(text string, s *scratch, do func(token *addedToken, text []char)) {
	s.cuts[0] = t.added.cut(s.cuts[0][:0], text)
	for _, c := range s.cuts[0] {
		chars := characters(s.chars[0][:0], text, c.start, c.end)
		s.chars[0] = chars
		if c.token != nil {
			do(c.token, chars)
			continue
		}
		for _, n := range t.normalizers {
			s.chars[1] = n.normalize(s.chars[1][:0], s.chars[0])
			s.chars[0], s.chars[1] = s.chars[1], s.chars[0]
		}
		chars = s.chars[0]
		switch {
		case len(chars) == 0:
		case t.addedLater == nil:
			do(nil, chars)
		default:
			s.places = s.places[:0]
			b := s.bytes[:0]
			for i := range chars {
				before := len(b)
				b = utf8Of(b, chars[i:i+1])
				for range len(b) - before {
					s.places = append(s.places, i)
				}
			}
			s.bytes = b
			s.places = append(s.places, len(chars))
			s.cuts[1] = t.addedLater.cut(s.cuts[1][:0], string(b))
			for _, c := range s.cuts[1] {
				do(c.token, chars[s.places[c.start]:s.places[c.end]])
			}
		}
	}
}

// words splits normalised text, which is not empty, into the words of the model.
func (t *Tokenizer) words(text []char, s *scratch) [][]char {
	s.arena = s.arena[:0]
	s.words[0] = append(s.words[0][:0], text)
	for _, p := range t.preTokenizers {
		s.words[1] = s.words[1][:0]
		for _, w := range s.words[0] {
			s.words[1] = p.split(s.words[1], w, s)
		}
		s.words[0], s.words[1] = s.words[1], s.words[0]
	}
	return s.words[0]
}
