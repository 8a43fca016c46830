package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
)

// Load reads the tokenizer of a model directory: tokenizer.json, or else
// vocab.txt with tokenizer_config.json. Truncation and padding settings of a
// tokenizer.json are not taken over: callers say them.
func Load(dir string) (*Tokenizer, error) {
	var c tokenizerConfig
	configPath := filepath.Join(dir, "tokenizer_config.json")
	if data, err := os.ReadFile(configPath); err == nil {
		if err := json.Unmarshal(data, &c); err != nil {
			return nil, fmt.Errorf("%s: %w", configPath, err)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	path := filepath.Join(dir, "tokenizer.json")
	data, err := os.ReadFile(path)
	var t *Tokenizer
	switch {
	case err == nil:
		t, err = parseTokenizerJSON(data, c)
	case errors.Is(err, fs.ErrNotExist):
		path = filepath.Join(dir, "vocab.txt")
		if data, err = os.ReadFile(path); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s: found no tokenizer: expected tokenizer.json or vocab.txt", dir)
		}
		if err == nil {
			t, err = fromVocabulary(data, c)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if n := float64(c.ModelMaxLength); n > 0 && n < 1<<30 {
		t.maxLength = int(n)
	}
	return t, nil
}

// tokenizerConfig is what is used of a tokenizer_config.json.
type tokenizerConfig struct {
	TokenizerClass string       `json:"tokenizer_class"`
	DoLowerCase    *bool        `json:"do_lower_case"`
	StripAccents   *bool        `json:"strip_accents"`
	ChineseChars   *bool        `json:"tokenize_chinese_chars"`
	ModelMaxLength jsonNumber   `json:"model_max_length"`
	Pad            specialToken `json:"pad_token"`
	Unk            specialToken `json:"unk_token"`
	CLS            specialToken `json:"cls_token"`
	SEP            specialToken `json:"sep_token"`
	Mask           specialToken `json:"mask_token"`
}

// jsonNumber is a number of any size; null is 0.
type jsonNumber float64

func (n *jsonNumber) UnmarshalJSON(data []byte) error {
	if bytes.Equal(data, []byte("null")) {
		return nil
	}
	var f float64
	if err := json.Unmarshal(data, &f); err != nil {
		return fmt.Errorf("model_max_length: found %s, expected a number", data)
	}
	*n = jsonNumber(math.Min(f, 1<<40))
	return nil
}

// specialToken is a string, or an object that has it as content.
type specialToken string

func (s *specialToken) UnmarshalJSON(data []byte) error {
	var o struct {
		Content string `json:"content"`
	}
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		if err := json.Unmarshal(data, &o); err != nil {
			return err
		}
		*s = specialToken(o.Content)
		return nil
	}
	return json.Unmarshal(data, (*string)(s))
}

func (s specialToken) or(name string) string {
	if s == "" {
		return name
	}
	return string(s)
}

func fromVocabulary(data []byte, c tokenizerConfig) (*Tokenizer, error) {
	if c.TokenizerClass != "" && !strings.HasPrefix(c.TokenizerClass, "Bert") && !strings.HasPrefix(c.TokenizerClass, "DistilBert") && c.TokenizerClass != "PreTrainedTokenizerFast" {
		return nil, fmt.Errorf("tokenizer_class of tokenizer_config.json: found %q, expected BertTokenizer", c.TokenizerClass)
	}
	text := strings.TrimSuffix(string(data), "\n")
	if text == "" {
		return nil, errors.New("the vocabulary is empty")
	}
	vocab := strings.Split(text, "\n")
	for i := range vocab {
		vocab[i] = strings.TrimSuffix(vocab[i], "\r")
	}
	yes := func(b *bool) bool { return b == nil || *b }
	return newBert(vocab, bertNormalizer{true, yes(c.ChineseChars), c.StripAccents, yes(c.DoLowerCase)}, c.special(), "##", 100)
}

// special returns the names of the special tokens, BERT's where none are given.
func (c tokenizerConfig) special() specialTokens {
	b := bertSpecialTokens
	return specialTokens{c.Pad.or(b.pad), c.Unk.or(b.unk), c.CLS.or(b.cls), c.SEP.or(b.sep), c.Mask.or(b.mask)}
}

// component is a part of a tokenizer.json, told by its type.
type component struct {
	Type string `json:"type"`
}

// maxVocabulary bounds the ids that a tokenizer.json may name.
const maxVocabulary = 1 << 24

func parseTokenizerJSON(data []byte, c tokenizerConfig) (*Tokenizer, error) {
	var file struct {
		AddedTokens []struct {
			ID         int    `json:"id"`
			Content    string `json:"content"`
			SingleWord bool   `json:"single_word"`
			LStrip     bool   `json:"lstrip"`
			RStrip     bool   `json:"rstrip"`
			Normalized bool   `json:"normalized"`
			Special    bool   `json:"special"`
		} `json:"added_tokens"`
		Normalizer    json.RawMessage `json:"normalizer"`
		PreTokenizer  json.RawMessage `json:"pre_tokenizer"`
		PostProcessor json.RawMessage `json:"post_processor"`
		Model         struct {
			Type     string          `json:"type"`
			UnkToken string          `json:"unk_token"`
			Prefix   *string         `json:"continuing_subword_prefix"`
			MaxChars *int            `json:"max_input_chars_per_word"`
			Vocab    json.RawMessage `json:"vocab"`
		} `json:"model"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("not a tokenizer.json: %w", err)
	}
	if file.Model.Type != "WordPiece" {
		return nil, fmt.Errorf("model: found type %q, expected \"WordPiece\"", file.Model.Type)
	}
	var ids map[string]int
	if err := json.Unmarshal(file.Model.Vocab, &ids); err != nil {
		return nil, fmt.Errorf("model.vocab: %w", err)
	}
	for _, a := range file.AddedTokens {
		if a.SingleWord || a.LStrip || a.RStrip || a.Normalized {
			return nil, fmt.Errorf("added_tokens: %q: single_word, lstrip, rstrip and normalized are not supported for WordPiece", a.Content)
		}
		if a.Content == "" {
			return nil, errors.New("added_tokens: found an empty token")
		}
		if id, ok := ids[a.Content]; ok && id != a.ID {
			return nil, fmt.Errorf("added_tokens: %q has the id %d, in the vocabulary %d", a.Content, a.ID, id)
		}
		if ids == nil {
			ids = map[string]int{}
		}
		ids[a.Content] = a.ID
	}
	vocab := make([]string, len(ids))
	taken := make([]bool, len(ids))
	for token, id := range ids {
		if id < 0 || id >= min(len(ids), maxVocabulary) || taken[id] {
			return nil, fmt.Errorf("model.vocab: %q has the id %d: expected 0 to %d, each once", token, id, len(ids)-1)
		}
		vocab[id], taken[id] = token, true
	}
	n, err := parseNormalizer(file.Normalizer)
	if err != nil {
		return nil, err
	}
	var pre component
	if err := json.Unmarshal(orNull(file.PreTokenizer), &pre); err != nil || pre.Type != "BertPreTokenizer" {
		return nil, fmt.Errorf("pre_tokenizer: found type %q, expected \"BertPreTokenizer\"", pre.Type)
	}
	prefix, maxChars := "##", 100
	if file.Model.Prefix != nil {
		prefix = *file.Model.Prefix
	}
	if file.Model.MaxChars != nil {
		maxChars = *file.Model.MaxChars
	}
	special := c.special()
	if file.Model.UnkToken != "" {
		special.unk = file.Model.UnkToken
	}
	t, err := newBert(vocab, n, special, prefix, maxChars)
	if err != nil {
		return nil, err
	}
	t.added = nil
	for _, a := range file.AddedTokens {
		t.added = append(t.added, addedToken{content: a.Content, id: int32(a.ID), special: a.Special})
	}
	t.init()
	return t, t.parsePostProcessor(file.PostProcessor)
}

func orNull(data json.RawMessage) json.RawMessage {
	if len(data) == 0 {
		return json.RawMessage("null")
	}
	return data
}

func parseNormalizer(data json.RawMessage) (bertNormalizer, error) {
	var n struct {
		component
		CleanText    *bool `json:"clean_text"`
		ChineseChars *bool `json:"handle_chinese_chars"`
		StripAccents *bool `json:"strip_accents"`
		Lowercase    *bool `json:"lowercase"`
	}
	if err := json.Unmarshal(orNull(data), &n); err != nil {
		return bertNormalizer{}, fmt.Errorf("normalizer: %w", err)
	}
	if n.Type != "BertNormalizer" {
		return bertNormalizer{}, fmt.Errorf("normalizer: found type %q, expected \"BertNormalizer\"", n.Type)
	}
	yes := func(b *bool) bool { return b == nil || *b }
	return bertNormalizer{yes(n.CleanText), yes(n.ChineseChars), n.StripAccents, yes(n.Lowercase)}, nil
}

// parsePostProcessor takes over the templates of single texts and pairs.
func (t *Tokenizer) parsePostProcessor(data json.RawMessage) error {
	type part struct {
		SpecialToken *struct {
			ID     string `json:"id"`
			TypeID int32  `json:"type_id"`
		}
		Sequence *struct {
			ID     string `json:"id"`
			TypeID int32  `json:"type_id"`
		}
	}
	var p struct {
		component
		Single  []part `json:"single"`
		Pair    []part `json:"pair"`
		Special map[string]struct {
			IDs []int32 `json:"ids"`
		} `json:"special_tokens"`
		SEP []any `json:"sep"`
		CLS []any `json:"cls"`
	}
	if err := json.Unmarshal(orNull(data), &p); err != nil {
		return fmt.Errorf("post_processor: %w", err)
	}
	switch p.Type {
	case "BertProcessing": // [CLS] A [SEP] B [SEP], what newBert set
		for _, s := range []struct {
			key, token string
			found      []any
		}{{"cls", t.special.cls, p.CLS}, {"sep", t.special.sep, p.SEP}} {
			if len(s.found) != 2 || s.found[0] != s.token || s.found[1] != float64(t.ids[s.token]) {
				return fmt.Errorf("post_processor.%s: found %v, expected [%q, %d]", s.key, s.found, s.token, t.ids[s.token])
			}
		}
		return nil
	case "TemplateProcessing":
	default:
		return fmt.Errorf("post_processor: found type %q, expected \"TemplateProcessing\" or \"BertProcessing\"", p.Type)
	}
	build := func(name string, parts []part, sequences int) ([]templatePart, error) {
		var out []templatePart
		seen := [2]int{}
		for i, q := range parts {
			switch {
			case q.Sequence != nil && (q.Sequence.ID == "A" || q.Sequence.ID == "B" && sequences == 2):
				s := int8(q.Sequence.ID[0] - 'A')
				seen[s]++
				out = append(out, templatePart{s, 0, q.Sequence.TypeID})
			case q.SpecialToken != nil && len(p.Special[q.SpecialToken.ID].IDs) > 0:
				for _, id := range p.Special[q.SpecialToken.ID].IDs {
					if id < 0 || int(id) >= len(t.vocab) {
						return nil, fmt.Errorf("post_processor.%s[%d]: id %d of %q is not in the vocabulary of %d tokens", name, i, id, q.SpecialToken.ID, len(t.vocab))
					}
					out = append(out, templatePart{-1, id, q.SpecialToken.TypeID})
				}
			default:
				return nil, fmt.Errorf("post_processor.%s[%d]: expected a sequence A or B, or a special token with ids", name, i)
			}
		}
		if seen[0] != 1 || seen[1] != sequences-1 {
			return nil, fmt.Errorf("post_processor.%s: expected each of its %d sequences once", name, sequences)
		}
		return out, nil
	}
	var err error
	if t.single, err = build("single", p.Single, 1); err != nil {
		return err
	}
	t.pair, err = build("pair", p.Pair, 2)
	return err
}
