package tokenizer

import (
	"os"
	"path/filepath"
	"testing"
)

func TestUnigramAgainstHuggingFace(t *testing.T) {
	read := map[string][]goldenCase{}
	for _, c := range []struct {
		name, form string
		files      func(hf string) map[string]string // nil: the folder of tokenizer.json
	}{
		{"xlnet-base-cased", "tokenizer.json", nil},
		{"xlnet-base-cased", "saved", nil},
		{"xlnet-base-cased", "classic files", func(hf string) map[string]string {
			return map[string]string{
				"spiece.model":            shared(t, "vocab", "xlnet-base-cased", "spiece.model"),
				"tokenizer_config.json":   filepath.Join(hf, "tokenizer_config.json"),
				"special_tokens_map.json": filepath.Join(hf, "special_tokens_map.json"),
			}
		}},
		{"xlnet-base-cased", "bare vocabulary", func(string) map[string]string {
			return map[string]string{"spiece.model": shared(t, "vocab", "xlnet-base-cased", "spiece.model")}
		}},
		{"xlnet-base-cased-converter", "tokenizer.json", nil},
		{"xlm-roberta-style", "tokenizer.json", nil},
		{"xlm-roberta-style", "classic files", func(hf string) map[string]string {
			return map[string]string{
				"sentencepiece.bpe.model": shared(t, "golden", "tokenizers", "xlm-roberta-style", "sentencepiece.bpe.model"),
				"tokenizer_config.json":   filepath.Join(hf, "tokenizer_config.json"),
				"special_tokens_map.json": filepath.Join(hf, "special_tokens_map.json"),
			}
		}},
		{"xlm-roberta-style", "bare vocabulary", func(string) map[string]string {
			return map[string]string{"sentencepiece.bpe.model": shared(t, "golden", "tokenizers", "xlm-roberta-style", "sentencepiece.bpe.model")}
		}},
	} {
		t.Run(c.name+"/"+c.form, func(t *testing.T) {
			dir := shared(t, "golden", "tokenizers", c.name, "hf")
			path := shared(t, "golden", "tokenizers", c.name, "cases.jsonl.gz")
			if read[c.name] == nil {
				read[c.name] = readCases(t, path)
			}
			cases := read[c.name]
			if c.files != nil {
				dir = copyFiles(t, c.files(dir))
			}
			t.Parallel()
			tok, err := Load(dir)
			if err != nil {
				t.Fatal(err)
			}
			if c.form != "tokenizer.json" { // what is written is as good
				saved := t.TempDir()
				if err := tok.Save(saved); err != nil {
					t.Fatal(err)
				}
				if c.form == "classic files" {
					if err := os.Remove(filepath.Join(saved, "tokenizer.json")); err != nil {
						t.Fatal(err)
					}
				}
				if tok, err = Load(saved); err != nil {
					t.Fatal(err)
				}
			}
			compareCases(t, tok, cases)
		})
	}
}
