package train

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func readCard(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestCard(t *testing.T) {
	dir := t.TempDir()
	c := Card{
		Title: "Question types", Summary: "Tells what a question asks for.", BaseModel: "/home/someone/models/mini`lm/", Task: "text-classification",
		Tags:    []string{"trec", "a: \"b\"\n- c"},
		Command: []string{"godwit", "train", "--train", "my data.tsv", "--label", "it's", ""},
		Data:    []CardItem{{"train", "train.tsv, 5452 examples"}, {"a|b", "two\nlines"}},
		Scores:  []CardItem{{"accuracy", "0.9720"}},
		Settings: struct {
			Rate float64 `json:"learning_rate"`
			Text string  `json:"text"`
		}{2e-5, "```"},
		Notes: []string{"New parameters: classifier.weight."},
	}
	if err := WriteCard(dir, c); err != nil {
		t.Fatal(err)
	}
	want := "---\nlibrary_name: transformers\nbase_model: \"mini`lm\"\npipeline_tag: \"text-classification\"\ntags:\n- godwit\n- \"trec\"\n- \"a: \\\"b\\\"\\n- c\"\n---\n\n" +
		"# Question types\n\nTells what a question asks for.\n\nMade from ``mini`lm``.\n\n" +
		"## Command\n\n```sh\ngodwit train --train 'my data.tsv' --label 'it'\\''s' ''\n```\n\n" +
		"## Data\n\n| | |\n|---|---|\n| train | train.tsv, 5452 examples |\n| a\\|b | two lines |\n\n" +
		"## Scores\n\n| | |\n|---|---|\n| accuracy | 0.9720 |\n\n" +
		"## Settings\n\n````json\n{\n  \"learning_rate\": 0.00002,\n  \"text\": \"```\"\n}\n````\n\n" +
		"New parameters: classifier.weight.\n\n" + cardMark
	if got := readCard(t, dir); got != want {
		t.Errorf("the card is\n%s\nexpected\n%s", got, want)
	}
	// Its own card is replaced, and one without anything is a card still.
	if err := WriteCard(dir, Card{Title: "a\nb"}); err != nil {
		t.Fatal(err)
	}
	if got, want := readCard(t, dir), "---\nlibrary_name: transformers\ntags:\n- godwit\n---\n\n# a b\n\n"+cardMark; got != want {
		t.Errorf("the card is\n%s\nexpected\n%s", got, want)
	}
}

func TestCardKeepsOthers(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "README.md")
	for _, text := range []string{"", "# mine\n", cardMark + "and my own words", "x" + strings.Repeat("y", 4*len(cardMark))} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := WriteCard(dir, Card{Title: "t"}); !errors.Is(err, ErrCardKept) || !strings.Contains(err.Error(), path) {
			t.Errorf("error is %v, expected that %s is kept", err, path)
		}
		if got := readCard(t, dir); got != text {
			t.Errorf("the file is %q, expected %q", got, text)
		}
	}
	if err := os.WriteFile(path, []byte("before\n"+cardMark), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := WriteCard(dir, Card{Title: "t", Settings: math.NaN()}); err == nil || !strings.Contains(err.Error(), "settings") {
		t.Errorf("error is %v, expected one about the settings", err)
	}
	if got := readCard(t, dir); got != "before\n"+cardMark {
		t.Errorf("a card that failed left %q", got)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := WriteCard(dir, Card{Title: "t"}); !errors.Is(err, ErrCardKept) {
		t.Errorf("error is %v, expected that a folder is kept", err)
	}
	if err := WriteCard(filepath.Join(dir, "missing"), Card{Title: "t"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error is %v, expected that the folder is missing", err)
	}
}

func TestModelName(t *testing.T) {
	for model, want := range map[string]string{
		"org/name": "org/name", "name": "name", "/a/b/name": "name", "./name": "name", "../x/name/": "name", "a/b/name": "name", "/name": "name",
	} {
		if got := modelName(model); got != want {
			t.Errorf("modelName(%q) is %q, expected %q", model, got, want)
		}
	}
}
