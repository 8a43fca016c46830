package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"godwit/experiments/dataset"
	"godwit/experiments/train"
	"godwit/transformer"
	"godwit/transformer/tokenizer"
)

// columnFlags name the columns of a data file.
type columnFlags struct {
	TextColumn     string `default:"text" help:"Column of the text, by name or number from 0." placeholder:"NAME"`
	TextPairColumn string `help:"Column of the second text, for pairs." placeholder:"NAME"`
	LabelColumn    string `default:"label" help:"Column of the label or score." placeholder:"NAME"`
}

func (c columnFlags) options() dataset.Options {
	return dataset.Options{Columns: dataset.Columns{Text: c.TextColumn, Pair: c.TextPairColumn, Label: c.LabelColumn}}
}

// checkVocabulary reports a tokenizer that names ids the model has no embedding for.
func checkVocabulary(dir string, tok *tokenizer.Tokenizer, c *transformer.Config) error {
	if tok.VocabSize() > c.VocabSize {
		return fmt.Errorf("%s: the tokenizer has %d tokens, the model's embedding %d (vocab_size of config.json)", dir, tok.VocabSize(), c.VocabSize)
	}
	return nil
}

// defaultLength is where texts are cut when nothing is said, or earlier if the
// model has positions for fewer.
const defaultLength = 128

// resolveLength returns the number of tokens to which texts are cut.
func resolveLength(dir string, maxLength int, c *transformer.Config) (int, error) {
	switch {
	case maxLength == 0:
		return min(defaultLength, c.MaxLength()), nil
	case maxLength < 4:
		return 0, usagef("--max-length: found %d, expected a number from 4 up", maxLength)
	case maxLength > c.MaxLength():
		return 0, usagef("--max-length: found %d, but %s has positions for %d tokens", maxLength, dir, c.MaxLength())
	}
	return maxLength, nil
}

// fineTuned is a model directory that godwit train or transformers wrote.
type fineTuned struct {
	dir       string
	model     transformer.SequenceClassifier
	tokenizer *tokenizer.Tokenizer
	task      train.Task
	labels    []string // names of the classes
}

func openFineTuned(dir string) (*fineTuned, error) {
	n, err := transformer.CheckpointLabels(dir)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, fmt.Errorf("%s: the checkpoint has no classifier: fine-tune it with godwit train first", dir)
	}
	m, report, err := transformer.LoadSequenceClassifier(dir, n, false, 0)
	if err != nil {
		return nil, err
	}
	if len(report.New) > 0 {
		return nil, fmt.Errorf("%s: the checkpoint lacks %s", dir, strings.Join(report.New, ", "))
	}
	tok, err := tokenizer.Load(dir)
	if err != nil {
		return nil, err
	}
	c := m.Configuration()
	if err := checkVocabulary(dir, tok, c); err != nil {
		return nil, err
	}
	f := &fineTuned{dir: dir, model: m, tokenizer: tok, task: train.Classification}
	if c.ProblemType == "regression" || n == 1 {
		f.task = train.Regression
		return f, nil
	}
	if f.labels, err = c.Labels(); err != nil {
		return nil, err
	}
	if len(f.labels) != n {
		f.labels = make([]string, n)
		for i := range f.labels {
			f.labels[i] = fmt.Sprintf("LABEL_%d", i)
		}
	}
	return f, nil
}

// labelNames returns the sorted names of classes in training data, which must be at least two.
func labelNames(path string, examples []dataset.Example) ([]string, error) {
	names := dataset.LabelsOf(examples).Names()
	slices.SortFunc(names, compareLabels)
	if len(names) < 2 {
		return nil, fmt.Errorf("%s: all %d examples have the label %q: expected at least two classes", path, len(examples), names)
	}
	if len(names) > 1000 {
		return nil, fmt.Errorf("%s: found %d different labels: expected classes; for scores say --task regression", path, len(names))
	}
	return names, nil
}

// compareLabels orders numbers by value and other names by their bytes.
func compareLabels(a, b string) int {
	var x, y int
	if _, err := fmt.Sscanf(a+" "+b, "%d %d", &x, &y); err == nil && fmt.Sprint(x) == a && fmt.Sprint(y) == b {
		return x - y
	}
	return strings.Compare(a, b)
}

// makeOutput makes the output directory and finds out early whether it can be written to.
func makeOutput(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("output directory: %w", err)
	}
	f, err := os.CreateTemp(dir, ".godwit-*")
	if err != nil {
		return fmt.Errorf("output directory: %w", err)
	}
	f.Close()
	return os.Remove(f.Name())
}
