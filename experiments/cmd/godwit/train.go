package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"godwit/experiments/dataset"
	"godwit/experiments/train"
	"godwit/kernels"
	"godwit/transformer"
	"godwit/transformer/checkpoint"
	"godwit/transformer/tokenizer"
)

type trainCommand struct {
	Model string `required:"" help:"Directory of a Hugging Face checkpoint." placeholder:"DIR"`
	Task  string `required:"" enum:"classification,regression" help:"classification or regression." placeholder:"TASK"`
	Train string `required:"" help:"Training data: .csv, .tsv or .jsonl, also as .gz or .zst, or .parquet." placeholder:"FILE"`
	Dev   string `help:"Data on which the best checkpoint is chosen; by default a tenth of the training data, cut by seed." placeholder:"FILE"`
	Test  string `help:"Data on which the chosen checkpoint is scored at the end." placeholder:"FILE"`
	columnFlags
	Epochs       int     `default:"3" help:"Passes over the training data."`
	MaxSteps     int     `help:"Stop after that many steps." placeholder:"N"`
	BatchSize    int     `default:"16" help:"Examples a step."`
	LearningRate float64 `default:"2e-5" help:"Peak learning rate."`
	Schedule     string  `default:"linear" enum:"constant,linear,cosine" help:"constant, linear or cosine, after the warm-up."`
	WarmupRatio  float64 `default:"0.1" help:"Share of the steps in which the rate rises."`
	WeightDecay  float64 `default:"0.01" help:"Decoupled weight decay, not on biases and LayerNorm."`
	MaxLength    int     `help:"Tokens to which texts are cut; by default 128, or as many as the model has positions for." placeholder:"N"`
	Seed         uint64  `default:"0" help:"Determines the new head, the order of examples and dropout."`
	Keep         string  `default:"best" enum:"best,last" help:"Which weights are kept: those best on dev, or the last."`
	Limit        int     `help:"Use only that many examples of the training data, drawn by seed." placeholder:"N"`
	Output       string  `required:"" help:"Directory to write: config.json, model.safetensors, tokenizer, metrics.json, README.md." placeholder:"DIR"`
	JSON         bool    `help:"Print the metrics as JSON on standard output."`
}

func (trainCommand) Help() string {
	return `Example: godwit train --model checkpoints/minilm --task classification --train train.tsv --test test.tsv --text-column text --label-column label --epochs 3 --output runs/trec

The output directory loads in transformers as it is. Interrupted, it holds the last complete checkpoint.`
}

// trainMetrics is metrics.json.
type trainMetrics struct {
	Settings  train.Settings              `json:"settings"`
	Model     string                      `json:"model"`
	Labels    []string                    `json:"labels,omitempty"`
	New       []string                    `json:"new_parameters,omitempty"`
	Unused    []string                    `json:"unused_parameters,omitempty"`
	Data      map[string]train.Truncation `json:"data"`
	Train     *train.Result               `json:"train"`
	Test      *train.Scores               `json:"test,omitempty"`
	TokensPS  float64                     `json:"tokens_per_second"`
	Memory    uint64                      `json:"peak_memory_bytes,omitempty"`
	ISA       string                      `json:"instruction_set"`
	Workers   int                         `json:"workers"`
	Completed bool                        `json:"completed"`
}

func (c *trainCommand) settings() train.Settings {
	return train.Settings{Task: train.Task(c.Task), Epochs: c.Epochs, MaxSteps: c.MaxSteps, BatchSize: c.BatchSize, LearningRate: c.LearningRate,
		Schedule: c.Schedule, WarmupRatio: c.WarmupRatio, WeightDecay: c.WeightDecay, ClipNorm: 1, MaxLength: c.MaxLength, Seed: c.Seed}
}

func (c *trainCommand) Run(ctx context.Context) error {
	config, err := transformer.LoadConfig(c.Model)
	if err != nil {
		return err
	}
	if c.MaxLength, err = resolveLength(c.Model, c.MaxLength, config); err != nil {
		return err
	}
	s := c.settings()
	if err := s.Check(); err != nil {
		return usageError{err}
	}
	tok, err := tokenizer.Load(c.Model)
	if err != nil {
		return err
	}
	if err := checkVocabulary(c.Model, tok, config); err != nil {
		return err
	}
	if err := makeOutput(c.Output); err != nil {
		return err
	}

	// Data. Splits without a file are cut from the training data by seed.
	trainExamples, err := dataset.Read(c.Train, c.options())
	if err != nil {
		return err
	}
	if c.Limit > 0 && c.Limit < len(trainExamples) {
		trainExamples = dataset.Sample(trainExamples, c.Limit, c.Seed)
	}
	devPath, devExamples := c.Dev, []dataset.Example(nil)
	switch {
	case c.Dev != "":
		if devExamples, err = dataset.Read(c.Dev, c.options()); err != nil {
			return err
		}
	case c.Keep == "best":
		devPath = c.Train + " (dev tenth)"
		trainExamples, devExamples = dataset.Split(trainExamples, 0.1, c.Seed, s.Task == train.Classification)
	}
	var names []string
	labels := 1
	if s.Task == train.Classification {
		if names, err = labelNames(c.Train, trainExamples); err != nil {
			return err
		}
		labels = len(names)
	}
	metrics := trainMetrics{Settings: s, Model: c.Model, Labels: names, Data: map[string]train.Truncation{}, ISA: kernels.ISA(), Workers: kernels.Workers()}
	splits := map[string][]train.Item{}
	for _, d := range []struct {
		split, path string
		examples    []dataset.Example
	}{{"train", c.Train, trainExamples}, {"dev", devPath, devExamples}, {"test", c.Test, nil}} {
		if d.split == "test" && c.Test != "" {
			if d.examples, err = dataset.Read(c.Test, c.options()); err != nil {
				return err
			}
		}
		if len(d.examples) == 0 {
			continue
		}
		items, truncated, err := train.Prepare(d.path, d.examples, tok, s.Task, names, c.MaxLength)
		if err != nil {
			return err
		}
		splits[d.split], metrics.Data[d.split] = items, truncated
		fmt.Fprintf(os.Stderr, "%-5s %6d examples, %d cut to %d tokens: %s\n", d.split, len(items), truncated.Truncated, c.MaxLength, d.path)
	}

	model, report, err := transformer.LoadSequenceClassifier(c.Model, labels, !transformer.SameLabels(c.Model, config, names, labels), c.Seed)
	if err != nil {
		return err
	}
	metrics.New, metrics.Unused = report.New, report.Unused
	if len(report.New) > 0 {
		fmt.Fprintf(os.Stderr, "new, initialised from seed %d: %s\n", c.Seed, strings.Join(report.New, ", "))
	}
	if len(report.Unused) > 0 {
		fmt.Fprintf(os.Stderr, "not used: %s\n", strings.Join(report.Unused, ", "))
	}
	model.Configuration().SetLabels(names)
	model.Configuration().ProblemType = map[train.Task]string{train.Classification: "single_label_classification", train.Regression: "regression"}[s.Task]
	if s.Task == train.Regression {
		model.Configuration().SetLabels([]string{"LABEL_0"})
	}

	// Training.
	bar := newBar()
	var dev []train.Item
	if c.Keep == "best" {
		dev = splits["dev"]
	}
	save := func(train.EpochResult) error { return c.save(model, tok, &metrics) }
	result, err := train.FineTune(ctx, model, splits["train"], dev, s, train.Watch{
		Step:  bar.step,
		Epoch: func(e train.EpochResult) { bar.line(epochLine(e)) },
		Best:  func(e train.EpochResult) error { return save(e) },
	})
	bar.close()
	metrics.Train = result
	if err != nil {
		if errors.Is(err, context.Canceled) {
			if len(result.Epochs) == 0 {
				return fmt.Errorf("after step %d, before the end of the first epoch: no checkpoint in %s: %w", result.Steps, c.Output, err)
			}
			return fmt.Errorf("after step %d: %s holds the checkpoint of epoch %d: %w", result.Steps, c.Output, result.BestEpoch, err)
		}
		return err
	}
	metrics.TokensPS = float64(result.Tokens) / result.Seconds
	metrics.Memory = peakMemory()
	if test := splits["test"]; test != nil {
		scores, _, err := train.Evaluate(ctx, model, s.Task, test)
		if err != nil {
			return err
		}
		metrics.Test = &scores
	}
	metrics.Completed = true
	if err := c.save(model, tok, &metrics); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%d steps, %d tokens in %s: %.0f tokens/s; peak memory %.0f MB\n", result.Steps, result.Tokens,
		time.Duration(result.Seconds*float64(time.Second)).Round(time.Second), metrics.TokensPS, float64(metrics.Memory)/1e6)
	if c.JSON {
		return printJSON(metrics)
	}
	fmt.Printf("best epoch %d", result.BestEpoch)
	if result.BestDev != nil {
		fmt.Printf("  dev %s", scoreLine(*result.BestDev))
	}
	fmt.Println()
	if metrics.Test != nil {
		fmt.Printf("test %s\n", scoreLine(*metrics.Test))
	}
	fmt.Printf("model and metrics.json in %s\n", c.Output)
	return nil
}

// save writes the directory; every file in it is replaced in one step.
func (c *trainCommand) save(model transformer.SequenceClassifier, tok *tokenizer.Tokenizer, metrics *trainMetrics) error {
	if err := transformer.Save(c.Output, model, model.Configuration()); err != nil {
		return err
	}
	if err := tok.Save(c.Output); err != nil {
		return err
	}
	if !metrics.Completed {
		return nil
	}
	data, err := json.MarshalIndent(metrics, "", "  ")
	if err != nil {
		return err
	}
	if err := checkpoint.WriteFile(filepath.Join(c.Output, "metrics.json"), append(data, '\n')); err != nil {
		return err
	}
	if err := train.WriteCard(c.Output, c.card(metrics)); err != nil && !errors.Is(err, train.ErrCardKept) {
		return err
	}
	return nil
}

// card is the model card: how the model was made.
func (c *trainCommand) card(m *trainMetrics) train.Card {
	card := train.Card{
		Title:     c.Task + " model",
		Summary:   fmt.Sprintf("Fine-tuned by godwit from `%s` on `%s`.", filepath.Base(c.Model), filepath.Base(c.Train)),
		BaseModel: filepath.Base(c.Model),
		Task:      "text-classification", // Hugging Face has regression under it as well
		Settings:  m.Settings,
	}
	for _, split := range []string{"train", "dev", "test"} {
		if d, ok := m.Data[split]; ok {
			card.Data = append(card.Data, train.CardItem{Name: split, Value: fmt.Sprintf("%d examples, %d cut to %d tokens", d.Items, d.Truncated, c.MaxLength)})
		}
	}
	if m.Test != nil {
		card.Scores = append(card.Scores, train.CardItem{Name: "test", Value: scoreLine(*m.Test)})
	}
	if len(m.New) > 0 {
		card.Notes = append(card.Notes, "Parameters that the checkpoint lacked: "+strings.Join(m.New, ", ")+".")
	}
	return card
}

func epochLine(e train.EpochResult) string {
	line := fmt.Sprintf("epoch %d  loss %.4f", e.Epoch, e.TrainLoss)
	if e.Dev != nil {
		line += "  dev " + scoreLine(*e.Dev)
		if e.Best {
			line += "  (best so far, saved)"
		}
	}
	return line
}

func scoreLine(s train.Scores) string {
	if r := s.Regression; r != nil {
		return fmt.Sprintf("pearson %.4f  spearman %.4f  mse %.4f", float64(r.Pearson), float64(r.Spearman), r.MSE)
	}
	return fmt.Sprintf("accuracy %.4f  macro F1 %.4f  MCC %.4f", s.Classification.Accuracy, s.Classification.MacroF1, s.Classification.Matthews)
}
