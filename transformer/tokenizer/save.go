package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"godwit/transformer/checkpoint"
)

// Save writes tokenizer.json, vocab.txt, tokenizer_config.json and
// special_tokens_map.json into dir, each in one step; transformers loads them.
func (t *Tokenizer) Save(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	s := t.special
	tokens := map[string]any{"pad_token": s.pad, "unk_token": s.unk, "cls_token": s.cls, "sep_token": s.sep, "mask_token": s.mask}
	config := map[string]any{
		"tokenizer_class": "BertTokenizer", "do_lower_case": t.normalizer.lowercase, "strip_accents": t.normalizer.stripAccents,
		"tokenize_chinese_chars": t.normalizer.chineseChars,
	}
	for k, v := range tokens {
		config[k] = v
	}
	if t.maxLength > 0 {
		config["model_max_length"] = t.maxLength
	}
	full, err := t.tokenizerJSON()
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name string
		data []byte
		from any
	}{
		{"vocab.txt", []byte(strings.Join(t.vocab, "\n") + "\n"), nil},
		{"special_tokens_map.json", nil, tokens},
		{"tokenizer_config.json", nil, config},
		{"tokenizer.json", full, nil},
	} {
		if f.from != nil {
			var err error
			if f.data, err = json.MarshalIndent(f.from, "", "  "); err != nil {
				return err
			}
			f.data = append(f.data, '\n')
		}
		if err := checkpoint.WriteFile(filepath.Join(dir, f.name), f.data); err != nil {
			return err
		}
	}
	return nil
}

// tokenizerJSON writes the vocabulary by hand, in the order of ids.
func (t *Tokenizer) tokenizerJSON() ([]byte, error) {
	added := slices.Clone(t.added)
	slices.SortFunc(added, func(a, b addedToken) int { return int(a.id - b.id) })
	var tokens []map[string]any
	for _, a := range added {
		tokens = append(tokens, map[string]any{"id": a.id, "content": a.content, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": a.special})
	}
	specials := map[string]any{}
	template := func(parts []templatePart) (list []any) {
		for _, p := range parts {
			if p.sequence >= 0 {
				list = append(list, map[string]any{"Sequence": map[string]any{"id": string(rune('A' + p.sequence)), "type_id": p.typeID}})
				continue
			}
			name := t.vocab[p.id]
			specials[name] = map[string]any{"id": name, "ids": []int32{p.id}, "tokens": []string{name}}
			list = append(list, map[string]any{"SpecialToken": map[string]any{"id": name, "type_id": p.typeID}})
		}
		return list
	}
	single, pair := template(t.single), template(t.pair)
	var vocab bytes.Buffer
	encoder := json.NewEncoder(&vocab)
	encoder.SetEscapeHTML(false)
	vocab.WriteByte('{')
	for id, token := range t.vocab {
		if id > 0 {
			vocab.WriteByte(',')
		}
		if err := encoder.Encode(token); err != nil {
			return nil, err
		}
		fmt.Fprintf(&vocab, ":%d", id)
	}
	vocab.WriteByte('}')
	file := map[string]any{
		"version": "1.0", "truncation": nil, "padding": nil, "added_tokens": tokens,
		"normalizer":     map[string]any{"type": "BertNormalizer", "clean_text": t.normalizer.cleanText, "handle_chinese_chars": t.normalizer.chineseChars, "strip_accents": t.normalizer.stripAccents, "lowercase": t.normalizer.lowercase},
		"pre_tokenizer":  map[string]any{"type": "BertPreTokenizer"},
		"post_processor": map[string]any{"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": specials},
		"decoder":        map[string]any{"type": "WordPiece", "prefix": t.model.prefix, "cleanup": true},
		"model": map[string]any{"type": "WordPiece", "unk_token": t.special.unk, "continuing_subword_prefix": t.model.prefix,
			"max_input_chars_per_word": t.model.maxChars, "vocab": json.RawMessage(vocab.Bytes())},
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	err := e.Encode(file)
	return out.Bytes(), err
}
