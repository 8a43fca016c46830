package tokenizer

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What these tests expect is what tokenizers 0.23 gave.

func TestNormalizers(t *testing.T) {
	for _, c := range []struct{ normalizer, text, want string }{
		{`{"type":"Lowercase"}`, "İAΣ", "i\u0307aσ"},
		{`{"type":"Strip","strip_left":true,"strip_right":true}`, " \u0085 a b\n", "a b"},
		{`{"type":"Strip","strip_left":false,"strip_right":true}`, " a ", " a"},
		{`{"type":"Prepend","prepend":"__"}`, "ab", "__ab"},
		{`{"type":"Prepend","prepend":"__"}`, "", ""},
		{`{"type":"Nmt"}`, "a\x0bb\u008fc\u200bd", "abc d"},
		{`{"type":"ByteLevel"}`, "İ A", "Ä°ĠA"},
		{`{"type":"Replace","pattern":{"String":"bcd"},"content":"XYZW"}`, "abcde", "aXYZWe"},
		{`{"type":"Replace","pattern":{"Regex":" {2,}"},"content":" "}`, "a   b c", "a b c"},
		{`{"type":"Replace","pattern":{"Regex":"[bc]+"},"content":""}`, "abcde", "ade"},
		{`{"type":"Sequence","normalizers":[{"type":"Lowercase"},{"type":"Replace","pattern":{"String":"a"},"content":"b"}]}`, "Aa", "bb"},
		{`{"type":"Sequence","normalizers":[]}`, "Aa", "Aa"},
		{`null`, "Aa", "Aa"},
	} {
		steps, err := parseNormalizer(json.RawMessage(c.normalizer), "normalizer", 0)
		if err != nil {
			t.Errorf("%s: %v", c.normalizer, err)
			continue
		}
		if got := surface(normalize(steps, characters(nil, c.text, 0, len(c.text)))); got != c.want {
			t.Errorf("%s of %q gives %q, want %q", c.normalizer, c.text, got, c.want)
		}
	}
}

// TestReplacedOffsets looks at where characters that were put in come from.
func TestReplacedOffsets(t *testing.T) {
	for normalizer, want := range map[string]string{
		`{"type":"Replace","pattern":{"String":"bcd"},"content":"XY"}`: "[[0 1] [3 4] [3 4] [4 5]]",
		`{"type":"Prepend","prepend":"__"}`:                            "[[0 1] [0 1] [0 1] [1 2] [2 3] [3 4] [4 5]]",
		`{"type":"Replace","pattern":{"Regex":"[bc]"},"content":""}`:   "[[0 1] [3 4] [4 5]]",
	} {
		steps, err := parseNormalizer(json.RawMessage(normalizer), "normalizer", 0)
		if err != nil {
			t.Fatal(err)
		}
		var got [][2]int
		for _, c := range normalize(steps, characters(nil, "abcde", 0, 5)) {
			got = append(got, [2]int{c.start, c.end})
		}
		if fmt.Sprint(got) != want {
			t.Errorf("%s: %v, want %s", normalizer, got, want)
		}
	}
}

func TestPreTokenizers(t *testing.T) {
	split := func(pattern, behavior string, invert bool) string {
		return fmt.Sprintf(`{"type":"Split","pattern":%s,"behavior":%q,"invert":%v}`, pattern, behavior, invert)
	}
	const dash, digits = `{"String":"-"}`, `{"Regex":"[0-9]+"}`
	for _, c := range []struct{ preTokenizer, text, want string }{
		{`{"type":"BertPreTokenizer"}`, " a,b\u0085c", "a|,|b|c"},
		{`{"type":"Whitespace"}`, "a_1 !?b\u0301\u200c½", "a_1|!?|b\u0301\u200c|½"},
		{`{"type":"WhitespaceSplit"}`, " a,b \u2003c", "a,b|c"},
		{`{"type":"CharDelimiterSplit","delimiter":"x"}`, "xaxxb", "a|b"},
		{`{"type":"Digits","individual_digits":true}`, "a12½b", "a|1|2|½|b"},
		{`{"type":"Digits","individual_digits":false}`, "a12½b", "a|12½|b"},
		{`{"type":"Punctuation"}`, "!?a.b..", "!|?|a|.|b|.|."},
		{`{"type":"Punctuation","behavior":"Contiguous"}`, "!?a.b..", "!?|a|.|b|.."},
		{`{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}`, "a  b", "▁a|▁|▁b"},
		{`{"type":"Metaspace","replacement":"▁","prepend_scheme":"never","split":true}`, "a b▁c", "a|▁b|▁c"},
		{`{"type":"Metaspace","replacement":"_","add_prefix_space":true,"split":false}`, "a b", "_a_b"},
		{`{"type":"Metaspace","replacement":"_","add_prefix_space":false}`, "a b", "a|_b"},
		{`{"type":"ByteLevel","add_prefix_space":true}`, "é it's", "ĠÃ©|Ġit|'s"},
		{`{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}`, "a b's", "aĠb's"},
		{`{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},{"type":"Metaspace","prepend_scheme":"first"}]}`, "a b", "▁a|b"},
		{split(dash, "Removed", false), "--a-b--c-", "a|b|c"},
		{split(dash, "Isolated", false), "--a-b", "-|-|a|-|b"},
		{split(dash, "MergedWithPrevious", false), "--a-b--c-", "-|-|a-|b-|-|c-"},
		{split(dash, "MergedWithNext", false), "--a-b--c-", "-|-a|-b|-|-c|-"},
		{split(dash, "Contiguous", false), "--a-b--c-", "--|a|-|b|--|c|-"},
		{split(digits, "MergedWithPrevious", false), "12a3b45", "12|a3|b45"},
		{split(digits, "MergedWithPrevious", true), "12a3b45", "12a|3b|45"},
		{split(digits, "MergedWithNext", true), "12a3b45", "12|a3|b45"},
		{split(digits, "Removed", true), "12a3b45", "12|3|45"},
		{split(`{"Regex":"(?i:'s|'t)"}`, "Isolated", false), "it'S a", "it|'S| a"},
		{split(`{"Regex":"\\w+"}`, "Removed", true), "a½!", "a½"},
		{split(`{"Regex":"[\\w]+"}`, "Removed", true), "a½!", "a"},
		{split(`{"Regex":"\\p{N}{1,3}"}`, "Isolated", false), "12345", "123|45"},
		{split(string(asJSON(object{"Regex": gpt2Pattern})), "Isolated", false), "it's  me", "it|'s| | me"},
	} {
		steps, err := parsePreTokenizer(json.RawMessage(c.preTokenizer), "pre_tokenizer", 0)
		if err != nil {
			t.Errorf("%s: %v", c.preTokenizer, err)
			continue
		}
		tok := &Tokenizer{preTokenizers: steps}
		var words []string
		for _, w := range tok.words(characters(nil, c.text, 0, len(c.text)), new(scratch)) {
			words = append(words, surface(w))
		}
		if got := strings.Join(words, "|"); got != c.want {
			t.Errorf("%s of %q gives %q, want %q", c.preTokenizer, c.text, got, c.want)
		}
	}
}

// withParts is a small WordPiece tokenizer.json with other parts.
func withParts(t testing.TB, parts object) []byte {
	t.Helper()
	data, err := bert(t, true).description.tokenizerJSON()
	if err != nil {
		t.Fatal(err)
	}
	var file object
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	for path, value := range parts {
		at := file
		keys := strings.Split(path, ".")
		for _, k := range keys[:len(keys)-1] {
			at = at[k].(object)
		}
		at[keys[len(keys)-1]] = value
	}
	if data, err = json.Marshal(file); err != nil {
		t.Fatal(err)
	}
	return data
}

func added(id int, content string, flags ...string) object {
	o := object{"id": id, "content": content, "special": true, "normalized": false}
	for _, f := range flags {
		o[f] = true
	}
	return o
}

func TestAddedTokens(t *testing.T) {
	n := len(words)
	for _, c := range []struct {
		tokens  []object
		text    string
		want    string
		offsets string
	}{
		{[]object{added(n, "<a>", "rstrip"), added(n+1, "<m>", "lstrip")}, "a<a>  <m> a", "a|<a>  |<m>|a", "[[0 1] [1 6] [6 9] [10 11]]"},
		{[]object{added(n, "<m>", "lstrip")}, "a \t<m>a", "a| \t<m>|a", "[[0 1] [1 6] [6 7]]"},
		{[]object{added(n, "ab", "single_word"), added(n+1, "bc"), added(n+2, "b")}, "abc ab, _ab", "[UNK]|ab|[UNK]|[UNK]|a|##b", "[[0 3] [4 6] [6 7] [8 9] [9 10] [10 11]]"},
		{[]object{added(n, "Fly", "normalized")}, "a FLY fly", "a|fly|fly", "[[0 1] [2 5] [6 9]]"},
		{[]object{added(n, "Fly")}, "a FLY Fly", "a|fly|Fly", "[[0 1] [2 5] [6 9]]"},
		{[]object{added(n, "xx"), added(n+1, "xxy")}, "axxya", "a|xxy|a", "[[0 1] [1 4] [4 5]]"},
		{[]object{added(n, "<a>", "rstrip"), added(n+1, "  b")}, "<a>   b", "<a>   |  b", "[[0 6] [4 7]]"},
	} {
		tok, err := fromJSON(withParts(t, object{"added_tokens": c.tokens}))
		if err != nil {
			t.Errorf("%v: %v", c.tokens, err)
			continue
		}
		if tok.VocabSize() != n+len(c.tokens) {
			t.Errorf("%v: VocabSize %d", c.tokens, tok.VocabSize())
		}
		e, err := tok.Encode(c.text, Options{})
		if got := strings.Join(e.Tokens, "|"); err != nil || got != c.want {
			t.Errorf("%v: %q gives %q, want %q, %v", c.tokens, c.text, got, c.want, err)
		}
		if got := fmt.Sprint(e.Offsets); got != c.offsets {
			t.Errorf("%v: %q has offsets %s, want %s", c.tokens, c.text, got, c.offsets)
		}
	}
}

func TestBPESettings(t *testing.T) {
	vocab := []string{"[UNK]", "a", "b", "ab", "##a", "##b", "a##", "b</w>", "ab</w>", "<0xC3>", "<0xA9>"}
	ids := map[string]int32{}
	for i, v := range vocab {
		ids[v] = int32(i)
	}
	for _, c := range []struct {
		name    string
		merges  [][2]string
		prefix  string
		suffix  string
		change  func(m *bpe)
		word    string
		want    string
		offsets string
	}{
		{"plain", [][2]string{{"a", "b"}}, "", "", func(m *bpe) {}, "abab", "ab ab", "[[0 2] [2 4]]"},
		{"prefix", [][2]string{{"a", "##b"}}, "##", "", func(m *bpe) {}, "aba", "ab ##a", "[[0 2] [2 3]]"},
		{"suffix", [][2]string{{"a", "b</w>"}}, "", "</w>", func(m *bpe) {}, "aab", "a ab</w>", "[[0 1] [1 3]]"},
		{"unknown left out", nil, "", "", func(m *bpe) {}, "axb", "a b", "[[0 1] [1 2]]"},
		{"unknown", nil, "", "", func(m *bpe) { m.unk = 0 }, "xya", "[UNK] [UNK] a", "[[0 1] [1 2] [2 3]]"},
		{"unknown fused", nil, "", "", func(m *bpe) { m.unk, m.fuseUnk = 0, true }, "xya", "[UNK] a", "[[0 2] [2 3]]"},
		{"bytes", nil, "", "", func(m *bpe) { m.unk = 0; m.setByteFallback() }, "aéx", "a <0xC3> <0xA9> [UNK]", "[[0 1] [1 3] [1 3] [3 4]]"},
		{"merges ignored", nil, "", "", func(m *bpe) { m.ignoreMerges = true }, "ab", "ab", "[[0 2]]"},
	} {
		m, err := newBPE(ids, c.merges, c.prefix, c.suffix)
		if err != nil {
			t.Fatal(err)
		}
		c.change(m)
		var tokens []string
		var offsets [][2]int
		for _, p := range m.encode(nil, characters(nil, c.word, 0, len(c.word)), new(scratch)) {
			tokens, offsets = append(tokens, vocab[p.id]), append(offsets, [2]int{p.start, p.end})
		}
		if got := strings.Join(tokens, " "); got != c.want || fmt.Sprint(offsets) != c.offsets {
			t.Errorf("%s: %q %v, want %q %s", c.name, got, offsets, c.want, c.offsets)
		}
	}
}

// TestTrimmedOffsets puts RobertaProcessing behind one token with white space.
func TestTrimmedOffsets(t *testing.T) {
	for _, c := range []struct {
		token       string
		offsets     [2]int
		first, pref bool
		want        [2]int
	}{
		{"Ġa", [2]int{0, 2}, true, false, [2]int{1, 2}},
		{"Ġa", [2]int{0, 1}, true, true, [2]int{0, 1}},
		{"ĠĠa", [2]int{0, 3}, true, true, [2]int{2, 3}},
		{"Ġ", [2]int{2, 3}, false, true, [2]int{3, 3}},
		{"aĠ", [2]int{2, 4}, false, true, [2]int{2, 3}},
		{"\u3000a", [2]int{4, 8}, false, false, [2]int{7, 8}},
		{"ĠĠĠ", [2]int{0, 1}, false, false, [2]int{1, 1}},
	} {
		if got := marginsOf(c.token).trim(c.offsets, "a  b\u3000a", c.first, c.pref); got != c.want {
			t.Errorf("%q at %v: %v, want %v", c.token, c.offsets, got, c.want)
		}
	}
}

func TestOverflow(t *testing.T) {
	tok := bert(t, true)
	show := func(e Encoding) string {
		list := []string{strings.Join(e.Tokens, "")}
		for _, o := range e.Overflow {
			list = append(list, strings.Join(o.Tokens, ""))
		}
		return strings.NewReplacer("[CLS]", "^", "[SEP]", ".").Replace(strings.Join(list, " "))
	}
	for _, c := range []struct {
		text, pair string
		opt        Options
		want       string
	}{
		{"a e ! a e !", "", Options{MaxLength: 5, Stride: 1}, "^ae!. ^!ae. ^e!."},
		{"a e ! a e !", "", Options{MaxLength: 5}, "^ae!. ^ae!."},
		{"a e !", "", Options{MaxLength: 5}, "^ae!."},
		{"a e !", "", Options{MaxLength: 2}, "^. ^ae!."},
		{"a e ! a", "e", Options{MaxLength: 6, Truncation: OnlyFirst, Stride: 1}, "^ae.e. ^e!.e. ^!a.e."},
		{"a e ! a", "! e a", Options{MaxLength: 7, Stride: 1}, "^ae.!e. ^e!.!e. ^e!.ea. ^!a.!e. ^!a.ea. ^ae.ea."},
	} {
		c.opt.AddSpecialTokens, c.opt.Overflow = true, true
		if c.opt.Truncation == NoTruncation {
			c.opt.Truncation = LongestFirst
		}
		e, err := tok.Encode(c.text, c.opt)
		if c.pair != "" {
			e, err = tok.EncodePair(c.text, c.pair, c.opt)
		}
		if got := show(e); err != nil || got != c.want {
			t.Errorf("%q, %q, %+v: %s, want %s, %v", c.text, c.pair, c.opt, got, c.want, err)
		}
	}
	for says, opt := range map[string]Options{
		"stride: found 3":       {MaxLength: 5, Stride: 3},
		"stride: found -1":      {MaxLength: 5, Stride: -1},
		"special tokens alone":  {MaxLength: 1},
		"overflow: 1000 window": {MaxLength: 5},
	} {
		opt.AddSpecialTokens, opt.Overflow, opt.Truncation = true, true, LongestFirst
		var err error
		if strings.HasPrefix(says, "overflow") {
			_, err = tok.EncodePair(strings.Repeat("a ", 1000), strings.Repeat("a ", 1000), opt)
		} else {
			_, err = tok.Encode("a e ! a e !", opt)
		}
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: error %v, want one that says %q", opt, err, says)
		}
	}
	// Offsets in code points are given for the windows as well.
	e, err := tok.Encode("城 a 城 a", Options{MaxLength: 2, Truncation: LongestFirst, Overflow: true})
	if err != nil {
		t.Fatal(err)
	}
	if e.Runes("城 a 城 a", ""); fmt.Sprint(e.Overflow[0].Offsets) != "[[4 5] [6 7]]" {
		t.Errorf("offsets of the second window: %v", e.Overflow[0].Offsets)
	}
}

func TestDecode(t *testing.T) {
	for _, c := range []struct {
		decoder string
		tokens  []string
		want    string
	}{
		{`null`, []string{"a", "b"}, "a b"},
		{`{"type":"WordPiece","prefix":"##","cleanup":true}`, []string{"god", "##wit", "!", "do", "n't"}, "godwit! don't"},
		{`{"type":"WordPiece","prefix":"##","cleanup":false}`, []string{"god", "##wit", "!"}, "godwit !"},
		{`{"type":"ByteLevel"}`, []string{"Ã", "©", "Ġa", "▁", "å", "Ł"}, "é a▁\ufffd"},
		{`{"type":"Metaspace","replacement":"▁","prepend_scheme":"always"}`, []string{"▁a", "▁b", "c"}, "a bc"},
		{`{"type":"Metaspace","replacement":"▁","prepend_scheme":"never"}`, []string{"▁a", "▁b"}, " a b"},
		{`{"type":"BPEDecoder","suffix":"</w>"}`, []string{"a", "b</w>", "c</w>"}, "ab c"},
		{`{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]}`,
			[]string{"▁a", "<0xC3>", "<0xA9>", "▁b", "<0xC3>"}, "aé b\ufffd"},
	} {
		steps, err := parseDecoder(json.RawMessage(c.decoder), "decoder", 0)
		if err != nil {
			t.Errorf("%s: %v", c.decoder, err)
			continue
		}
		tok := &Tokenizer{tokens: c.tokens, decoder: steps}
		ids := []int32{-1, int32(len(c.tokens))} // these are left out
		for i := range c.tokens {
			ids = append(ids, int32(i))
		}
		if got := tok.Decode(ids, false); got != c.want {
			t.Errorf("%s of %q: %q, want %q", c.decoder, c.tokens, got, c.want)
		}
	}
	tok := bert(t, true)
	e, err := tok.Encode("Godwits flying!", Options{AddSpecialTokens: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := tok.Decode(e.IDs, true); got != "godwits flying!" {
		t.Errorf("decoded %q", got)
	}
	if got := tok.Decode(e.IDs, false); got != "[CLS] godwits flying! [SEP]" {
		t.Errorf("decoded with special tokens %q", got)
	}
}

func TestPreTokenize(t *testing.T) {
	if got := bert(t, true).PreTokenize("Godwits FLY![MASK] é"); !slices.Equal(got, []string{"godwits", "fly", "!", "e"}) {
		t.Errorf("%q", got)
	}
	if got := roberta(t, ByteLevelBPEOptions{}).PreTokenize("it's é<mask>"); !slices.Equal(got, []string{"it", "'s", "ĠÃ©"}) {
		t.Errorf("%q", got)
	}
}

// nested is a sequence in a sequence in a sequence.
func nested(depth int, key string, inner object) object {
	for range depth {
		inner = object{"type": "Sequence", key: []any{inner}}
	}
	return inner
}

func TestPipelineErrors(t *testing.T) {
	bpe := func(vocab object, merges ...any) object {
		return object{"type": "BPE", "vocab": vocab, "merges": merges, "unk_token": nil}
	}
	ids := func(tokens ...string) object {
		o := object{}
		for i, t := range append([]string{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}, tokens...) {
			o[t] = i
		}
		return o
	}
	replace := func(pattern string) object {
		return object{"type": "Replace", "pattern": object{"Regex": pattern}, "content": ""}
	}
	for says, parts := range map[string]object{
		`pre_tokenizer.pretokenizers[1]: type "UnicodeScripts"`:   {"pre_tokenizer": object{"type": "Sequence", "pretokenizers": []any{object{"type": "Digits"}, object{"type": "UnicodeScripts"}}}},
		`normalizer.normalizers[0].normalizers[0]: type "X" is`:   {"normalizer": nested(2, "normalizers", object{"type": "X"})},
		"sequences are nested more than 8 deep":                   {"normalizer": nested(9, "normalizers", object{"type": "Lowercase"})},
		"pretokenizers[0]: sequences are nested more than 8 deep": {"pre_tokenizer": nested(4000, "pretokenizers", object{"type": "Digits"})},
		"processors[0]: sequences are nested more than 8 deep":    {"post_processor": nested(12, "processors", object{"type": "ByteLevel"})},
		"decoders[0]: sequences are nested more than 8 deep":      {"decoder": nested(12, "decoders", object{"type": "Fuse"})},
		"normalizer: found no type":                               {"normalizer": object{"lowercase": true}},
		"normalizer: json: cannot unmarshal":                      {"normalizer": []any{"Lowercase"}},
		"Replace without pattern or content":                      {"normalizer": object{"type": "Replace", "content": ""}},
		"expected a String or a Regex":                            {"normalizer": object{"type": "Replace", "content": "", "pattern": object{}}},
		`"(?!a" is not supported`:                                 {"normalizer": replace("b(?!a)")},
		"a match of nothing is not supported":                     {"normalizer": replace("b*")},
		`"\\b" is not supported`:                                  {"normalizer": replace(`\bx`)},
		`"+" after a repetition is not supported`:                 {"normalizer": replace("a++")},
		`"[" in a class is not supported`:                         {"normalizer": replace("[a[b]]")},
		"missing closing )":                                       {"normalizer": replace("(a")},
		"Split without pattern":                                   {"pre_tokenizer": object{"type": "Split", "behavior": "Removed"}},
		`behavior: found "Kept"`:                                  {"pre_tokenizer": object{"type": "Split", "behavior": "Kept", "pattern": object{"String": "a"}}},
		`replacement: found "ab", expected one character`:         {"pre_tokenizer": object{"type": "Metaspace", "replacement": "ab"}},
		`prepend_scheme: found "last"`:                            {"pre_tokenizer": object{"type": "Metaspace", "prepend_scheme": "last"}},
		`post_processor.processors[1]: type "ByteLevel" after a`:  {"post_processor": object{"type": "Sequence", "processors": []any{object{"type": "BertProcessing", "cls": []any{"[CLS]", 2}, "sep": []any{"[SEP]", 3}}, object{"type": "ByteLevel"}}}},
		"found [1,2], expected a token and its id":                {"post_processor": object{"type": "BertProcessing", "cls": []int{1, 2}}},
		"id 99 of": {"post_processor.special_tokens": object{"[CLS]": object{"ids": []int{99}}, "[SEP]": object{"ids": []int{3}}}},
		"normalizer: a text could become more than 4096 times":    {"normalizer": object{"type": "Replace", "pattern": object{"String": "a"}, "content": strings.Repeat("a", 5000)}},
		"pre_tokenizer: a text could become more than 4096 times": {"pre_tokenizer": object{"type": "Sequence", "pretokenizers": slices.Repeat([]any{object{"type": "ByteLevel"}}, 40)}},
		"model.dropout: found 0.1":                                {"model": object{"type": "BPE", "vocab": ids(), "merges": []any{}, "dropout": 0.1}},
		`merge 1, ["a" "b"]: "b" is not in the vocabulary`:        {"model": bpe(ids("a", "ab"), []string{"a", "b"})},
		`merge 1, ["c" "b"]: "c" is not in the vocabulary`:        {"model": bpe(ids("a", "b"), "c b")},
		`merge 2, ["a" "b"]: "ab" is not in the vocabulary`:       {"model": bpe(ids("a", "b", "aa"), "a a", "a b")},
		"expected two tokens with a space between them":           {"model": bpe(ids("a", "b"), "ab")},
		`model.merges: found ["a"], expected two tokens`:          {"model": bpe(ids("a", "b"), []string{"a"})},
		`"b" has the id 77: expected 0 to 6, each once`:           {"model": bpe(object{"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "a": 5, "b": 77})},
		`has the id 4: expected 0 to 5, each once`:                {"model": bpe(object{"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "a": 4})},
		`has the id -1: expected 0 to 5, each once`:               {"model": bpe(object{"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "a": -1})},
		"cannot unmarshal number 1e":                              {"model": bpe(object{"a": 1e30})},
		`model.unk_token: the special token "x" is not among`:     {"model.unk_token": "x"},
		"model.unk_token: WordPiece needs one":                    {"model.unk_token": nil},
		"model.unk_id: found 9, expected an id of the 1 tokens":   {"model": object{"type": "Unigram", "unk_id": 9, "vocab": []any{[]any{"a", 0}}}},
		`found ["a"], expected a piece and its score`:             {"model": object{"type": "Unigram", "unk_id": 0, "vocab": []any{[]any{"a"}}}},
		`vocabulary: token "a" has the ids 0 and 1`:               {"model": object{"type": "Unigram", "unk_id": 0, "vocab": []any{[]any{"a", 0}, []any{"a", -1}}}},
		`added_tokens: "a" has the id 9, in the vocabulary 5`:     {"added_tokens": []any{added(9, "a")}},
		`but none has the id 16`:                                  {"added_tokens": []any{added(1<<30, "<x>")}},
		`added_tokens: "<x>" and "<y>" have the id 16`:            {"added_tokens": []any{added(16, "<x>"), added(16, "<y>")}},
		"added_tokens: found an empty token":                      {"added_tokens": []any{added(16, "")}},
		`added_tokens: the normalizer leaves nothing of`:          {"added_tokens": []any{added(16, "\u0301", "normalized")}},
	} {
		_, err := fromJSON(withParts(t, parts))
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %.300v, want one that says %s", err, says)
		}
	}
}

func TestClassicFiles(t *testing.T) {
	base := func() map[string]string {
		vocab, err := vocabJSON(letters(fewMerges))
		if err != nil {
			t.Fatal(err)
		}
		merges := "#version: 0.2\n"
		for _, m := range fewMerges {
			merges += m[0] + " " + m[1] + "\n"
		}
		return map[string]string{"vocab.json": string(vocab), "merges.txt": merges}
	}
	load := func(files map[string]string) (*Tokenizer, error) {
		dir := t.TempDir()
		for name, text := range files {
			write(t, dir, name, text)
		}
		return Load(dir)
	}
	// Tokens that other files add, in both of their forms.
	n := len(letters(fewMerges))
	files := base()
	files["tokenizer_config.json"] = fmt.Sprintf(`{"mask_token": {"content": "<mask>", "lstrip": false}, "model_max_length": 512,
		"added_tokens_decoder": {"%d": {"content": "<x>", "rstrip": true, "special": false, "normalized": false}}}`, n)
	files["special_tokens_map.json"] = `{"pad_token": "<pad>", "mask_token": "<mask>"}`
	files["added_tokens.json"] = fmt.Sprintf(`{"<y>": %d}`, n+1)
	tok, err := load(files)
	if err != nil {
		t.Fatal(err)
	}
	e, err := tok.Encode("go <mask> <x> <y>", Options{})
	if got := strings.Join(e.Tokens, "|"); err != nil || got != "go|Ġ|<mask>|Ġ|<x> |<y>" || tok.VocabSize() != n+2 || tok.ModelMaxLength() != 512 {
		t.Errorf("%q, %d tokens, %v", got, tok.VocabSize(), err)
	}
	for says, change := range map[string]func(f map[string]string){
		"merges.txt":                              func(f map[string]string) { delete(f, "merges.txt") },
		`line 2: found "Ġ"`:                       func(f map[string]string) { f["merges.txt"] = "#version\nĠ\n" },
		`line 1: found "a b c"`:                   func(f map[string]string) { f["merges.txt"] = "a b c" },
		`merge 1, ["q" "r"]: "qr" is not in the`:  func(f map[string]string) { f["merges.txt"] = "q r" },
		"vocab.json: expected UTF-8":              func(f map[string]string) { f["vocab.json"] = "{\"a\xff\": 0}" },
		"unexpected end of JSON":                  func(f map[string]string) { f["vocab.json"] = "{" },
		`"<s>" is not among the 1 tokens`:         func(f map[string]string) { f["vocab.json"] = `{"a": 0}` },
		`found "T5Tokenizer", expected Roberta`:   func(f map[string]string) { f["tokenizer_config.json"] = `{"tokenizer_class": "T5Tokenizer"}` },
		`added_tokens_decoder of tokenizer_con`:   func(f map[string]string) { f["tokenizer_config.json"] = `{"added_tokens_decoder": {"x": "<x>"}}` },
		`added_tokens.json: "<y>" has the id -1`:  func(f map[string]string) { f["added_tokens.json"] = `{"<y>": -1}` },
		`the special token "<zz>" is not among`:   func(f map[string]string) { f["special_tokens_map.json"] = `{"cls_token": "<zz>"}` },
		"special_tokens_map.json: unexpected end": func(f map[string]string) { f["special_tokens_map.json"] = `{` },
	} {
		files := base()
		change(files)
		if _, err := load(files); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v, want one that says %q", err, says)
		}
	}
}

// TestSavedPipeline saves odd pipelines: what is read again encodes alike.
func TestSavedPipeline(t *testing.T) {
	text := " Godwits  FLY <m>[MASK] a'S é!  fly"
	for _, parts := range []object{
		{"added_tokens": []any{added(4, "[MASK]", "lstrip"), added(len(words), "<m>", "rstrip", "single_word")}},
		{"normalizer": nil, "pre_tokenizer": nil, "post_processor": nil, "decoder": nil},
		{"normalizer": object{"type": "Replace", "pattern": object{"Regex": `\s+`}, "content": " "}, "pre_tokenizer": object{"type": "Digits"}},
		{"model.max_input_chars_per_word": 3},
		{"model.continuing_subword_prefix": "#"},
		{"model": object{"type": "BPE", "unk_token": "[UNK]", "fuse_unk": true, "end_of_word_suffix": "s", "merges": []any{"f l"}, "vocab": object{"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "f": 5, "l": 6, "fl": 7, "ys": 8, "y": 9, "a": 10, "g": 11, "o": 12}}},
	} {
		tok, err := fromJSON(withParts(t, parts))
		if err != nil {
			t.Fatalf("%v: %v", parts, err)
		}
		dir := t.TempDir()
		if err := tok.Save(dir); err != nil {
			t.Fatal(err)
		}
		again, err := Load(dir)
		if err != nil {
			t.Fatalf("%v: %v", parts, err)
		}
		a, err := tok.EncodePair(text, text, Options{AddSpecialTokens: true})
		if err != nil {
			t.Fatal(err)
		}
		b, err := again.EncodePair(text, text, Options{AddSpecialTokens: true})
		if fmt.Sprint(a) != fmt.Sprint(b) || err != nil {
			t.Errorf("%v:\n%v\n%v %v", parts, a, b, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "special_tokens_map.json")); err != nil {
			t.Error(err)
		}
	}
}
