package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"godwit/experiments/train"
	"godwit/kernels"
	"godwit/nn"
	"godwit/transformer"
	"godwit/transformer/checkpoint"
	"godwit/transformer/tokenizer"
)

type pretrainCommand struct {
	ModelType string   `help:"Family of the new encoder: bert, distilbert, roberta, xlm-roberta or xlnet." placeholder:"TYPE"`
	Model     string   `help:"Checkpoint to go on from, instead of a new encoder; of any family, with its tokenizer." placeholder:"DIR"`
	Corpus    []string `required:"" sep:"none" help:"File to train on; may be repeated. Text files have a text a line and blank lines between documents; .csv, .tsv and .jsonl a document a row; all may be gzipped." placeholder:"FILE"`
	More      []string `arg:"" optional:"" name:"corpus" help:"More files to train on."`
	Output    string   `required:"" help:"Directory to write: config.json, model.safetensors, tokenizer, metrics.json, README.md." placeholder:"DIR"`

	TextColumn string  `default:"text" help:"Column of the text in .csv, .tsv and .jsonl." placeholder:"NAME"`
	Dev        string  `help:"Held-out texts, by default a share of the corpus." placeholder:"FILE"`
	DevRatio   float64 `default:"0.05" help:"Share of the sequences that is held out; 0 for none."`
	Lines      bool    `help:"Make each text a sequence of its own. Otherwise the texts of a document are packed."`
	MaxLength  int     `help:"Tokens of a sequence; by default 128, or as many as the model has positions for." placeholder:"N"`

	Tokenizer string `help:"Directory with a tokenizer. By default a vocabulary is trained on the corpus: WordPiece, byte-level BPE or Unigram, as the family has it." placeholder:"DIR"`
	VocabSize int    `default:"8000" help:"Tokens of a vocabulary trained here."`
	Cased     bool   `help:"Keep capital letters and accents in a WordPiece vocabulary trained here."`

	HiddenSize       int `default:"128" help:"Width of a new encoder."`
	Layers           int `default:"2" help:"Layers of a new encoder."`
	Heads            int `default:"2" help:"Attention heads of a new encoder."`
	IntermediateSize int `default:"512" help:"Width of a new encoder's feed-forward layers."`

	Masking      string  `default:"auto" enum:"auto,static,dynamic" help:"Whether masks are drawn once or in each epoch: auto (static for bert and distilbert, dynamic for the others), static or dynamic."`
	WholeWord    bool    `help:"Mask the tokens of a word together."`
	Epochs       int     `default:"10" help:"Passes over the corpus."`
	MaxSteps     int     `help:"Stop after that many steps." placeholder:"N"`
	BatchTokens  int     `default:"2048" help:"Tokens a step."`
	LearningRate float64 `default:"1e-3" help:"Peak learning rate."`
	WarmupRatio  float64 `default:"0.1" help:"Share of the steps in which the rate rises."`
	WeightDecay  float64 `default:"0.01" help:"Decoupled weight decay, not on biases and LayerNorm."`
	Seed         uint64  `default:"0" help:"Determines the new weights, the order of sequences, masks and dropout."`

	CheckpointEvery int  `default:"500" help:"Steps between states that a stopped run goes on from; one is written after each epoch as well."`
	Resume          bool `help:"Go on with the unfinished run in the output directory, and fail if there is none."`
	Fresh           bool `help:"Begin anew, even if the output directory has an unfinished run."`
	JSON            bool `help:"Print the metrics as JSON on standard output."`
}

func (pretrainCommand) Help() string {
	return `Example: godwit pretrain --model-type roberta --corpus wiki.txt.gz --vocab-size 16000 --hidden-size 256 --layers 4 --heads 4 --intermediate-size 1024 --output runs/small-roberta
Example: godwit pretrain --model checkpoints/bert --corpus reports.jsonl --text-column body --epochs 3 --learning-rate 5e-5 --output runs/bert-reports

BERT and DistilBERT predict masked tokens that are drawn once, RoBERTa and XLM-R such that are drawn in each epoch, XLNet spans in a random order (permutation language modelling).

A run that was stopped, by a signal or a full disk or otherwise, goes on when the same command is given again, and ends with the same bits as one that was not.`
}

// stateFile holds the state of an unfinished run in its output directory.
const stateFile = "pretraining.safetensors"

// pretrainSpec is what a run must have the same to go on.
type pretrainSpec struct {
	ModelType        string   `json:"model_type"`
	Model            string   `json:"model,omitempty"`
	Corpus           []string `json:"corpus"`
	TextColumn       string   `json:"text_column"`
	Dev              string   `json:"dev,omitempty"`
	DevRatio         float64  `json:"dev_ratio"`
	Lines            bool     `json:"lines"`
	MaxLength        int      `json:"max_length"`
	Tokenizer        string   `json:"tokenizer,omitempty"`
	VocabSize        int      `json:"vocab_size,omitempty"` // of a vocabulary trained here
	Cased            bool     `json:"cased,omitempty"`
	HiddenSize       int      `json:"hidden_size,omitempty"`
	Layers           int      `json:"layers,omitempty"`
	Heads            int      `json:"heads,omitempty"`
	IntermediateSize int      `json:"intermediate_size,omitempty"`
	train.PretrainSettings
}

// corpusCount is what was made of a corpus.
type corpusCount struct {
	Sequences int `json:"sequences"`
	Tokens    int `json:"tokens"`
}

// pretrainMetrics is metrics.json.
type pretrainMetrics struct {
	Settings   pretrainSpec           `json:"settings"`
	New        []string               `json:"new_parameters,omitempty"`
	Unused     []string               `json:"unused_parameters,omitempty"`
	Vocabulary int                    `json:"vocabulary"`
	Parameters int                    `json:"parameters"`
	Data       map[string]corpusCount `json:"data"`
	Train      *train.PretrainResult  `json:"train"`
	TokensPS   float64                `json:"tokens_per_second"`
	Memory     uint64                 `json:"peak_memory_bytes,omitempty"`
	ISA        string                 `json:"instruction_set"`
	Workers    int                    `json:"workers"`
	Completed  bool                   `json:"completed"`
}

// spec resolves the flags. config is that of --model, nil for a new encoder.
func (c *pretrainCommand) spec(config *transformer.Config) (pretrainSpec, error) {
	s := pretrainSpec{ModelType: c.ModelType, Model: c.Model, Corpus: c.Corpus, TextColumn: c.TextColumn, Dev: c.Dev, DevRatio: c.DevRatio, Lines: c.Lines,
		MaxLength: c.MaxLength, Tokenizer: c.Tokenizer}
	if config != nil {
		s.ModelType = config.ModelType
		var err error
		if s.MaxLength, err = resolveLength(c.Model, c.MaxLength, config); err != nil {
			return s, err
		}
	} else {
		if s.MaxLength == 0 {
			s.MaxLength = defaultLength
		}
		s.HiddenSize, s.Layers, s.Heads, s.IntermediateSize = c.HiddenSize, c.Layers, c.Heads, c.IntermediateSize
		if c.Tokenizer == "" {
			s.VocabSize, s.Cased = c.VocabSize, c.Cased
		}
		// The sizes, before anything is read.
		if _, err := transformer.NewConfig(c.ModelType, max(16, c.VocabSize), c.HiddenSize, c.Layers, c.Heads, c.IntermediateSize, s.MaxLength); err != nil {
			return s, usageError{err}
		}
	}
	if c.Dev != "" {
		s.DevRatio = 0
	}
	t := train.DefaultPretrainSettings(s.ModelType)
	t.Epochs, t.MaxSteps, t.BatchTokens, t.LearningRate, t.WarmupRatio, t.WeightDecay = c.Epochs, c.MaxSteps, c.BatchTokens, c.LearningRate, c.WarmupRatio, c.WeightDecay
	t.WholeWord, t.Seed = c.WholeWord, c.Seed
	if c.Masking != "auto" {
		t.Masking = train.Masking(c.Masking)
	}
	s.PretrainSettings = t
	if err := t.Check(s.ModelType); err != nil {
		return s, usageError{err}
	}
	if !(s.DevRatio >= 0 && s.DevRatio <= 0.5) {
		return s, usagef("--dev-ratio: found %v, expected a number from 0 to 0.5", s.DevRatio)
	}
	if c.CheckpointEvery < 0 {
		return s, usagef("--checkpoint-every: found %d, expected a number from 0 up", c.CheckpointEvery)
	}
	return s, nil
}

func (c *pretrainCommand) Run(ctx context.Context) error {
	c.Corpus = append(c.Corpus, c.More...)
	switch {
	case (c.Model == "") == (c.ModelType == ""):
		return usagef("expected --model-type for a new encoder, or --model to go on from a checkpoint")
	case c.Model != "" && c.Tokenizer != "":
		return usagef("--tokenizer: a checkpoint has a tokenizer of its own; expected only one of --model and --tokenizer")
	case c.Resume && c.Fresh:
		return usagef("expected only one of --resume and --fresh")
	}
	var config *transformer.Config
	if c.Model != "" {
		var err error
		if config, err = transformer.LoadConfig(c.Model); err != nil {
			return err
		}
	}
	spec, err := c.spec(config)
	if err != nil {
		return err
	}
	if err := makeOutput(c.Output); err != nil {
		return err
	}
	state := filepath.Join(c.Output, stateFile)
	unfinished, err := c.unfinished(state, spec)
	if err != nil {
		return err
	}

	tok, err := c.tokenizer(ctx, spec, unfinished)
	if err != nil {
		return err
	}
	if config != nil {
		if err := checkVocabulary(c.Model, tok, config); err != nil {
			return err
		}
	}
	if unfinished == nil {
		if tok, err = c.writeTokenizer(tok); err != nil {
			return err
		}
	}
	corpus, dev, err := c.read(ctx, tok, spec)
	if err != nil {
		return err
	}
	metrics := pretrainMetrics{Settings: spec, Vocabulary: tok.VocabSize(), ISA: kernels.ISA(), Workers: kernels.Workers(),
		Data: map[string]corpusCount{"train": {corpus.Len(), corpus.Tokens()}}}
	if dev.Len() > 0 {
		metrics.Data["dev"] = corpusCount{dev.Len(), dev.Tokens()}
	}
	model, err := c.model(tok, spec, &metrics)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%s with %d parameters; %d sequences of %d tokens in all, %d held out\n", spec.ModelType, metrics.Parameters, corpus.Len(), corpus.Tokens(), dev.Len())
	if unfinished != nil {
		fmt.Fprintf(os.Stderr, "going on with the unfinished run in %s: step %d of %d, epoch %d\n", c.Output, unfinished.Step, unfinished.Steps, unfinished.Epoch)
	}

	bar := newBar()
	save := func(r *train.PretrainResult) error {
		metrics.Train, metrics.TokensPS, metrics.Memory = r, float64(r.Tokens)/max(r.Seconds, 1e-9), peakMemory()
		return c.save(model, tok, &metrics)
	}
	result, err := train.Pretrain(ctx, model, tok, corpus, dev, spec.PretrainSettings, train.PretrainRun{
		State: state, Every: c.CheckpointEvery, Spec: spec, Step: bar.step,
		Epoch: func(r *train.PretrainResult) error {
			bar.line(pretrainLine(r.Epochs[len(r.Epochs)-1]))
			return save(r)
		},
	})
	bar.close()
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("after step %d; the same command goes on from there: %w", result.Steps, err)
	}
	if err != nil {
		return err
	}
	metrics.Completed = true
	if err := save(result); err != nil {
		return err
	}
	if err := os.Remove(state); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%d steps, %d tokens in %s: %.0f tokens/s; peak memory %.0f MB\n", result.Steps, result.Tokens,
		time.Duration(result.Seconds*float64(time.Second)).Round(time.Second), metrics.TokensPS, float64(metrics.Memory)/1e6)
	if c.JSON {
		return printJSON(metrics)
	}
	fmt.Printf("loss %.4f  perplexity %.2f", result.Loss, result.Perplexity)
	if d := result.Dev; d != nil {
		fmt.Printf("  held-out loss %.4f  perplexity %.2f, by frequency alone %.2f", d.Loss, d.Perplexity, d.UnigramPerplexity)
	}
	fmt.Printf("\nmodel and metrics.json in %s\n", c.Output)
	return nil
}

// unfinished looks for a run to go on with, and removes what a killed one left behind.
func (c *pretrainCommand) unfinished(state string, spec pretrainSpec) (*train.UnfinishedRun, error) {
	entries, err := os.ReadDir(c.Output)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, ".tmp") && (strings.HasPrefix(name, "."+stateFile+".") || strings.HasPrefix(name, "."+checkpoint.FileName+".")) {
			if err := os.Remove(filepath.Join(c.Output, name)); err != nil {
				return nil, err
			}
		}
	}
	if c.Fresh {
		if err := os.Remove(state); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		return nil, nil
	}
	run, err := train.FindRun(state, spec)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w (--fresh begins anew)", err)
	case run == nil && c.Resume:
		return nil, fmt.Errorf("--resume: %s has no unfinished run", c.Output)
	case run != nil && len(run.Differing) > 0:
		return nil, fmt.Errorf("%s has an unfinished run with another %s: give the same, or --fresh to begin anew", c.Output, strings.Join(run.Differing, ", "))
	}
	return run, nil
}

// tokenizer loads the tokenizer, that of the run that goes on if there is one, or trains one.
func (c *pretrainCommand) tokenizer(ctx context.Context, spec pretrainSpec, unfinished *train.UnfinishedRun) (*tokenizer.Tokenizer, error) {
	switch {
	case unfinished != nil:
		return tokenizer.Load(c.Output)
	case c.Model != "":
		return tokenizer.Load(c.Model)
	case c.Tokenizer != "":
		return tokenizer.Load(c.Tokenizer)
	}
	began := time.Now()
	tok, err := train.TrainTokenizer(ctx, spec.Corpus, train.VocabularyOptions{ModelType: spec.ModelType, Size: spec.VocabSize, Cased: spec.Cased, TextColumn: spec.TextColumn})
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(os.Stderr, "vocabulary of %d tokens, trained in %s", tok.VocabSize(), time.Since(began).Round(time.Millisecond))
	if tok.VocabSize() < spec.VocabSize {
		fmt.Fprintf(os.Stderr, "; the corpus has no more (%d were asked for)", spec.VocabSize)
	}
	fmt.Fprintln(os.Stderr)
	return tok, nil
}

// writeTokenizer writes the tokenizer in place of whatever tokenizer was in
// the output directory, and reads it again: a run that goes on has it from there.
func (c *pretrainCommand) writeTokenizer(tok *tokenizer.Tokenizer) (*tokenizer.Tokenizer, error) {
	out, err := os.Stat(c.Output)
	if err != nil {
		return nil, err
	}
	source, err := os.Stat(c.Model + c.Tokenizer) // at most one of them is given
	if inPlace := err == nil && os.SameFile(out, source); !inPlace {
		for _, name := range tokenizerFiles {
			if err := os.Remove(filepath.Join(c.Output, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
				return nil, err
			}
		}
	}
	if err := tok.Save(c.Output); err != nil {
		return nil, err
	}
	return tokenizer.Load(c.Output)
}

// read tokenizes the corpus and the held-out texts.
func (c *pretrainCommand) read(ctx context.Context, tok *tokenizer.Tokenizer, spec pretrainSpec) (corpus, dev *train.Corpus, err error) {
	opt := train.CorpusOptions{MaxLength: spec.MaxLength, Lines: spec.Lines, TextColumn: spec.TextColumn}
	if corpus, err = train.ReadCorpus(ctx, spec.Corpus, tok, opt); err != nil {
		return nil, nil, err
	}
	if spec.Dev != "" {
		dev, err = train.ReadCorpus(ctx, []string{spec.Dev}, tok, opt)
		return corpus, dev, err
	}
	corpus, dev = corpus.Split(spec.DevRatio, spec.Seed)
	return corpus, dev, nil
}

// model loads the checkpoint, or makes a new model for the tokenizer.
func (c *pretrainCommand) model(tok *tokenizer.Tokenizer, spec pretrainSpec, metrics *pretrainMetrics) (transformer.LanguageModel, error) {
	var model transformer.LanguageModel
	if c.Model != "" {
		m, report, err := transformer.LoadLanguageModel(c.Model, spec.Seed)
		if err != nil {
			return nil, err
		}
		model, metrics.New, metrics.Unused = m, report.New, report.Unused
		if len(report.New) > 0 {
			fmt.Fprintf(os.Stderr, "new, initialised from seed %d: %s\n", spec.Seed, strings.Join(report.New, ", "))
		}
		if len(report.Unused) > 0 {
			fmt.Fprintf(os.Stderr, "not used: %s\n", strings.Join(report.Unused, ", "))
		}
	} else {
		config, err := transformer.NewConfig(spec.ModelType, tok.VocabSize(), spec.HiddenSize, spec.Layers, spec.Heads, spec.IntermediateSize, spec.MaxLength)
		if err != nil {
			return nil, err
		}
		if model, err = train.NewEncoder(config, tok, spec.Seed); err != nil {
			return nil, err
		}
	}
	for _, p := range nn.Parameters(model) {
		metrics.Parameters += len(p.Data)
	}
	return model, nil
}

// save writes the directory; every file in it is replaced in one step.
func (c *pretrainCommand) save(model transformer.LanguageModel, tok *tokenizer.Tokenizer, metrics *pretrainMetrics) error {
	if err := transformer.Save(c.Output, model, model.Configuration()); err != nil {
		return err
	}
	if err := tok.Save(c.Output); err != nil {
		return err
	}
	data, err := json.MarshalIndent(metrics, "", "  ")
	if err != nil {
		return err
	}
	if err := checkpoint.WriteFile(filepath.Join(c.Output, "metrics.json"), append(data, '\n')); err != nil {
		return err
	}
	if err := train.WriteCard(c.Output, metrics.card()); err != nil && !errors.Is(err, train.ErrCardKept) {
		return err
	}
	return nil
}

// card says how the model was made; of files it gives names, not where they lie.
func (m *pretrainMetrics) card() train.Card {
	s := m.Settings
	objective := fmt.Sprintf("masked language modelling with %s masks", s.Masking)
	if s.ModelType == "xlnet" {
		objective = "permutation language modelling"
	}
	card := train.Card{
		Title:     s.ModelType + " encoder",
		Summary:   fmt.Sprintf("Pretrained by godwit: %s, %d parameters, a vocabulary of %d tokens.", objective, m.Parameters, m.Vocabulary),
		BaseModel: s.Model,
	}
	if s.ModelType != "xlnet" {
		card.Task = "fill-mask"
	}
	name := func(path string) string {
		if path == "" {
			return ""
		}
		return filepath.Base(path)
	}
	s.Model, s.Tokenizer, s.Dev, s.Corpus = "", name(s.Tokenizer), name(s.Dev), nil
	for _, path := range m.Settings.Corpus {
		s.Corpus = append(s.Corpus, name(path))
	}
	card.Settings = s
	for _, split := range slices.Sorted(maps.Keys(m.Data)) {
		card.Data = append(card.Data, train.CardItem{Name: split, Value: fmt.Sprintf("%d sequences, %d tokens", m.Data[split].Sequences, m.Data[split].Tokens)})
	}
	card.Data = append(card.Data, train.CardItem{Name: "steps", Value: fmt.Sprintf("%d, of %d tokens in all", m.Train.Steps, m.Train.Tokens)})
	card.Scores = []train.CardItem{{Name: "perplexity in training", Value: fmt.Sprintf("%.3f", m.Train.Perplexity)}}
	if d := m.Train.Dev; d != nil {
		card.Scores = append(card.Scores,
			train.CardItem{Name: "perplexity on held-out texts", Value: fmt.Sprintf("%.3f", d.Perplexity)},
			train.CardItem{Name: "the same by frequency alone", Value: fmt.Sprintf("%.3f", d.UnigramPerplexity)})
	}
	return card
}

func pretrainLine(e train.PretrainEpoch) string {
	line := fmt.Sprintf("epoch %d  loss %.4f  perplexity %.2f", e.Epoch, e.Train.Loss, e.Train.Perplexity)
	if e.Dev != nil {
		line += fmt.Sprintf("  held-out loss %.4f  perplexity %.2f (by frequency alone %.2f)", e.Dev.Loss, e.Dev.Perplexity, e.Dev.UnigramPerplexity)
	}
	return line
}
