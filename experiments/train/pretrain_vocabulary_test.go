package train

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"godwit/experiments/dataset/synthetic"
	"godwit/transformer"
	"godwit/transformer/tokenizer"
)

// syntheticFile writes texts of the synthetic corpora.
func syntheticFile(t testing.TB, texts int) string {
	t.Helper()
	return write(t, "corpus.txt", strings.Join(synthetic.Make(synthetic.Seed).Unlabelled[:texts], "\n")+"\nΩmega, naïve café! 東京 🐦\n")
}

// TestTrainTokenizer: each family gets its kind of tokenizer, which knows the
// texts, comes back from its files, and does not depend on the number of cores.
func TestTrainTokenizer(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	path := syntheticFile(t, 600)
	for modelType, mark := range map[string]string{"bert": "##", "distilbert": "##", "roberta": "Ġ", "xlm-roberta": "▁", "xlnet": "▁"} {
		var first map[string][]byte
		for _, cores := range []int{1, 5} {
			runtime.GOMAXPROCS(cores)
			tok, err := TrainTokenizer(t.Context(), []string{path}, VocabularyOptions{ModelType: modelType, Size: 500})
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			if err := tok.Save(dir); err != nil {
				t.Fatal(err)
			}
			files := map[string][]byte{}
			entries, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				if files[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
					t.Fatal(err)
				}
			}
			if first == nil {
				first = files
			} else if !maps.EqualFunc(first, files, bytes.Equal) {
				t.Errorf("%s: another vocabulary on %d cores", modelType, cores)
			}
			loaded, err := tokenizer.Load(dir)
			if err != nil {
				t.Fatalf("%s: %v", modelType, err)
			}
			marked := 0
			for id := range tok.VocabSize() {
				if token := tok.Token(int32(id)); token != loaded.Token(int32(id)) {
					t.Fatalf("%s: token %d is %q, loaded %q", modelType, id, token, loaded.Token(int32(id)))
				} else if strings.HasPrefix(token, mark) {
					marked++
				}
			}
			if tok.VocabSize() > 500 || tok.VocabSize() < 300 || marked < 40 {
				t.Errorf("%s: %d tokens, %d of them with %q", modelType, tok.VocabSize(), marked, mark)
			}
			text := synthetic.Make(synthetic.Seed).Unlabelled[3]
			for _, tk := range []*tokenizer.Tokenizer{tok, loaded} {
				e, err := tk.Encode(text, tokenizer.Options{AddSpecialTokens: true})
				if err != nil {
					t.Fatal(err)
				}
				if n := len(e.IDs); slices.Contains(e.IDs, tk.Unk()) || n > len(text)/2 || n < 4 || !slices.Contains(e.IDs, tk.CLS()) || !slices.Contains(e.IDs, tk.SEP()) {
					t.Errorf("%s: %q is %q", modelType, text, e.Tokens)
				}
			}
			for name, id := range map[string]int32{"pad": tok.Pad(), "unk": tok.Unk(), "cls": tok.CLS(), "sep": tok.SEP(), "mask": tok.Mask()} {
				if id < 0 || id > 8 {
					t.Errorf("%s: the token %s has the id %d", modelType, name, id)
				}
			}
			// The config of a new encoder has the family's usual padding token.
			c, err := transformer.NewConfig(modelType, tok.VocabSize(), 8, 1, 1, 8, 16)
			if err != nil {
				t.Fatal(err)
			}
			if c.PadTokenID == nil || *c.PadTokenID != int(tok.Pad()) {
				t.Errorf("%s: padding token %d, by the config %v", modelType, tok.Pad(), c.PadTokenID)
			}
		}
	}
}

func TestTrainTokenizerErrors(t *testing.T) {
	path := syntheticFile(t, 20)
	for _, c := range []struct {
		modelType string
		size      int
		path      string
		says      string
	}{
		{"gpt2", 500, path, "gpt2"},
		{"bert", 500, write(t, "empty.txt", ""), "no text"},
		{"bert", 500, filepath.Join(t.TempDir(), "none.txt"), "none.txt"},
		{"bert", 10, path, "found 10, expected at least"},
		{"roberta", 100, path, "found 100, expected at least 261"},
		{"xlnet", 20, path, "found 20, expected at least"},
	} {
		if _, err := TrainTokenizer(t.Context(), []string{c.path}, VocabularyOptions{ModelType: c.modelType, Size: c.size}); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s of %d tokens: %v, want %q", c.modelType, c.size, err, c.says)
		}
	}
}

// TestVocabularyIsNoLargerThanTheTextAllows: a large vocabulary is not filled up.
func TestVocabularyIsNoLargerThanTheTextAllows(t *testing.T) {
	path := write(t, "few.txt", strings.Repeat("red green red blue\n", 5))
	for _, modelType := range transformer.ModelTypes() {
		tok, err := TrainTokenizer(t.Context(), []string{path}, VocabularyOptions{ModelType: modelType, Size: 5000})
		if err != nil {
			t.Errorf("%s: %v", modelType, err)
		} else if tok.VocabSize() > 320 {
			t.Errorf("%s: %d tokens from three words", modelType, tok.VocabSize())
		}
	}
}

func TestCasedVocabulary(t *testing.T) {
	path := write(t, "cased.txt", strings.Repeat("Café CAFÉ\n", 5))
	for _, cased := range []bool{false, true} {
		tok, err := TrainTokenizer(t.Context(), []string{path}, VocabularyOptions{ModelType: "bert", Size: 200, Cased: cased})
		if err != nil {
			t.Fatal(err)
		}
		_, lower := tok.ID("cafe")
		_, upper := tok.ID("Café")
		if lower == cased || upper != cased {
			t.Errorf("cased %v: the vocabulary has cafe: %v, Café: %v", cased, lower, upper)
		}
	}
}

// TestCountingIsBounded: rare words are dropped when there are too many, and long ones are cut.
func TestCountingIsBounded(t *testing.T) {
	tok := letters(t, 0)
	c := wordCounter{ctx: t.Context(), splitter: tok, counts: map[string]int{}, maxWords: 1000, maxBytes: 1 << 20}
	for i := range 5000 {
		if err := c.add(fmt.Sprintf("often w%d", i), endOfText); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.add(strings.Repeat("é", 3*maxWordRunes), endOfText); err != nil {
		t.Fatal(err)
	}
	if err := c.flush(); err != nil {
		t.Fatal(err)
	}
	bytes := 0
	for w := range c.counts {
		bytes += len(w)
		if len([]rune(w)) > maxWordRunes {
			t.Errorf("a word of %d characters", len([]rune(w)))
		}
	}
	if c.counts["often"] != 5000 || len(c.counts) > 1000 || bytes != c.bytes || c.rare == 0 {
		t.Errorf("%d words, %d bytes (counted as %d), often %d times", len(c.counts), bytes, c.bytes, c.counts["often"])
	}
}
