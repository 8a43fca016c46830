package tokenizer

import (
	"encoding/json"
	"reflect"
	"slices"
)

// sentencePieceFile returns the SentencePiece file of a Unigram tokenizer and
// its name, if a family reads the same tokenizer from it, but for the scores,
// which such files have in single precision; "" if none does.
func (d *description) sentencePieceFile() (name string, data []byte) {
	if d.model.Type != "Unigram" || d.model.UnkID == nil || d.model.ByteFallback {
		return "", nil
	}
	lower := false
	n := d.normalizerParts()
	for _, p := range n {
		lower = lower || p.Type == "Lowercase"
	}
	always := reflect.DeepEqual(anyOf(d.preTokenizer), anyOf(wordsJSON(true)))
	s := d.special
	c := &config{
		DoLowerCase: &lower, AddPrefixSpace: &always,
		Pad: configItem{Content: s.pad}, Unk: configItem{Content: s.unk}, CLS: configItem{Content: s.cls}, SEP: configItem{Content: s.sep}, Mask: configItem{Content: s.mask},
	}
	for _, family := range []struct {
		name  string
		write func() *sentencePiece
		read  func(*sentencePiece, *config) (description, error)
	}{
		{"spiece.model", d.xlnetSentencePiece, xlnetFromSentencePiece},
		{"sentencepiece.bpe.model", d.xlmRobertaSentencePiece, xlmRobertaFromSentencePiece},
	} {
		m := family.write()
		if m == nil {
			continue
		}
		for _, p := range n {
			if p.Type == "Precompiled" {
				m.normalizer, m.charsMap = "nmt_nfkc", p.CharsMap
			}
		}
		copied := *c
		if again, err := family.read(m, &copied); err == nil && d.same(&again) {
			return family.name, m.marshal()
		}
	}
	return "", nil
}

// normalizerPart is a step of a normalizer, as far as it matters to a SentencePiece file.
type normalizerPart struct {
	Type     string `json:"type"`
	CharsMap []byte `json:"precompiled_charsmap"`
}

func (d *description) normalizerParts() []normalizerPart {
	var n struct {
		normalizerPart
		Normalizers []normalizerPart `json:"normalizers"`
	}
	if len(d.normalizer) == 0 || json.Unmarshal(d.normalizer, &n) != nil {
		return nil
	}
	return append(n.Normalizers, n.normalizerPart)
}

// xlnetSentencePiece has the pieces of d as they are; <s> and </s> may be anywhere.
func (d *description) xlnetSentencePiece() *sentencePiece {
	m := d.sentencePieces(d.vocab, d.scores, *d.model.UnkID)
	for i, p := range m.pieces {
		if numberComma(p.text) {
			m.pieces[i].score = float32(d.scores[i] + numberCommaPenalty) // the reader takes it off again
		}
	}
	return m
}

// xlmRobertaSentencePiece has <unk>, <s> and </s> in the place of fairseq's
// first four ids, and no <mask>.
func (d *description) xlmRobertaSentencePiece() *sentencePiece {
	n := len(d.vocab) - 1
	if n < 4 {
		return nil
	}
	pieces := append([]string{d.special.unk, d.special.cls, d.special.sep}, d.vocab[4:n]...)
	return d.sentencePieces(pieces, append(make([]float64, 3), d.scores[4:n]...), 0)
}

func (d *description) sentencePieces(texts []string, scores []float64, unk int) *sentencePiece {
	control := map[string]bool{d.special.cls: true, d.special.sep: true}
	for _, a := range d.added {
		control[a.content] = control[a.content] || a.special
	}
	m := &sentencePiece{model: unigramModel, unk: unk, bos: slices.Index(texts, "<s>"), eos: slices.Index(texts, "</s>"), pad: -1, normalizer: "identity"}
	for i, text := range texts {
		p := protoPiece{text, float32(scores[i]), normalPiece}
		switch {
		case i == unk:
			p.kind = unknownPiece
		case control[text]:
			p.kind = controlPiece
		}
		m.pieces = append(m.pieces, p)
	}
	return m
}

// same reports whether two descriptions are of the same tokenizer, up to the
// precision of its scores.
func (d *description) same(other *description) bool {
	for _, c := range [][2]json.RawMessage{{d.normalizer, other.normalizer}, {d.preTokenizer, other.preTokenizer}, {d.postProcessor, other.postProcessor}} {
		if !reflect.DeepEqual(anyOf(c[0]), anyOf(c[1])) {
			return false
		}
	}
	return *d.model.UnkID == *other.model.UnkID && slices.Equal(d.vocab, other.vocab) && slices.Equal(d.added, other.added)
}

// anyOf reads JSON into values that can be compared; none is nil.
func anyOf(data json.RawMessage) (v any) {
	if json.Unmarshal(data, &v) != nil {
		return nil
	}
	return v
}
