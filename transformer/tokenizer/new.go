package tokenizer

import (
	"encoding/json"
	"fmt"
	"slices"
)

// asJSON writes what can be written in any case: maps, lists, texts and numbers.
func asJSON(v any) json.RawMessage {
	data, err := plainJSON(v, "")
	if err != nil {
		panic(err)
	}
	return data
}

type object = map[string]any

var (
	bertSpecialTokens    = specialTokens{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}
	robertaSpecialTokens = specialTokens{"<pad>", "<unk>", "<s>", "</s>", "<mask>"}
	xlnetSpecialTokens   = specialTokens{"<pad>", "<unk>", "<cls>", "<sep>", "<mask>"}
)

// addSpecial makes the special tokens added tokens; those of more are special as well.
func (d *description) addSpecial(s specialTokens, lstrip string, more ...string) error {
	d.special = s
	for _, name := range append([]string{s.pad, s.unk, s.cls, s.sep, s.mask}, more...) {
		id := slices.Index(d.vocab, name)
		if id < 0 {
			return fmt.Errorf("vocabulary: the special token %q is not among the %d tokens", name, len(d.vocab))
		}
		d.added = append(d.added, addedToken{content: name, id: int32(id), special: true, lstrip: name == lstrip})
	}
	slices.SortFunc(d.added, func(a, b addedToken) int { return int(a.id - b.id) })
	return nil
}

// part writes a part of a template: a special token, or with "A" and "B" the texts.
func part(name string, typeID int) object {
	if name == "A" || name == "B" {
		return object{"Sequence": object{"id": name, "type_id": typeID}}
	}
	return object{"SpecialToken": object{"id": name, "type_id": typeID}}
}

// templateJSON writes a TemplateProcessing over tokens of the vocabulary.
func (d *description) templateJSON(single, pair []object, special ...string) json.RawMessage {
	tokens := object{}
	for _, name := range special {
		tokens[name] = object{"id": name, "ids": []int{slices.Index(d.vocab, name)}, "tokens": []string{name}}
	}
	return asJSON(object{"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": tokens})
}

// WordPieceOptions are the settings of BERT's clean-up.
type WordPieceOptions struct {
	Lowercase    bool
	StripAccents *bool // nil: as Lowercase
	ChineseChars bool  // set Chinese characters apart
}

// NewWordPiece returns BERT's tokenizer with a vocabulary, which has [PAD], [UNK],
// [CLS], [SEP] and [MASK].
func NewWordPiece(vocab []string, opt WordPieceOptions) (*Tokenizer, error) {
	d := describeWordPiece(vocab, opt, bertSpecialTokens)
	if len(vocab) > 0 {
		if err := d.addSpecial(bertSpecialTokens, ""); err != nil {
			return nil, err
		}
	}
	return d.build()
}

func describeWordPiece(vocab []string, opt WordPieceOptions, s specialTokens) description {
	prefix, maxChars := "##", 100
	d := description{
		normalizer:   asJSON(object{"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": opt.ChineseChars, "strip_accents": opt.StripAccents, "lowercase": opt.Lowercase}),
		preTokenizer: asJSON(object{"type": "BertPreTokenizer"}),
		decoder:      asJSON(object{"type": "WordPiece", "prefix": prefix, "cleanup": true}),
		model:        modelSettings{Type: "WordPiece", UnkToken: &s.unk, Prefix: &prefix, MaxChars: &maxChars},
		vocab:        vocab, special: s, class: "BertTokenizer",
		config: map[string]json.RawMessage{
			"do_lower_case": asJSON(opt.Lowercase), "strip_accents": asJSON(opt.StripAccents), "tokenize_chinese_chars": asJSON(opt.ChineseChars),
		},
	}
	d.postProcessor = d.templateJSON(
		[]object{part(s.cls, 0), part("A", 0), part(s.sep, 0)},
		[]object{part(s.cls, 0), part("A", 0), part(s.sep, 0), part("B", 1), part(s.sep, 1)}, s.cls, s.sep)
	return d
}

// ByteLevelBPEOptions are the settings of RoBERTa's tokenizer.
type ByteLevelBPEOptions struct {
	AddPrefixSpace bool // the first word is as one inside a sentence
}

// NewByteLevelBPE returns RoBERTa's tokenizer with a vocabulary in the byte
// alphabet of GPT-2 and merges in the order learned. The vocabulary has <s>,
// <pad>, </s>, <unk> and <mask>.
func NewByteLevelBPE(vocab []string, merges [][2]string, opt ByteLevelBPEOptions) (*Tokenizer, error) {
	d, err := describeByteLevelBPE(vocab, merges, opt, robertaSpecialTokens)
	if err != nil {
		return nil, err
	}
	if err := d.addSpecial(robertaSpecialTokens, robertaSpecialTokens.mask); err != nil {
		return nil, err
	}
	return d.build()
}

func describeByteLevelBPE(vocab []string, merges [][2]string, opt ByteLevelBPEOptions, s specialTokens) (description, error) {
	for _, name := range []string{s.cls, s.sep} {
		if !slices.Contains(vocab, name) {
			return description{}, fmt.Errorf("vocabulary: the special token %q is not among the %d tokens", name, len(vocab))
		}
	}
	empty := ""
	byteLevel := object{"type": "ByteLevel", "add_prefix_space": opt.AddPrefixSpace, "trim_offsets": true, "use_regex": true}
	return description{
		preTokenizer: asJSON(byteLevel),
		postProcessor: asJSON(object{"type": "RobertaProcessing", "sep": []any{s.sep, slices.Index(vocab, s.sep)}, "cls": []any{s.cls, slices.Index(vocab, s.cls)},
			"trim_offsets": true, "add_prefix_space": opt.AddPrefixSpace}),
		decoder: asJSON(byteLevel),
		model:   modelSettings{Type: "BPE", Prefix: &empty, Suffix: &empty},
		vocab:   vocab, merges: merges, special: s, class: "RobertaTokenizer",
		config: map[string]json.RawMessage{
			"add_prefix_space": asJSON(opt.AddPrefixSpace), "trim_offsets": asJSON(true),
			"bos_token": asJSON(s.cls), "eos_token": asJSON(s.sep),
		},
	}, nil
}

// UnigramOptions are the settings of a Unigram tokenizer.
type UnigramOptions struct {
	// XLMRoberta gives it XLM-R's special tokens around a text, <s> A </s>, and
	// NFKC as normalisation. Otherwise they are XLNet's, A <sep> <cls>, and
	// quotation marks of old are made new ones and characters decomposed.
	XLMRoberta bool
	Lowercase  bool
	// StripAccents drops marks; for XLNet's alone, after decomposition.
	StripAccents bool
}

// NewUnigram returns a tokenizer for a Unigram vocabulary whose words begin
// with ▁. It has <unk>, <s>, </s>, <pad> and <mask>; for XLNet also <cls>,
// <sep>, <eod> and <eop>.
func NewUnigram(pieces []ScoredPiece, opt UnigramOptions) (*Tokenizer, error) {
	d := description{model: modelSettings{Type: "Unigram"}, class: "PreTrainedTokenizerFast"}
	for _, p := range pieces {
		d.vocab, d.scores = append(d.vocab, p.Piece), append(d.scores, p.Score)
	}
	s, more := xlnetSpecialTokens, []string{"<s>", "</s>", "<eod>", "<eop>"}
	if opt.XLMRoberta {
		s, more = robertaSpecialTokens, nil
	}
	if err := d.addSpecial(s, s.mask, more...); err != nil {
		return nil, err
	}
	unk := slices.Index(d.vocab, s.unk)
	d.model.UnkID = &unk
	replace := func(old, content string) object {
		return object{"type": "Replace", "pattern": object{"String": old}, "content": content}
	}
	steps := []object{replace("``", `"`), replace("''", `"`), {"type": "NFKD"}}
	// Without the names, transformers' general class gives XLNet no segments.
	d.config = map[string]json.RawMessage{"padding_side": asJSON("left"), "model_input_names": asJSON([]string{"input_ids", "token_type_ids", "attention_mask"})}
	if opt.XLMRoberta {
		steps = []object{{"type": "NFKC"}}
		d.config = map[string]json.RawMessage{}
		d.postProcessor = d.templateJSON(
			[]object{part("<s>", 0), part("A", 0), part("</s>", 0)},
			[]object{part("<s>", 0), part("A", 0), part("</s>", 0), part("</s>", 0), part("B", 0), part("</s>", 0)}, "<s>", "</s>")
	} else {
		if opt.StripAccents {
			steps = append(steps, object{"type": "StripAccents"})
		}
		d.postProcessor = d.templateJSON(
			[]object{part("A", 0), part("<sep>", 0), part("<cls>", 2)},
			[]object{part("A", 0), part("<sep>", 0), part("B", 1), part("<sep>", 1), part("<cls>", 2)}, "<sep>", "<cls>")
	}
	if opt.Lowercase {
		steps = append(steps, object{"type": "Lowercase"})
	}
	d.config["bos_token"], d.config["eos_token"] = asJSON("<s>"), asJSON("</s>")
	d.normalizer = asJSON(object{"type": "Sequence", "normalizers": steps})
	visible := object{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true}
	d.preTokenizer = asJSON(object{"type": "Sequence", "pretokenizers": []object{{"type": "WhitespaceSplit"}, visible}})
	d.decoder = asJSON(visible)
	return d.build()
}
