package tokenizer

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// shared returns a path in the folder of reference files, or skips the test.
func shared(t testing.TB, elements ...string) string {
	t.Helper()
	candidates := []string{os.Getenv("GODWIT_SHARED")}
	if candidates[0] == "" {
		dir, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		candidates = nil
		for d := dir; filepath.Dir(d) != d; d = filepath.Dir(d) {
			candidates = append(candidates, filepath.Join(filepath.Dir(d), "shared"))
		}
	}
	for _, c := range candidates {
		path := filepath.Join(append([]string{c}, elements...)...)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	t.Skipf("not checked: %s is not there (set GODWIT_SHARED)", filepath.Join(elements...))
	return ""
}

type goldenCase struct {
	Text              string   `json:"text"`
	Pair              *string  `json:"pair"`
	AddSpecialTokens  bool     `json:"add_special_tokens"`
	MaxLength         int      `json:"max_length"`
	Truncation        string   `json:"truncation"`
	IDs               []int32  `json:"ids"`
	TypeIDs           []int32  `json:"type_ids"`
	Offsets           [][2]int `json:"offsets"`
	SpecialTokensMask []int8   `json:"special_tokens_mask"`
	SequenceIDs       []*int8  `json:"sequence_ids"`
	Tokens            []string `json:"tokens"`
	Kind              string   `json:"kind"`
}

// copyFiles copies files into a new directory under the names given.
func copyFiles(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestAgainstHuggingFace(t *testing.T) {
	for _, name := range []string{"bert-base-uncased", "bert-base-cased", "bert-base-multilingual-cased", "roberta-base"} {
		vocabulary := []string{"vocab.txt"}
		if name == "roberta-base" {
			vocabulary = []string{"vocab.json", "merges.txt"}
		}
		cases := readCases(t, shared(t, "golden", "tokenizers", name, "cases.jsonl.gz"))
		// Each form of the directory; what it lacks is built as the README of the goldens says.
		for _, form := range []string{"tokenizer.json", "classic files", "bare vocabulary", "saved", "saved, classic files"} {
			t.Run(name+"/"+form, func(t *testing.T) {
				dir := shared(t, "golden", "tokenizers", name, "hf")
				files := map[string]string{}
				if form == "classic files" || form == "bare vocabulary" {
					for _, v := range vocabulary {
						files[v] = shared(t, "vocab", name, v)
					}
					for _, f := range []string{"tokenizer_config.json", "special_tokens_map.json"} {
						if form == "classic files" || name != "roberta-base" && f == "tokenizer_config.json" {
							files[f] = filepath.Join(dir, f)
						}
					}
					dir = copyFiles(t, files)
				}
				tok, err := Load(dir)
				if err != nil {
					t.Fatal(err)
				}
				if form == "saved" || form == "saved, classic files" {
					dir = t.TempDir()
					if err := tok.Save(dir); err != nil {
						t.Fatal(err)
					}
					if form != "saved" {
						if err := os.Remove(filepath.Join(dir, "tokenizer.json")); err != nil {
							t.Fatal(err)
						}
					}
					if tok, err = Load(dir); err != nil {
						t.Fatal(err)
					}
				}
				compareCases(t, tok, cases)
			})
		}
	}
}

// readCases reads the cases of a reference tokenizer.
func readCases(t *testing.T, path string) []goldenCase {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var cases []goldenCase
	for r := bufio.NewReader(z); ; {
		line, err := r.ReadBytes('\n')
		if len(line) == 0 && err != nil {
			break
		}
		var c goldenCase
		if err := json.Unmarshal(line, &c); err != nil {
			t.Fatal(err)
		}
		cases = append(cases, c)
	}
	if len(cases) < 4000 {
		t.Errorf("%s: only %d cases", path, len(cases))
	}
	return cases
}

func compareCases(t *testing.T, tok *Tokenizer, cases []goldenCase) {
	t.Helper()
	failed := 0
	for i, c := range cases {
		n := i + 1
		var err error
		opt := Options{AddSpecialTokens: c.AddSpecialTokens, MaxLength: c.MaxLength}
		if c.Truncation != "" {
			if opt.Truncation, err = ParseTruncation(c.Truncation); err != nil {
				t.Fatal(err)
			}
		}
		var e Encoding
		pair := ""
		if c.Pair != nil {
			pair = *c.Pair
			e, err = tok.EncodePair(c.Text, pair, opt)
		} else {
			e, err = tok.Encode(c.Text, opt)
		}
		if err != nil {
			t.Errorf("case %d: %v", n, err)
			continue
		}
		e.Runes(c.Text, pair)
		sequences := make([]int8, len(c.SequenceIDs))
		for i, s := range c.SequenceIDs {
			sequences[i] = -1
			if s != nil {
				sequences[i] = *s
			}
		}
		for _, d := range []struct {
			what      string
			same      bool
			got, want any
		}{
			{"ids", slices.Equal(e.IDs, c.IDs), e.IDs, c.IDs},
			{"type ids", slices.Equal(e.TypeIDs, c.TypeIDs), e.TypeIDs, c.TypeIDs},
			{"offsets", slices.Equal(e.Offsets, c.Offsets), e.Offsets, c.Offsets},
			{"special tokens mask", slices.Equal(e.SpecialTokensMask, c.SpecialTokensMask), e.SpecialTokensMask, c.SpecialTokensMask},
			{"sequence ids", slices.Equal(e.SequenceIDs, sequences), e.SequenceIDs, sequences},
			{"tokens", slices.Equal(e.Tokens, c.Tokens), e.Tokens, c.Tokens},
		} {
			if !d.same {
				if failed++; failed <= 5 {
					t.Errorf("case %d (%s): %s of %q and %q:\n got %s\nwant %s", n, c.Kind, d.what, c.Text, pair, short(d.got), short(d.want))
				}
			}
		}
	}
	t.Logf("%d cases, %d differences", len(cases), failed)
}

func short(v any) string {
	s := fmt.Sprint(v)
	return s[:min(len(s), 400)]
}
