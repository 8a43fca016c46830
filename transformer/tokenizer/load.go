package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// Load reads the tokenizer of a model directory. Which one it is, its files
// tell: tokenizer.json, or else vocab.txt (WordPiece), vocab.json with
// merges.txt (byte-level BPE), spiece.model or sentencepiece.bpe.model
// (Unigram), with what tokenizer_config.json, special_tokens_map.json and
// added_tokens.json say. Truncation and padding settings of a tokenizer.json
// are not taken over: callers say them.
func Load(dir string) (*Tokenizer, error) {
	c, err := readConfig(dir)
	if err != nil {
		return nil, err
	}
	for _, form := range []struct {
		name string
		read func(data []byte, dir string, c *config) (description, error)
	}{
		{"tokenizer.json", readTokenizerJSON},
		{"vocab.txt", readVocabTxt},
		{"vocab.json", readVocabJSON},
		{"spiece.model", readSpiece},
		{"sentencepiece.bpe.model", readSpiece},
	} {
		path := filepath.Join(dir, form.name)
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		c.file = form.name
		d, err := form.read(data, dir, c)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if n := float64(c.ModelMaxLength); n > 0 && n < 1<<30 {
			d.maxLength = int(n)
		}
		if c.TokenizerClass != "" {
			d.class = c.TokenizerClass
		}
		if d.config == nil {
			d.config = map[string]json.RawMessage{}
		}
		maps.Copy(d.config, c.rest)
		t, err := d.build()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return t, nil
	}
	return nil, fmt.Errorf("%s: found no tokenizer: expected tokenizer.json, vocab.txt, vocab.json and merges.txt, spiece.model or sentencepiece.bpe.model", dir)
}

// config is what tokenizer_config.json and special_tokens_map.json say.
type config struct {
	TokenizerClass string                `json:"tokenizer_class"`
	DoLowerCase    *bool                 `json:"do_lower_case"`
	StripAccents   *bool                 `json:"strip_accents"`
	ChineseChars   *bool                 `json:"tokenize_chinese_chars"`
	AddPrefixSpace *bool                 `json:"add_prefix_space"`
	ModelMaxLength jsonNumber            `json:"model_max_length"`
	Added          map[string]configItem `json:"added_tokens_decoder"`
	Additional     []configItem          `json:"additional_special_tokens"`
	Pad            configItem            `json:"pad_token"`
	Unk            configItem            `json:"unk_token"`
	CLS            configItem            `json:"cls_token"`
	SEP            configItem            `json:"sep_token"`
	Mask           configItem            `json:"mask_token"`
	BOS            configItem            `json:"bos_token"`
	EOS            configItem            `json:"eos_token"`

	file       string         // which vocabulary it goes with
	addedLater map[string]int // added_tokens.json
	rest       map[string]json.RawMessage
}

// readConfig reads what is there of the files that say how a vocabulary is used.
func readConfig(dir string) (*config, error) {
	c := &config{}
	for _, name := range []string{"special_tokens_map.json", "tokenizer_config.json"} { // the latter has the last word
		path := filepath.Join(dir, name)
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := c.read(data); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if name == "tokenizer_config.json" {
			if err := json.Unmarshal(data, &c.rest); err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
		}
	}
	path := filepath.Join(dir, "added_tokens.json")
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	default:
		if err := json.Unmarshal(data, &c.addedLater); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return c, nil
}

// read takes over what one of the files says. A token that it only names keeps
// the flags that another one gave it.
func (c *config) read(data []byte) error {
	before := *c
	if err := json.Unmarshal(data, c); err != nil {
		return err
	}
	for _, p := range []struct{ now, old *configItem }{
		{&c.Pad, &before.Pad}, {&c.Unk, &before.Unk}, {&c.CLS, &before.CLS}, {&c.SEP, &before.SEP},
		{&c.Mask, &before.Mask}, {&c.BOS, &before.BOS}, {&c.EOS, &before.EOS},
	} {
		if p.now.Content == "" || !p.now.flags && p.now.Content == p.old.Content {
			*p.now = *p.old
		}
	}
	return nil
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

// configItem is a token: a string, or an object that has it as content, with flags.
type configItem struct {
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
	flags      bool   // the flags were said
}

func (s *configItem) UnmarshalJSON(data []byte) error {
	*s = configItem{}
	if bytes.HasPrefix(data, []byte("{")) {
		type plain configItem
		s.flags = true
		return json.Unmarshal(data, (*plain)(s))
	}
	return json.Unmarshal(data, &s.Content)
}

func (s configItem) added(id int32) addedToken {
	return addedToken{s.Content, id, s.Special, s.LStrip, s.RStrip, s.SingleWord, s.Normalized}
}

func (s configItem) or(name string) string {
	if s.Content == "" {
		return name
	}
	return s.Content
}

// special returns the names of the special tokens: as the files give them, or
// else those of the usual names that the vocabulary has. known tells the latter.
func (c *config) special(known func(token string) bool) specialTokens {
	pick := func(said configItem, usual ...string) string {
		for _, name := range usual {
			if said.Content == "" && known(name) {
				return name
			}
		}
		return said.Content
	}
	return specialTokens{
		pad:  pick(c.Pad, "[PAD]", "<pad>"),
		unk:  pick(c.Unk, "[UNK]", "<unk>"),
		cls:  pick(c.CLS, "[CLS]", "<cls>", "<s>"),
		sep:  pick(c.SEP, "[SEP]", "<sep>", "</s>"),
		mask: pick(c.Mask, "[MASK]", "<mask>"),
	}
}

// maxVocabulary bounds the ids of tokens.
const maxVocabulary = 1 << 24

// byID puts the tokens of a vocabulary into the order of their ids, which are
// 0 and up, each once.
func byID(ids map[string]int) ([]string, error) {
	vocab := make([]string, len(ids))
	taken := make([]bool, len(ids))
	for token, id := range ids {
		if id < 0 || id >= min(len(ids), maxVocabulary) || taken[id] {
			return nil, fmt.Errorf("vocabulary: %q has the id %d: expected 0 to %d, each once", token, id, len(ids)-1)
		}
		vocab[id], taken[id] = token, true
	}
	return vocab, nil
}

// readTokenizerJSON reads a tokenizer.json.
func readTokenizerJSON(data []byte, _ string, c *config) (d description, err error) {
	var file struct {
		AddedTokens []struct {
			ID int32 `json:"id"`
			configItemFields
		} `json:"added_tokens"`
		Normalizer    json.RawMessage `json:"normalizer"`
		PreTokenizer  json.RawMessage `json:"pre_tokenizer"`
		PostProcessor json.RawMessage `json:"post_processor"`
		Decoder       json.RawMessage `json:"decoder"`
		Model         struct {
			modelSettings
			Vocab  json.RawMessage `json:"vocab"`
			Merges json.RawMessage `json:"merges"`
		} `json:"model"`
	}
	if !utf8.Valid(data) { // encoding/json would replace what is not
		return d, errors.New("not a tokenizer.json: expected UTF-8")
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return d, fmt.Errorf("not a tokenizer.json: %w", err)
	}
	d = description{normalizer: file.Normalizer, preTokenizer: file.PreTokenizer, postProcessor: file.PostProcessor, decoder: file.Decoder, model: file.Model.modelSettings}
	for _, a := range file.AddedTokens {
		d.added = append(d.added, configItem(a.configItemFields).added(a.ID))
	}
	vocab := bytes.TrimSpace(file.Model.Vocab)
	if d.model.Type == "" { // files of old did not say
		switch {
		case bytes.HasPrefix(vocab, []byte("[")):
			d.model.Type = "Unigram"
		case file.Model.Merges != nil:
			d.model.Type = "BPE"
		case d.model.MaxChars != nil:
			d.model.Type = "WordPiece"
		}
	}
	switch d.model.Type {
	case "Unigram":
		var list []jsonScoredPiece
		if err := json.Unmarshal(vocab, &list); err != nil {
			return d, fmt.Errorf("model.vocab: %w", err)
		}
		for _, p := range list {
			d.vocab, d.scores = append(d.vocab, p.Piece), append(d.scores, p.Score)
		}
	case "BPE", "WordPiece":
		var ids map[string]int
		if err := json.Unmarshal(vocab, &ids); err != nil {
			return d, fmt.Errorf("model.vocab: %w", err)
		}
		if d.vocab, err = byID(ids); err != nil {
			return d, fmt.Errorf("model.vocab: %w", err)
		}
	default:
		return d, unknownType("model", d.model.Type, "BPE", "Unigram", "WordPiece")
	}
	if d.merges, err = jsonMerges(file.Model.Merges); err != nil {
		return d, fmt.Errorf("model.merges: %w", err)
	}
	if c.Unk.Content == "" && d.model.UnkToken != nil {
		c.Unk.Content = *d.model.UnkToken
	}
	d.special = c.special(func(token string) bool {
		return slices.Contains(d.vocab, token) || slices.ContainsFunc(d.added, func(a addedToken) bool { return a.content == token })
	})
	return d, nil
}

// configItemFields is configItem without its way of being read, for objects that hold more.
type configItemFields configItem

// jsonScoredPiece is a ScoredPiece as tokenizer.json has it: ["▁the", -3.5].
type jsonScoredPiece ScoredPiece

func (p *jsonScoredPiece) UnmarshalJSON(data []byte) error {
	list := []any{&p.Piece, &p.Score}
	if err := json.Unmarshal(data, &list); err != nil || len(list) != 2 || list[0] == nil || list[1] == nil {
		return fmt.Errorf("found %.100s, expected a piece and its score", data)
	}
	return nil
}

// jsonMerges reads merges as tokenizer.json has them: ["a", "b"], and "a b" in older files.
func jsonMerges(data json.RawMessage) ([][2]string, error) {
	if len(data) == 0 {
		return nil, nil
	}
	var pairs [][]string
	if err := json.Unmarshal(data, &pairs); err == nil {
		merges := make([][2]string, len(pairs))
		for i, p := range pairs {
			if len(p) != 2 {
				return nil, fmt.Errorf("found %.100q, expected two tokens", p)
			}
			merges[i] = [2]string{p[0], p[1]}
		}
		return merges, nil
	}
	var list []string
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, err
	}
	merges := make([][2]string, len(list))
	for i, s := range list {
		var err error
		if merges[i], err = parseMerge(s); err != nil {
			return nil, err
		}
	}
	return merges, nil
}

func parseMerge(s string) ([2]string, error) {
	a, b, ok := strings.Cut(s, " ")
	if !ok || a == "" || b == "" || strings.Contains(b, " ") {
		return [2]string{}, fmt.Errorf("found %.100q, expected two tokens with a space between them", s)
	}
	return [2]string{a, b}, nil
}
