package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// The classic files hold a vocabulary only. What else a tokenizer.json says is
// the family's: the same for every checkpoint of BERT, RoBERTa, XLNet or XLM-R.

// checkClass refuses a vocabulary of another family than tokenizer_class says.
func (c *config) checkClass(families ...string) error {
	name := strings.TrimSuffix(strings.TrimSuffix(c.TokenizerClass, "Fast"), "Tokenizer")
	if name == "" || name == "PreTrained" || name == "TokenizersBackend" || slices.Contains(families, name) {
		return nil
	}
	return fmt.Errorf("tokenizer_class of tokenizer_config.json: found %q, expected %sTokenizer", c.TokenizerClass, strings.Join(families, "Tokenizer or "))
}

// addTokens adds the tokens that the files beside a vocabulary name: special
// ones, which are the given names and what additional_special_tokens has, and
// those of added_tokens_decoder and added_tokens.json, behind the vocabulary.
// lstrip names the special tokens that take white space along if nothing is said about them.
func (d *description) addTokens(c *config, names []configItem, lstrip string) error {
	ids := make(map[string]int32, len(d.vocab))
	for i, token := range d.vocab {
		ids[token] = int32(i)
	}
	seen := map[string]bool{}
	add := func(item configItem, id int32) {
		if !seen[item.Content] {
			seen[item.Content] = true
			d.added = append(d.added, item.added(id))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(c.Added)) {
		item := c.Added[key]
		var id int32
		if err := json.Unmarshal([]byte(key), &id); err != nil || id < 0 || id > maxVocabulary {
			return fmt.Errorf("added_tokens_decoder of tokenizer_config.json: found %q, expected an id", key)
		}
		add(item, id)
		ids[item.Content] = id
	}
	for _, token := range slices.Sorted(maps.Keys(c.addedLater)) {
		id := c.addedLater[token]
		if id < 0 || id > maxVocabulary {
			return fmt.Errorf("added_tokens.json: %q has the id %d", token, id)
		}
		if _, ok := ids[token]; !ok {
			ids[token] = int32(id)
			special := slices.ContainsFunc(append(names, c.Additional...), func(n configItem) bool { return n.Content == token })
			add(configItem{Content: token, Special: special, Normalized: !special}, int32(id))
		}
	}
	for _, item := range append(names, c.Additional...) {
		if item.Content == "" {
			continue
		}
		id, ok := ids[item.Content]
		if !ok {
			return fmt.Errorf("vocabulary: the special token %q is not among the %d tokens", item.Content, len(d.vocab))
		}
		item.Special = true
		if !item.flags {
			item.LStrip = item.Content == lstrip
		}
		add(item, id)
	}
	slices.SortFunc(d.added, func(a, b addedToken) int { return int(a.id - b.id) })
	return nil
}

// lines splits a text file; the last line may or may not end.
func lines(data []byte) []string {
	list := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	for i := range list {
		list[i] = strings.TrimSuffix(list[i], "\r")
	}
	return list
}

// readVocabTxt reads BERT's vocabulary: a token a line.
func readVocabTxt(data []byte, _ string, c *config) (d description, err error) {
	if err := c.checkClass("Bert", "DistilBert"); err != nil {
		return d, err
	}
	vocab := lines(data)
	if len(vocab) == 1 && vocab[0] == "" {
		return d, errors.New("the vocabulary is empty")
	}
	special := specialTokens{c.Pad.or("[PAD]"), c.Unk.or("[UNK]"), c.CLS.or("[CLS]"), c.SEP.or("[SEP]"), c.Mask.or("[MASK]")}
	d = describeWordPiece(vocab, WordPieceOptions{orDefault(c.DoLowerCase, true), c.StripAccents, orDefault(c.ChineseChars, true)}, special)
	return d, d.addTokens(c, c.named(special), "")
}

// named returns the special tokens with what the files say about them.
func (c *config) named(s specialTokens) []configItem {
	items := []configItem{c.Pad, c.Unk, c.CLS, c.SEP, c.Mask}
	for i, name := range []string{s.pad, s.unk, s.cls, s.sep, s.mask} {
		items[i].Content = name
	}
	for _, item := range []configItem{c.BOS, c.EOS} {
		if !slices.ContainsFunc(items, func(i configItem) bool { return i.Content == item.Content }) {
			items = append(items, item)
		}
	}
	return items
}

// readVocabJSON reads RoBERTa's vocabulary, with merges.txt beside it.
func readVocabJSON(data []byte, dir string, c *config) (d description, err error) {
	if err := c.checkClass("Roberta"); err != nil {
		return d, err
	}
	merges, err := os.ReadFile(filepath.Join(dir, "merges.txt"))
	if err != nil {
		return d, err
	}
	if !utf8.Valid(data) { // encoding/json would replace what is not
		return d, errors.New("expected UTF-8")
	}
	var ids map[string]int
	if err := json.Unmarshal(data, &ids); err != nil {
		return d, err
	}
	vocab, err := byID(ids)
	if err != nil {
		return d, err
	}
	pairs, err := parseMerges(merges)
	if err != nil {
		return d, fmt.Errorf("%s: %w", filepath.Join(dir, "merges.txt"), err)
	}
	r := robertaSpecialTokens
	special := specialTokens{c.Pad.or(r.pad), c.Unk.or(r.unk), c.CLS.or(r.cls), c.SEP.or(r.sep), c.Mask.or(r.mask)}
	if d, err = describeByteLevelBPE(vocab, pairs, ByteLevelBPEOptions{AddPrefixSpace: orDefault(c.AddPrefixSpace, false)}, special); err != nil {
		return d, err
	}
	return d, d.addTokens(c, c.named(special), special.mask)
}

// parseMerges reads a merges.txt: two tokens a line, in the order learned.
func parseMerges(data []byte) ([][2]string, error) {
	var pairs [][2]string
	for i, line := range lines(data) {
		if i == 0 && strings.HasPrefix(line, "#version") || line == "" {
			continue
		}
		pair, err := parseMerge(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		pairs = append(pairs, pair)
	}
	return pairs, nil
}
