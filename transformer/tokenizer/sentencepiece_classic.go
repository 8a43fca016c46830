package tokenizer

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// readSpiece reads a SentencePiece file as the family has it that
// tokenizer_class names, or else that is known to name the file so.
func readSpiece(data []byte, _ string, c *config) (d description, err error) {
	if err := c.checkClass("XLNet", "XLMRoberta"); err != nil {
		return d, err
	}
	m, err := parseSentencePiece(data)
	if err != nil {
		return d, err
	}
	if m.model != unigramModel {
		return d, fmt.Errorf("SentencePiece model: the model type is %v, expected %v", m.model, unigramModel)
	}
	xlmRoberta := c.file == "sentencepiece.bpe.model"
	if name := strings.TrimSuffix(c.TokenizerClass, "Fast"); strings.HasPrefix(name, "XL") {
		xlmRoberta = name == "XLMRobertaTokenizer"
	}
	if xlmRoberta {
		d, err = xlmRobertaFromSentencePiece(m, c)
	} else {
		d, err = xlnetFromSentencePiece(m, c)
	}
	d.classic = map[string][]byte{c.file: data}
	return d, err
}

// precompiled returns the steps of normalisation that the file has: its character map, if any.
func (m *sentencePiece) precompiled() []object {
	if len(m.charsMap) == 0 {
		return nil
	}
	return []object{{"type": "Precompiled", "precompiled_charsmap": m.charsMap}}
}

func replacement(old, content string) object {
	return object{"type": "Replace", "pattern": object{"String": old}, "content": content}
}

// wordsJSON writes the step that makes words begin with ▁, of which each text
// has one before it if always is set.
func wordsJSON(always bool) json.RawMessage {
	return asJSON(object{"type": "Sequence", "pretokenizers": []object{{"type": "WhitespaceSplit"}, metaspaceObject(always)}})
}

func metaspaceObject(always bool) object {
	scheme := "always"
	if !always {
		scheme = "never"
	}
	return object{"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": true}
}

// numberCommaPenalty keeps pieces like "0," out of XLNet's texts, which had digits and commas apart.
const numberCommaPenalty = 100

// xlnetFromSentencePiece describes XLNet's tokenizer: the ids are the file's,
// quotation marks of old become new ones, marks go, and <sep> <cls> come last.
func xlnetFromSentencePiece(m *sentencePiece, c *config) (d description, err error) {
	x := xlnetSpecialTokens
	s := specialTokens{c.Pad.or(x.pad), c.Unk.or(x.unk), c.CLS.or(x.cls), c.SEP.or(x.sep), c.Mask.or(x.mask)}
	for _, p := range m.pieces {
		score := float64(p.score)
		if numberComma(p.text) {
			score -= numberCommaPenalty
		}
		d.vocab, d.scores = append(d.vocab, p.text), append(d.scores, score)
	}
	d.model = modelSettings{Type: "Unigram", UnkID: &m.unk}
	steps := []object{replacement("``", `"`), replacement("''", `"`), {"type": "NFKD"}, {"type": "StripAccents"}}
	if orDefault(c.DoLowerCase, false) {
		steps = append(steps, object{"type": "Lowercase"})
	}
	d.normalizer = asJSON(object{"type": "Sequence", "normalizers": append(steps, m.precompiled()...)})
	d.preTokenizer, d.decoder = wordsJSON(true), asJSON(metaspaceObject(true))
	d.special = s
	said := *c // what the files do not say is as ever
	said.BOS.Content, said.EOS.Content = c.BOS.or("<s>"), c.EOS.or("</s>")
	if said.Additional == nil {
		said.Additional = []configItem{{Content: "<eop>"}, {Content: "<eod>"}}
	}
	if err := d.addTokens(&said, said.named(s), s.mask); err != nil {
		return d, err
	}
	d.postProcessor = d.templateJSON(
		[]object{part("A", 0), part(s.sep, 0), part(s.cls, 2)},
		[]object{part("A", 0), part(s.sep, 0), part("B", 1), part(s.sep, 1), part(s.cls, 2)}, s.sep, s.cls)
	if c.rest == nil {
		c.rest = map[string]json.RawMessage{}
	}
	for key, value := range map[string]any{"padding_side": "left", "bos_token": said.BOS.Content, "eos_token": said.EOS.Content} {
		if _, ok := c.rest[key]; !ok {
			c.rest[key] = asJSON(value)
		}
	}
	if c.TokenizerClass == "" {
		c.TokenizerClass = "XLNetTokenizer"
	}
	return d, nil
}

// numberComma reports whether a piece ends in a digit and a comma.
func numberComma(text string) bool {
	before, ok := strings.CutSuffix(text, ",")
	r, _ := utf8.DecodeLastRuneInString(before)
	return ok && unicode.IsDigit(r)
}

// xlmRobertaFromSentencePiece describes XLM-R's tokenizer. Its first ids are
// those of fairseq, <s> <pad> </s> <unk>, in the place of the file's <unk> <s>
// </s>, and <mask> is the last.
func xlmRobertaFromSentencePiece(m *sentencePiece, c *config) (d description, err error) {
	x := robertaSpecialTokens
	s := specialTokens{c.Pad.or(x.pad), c.Unk.or(x.unk), c.CLS.or(x.cls), c.SEP.or(x.sep), c.Mask.or(x.mask)}
	const replaced = 3
	if len(m.pieces) < replaced || slices.ContainsFunc(m.pieces[:replaced], func(p protoPiece) bool { return p.kind != unknownPiece && p.kind != controlPiece }) {
		return d, fmt.Errorf("SentencePiece model: expected <unk>, <s> and </s> as the first of the %d pieces", len(m.pieces))
	}
	d.vocab, d.scores = []string{s.cls, s.pad, s.sep, s.unk}, make([]float64, 4)
	for _, p := range m.pieces[replaced:] {
		d.vocab, d.scores = append(d.vocab, p.text), append(d.scores, float64(p.score))
	}
	d.vocab, d.scores = append(d.vocab, s.mask), append(d.scores, 0)
	unk := 3
	d.model = modelSettings{Type: "Unigram", UnkID: &unk}
	if steps := m.precompiled(); len(steps) > 0 {
		d.normalizer = asJSON(steps[0])
	}
	always := orDefault(c.AddPrefixSpace, true)
	d.preTokenizer, d.decoder = wordsJSON(always), asJSON(metaspaceObject(always))
	d.special = s
	if err := d.addTokens(c, c.named(s), s.mask); err != nil {
		return d, err
	}
	d.postProcessor = d.templateJSON(
		[]object{part(s.cls, 0), part("A", 0), part(s.sep, 0)},
		[]object{part(s.cls, 0), part("A", 0), part(s.sep, 0), part(s.sep, 0), part("B", 0), part(s.sep, 0)}, s.cls, s.sep)
	if c.rest == nil {
		c.rest = map[string]json.RawMessage{}
	}
	for key, value := range map[string]string{"bos_token": s.cls, "eos_token": s.sep} {
		if _, ok := c.rest[key]; !ok {
			c.rest[key] = asJSON(value)
		}
	}
	if c.TokenizerClass == "" {
		c.TokenizerClass = "XLMRobertaTokenizer"
	}
	return d, nil
}
