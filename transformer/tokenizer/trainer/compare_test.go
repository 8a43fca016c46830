package trainer

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// comparison is a request of testdata/compare.py: words and how to train.
type comparison struct {
	Kind          string   `json:"kind"` // wordpiece, bpe or unigram
	SpecialTokens []string `json:"special_tokens"`
	MinFrequency  int      `json:"min_frequency"`
	Files         []struct {
		Name          string `json:"name"`
		Size          int    `json:"size"`
		LimitAlphabet int    `json:"limit_alphabet"`
	} `json:"files"`
	Words map[string]int `json:"words"`
}

// TestCompare trains what testdata/compare.py asks for in a folder: it reads
// *.words.json and writes the vocabularies that are named there.
func TestCompare(t *testing.T) {
	dir := os.Getenv("GODWIT_TRAINER_DIR")
	if dir == "" {
		t.Skip("by hand only: see testdata/compare.py")
	}
	requests, err := filepath.Glob(filepath.Join(dir, "*.words.json"))
	if err != nil || len(requests) == 0 {
		t.Fatalf("%s: found no *.words.json (%v)", dir, err)
	}
	for _, path := range requests {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var c comparison
		if err := json.Unmarshal(data, &c); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for _, file := range c.Files {
			name := file.Name
			o := Options{VocabSize: file.Size, SpecialTokens: c.SpecialTokens, MinFrequency: c.MinFrequency, LimitAlphabet: file.LimitAlphabet}
			start := time.Now()
			var written any
			switch c.Kind {
			case "wordpiece":
				vocab, e := WordPiece(c.Words, o)
				written, err = map[string]any{"vocab": vocab}, e
			case "bpe":
				vocab, merges, e := ByteLevelBPE(c.Words, o)
				written, err = map[string]any{"vocab": vocab, "merges": merges}, e
			case "unigram":
				pieces, e := Unigram(c.Words, UnigramOptions{Options: o})
				var vocab [][2]any
				for _, p := range pieces {
					vocab = append(vocab, [2]any{p.Text, p.Score})
				}
				written, err = map[string]any{"vocab": vocab}, e
			default:
				t.Fatalf("%s: found the kind %q", path, c.Kind)
			}
			seconds := time.Since(start).Seconds()
			result := map[string]any{"seconds": seconds, "trained": written}
			if err != nil {
				result = map[string]any{"error": err.Error()}
			}
			t.Logf("%s: %.2f s, %v", name, seconds, err)
			data, err := json.Marshal(result)
			if err != nil {
				t.Fatal(err)
			}
			if strings.ContainsAny(name, `/\`) {
				t.Fatalf("%s: found the name %q", path, name)
			}
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
}
