package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"godwit/experiments/dataset"
	"godwit/experiments/train"
)

type evalCommand struct {
	Model string `required:"" help:"Directory of a fine-tuned model." placeholder:"DIR"`
	File  string `arg:"" help:"Data: .csv, .tsv or .jsonl, also as .gz or .zst, or .parquet."`
	columnFlags
	MaxLength int  `help:"Tokens to which texts are cut; by default 128, or as many as the model has positions for." placeholder:"N"`
	JSON      bool `help:"Print the scores as JSON."`
}

func (evalCommand) Help() string {
	return "Example: godwit eval --model runs/trec test.tsv --text-column text --label-column label"
}

func (c *evalCommand) Run(ctx context.Context) error {
	m, err := openFineTuned(c.Model)
	if err != nil {
		return err
	}
	if c.MaxLength, err = resolveLength(c.Model, c.MaxLength, m.model.Configuration()); err != nil {
		return err
	}
	examples, err := dataset.Read(c.File, c.options())
	if err != nil {
		return err
	}
	items, truncated, err := train.Prepare(c.File, examples, m.tokenizer, m.task, m.labels, c.MaxLength)
	if err != nil {
		return err
	}
	scores, _, err := train.Evaluate(ctx, m.model, m.task, items)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(struct {
			Model  string           `json:"model"`
			File   string           `json:"file"`
			Data   train.Truncation `json:"data"`
			Labels []string         `json:"labels,omitempty"`
			Scores train.Scores     `json:"scores"`
		}{c.Model, c.File, truncated, m.labels, scores})
	}
	fmt.Printf("%d examples, %d cut to %d tokens\n%s\n", len(items), truncated.Truncated, c.MaxLength, scoreLine(scores))
	return nil
}

type predictCommand struct {
	Model          string `required:"" help:"Directory of a fine-tuned model." placeholder:"DIR"`
	File           string `arg:"" optional:"" help:"Lines of text, or with --text-column a .csv, .tsv or .jsonl file; standard input by default."`
	TextColumn     string `help:"Read the file as a table and take this column." placeholder:"NAME"`
	TextPairColumn string `help:"Column of the second text. Without --text-column, lines hold both texts separated by a tab if the model was trained on pairs and this is \"tab\"." placeholder:"NAME"`
	MaxLength      int    `help:"Tokens to which texts are cut; by default 128, or as many as the model has positions for." placeholder:"N"`
	Logits         bool   `help:"Print logits as well, in the order of ids."`
}

func (predictCommand) Help() string {
	return "Example: echo 'Who discovered radium?' | godwit predict --model runs/trec"
}

// prediction is a line of output.
type prediction struct {
	Label         string             `json:"label,omitempty"`
	Probabilities map[string]float64 `json:"probabilities,omitempty"`
	Score         *float32           `json:"score,omitempty"` // regression
	Logits        []float32          `json:"logits,omitempty"`
}

// predictChunk is how many lines are read before they are labelled.
const predictChunk = 1024

func (c *predictCommand) Run(ctx context.Context) error {
	m, err := openFineTuned(c.Model)
	if err != nil {
		return err
	}
	if c.MaxLength, err = resolveLength(c.Model, c.MaxLength, m.model.Configuration()); err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	var chunk []dataset.Example
	flush := func() error {
		if len(chunk) == 0 {
			return nil
		}
		items, _, err := train.Encode(m.tokenizer, chunk, c.MaxLength)
		if err != nil {
			return err
		}
		logits, err := train.Predict(ctx, m.model, items)
		if err != nil {
			return err
		}
		for _, l := range logits {
			if err := encoder.Encode(m.prediction(l, c.Logits)); err != nil {
				return err
			}
		}
		chunk = chunk[:0]
		return out.Flush()
	}
	add := func(e dataset.Example) error {
		chunk = append(chunk, e)
		if len(chunk) == predictChunk {
			return flush()
		}
		return nil
	}
	if c.TextColumn != "" {
		if c.File == "" || c.File == "-" {
			return usagef("--text-column needs a file, whose name tells its format")
		}
		options := dataset.Options{Columns: dataset.Columns{Text: c.TextColumn, Pair: c.TextPairColumn}}
		if err := dataset.Each(c.File, options, add); err != nil {
			return err
		}
		return flush()
	}
	if c.TextPairColumn != "" && c.TextPairColumn != "tab" {
		return usagef("--text-pair-column without --text-column: found %q, expected \"tab\"", c.TextPairColumn)
	}
	in, name, err := openInput(c.File)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := eachLine(in, name, func(number int, line string) error {
		e := dataset.Example{Text: line, Line: number}
		if c.TextPairColumn == "tab" {
			if e.Text, e.Pair, e.HasPair = strings.Cut(line, "\t"); !e.HasPair {
				return fmt.Errorf("%s, line %d: expected two texts with a tab between them", name, number)
			}
		}
		return add(e)
	}); err != nil {
		return err
	}
	return flush()
}

func (m *fineTuned) prediction(logits []float32, withLogits bool) prediction {
	var p prediction
	if m.task == train.Regression {
		p.Score = &logits[0]
	} else {
		p.Label = m.labels[train.Argmax(logits)]
		p.Probabilities = map[string]float64{}
		for i, q := range train.Probabilities(logits) {
			p.Probabilities[m.labels[i]] = q
		}
	}
	if withLogits {
		p.Logits = logits
	}
	return p
}
