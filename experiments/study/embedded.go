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
	"godwit/transformer/tokenizer"
)

// pretraining is a model that the study makes itself, by masked language modelling.
type pretraining struct {
	name     string
	seed     uint64
	config   *transformer.Config
	vocab    []string
	texts    []string
	length   int // most tokens of a sequence
	settings train.PretrainSettings
}

// pretrainSpec is what determines the outcome besides the corpus.
type pretrainSpec struct {
	Seed     uint64
	Config   transformer.Config
	Length   int
	Training train.PretrainSettings
}

func (p *pretraining) job() job {
	h := sha256.New()
	hashStrings(h, p.vocab...)
	hashStrings(h, p.texts...)
	return job{
		record: record{Name: "pretraining of " + p.name, Spec: spec{Version: formatVersion, Kind: "pretrain", Data: hex.EncodeToString(h.Sum(nil)[:12]),
			Settings: pretrainSpec{p.seed, *p.config, p.length, p.settings}}},
		pre: p, keep: true,
	}
}

// run trains the model in the stage's directory dir and writes it to dir/model.
func (p *pretraining) run(ctx context.Context, dir string, r *record, step func(train.Progress)) error {
	tok, err := tokenizer.NewWordPiece(p.vocab, tokenizer.WordPieceOptions{Lowercase: true, ChineseChars: true})
	if err != nil {
		return err
	}
	corpus, err := train.NewCorpus(ctx, p.texts, tok, train.CorpusOptions{MaxLength: p.length, Lines: true})
	if err != nil {
		return err
	}
	m, err := transformer.NewLanguageModel(p.config)
	if err != nil {
		return err
	}
	transformer.Initialise(m, p.config, p.seed)
	state := filepath.Join(dir, "state.safetensors")
	if r.Pretrain, err = train.Pretrain(ctx, m, tok, corpus, nil, p.settings, train.PretrainRun{State: state, Every: 1000, Step: step}); err != nil {
		return err
	}
	if err := transformer.Save(filepath.Join(dir, "model"), m, p.config); err != nil {
		return err
	}
	if err := tok.Save(filepath.Join(dir, "model")); err != nil {
		return err
	}
	return os.Remove(state)
}

// Embedded returns the study that needs no download: synthetic corpora,
// a tiny BERT pretrained on them, three tasks with a domain target, a cross-lingual
// one and one that asks for something else, over three seeds.
func Embedded() *Config {
	corpora := synthetic.Make(synthetic.Seed)
	vocab := corpora.Vocabulary(1000)
	config := transformer.NewBertConfig(len(vocab), 96, 2, 4, 256)
	config.MaxPositionEmbeddings = 64
	config.HiddenDropoutProb, config.AttentionProbsDropoutProb = 0, 0 // so small a model has nothing to spare
	settings := train.DefaultPretrainSettings("bert")
	settings.Epochs, settings.Masking = 15, train.DynamicMasking // so many passes over the same masks teach less
	// More tokens to predict and more steps than usual: in half a minute it learns all that the texts have.
	settings.MaskRatio, settings.BatchTokens, settings.LearningRate = 0.2, 1024, 2e-3
	pre := &pretraining{name: "tiny-bert", config: config, vocab: vocab, texts: corpora.Unlabelled, length: 64, settings: settings}
	c := &Config{
		Name: "embedded", Output: filepath.Join("runs", "embedded"), Seeds: []uint64{0, 1, 2}, Arms: Arms,
		Caveats: []string{"the corpora are synthetic: an invented grammar and two invented languages; these figures say nothing about real texts"},
	}
	for _, t := range corpora.Tasks {
		kind := train.Classification
		if t.Regression {
			kind = train.Regression
		}
		task := Task{Name: t.Name, Kind: string(kind), Intermediates: []Dataset{embeddedSet(t.Intermediate, 8, 32)}}
		for _, g := range t.Targets {
			task.Targets = append(task.Targets, Target{Setting: g.Setting, Sizes: []int{0}, Dataset: embeddedSet(g.Set, 15, 16)})
		}
		c.Tasks = append(c.Tasks, task)
	}
	for _, d := range c.datasets() {
		d.TextColumn, d.LabelColumn = "text", "label"
	}
	c.made = []*pretraining{pre}
	return c
}

func embeddedSet(s synthetic.Set, epochs, batch int) Dataset {
	return Dataset{
		Name: s.Name, Train: fmt.Sprintf("synthetic %s", s.Name), Dev: "synthetic", Training: Training{Epochs: epochs, BatchSize: batch, LearningRate: 1e-3, MaxLength: 64},
		made: &splits{Train: s.Train, Dev: s.Dev, Test: s.Test},
	}
}
