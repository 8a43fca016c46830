package tokenizer

import (
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

// build makes the tokenizer that d describes.
func (d description) build() (*Tokenizer, error) {
	t := &Tokenizer{description: d, cache: new(wordCache)}
	t.scratch.New = func() any { return new(scratch) }
	if len(d.vocab) == 0 {
		return nil, errors.New("the vocabulary is empty")
	}
	ids := make(map[string]int32, len(d.vocab)+len(d.added))
	for i, token := range d.vocab {
		if !utf8.ValidString(token) { // such a token could never be written back
			return nil, fmt.Errorf("vocabulary: token %d is %q, expected UTF-8", i, token)
		}
		if other, ok := ids[token]; ok {
			return nil, fmt.Errorf("vocabulary: token %q has the ids %d and %d", token, other, i)
		}
		ids[token] = int32(i)
	}
	var err error
	if t.model, err = d.newModel(ids); err != nil {
		return nil, err
	}
	if t.tokens, t.ids, err = d.withAdded(ids); err != nil {
		return nil, err
	}
	if t.normalizers, err = parseNormalizer(d.normalizer, "normalizer", 0); err != nil {
		return nil, err
	}
	if t.preTokenizers, err = parsePreTokenizer(d.preTokenizer, "pre_tokenizer", 0); err != nil {
		return nil, err
	}
	if t.post, err = parsePostProcessor(d.postProcessor, t.tokens, t.ids); err != nil {
		return nil, err
	}
	if err := t.checkGrowth(); err != nil {
		return nil, err
	}
	if t.added, err = findsAdded(d.added, false, nil); err != nil {
		return nil, err
	}
	if t.addedLater, err = findsAdded(d.added, true, t.normalizers); err != nil {
		return nil, err
	}
	if t.decoder, err = parseDecoder(d.decoder, "decoder", 0); err != nil {
		return nil, err
	}
	if len(t.post.trims) > 0 {
		t.margins = make([]margins, len(t.tokens))
		for i, token := range t.tokens {
			t.margins[i] = marginsOf(token)
		}
	}
	s := d.special
	for i, name := range []string{s.pad, s.unk, s.cls, s.sep, s.mask} {
		t.special[i] = -1
		if name != "" {
			id, ok := t.ids[name]
			if !ok {
				return nil, fmt.Errorf("vocabulary: the special token %q is not among the %d tokens", name, len(t.tokens))
			}
			t.special[i] = id
		}
	}
	return t, nil
}

// withAdded returns the vocabulary with the added tokens that it does not have
// yet behind it.
func (d *description) withAdded(vocab map[string]int32) ([]string, map[string]int32, error) {
	added := map[int32]string{}
	for _, a := range d.added {
		if a.content == "" {
			return nil, nil, errors.New("added_tokens: found an empty token")
		}
		if !utf8.ValidString(a.content) {
			return nil, nil, fmt.Errorf("added_tokens: found %q, expected UTF-8", a.content)
		}
		if id, ok := vocab[a.content]; ok {
			if id != a.id {
				return nil, nil, fmt.Errorf("added_tokens: %q has the id %d, in the vocabulary %d", a.content, a.id, id)
			}
			continue
		}
		if other, ok := added[a.id]; ok && other != a.content {
			return nil, nil, fmt.Errorf("added_tokens: %q and %q have the id %d", other, a.content, a.id)
		}
		added[a.id] = a.content
	}
	if len(added) == 0 {
		return d.vocab, vocab, nil
	}
	tokens := append(make([]string, 0, len(d.vocab)+len(added)), d.vocab...)
	ids := make(map[string]int32, len(d.vocab)+len(added))
	for token, id := range vocab {
		ids[token] = id
	}
	for range added {
		id := int32(len(tokens))
		token, ok := added[id]
		if !ok {
			return nil, nil, fmt.Errorf("added_tokens: the vocabulary has %d tokens and %d more were added, but none has the id %d", len(d.vocab), len(added), id)
		}
		if other, ok := ids[token]; ok {
			return nil, nil, fmt.Errorf("added_tokens: %q has the ids %d and %d", token, other, id)
		}
		tokens, ids[token] = append(tokens, token), id
	}
	return tokens, ids, nil
}

// maxGrowth is how many times longer a text may become before the model sees it.
const maxGrowth = 1 << 12

// checkGrowth refuses pipelines in which a small file makes a text huge: steps
// that each double it, say.
func (t *Tokenizer) checkGrowth() error {
	growth := 1
	for _, n := range t.normalizers {
		switch n := n.(type) {
		case replaceString:
			growth *= max(1, (len(n.content)+len(n.old)-1)/len(n.old))
		case replacePattern:
			growth *= max(1, len(n.content))
		case prepend:
			growth *= 1 + len(n)
		case byteNormalizer:
			growth *= 4
		}
		if growth > maxGrowth {
			return fmt.Errorf("normalizer: a text could become more than %d times as long", maxGrowth)
		}
	}
	for _, p := range t.preTokenizers {
		switch p.(type) {
		case metaspace:
			growth *= 2
		case byteLevel:
			growth *= 4
		}
		if growth > maxGrowth {
			return fmt.Errorf("pre_tokenizer: a text could become more than %d times as long", maxGrowth)
		}
	}
	return nil
}

// newModel builds the model over a vocabulary.
func (d *description) newModel(ids map[string]int32) (model, error) {
	m := d.model
	unk := int32(-1)
	if m.UnkToken != nil {
		id, ok := ids[*m.UnkToken]
		if !ok {
			return nil, fmt.Errorf("model.unk_token: the special token %q is not among the %d tokens", *m.UnkToken, len(ids))
		}
		unk = id
	}
	switch m.Type {
	case "WordPiece":
		if unk < 0 {
			return nil, errors.New("model.unk_token: WordPiece needs one")
		}
		maxChars := orDefault(m.MaxChars, 100)
		if maxChars < 0 {
			return nil, fmt.Errorf("model.max_input_chars_per_word: found %d, expected 0 or more", maxChars)
		}
		return newWordPiece(d.vocab, orDefault(m.Prefix, "##"), unk, maxChars), nil
	case "BPE":
		if m.Dropout != nil && *m.Dropout != 0 {
			return nil, fmt.Errorf("model.dropout: found %v, expected none: tokens would be random", *m.Dropout)
		}
		b, err := newBPE(ids, d.merges, orDefault(m.Prefix, ""), orDefault(m.Suffix, ""))
		if err != nil {
			return nil, err
		}
		b.unk, b.fuseUnk, b.ignoreMerges = unk, m.FuseUnk, m.IgnoreMerges
		if m.ByteFallback {
			b.setByteFallback()
		}
		return b, nil
	case "Unigram":
		if m.UnkID == nil || *m.UnkID < 0 || *m.UnkID >= len(d.vocab) {
			return nil, fmt.Errorf("model.unk_id: found %d, expected an id of the %d tokens", orDefault(m.UnkID, -1), len(d.vocab))
		}
		pieces := make([]scoredPiece, len(d.vocab))
		for i, token := range d.vocab {
			if s := d.scores[i]; math.IsNaN(s) || math.IsInf(s, 0) {
				return nil, fmt.Errorf("vocabulary: the score of %q is %v", token, s)
			}
			pieces[i] = scoredPiece{token, d.scores[i]}
		}
		return newUnigram(pieces, *m.UnkID, m.ByteFallback)
	}
	return nil, unknownType("model", m.Type, "BPE", "Unigram", "WordPiece")
}
