package study

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"godwit/experiments/dataset/synthetic"
	"godwit/experiments/train"
	"godwit/transformer"
)

// pretraining is an encoder that the study makes itself, with a vocabulary of
// its own and its family's objective.
type pretraining struct {
	name  string
	spec  pretrainSpec
	texts []string
}

// pretrainSpec is what determines the outcome besides the corpus.
type pretrainSpec struct {
	ModelType    string                 `json:"model_type"`
	Vocabulary   int                    `json:"vocabulary"` // most tokens
	Hidden       int                    `json:"hidden_size"`
	Layers       int                    `json:"layers"`
	Heads        int                    `json:"heads"`
	Intermediate int                    `json:"intermediate_size"`
	Length       int                    `json:"length"` // most tokens of a sequence
	Training     train.PretrainSettings `json:"training"`
}

func (p *pretraining) job() job {
	h := sha256.New()
	hashStrings(h, p.texts...)
	return job{
		record: record{Name: "pretraining of " + p.name, Spec: spec{Version: formatVersion, Kind: kindPretrain, Data: hex.EncodeToString(h.Sum(nil)[:12]), Settings: p.spec}},
		pre:    p, keep: true, encoder: "pretraining of " + p.name,
	}
}

// run trains tokenizer and model in the stage's directory dir and writes them to dir/model.
func (p *pretraining) run(ctx context.Context, dir string, r *record, step func(train.Progress)) error {
	s := p.spec
	tok, err := train.TrainTokenizerOn(ctx, p.texts, train.VocabularyOptions{ModelType: s.ModelType, Size: s.Vocabulary})
	if err != nil {
		return err
	}
	corpus, err := train.NewCorpus(ctx, p.texts, tok, train.CorpusOptions{MaxLength: s.Length, Lines: true})
	if err != nil {
		return err
	}
	config, err := transformer.NewConfig(s.ModelType, tok.VocabSize(), s.Hidden, s.Layers, s.Heads, s.Intermediate, s.Length)
	if err != nil {
		return err
	}
	config.HiddenDropoutProb, config.AttentionProbsDropoutProb = 0, 0 // so small a model has nothing to spare
	m, err := train.NewEncoder(config, tok, s.Training.Seed)
	if err != nil {
		return err
	}
	state := filepath.Join(dir, "state.safetensors")
	if r.Pretrain, err = train.Pretrain(ctx, m, tok, corpus, nil, s.Training, train.PretrainRun{State: state, Every: 1000, Step: step}); err != nil {
		return err
	}
	for _, e := range r.Pretrain.Epochs {
		r.Losses = append(r.Losses, e.Train.Loss)
	}
	if err := transformer.Save(filepath.Join(dir, "model"), m, config); err != nil {
		return err
	}
	if err := tok.Save(filepath.Join(dir, "model")); err != nil {
		return err
	}
	return os.Remove(state)
}

// Embedded returns the study that needs no download: synthetic corpora, a tiny
// BERT, RoBERTa and XLNet pretrained on them with their own objectives, three tasks with
// targets in another domain and another language, all arms, three seeds.
func Embedded() *Config {
	corpora := synthetic.Make(synthetic.Seed)
	c := &Config{
		Name: "embedded", Output: filepath.Join("runs", "embedded"), Seeds: []uint64{0, 1, 2}, Arms: Arms,
		Caveats: []string{"the corpora are synthetic: an invented grammar and two invented languages; these figures say nothing about real texts"},
	}
	for _, modelType := range []string{"bert", "roberta", "xlnet"} {
		settings := train.DefaultPretrainSettings(modelType)
		settings.Epochs = 15
		// More tokens to predict and more steps than usual: in half a minute it learns all that the texts have.
		settings.BatchTokens, settings.LearningRate = 1024, 2e-3
		if modelType != "xlnet" {
			settings.Masking, settings.MaskRatio = train.DynamicMasking, 0.2 // so many passes over the same masks teach less
		} else {
			// In sentences so short longer spans leave too little to predict them from.
			settings.MaxSpan, settings.MaskRatio, settings.LearningRate = 2, 0.25, 3e-3
		}
		c.made = append(c.made, &pretraining{"tiny-" + modelType, pretrainSpec{modelType, 1000, 96, 2, 4, 256, 64, settings}, corpora.Unlabelled})
	}
	for _, t := range corpora.Tasks {
		kind, epochs := train.Classification, 8
		if t.Regression {
			kind, epochs = train.Regression, 12 // to compare two sentences takes longest to learn
		}
		task := Task{Name: t.Name, Kind: string(kind), Intermediates: []Dataset{embeddedSet(t.Intermediate, epochs, 32)}}
		for _, g := range t.Targets {
			task.Targets = append(task.Targets, Target{Setting: g.Setting, Sizes: []int{0}, Dataset: embeddedSet(g.Set, 15, 16)})
		}
		c.Tasks = append(c.Tasks, task)
	}
	for _, d := range c.datasets() {
		d.TextColumn, d.LabelColumn = "text", "label"
	}
	return c
}

func embeddedSet(s synthetic.Set, epochs, batch int) Dataset {
	return Dataset{
		Name: s.Name, Train: fmt.Sprintf("synthetic %s", s.Name), Dev: "synthetic", Training: Training{Epochs: epochs, BatchSize: batch, LearningRate: 1e-3, MaxLength: 64},
		made: &splits{Train: s.Train, Dev: s.Dev, Test: s.Test},
	}
}
