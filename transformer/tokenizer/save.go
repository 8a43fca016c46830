package tokenizer

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"godwit/transformer/checkpoint"
)

// Save writes tokenizer.json, tokenizer_config.json, special_tokens_map.json
// and the classic files of the vocabulary into dir, each in one step;
// transformers loads them.
func (t *Tokenizer) Save(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	d := &t.description
	full, err := d.tokenizerJSON()
	if err != nil {
		return err
	}
	files := map[string][]byte{"tokenizer.json": full}
	config, special := d.tokenizerConfig()
	for name, v := range map[string]any{"tokenizer_config.json": config, "special_tokens_map.json": special} {
		if files[name], err = plainJSON(v, "  "); err != nil {
			return err
		}
	}
	maps.Copy(files, d.classic)
	switch {
	case d.model.Type == "WordPiece" && !slices.ContainsFunc(d.vocab, func(s string) bool { return strings.ContainsAny(s, "\r\n") }):
		files["vocab.txt"] = []byte(strings.Join(d.vocab, "\n") + "\n")
	case d.model.Type == "BPE":
		merges := []byte("#version: 0.2\n")
		for _, m := range d.merges {
			if strings.ContainsAny(m[0]+m[1], " \r\n") { // not for this file
				merges = nil
				break
			}
			merges = append(merges, m[0]+" "+m[1]+"\n"...)
		}
		if merges != nil {
			vocab, err := vocabJSON(d.vocab)
			if err != nil {
				return err
			}
			files["vocab.json"], files["merges.txt"] = append(vocab, '\n'), merges
		}
	}
	if name, data := d.sentencePieceFile(); name != "" && d.classic == nil {
		files[name] = data
	}
	// tokenizer.json comes last: where it is, the others are.
	for _, name := range append(slices.DeleteFunc(slices.Sorted(maps.Keys(files)), func(n string) bool { return n == "tokenizer.json" }), "tokenizer.json") {
		if err := checkpoint.WriteFile(filepath.Join(dir, name), files[name]); err != nil {
			return err
		}
	}
	return nil
}

// tokenizerConfig returns what tokenizer_config.json and special_tokens_map.json say.
func (d *description) tokenizerConfig() (config, special object) {
	config, special = object{}, object{}
	for key, value := range d.config {
		switch key {
		case "name_or_path", "is_local", "local_files_only", "special_tokens_map_file", "tokenizer_file":
		default:
			config[key] = value
		}
	}
	flags := map[string]addedToken{}
	decoder := object{}
	for _, a := range d.added {
		flags[a.content] = a
		decoder[strconv.Itoa(int(a.id))] = a.flags()
	}
	config["added_tokens_decoder"] = decoder
	s := d.special
	for key, name := range map[string]string{"pad_token": s.pad, "unk_token": s.unk, "cls_token": s.cls, "sep_token": s.sep, "mask_token": s.mask} {
		if name == "" {
			continue
		}
		config[key], special[key] = name, name
		if a, ok := flags[name]; ok && (a.lstrip || a.rstrip || a.singleWord || a.normalized) {
			special[key] = a.flags()
		}
	}
	for _, key := range []string{"bos_token", "eos_token"} {
		if value, ok := config[key]; ok {
			special[key] = value
		}
	}
	config["tokenizer_class"] = d.class
	if d.class == "" {
		config["tokenizer_class"] = "PreTrainedTokenizerFast"
	}
	delete(config, "model_max_length")
	if d.maxLength > 0 {
		config["model_max_length"] = d.maxLength
	}
	return config, special
}

// flags writes the token as the files of transformers do.
func (a addedToken) flags() object {
	return object{"content": a.content, "single_word": a.singleWord, "lstrip": a.lstrip, "rstrip": a.rstrip, "normalized": a.normalized, "special": a.special}
}

// plainJSON writes v and the end of a line, and leaves < and > as they are.
func plainJSON(v any, indent string) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	err := e.Encode(v)
	return b.Bytes(), err
}

// vocabJSON writes a vocabulary in the order of ids.
func vocabJSON(vocab []string) ([]byte, error) {
	b := []byte{'{'}
	for id, token := range vocab {
		if id > 0 {
			b = append(b, ',')
		}
		name, err := plainJSON(token, "")
		if err != nil {
			return nil, err
		}
		b = append(append(b, bytes.TrimSpace(name)...), ':')
		b = strconv.AppendInt(b, int64(id), 10)
	}
	return append(b, '}'), nil
}

// tokenizerJSON writes all that the pipeline is made of.
func (d *description) tokenizerJSON() ([]byte, error) {
	tokens := []object{}
	for _, a := range d.added {
		o := a.flags()
		o["id"] = a.id
		tokens = append(tokens, o)
	}
	slices.SortStableFunc(tokens, func(a, b object) int { return int(a["id"].(int32) - b["id"].(int32)) })
	m := d.model
	model := object{"type": m.Type}
	var vocab any
	switch m.Type {
	case "Unigram":
		list := make([][2]any, len(d.vocab))
		for i, token := range d.vocab {
			list[i] = [2]any{token, d.scores[i]}
		}
		vocab = list
		model["unk_id"], model["byte_fallback"] = m.UnkID, m.ByteFallback
	default:
		data, err := vocabJSON(d.vocab)
		if err != nil {
			return nil, err
		}
		vocab = json.RawMessage(data)
		model["unk_token"], model["continuing_subword_prefix"] = m.UnkToken, m.Prefix
		if m.Type == "WordPiece" {
			model["continuing_subword_prefix"] = orDefault(m.Prefix, "##")
			model["max_input_chars_per_word"] = orDefault(m.MaxChars, 100)
			break
		}
		model["end_of_word_suffix"], model["dropout"] = m.Suffix, nil
		model["fuse_unk"], model["byte_fallback"], model["ignore_merges"] = m.FuseUnk, m.ByteFallback, m.IgnoreMerges
		model["merges"] = append([][2]string{}, d.merges...)
	}
	model["vocab"] = vocab
	return plainJSON(object{
		"version": "1.0", "truncation": nil, "padding": nil, "added_tokens": tokens,
		"normalizer": orNull(d.normalizer), "pre_tokenizer": orNull(d.preTokenizer), "post_processor": orNull(d.postProcessor), "decoder": orNull(d.decoder),
		"model": model,
	}, "")
}

func orNull(data json.RawMessage) json.RawMessage {
	if len(data) == 0 {
		return json.RawMessage("null")
	}
	return data
}
