package tokenizer

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

var words = []string{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "##b", "god", "##wit", "fly", "##ing", "!", "e", "城", "##s", "hello"}

func bert(t testing.TB, lowercase bool) *Tokenizer {
	t.Helper()
	tok, err := NewWordPiece(words, WordPieceOptions{Lowercase: lowercase, ChineseChars: true})
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func TestEncode(t *testing.T) {
	for _, c := range []struct {
		text    string
		lower   bool
		tokens  string
		offsets string // in bytes, without the special tokens
	}{
		{"Godwits flying!", true, "god ##wit ##s fly ##ing !", "[[0 3] [3 6] [6 7] [8 11] [11 14] [14 15]]"},
		{"Godwits", false, "[UNK]", "[[0 7]]"},
		{"é E\u0301", true, "e e", "[[0 2] [3 4]]"},
		{"a城a", true, "a 城 a", "[[0 1] [1 4] [4 5]]"},
		{"a\x00b", true, "a ##b", "[[0 1] [2 3]]"},
		{"a[MASK]a", true, "a [MASK] a", "[[0 1] [1 7] [7 8]]"},
		{"[mask]", true, "[UNK] [UNK] [UNK]", "[[0 1] [1 5] [5 6]]"},
		{"\xffa\xfe", true, "a", "[[1 2]]"},
		{strings.Repeat("a", 101), true, "[UNK]", "[[0 101]]"},
		{"", true, "", "[]"},
	} {
		e, err := bert(t, c.lower).Encode(c.text, Options{AddSpecialTokens: true})
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		n := len(e.Tokens)
		if e.Tokens[0] != "[CLS]" || e.Tokens[n-1] != "[SEP]" {
			t.Errorf("%q: tokens %q", c.text, e.Tokens)
		}
		if got := strings.Join(e.Tokens[1:n-1], " "); got != c.tokens {
			t.Errorf("%.20q: tokens %q, want %q", c.text, got, c.tokens)
		}
		if got := fmt.Sprint(e.Offsets[1 : n-1]); got != c.offsets {
			t.Errorf("%.20q: offsets %s, want %s", c.text, got, c.offsets)
		}
	}
}

func TestTruncation(t *testing.T) {
	for _, c := range []struct {
		strategy     Truncation
		n1, n2       int
		limit        int
		pair         bool
		want1, want2 int
		fails        bool
	}{
		{LongestFirst, 5, 9, 20, true, 5, 9, false},
		{LongestFirst, 5, 9, 10, true, 5, 5, false},
		{LongestFirst, 9, 2, 7, true, 5, 2, false},
		{LongestFirst, 9, 9, 7, true, 3, 4, false},
		{LongestFirst, 9, 0, 7, false, 7, 0, false},
		{OnlyFirst, 9, 4, 7, true, 3, 4, false},
		{OnlyFirst, 3, 9, 7, true, 0, 0, true},
		{OnlySecond, 3, 9, 7, true, 3, 4, false},
		{OnlySecond, 9, 0, 7, false, 0, 0, true},
		{NoTruncation, 9, 9, 7, true, 9, 9, false},
	} {
		n1, n2, err := c.strategy.truncate(c.n1, c.n2, c.limit, c.pair)
		if n1 != c.want1 || n2 != c.want2 || (err != nil) != c.fails {
			t.Errorf("%v of %d and %d to %d: %d, %d, %v; want %d, %d", c.strategy, c.n1, c.n2, c.limit, n1, n2, err, c.want1, c.want2)
		}
	}
	if _, err := ParseTruncation("shortest_first"); err == nil {
		t.Error("no error for an unknown strategy")
	}
}

func TestEncodeBatchIsEncode(t *testing.T) {
	tok := bert(t, true)
	var texts, pairs []string
	for i := range 100 {
		texts, pairs = append(texts, strings.Repeat("godwits flying ", i%7)), append(pairs, strings.Repeat("a ", i%5))
	}
	all, err := tok.EncodeBatch(texts, pairs, Options{AddSpecialTokens: true})
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range all {
		one, err := tok.EncodePair(texts[i], pairs[i], Options{AddSpecialTokens: true})
		if err != nil || !slices.Equal(one.IDs, e.IDs) || !slices.Equal(one.TypeIDs, e.TypeIDs) {
			t.Errorf("text %d: %v in a batch, %v alone (%v)", i, e.IDs, one.IDs, err)
		}
	}
}

func TestLongLineWithoutSpace(t *testing.T) {
	e, err := bert(t, true).Encode(strings.Repeat("x", 10<<20), Options{AddSpecialTokens: true, MaxLength: 8, Truncation: LongestFirst})
	if err != nil || !slices.Equal(e.Tokens, []string{"[CLS]", "[UNK]", "[SEP]"}) {
		t.Errorf("%q, %v", e.Tokens, err)
	}
}

func write(t testing.TB, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestLoadErrors(t *testing.T) {
	dir := t.TempDir()
	if err := bert(t, true).Save(dir); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(filepath.Join(dir, "tokenizer.json"))
	if err != nil {
		t.Fatal(err)
	}
	change := func(path string, value any) string {
		var file map[string]any
		if err := json.Unmarshal(good, &file); err != nil {
			t.Fatal(err)
		}
		at := file
		keys := strings.Split(path, ".")
		for _, k := range keys[:len(keys)-1] {
			at = at[k].(map[string]any)
		}
		at[keys[len(keys)-1]] = value
		data, err := json.Marshal(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	for says, files := range map[string][2]string{
		"found no tokenizer":             {"", ""},
		"the vocabulary is empty":        {"vocab.txt", "\n"},
		`token "a" has the ids`:          {"vocab.txt", strings.Join(append(slices.Clone(words), "a"), "\n")},
		`"[UNK]" is not among`:           {"vocab.txt", "[PAD]\n[CLS]\n[SEP]\n[MASK]\n"},
		`"[CLS]" is not among`:           {"vocab.txt", "[PAD]\n[UNK]\n[SEP]\n[MASK]\n"},
		`"[SEP]" is not among`:           {"vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[MASK]\n"},
		"expected UTF-8":                 {"vocab.txt", strings.Join(words, "\n") + "\nb\xff\n"},
		"tokenizer.json: expected UTF-8": {"tokenizer.json", strings.Replace(string(good), "hello", "hell\xff", 1)},
		"post_processor.cls":             {"tokenizer.json", change("post_processor", map[string]any{"type": "BertProcessing", "cls": []any{"[SEP]", 2}, "sep": []any{"[CLS]", 2}})},
		"not a tokenizer.json":           {"tokenizer.json", string(good[:len(good)/2])},
		`model: type "WordLevel" is`:     {"tokenizer.json", change("model.type", "WordLevel")},
		`normalizer: type "Lower" is`:    {"tokenizer.json", change("normalizer.type", "Lower")},
		`pre_tokenizer: type "Space"`:    {"tokenizer.json", change("pre_tokenizer.type", "Space")},
		`post_processor: type "Rob" is`:  {"tokenizer.json", change("post_processor.type", "Rob")},
		`decoder: type "CTC" is`:         {"tokenizer.json", change("decoder.type", "CTC")},
		"expected each of its 1 seq":     {"tokenizer.json", change("post_processor.single", []any{})},
		"each once":                      {"tokenizer.json", change("model.vocab.zzz", 99)},
		"model.vocab":                    {"tokenizer.json", change("model.vocab", []any{1})},
	} {
		dir := t.TempDir()
		if files[0] != "" {
			write(t, dir, files[0], files[1])
		}
		_, err := Load(dir)
		if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), filepath.Join(dir, files[0])) {
			t.Errorf("error %v, want one that names the file and says %q", err, says)
		}
	}
}

func fromJSON(data []byte) (*Tokenizer, error) {
	d, err := readTokenizerJSON(data, "", &config{})
	if err != nil {
		return nil, err
	}
	return d.build()
}

func fromVocabulary(data []byte) (*Tokenizer, error) {
	d, err := readVocabTxt(data, "", &config{})
	if err != nil {
		return nil, err
	}
	return d.build()
}

func TestBertProcessing(t *testing.T) {
	data, err := bert(t, true).description.tokenizerJSON()
	if err != nil {
		t.Fatal(err)
	}
	var file map[string]any
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	file["post_processor"] = map[string]any{"type": "BertProcessing", "cls": []any{"[CLS]", 2}, "sep": []any{"[SEP]", 3}}
	if data, err = json.Marshal(file); err != nil {
		t.Fatal(err)
	}
	tok, err := fromJSON(data)
	if err != nil {
		t.Fatal(err)
	}
	if e, err := tok.EncodePair("a", "e", Options{AddSpecialTokens: true}); err != nil || fmt.Sprint(e.Tokens, e.TypeIDs) != "[[CLS] a [SEP] e [SEP]] [0 0 0 1 1]" {
		t.Errorf("%v %v %v", e.Tokens, e.TypeIDs, err)
	}
}

// TestOddTokensSurvive saves tokens with a NUL and of 10 MB.
func TestOddTokensSurvive(t *testing.T) {
	odd := append(slices.Clone(words), "x\x00y", strings.Repeat("z", 10<<20))
	tok, err := NewWordPiece(odd, WordPieceOptions{Lowercase: true})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := tok.Save(dir); err != nil {
		t.Fatal(err)
	}
	again, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(again.tokens, odd) {
		t.Error("the vocabulary changed when it was saved")
	}
}

func FuzzEncode(f *testing.F) {
	for _, s := range []string{"Godwits flying!", "é\u0301[MASK]城", "\x00\xff", "İ\u0345\u0327ﬁ", "a \t<mask> it's  1½\u00a0"} {
		f.Add(s, "a b", 4, 1)
	}
	toks := []*Tokenizer{bert(f, true), bert(f, false), roberta(f, ByteLevelBPEOptions{}), roberta(f, ByteLevelBPEOptions{AddPrefixSpace: true})}
	f.Fuzz(func(t *testing.T, text, pair string, length, stride int) {
		for _, tok := range toks {
			e, err := tok.EncodePair(text, pair, Options{AddSpecialTokens: true})
			if err != nil {
				t.Fatal(err)
			}
			last := [2]int{}
			for i, o := range e.Offsets {
				s := e.SequenceIDs[i]
				if s < 0 {
					continue
				}
				if o[0] > o[1] || o[0] < last[s] || o[1] > len([]string{text, pair}[s]) {
					t.Fatalf("%q: offsets %v", text, e.Offsets)
				}
				last[s] = o[0]
			}
			e.Runes(text, pair)
			for i, o := range e.Offsets {
				if s := e.SequenceIDs[i]; s >= 0 && o[1] > utf8.RuneCountInString([]string{text, pair}[s]) {
					t.Fatalf("%q: code points %v", text, e.Offsets)
				}
			}
			tok.Decode(e.IDs, true)
			whole, err := tok.Encode(text, Options{})
			if err != nil {
				t.Fatal(err)
			}
			length, stride := 1+length&7, stride&7
			e, err = tok.Encode(text, Options{MaxLength: length, Truncation: LongestFirst, Overflow: true, Stride: stride})
			if err != nil {
				if len(whole.IDs) <= length || stride < length {
					t.Fatal(err)
				}
				continue
			}
			ids := slices.Clone(e.IDs) // the windows together are the text
			for _, o := range e.Overflow {
				if len(o.IDs) > length {
					t.Fatalf("a window of %d tokens, at most %d fit", len(o.IDs), length)
				}
				ids = append(ids, o.IDs[min(stride, len(o.IDs)):]...)
			}
			if !slices.Equal(ids, whole.IDs) {
				t.Fatalf("%q in windows of %d, stride %d: %v, want %v", text, length, stride, ids, whole.IDs)
			}
		}
	})
}

func FuzzTokenizerJSON(f *testing.F) {
	for _, tok := range []*Tokenizer{bert(f, true), roberta(f, ByteLevelBPEOptions{})} {
		data, err := tok.description.tokenizerJSON()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"model":{"type":"WordPiece","vocab":{"[PAD]":0}}}`))
	f.Add([]byte(`{"added_tokens":[{"id":3,"content":"b","lstrip":true,"normalized":true}],"normalizer":{"type":"Sequence","normalizers":[{"type":"Replace","pattern":{"Regex":"[a\\s]+"},"content":""},{"type":"Nmt"},{"type":"Prepend","prepend":"_"}]},` +
		`"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"String":"g"},"behavior":"MergedWithNext"},{"type":"Metaspace"},{"type":"Digits"}]},` +
		`"post_processor":{"type":"ByteLevel"},"decoder":{"type":"Sequence","decoders":[{"type":"ByteFallback"},{"type":"Strip","content":"a","start":1}]},` +
		`"model":{"type":"BPE","vocab":{"o":0,"d":1,"od":2},"merges":["o d"],"unk_token":"o","fuse_unk":true,"byte_fallback":true,"ignore_merges":true}}`))
	f.Add([]byte(`{"model":{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0],["a",-1.5],["go",-2]]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		tok, err := fromJSON(data)
		if err != nil {
			return
		}
		e, err := tok.EncodePair(" a  godwit [MASK] b1", "b\xffé", Options{AddSpecialTokens: true})
		if err != nil {
			t.Fatal(err)
		}
		tok.Decode(e.IDs, false)
		// What is saved and read again is the same tokenizer.
		saved, err := tok.description.tokenizerJSON()
		if err != nil {
			t.Fatal(err)
		}
		again, err := fromJSON(saved)
		if err != nil {
			t.Fatalf("saved: %v", err)
		}
		if b, err := again.EncodePair(" a  godwit [MASK] b1", "b\xffé", Options{AddSpecialTokens: true}); err != nil || fmt.Sprint(e) != fmt.Sprint(b) {
			t.Fatalf("saved: %v, want %v, %v", b, e, err)
		}
	})
}

func FuzzVocabulary(f *testing.F) {
	f.Add([]byte(strings.Join(words, "\n")))
	f.Fuzz(func(t *testing.T, data []byte) {
		if tok, err := fromVocabulary(data); err == nil {
			if _, err := tok.Encode("a godwit", Options{}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// FuzzClassicFiles reads vocab.json and merges.txt with the files beside them.
func FuzzClassicFiles(f *testing.F) {
	vocab, err := vocabJSON(letters(fewMerges[:2]))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(vocab, []byte("#version: 0.2\nĠ f\nl y\n"), []byte(`{"mask_token":{"content":"<mask>","lstrip":true},"model_max_length":1e30}`))
	f.Add([]byte(`{"<s>":0,"</s>":1,"<pad>":2,"<unk>":3,"<mask>":4,"a":5}`), []byte(""), []byte(`{"added_tokens_decoder":{"6":{"content":"b"}},"tokenizer_class":"RobertaTokenizer"}`))
	f.Fuzz(func(t *testing.T, vocab, merges, settings []byte) {
		dir := t.TempDir()
		for name, data := range map[string][]byte{"vocab.json": vocab, "merges.txt": merges, "tokenizer_config.json": settings} {
			write(t, dir, name, string(data))
		}
		tok, err := Load(dir)
		if err != nil {
			return
		}
		if _, err := tok.Encode("a <mask> b", Options{AddSpecialTokens: true}); err != nil {
			t.Fatal(err)
		}
	})
}

func Example() {
	tok, err := NewWordPiece([]string{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "god", "##wit", "##s", "fly"}, WordPieceOptions{Lowercase: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	e, err := tok.Encode("Godwits fly", Options{AddSpecialTokens: true})
	fmt.Println(e.Tokens, e.IDs, err)
	// Output: [[CLS] god ##wit ##s fly [SEP]] [2 5 6 7 8 3] <nil>
}

// A text that is longer than the model takes is read in windows that overlap.
func ExampleOptions() {
	tok, err := NewWordPiece([]string{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "god", "##wit", "##s", "fly", "far"}, WordPieceOptions{Lowercase: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	e, err := tok.Encode("Godwits fly far", Options{AddSpecialTokens: true, MaxLength: 5, Truncation: LongestFirst, Overflow: true, Stride: 1})
	fmt.Println(e.Tokens, e.Overflow[0].Tokens, err)
	// Output: [[CLS] god ##wit ##s [SEP]] [[CLS] ##s fly far [SEP]] <nil>
}
