package train

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"godwit/transformer/tokenizer"
)

// letters is a tokenizer of one token a letter, for words of one letter.
func letters(t testing.TB, more int) *tokenizer.Tokenizer {
	t.Helper()
	vocab := []string{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}
	for c := 'a'; c <= 'z'; c++ {
		vocab = append(vocab, string(c), "##"+string(c))
	}
	for i := range more {
		vocab = append(vocab, fmt.Sprintf("[unused%d]", i))
	}
	tok, err := tokenizer.NewWordPiece(vocab, tokenizer.WordPieceOptions{Lowercase: true, ChineseChars: true})
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func write(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if strings.HasSuffix(name, ".gz") {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		w.Write([]byte(text))
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		text = b.String()
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// spell writes sequences as their letters.
func spell(tok *tokenizer.Tokenizer, c *Corpus) []string {
	var out []string
	for i := range c.Len() {
		var b strings.Builder
		for _, id := range c.Append(nil, i) {
			switch id {
			case tok.CLS():
				b.WriteByte('<')
			case tok.SEP():
				b.WriteByte('>')
			default:
				b.WriteString(strings.TrimPrefix(tok.Token(id), "##"))
			}
		}
		out = append(out, b.String())
	}
	return out
}

func TestReadCorpus(t *testing.T) {
	text := "\ufeffa b c\nd e\r\n\n  \nf\ng h i j k\n\n\nl"
	for _, c := range []struct {
		name, text, column string
		lines              bool
		want               string
	}{
		{"packed.txt", text, "", false, "<abcd> <e> <fghi> <jk> <l>"},
		{"lines.txt", text, "", true, "<abc> <de> <f> <ghij> <k> <l>"},
		{"no-name-ending", text, "", true, "<abc> <de> <f> <ghij> <k> <l>"},
		{"zipped.txt.gz", text, "", false, "<abcd> <e> <fghi> <jk> <l>"},
		{"rows.csv", "n,text\n1,\"a b\nc\"\n2,d e f g h\n3,\n", "text", false, "<abc> <defg> <h>"},
		{"rows.jsonl.gz", `{"body":"a b"}` + "\n" + `{"body":"c"}` + "\n", "body", false, "<ab> <c>"},
		{"rows.tsv", "a\tb\nc d\te\n", "b", true, "<e>"},
	} {
		for _, more := range []int{0, 1 << 16} { // two and four bytes a token
			tok := letters(t, more)
			corpus, err := ReadCorpus(t.Context(), []string{write(t, c.name, c.text)}, tok, CorpusOptions{MaxLength: 6, Lines: c.lines, TextColumn: c.column})
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			if got := strings.Join(spell(tok, corpus), " "); got != c.want {
				t.Errorf("%s: %s, want %s", c.name, got, c.want)
			}
		}
	}
}

func TestReadCorpusOfSeveralFiles(t *testing.T) {
	tok := letters(t, 0)
	a, b := write(t, "a.txt", "a b"), write(t, "b.txt", "c\n")
	corpus, err := ReadCorpus(t.Context(), []string{a, b}, tok, CorpusOptions{MaxLength: 10})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(spell(tok, corpus)); got != "[<ab> <c>]" || corpus.Tokens() != 7 {
		t.Errorf("%s with %d tokens", got, corpus.Tokens())
	}
}

func TestReadCorpusReportsErrors(t *testing.T) {
	tok := letters(t, 0)
	dir := t.TempDir()
	done, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		path   string
		length int
		says   string
	}{
		{filepath.Join(dir, "none.txt"), 8, "none.txt"},
		{dir, 8, "directory"},
		{write(t, "empty.txt", ""), 8, "no text"},
		{write(t, "blank.txt", "\n \n\t\n"), 8, "no text"},
		{write(t, "latin.txt", "a b\ncaf\xe9\n"), 8, "latin.txt:2: found bytes that are not UTF-8"},
		{write(t, "zip.txt", "\x1f\x8b\x08\x00\x00"), 8, "gzipped"},
		{write(t, "rows.csv", "a,b\n1,2\n"), 8, `"text"`},
		{write(t, "empty.csv", ""), 8, "empty"},
		{write(t, "short.txt", "a"), 2, "max_length: found 2, expected a number from 3"},
		{write(t, "long.txt", "a"), 1 << 30, "max_length"},
	} {
		_, err := ReadCorpus(t.Context(), []string{c.path}, tok, CorpusOptions{MaxLength: c.length, TextColumn: "text"})
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", c.path, err, c.says)
		}
	}
	bad := write(t, "bad.txt.gz", "a b c")
	if err := os.WriteFile(bad, []byte("no gzip"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadCorpus(t.Context(), []string{bad}, tok, CorpusOptions{MaxLength: 8}); err == nil || !strings.Contains(err.Error(), "not a gzip file") {
		t.Errorf("%v", err)
	}
	if _, err := ReadCorpus(done, []string{write(t, "a.txt", "a")}, tok, CorpusOptions{MaxLength: 8}); err != context.Canceled {
		t.Errorf("after the end of ctx: %v", err)
	}
}

// TestLongLines: pieces of a line are bounded, and cut neither words nor characters.
func TestLongLines(t *testing.T) {
	for name, c := range map[string]struct {
		unit  string
		words bool
	}{
		"words": {"word ", true}, "no space": {"x", false}, "é": {"é", false}, "wide spaces": {"日本\u3000", true},
	} {
		line := strings.Repeat(c.unit, 10<<20/len(c.unit))
		var back strings.Builder
		pieces, ends := 0, 0
		err := eachLinePiece(strings.NewReader(line+"\nz\n"), "long", func(text string, end boundary) error {
			if len(text) > maxPiece {
				t.Fatalf("%s: a piece of %d bytes", name, len(text))
			}
			if !utf8.ValidString(text) {
				t.Fatalf("%s: a character was cut", name)
			}
			if c.words && pieces > 0 && end == withinText && !strings.HasPrefix(text, c.unit[len(c.unit)-1:]) && !strings.HasPrefix(text, "\u3000") {
				t.Fatalf("%s: a word was cut before %q", name, text[:20])
			}
			pieces++
			if end == endOfText {
				ends++
			}
			back.WriteString(text)
			return nil
		})
		if err != nil || back.String() != line+"z" || ends != 3 {
			t.Errorf("%s: %v; %d texts, %d bytes of %d", name, err, ends, back.Len(), len(line)+1)
		}
	}
	tok := letters(t, 0)
	corpus, err := ReadCorpus(t.Context(), []string{write(t, "long.txt", strings.Repeat("ab ", 1<<20)+"\n")}, tok, CorpusOptions{MaxLength: 128})
	if err != nil {
		t.Fatal(err)
	}
	if n := corpus.Tokens() - 2*corpus.Len(); n != 2<<20 || corpus.Len() != (2<<20+125)/126 {
		t.Errorf("%d tokens in %d sequences", n, corpus.Len())
	}
}

func TestSplitHoldsSequencesOut(t *testing.T) {
	tok := letters(t, 0)
	corpus, err := NewCorpus(t.Context(), strings.Fields(strings.Repeat("a b c d e f g h i j ", 10)), tok, CorpusOptions{MaxLength: 8})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		ratio float64
		want  int
	}{{0, 0}, {0.001, 1}, {0.1, 10}, {0.5, 50}, {1, 99}} {
		rest, held := corpus.Split(c.ratio, 1)
		if held.Len() != c.want || rest.Len()+held.Len() != corpus.Len() {
			t.Errorf("share %v: %d and %d of %d sequences", c.ratio, rest.Len(), held.Len(), corpus.Len())
		}
		all := append(slices.Clone(rest.which), held.which...)
		slices.Sort(all)
		if !slices.Equal(all, corpus.which) {
			t.Errorf("share %v: a sequence is lost or twice there", c.ratio)
		}
	}
	a, _ := corpus.Split(0.1, 1)
	b, _ := corpus.Split(0.1, 1)
	other, _ := corpus.Split(0.1, 2)
	if a.Digest() != b.Digest() || a.Digest() == other.Digest() || a.Digest() == corpus.Digest() {
		t.Error("digests do not tell what is the same")
	}
	one, err := NewCorpus(t.Context(), []string{"a"}, tok, CorpusOptions{MaxLength: 8})
	if err != nil {
		t.Fatal(err)
	}
	if rest, held := one.Split(0.5, 1); rest.Len() != 1 || held.Len() != 0 {
		t.Error("the only sequence was held out")
	}
}

func FuzzEachLinePiece(f *testing.F) {
	for _, s := range []string{"", "a\n\nb", "a\r\n", "\xff", "\ufeffx\n", "\x1f\x8b", " \n"} {
		f.Add([]byte(s), 1)
	}
	f.Fuzz(func(t *testing.T, data []byte, repeat int) {
		data = bytes.Repeat(data, max(1, min(repeat, 1<<18/max(1, len(data)))))
		var back []byte
		err := eachLinePiece(bytes.NewReader(data), "fuzz", func(text string, end boundary) error {
			if len(text) > maxPiece || !utf8.ValidString(text) {
				t.Fatalf("a piece of %d bytes, UTF-8: %v", len(text), utf8.ValidString(text))
			}
			back = append(back, text...)
			return nil
		})
		if err == nil && len(back) > len(data) {
			t.Fatalf("%d bytes from %d", len(back), len(data))
		}
	})
}
