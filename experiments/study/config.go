// Package study compares ways to a target model: fine-tuning a pretrained
// encoder directly, and training it on a larger intermediate dataset of the
// same task first. See [Run].
package study

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"godwit/experiments/train"
)

// Arms: how the target model comes about.
const (
	Direct       = "direct"       // pretrained → target
	Intermediate = "intermediate" // pretrained → intermediate → target
)

// Settings of a target: what sets it apart from the intermediate dataset.
const (
	Domain       = "domain"        // same language, other domain
	CrossLingual = "cross-lingual" // other language
)

// Config is a study: one JSON file. Paths in it are relative to the file.
type Config struct {
	Name    string   `json:"name"`
	Output  string   `json:"output,omitempty"` // directory of stages and results; default runs/<name>
	Seeds   []uint64 `json:"seeds"`
	Arms    []string `json:"arms"`
	Models  []Model  `json:"models"`
	Tasks   []Task   `json:"tasks"`
	Caveats []string `json:"caveats,omitempty"`
}

// Model is a pretrained encoder.
type Model struct {
	Name string `json:"name"`
	Path string `json:"path"`
}

// Task is a task with its intermediate dataset and its targets.
type Task struct {
	Name         string   `json:"name"` // classification, sentiment, similarity, …
	Kind         string   `json:"kind"` // classification or regression
	Intermediate Dataset  `json:"intermediate"`
	Targets      []Target `json:"targets"`
}

// Target is a dataset on which the arms are compared.
type Target struct {
	Setting string `json:"setting"`
	Dataset
}

// Dataset is a training set with its splits and how to train on it.
type Dataset struct {
	Name           string `json:"name"`
	Train          string `json:"train"`
	Dev            string `json:"dev,omitempty"` // default: a tenth of train, by seed
	Test           string `json:"test,omitempty"`
	TextColumn     string `json:"text_column,omitempty"`
	TextPairColumn string `json:"text_pair_column,omitempty"`
	LabelColumn    string `json:"label_column,omitempty"`
	// MaxTrain, MaxDev and MaxTest bound the splits by a sample drawn by seed 0, the same in every run.
	MaxTrain int      `json:"max_train,omitempty"`
	MaxDev   int      `json:"max_dev,omitempty"`
	MaxTest  int      `json:"max_test,omitempty"`
	Training Training `json:"training,omitempty"`

	made *splits // datasets that godwit makes itself
}

// Training holds what differs from the defaults; zero means the default.
type Training struct {
	Epochs       int     `json:"epochs,omitempty"`
	BatchSize    int     `json:"batch_size,omitempty"`
	LearningRate float64 `json:"learning_rate,omitempty"`
	WarmupRatio  float64 `json:"warmup_ratio,omitempty"`
	WeightDecay  float64 `json:"weight_decay,omitempty"`
	MaxLength    int     `json:"max_length,omitempty"`
}

func (t Training) settings(task train.Task, seed uint64) train.Settings {
	s := train.DefaultSettings(task)
	s.Seed = seed
	for _, f := range []struct {
		to   *int
		from int
	}{{&s.Epochs, t.Epochs}, {&s.BatchSize, t.BatchSize}, {&s.MaxLength, t.MaxLength}} {
		if f.from != 0 {
			*f.to = f.from
		}
	}
	for _, f := range []struct {
		to   *float64
		from float64
	}{{&s.LearningRate, t.LearningRate}, {&s.WarmupRatio, t.WarmupRatio}, {&s.WeightDecay, t.WeightDecay}} {
		if f.from != 0 {
			*f.to = f.from
		}
	}
	return s
}

// LoadConfig reads and checks a study file.
func LoadConfig(path string) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c, err := ParseConfig(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	dir := filepath.Dir(path)
	resolve := func(p *string) {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
	for i := range c.Models {
		resolve(&c.Models[i].Path)
	}
	if c.Output == "" {
		c.Output = filepath.Join("runs", c.Name)
	} else {
		resolve(&c.Output)
	}
	for i := range c.Tasks {
		t := &c.Tasks[i]
		sets := []*Dataset{&t.Intermediate}
		for j := range t.Targets {
			sets = append(sets, &t.Targets[j].Dataset)
		}
		for _, d := range sets {
			resolve(&d.Train)
			resolve(&d.Dev)
			resolve(&d.Test)
		}
	}
	return c, nil
}

// ParseConfig reads a study file and refuses unknown keys.
func ParseConfig(data []byte) (*Config, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	var c Config
	if err := d.Decode(&c); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("found more after the study's object")
	}
	if len(c.Seeds) == 0 {
		c.Seeds = []uint64{0, 1, 2}
	}
	if len(c.Arms) == 0 {
		c.Arms = []string{Direct, Intermediate}
	}
	return &c, c.check()
}

func (c *Config) check() error {
	if c.Name == "" || c.Name != filepath.Base(c.Name) {
		return fmt.Errorf("name: found %q, expected a name without slashes", c.Name)
	}
	if len(c.Models) == 0 {
		return fmt.Errorf("models: found none, expected at least one")
	}
	if len(c.Tasks) == 0 {
		return fmt.Errorf("tasks: found none, expected at least one")
	}
	for i, s := range c.Seeds {
		if slices.Contains(c.Seeds[:i], s) {
			return fmt.Errorf("seeds[%d]: %d stands there twice", i, s)
		}
	}
	for i, a := range c.Arms {
		if a != Direct && a != Intermediate || slices.Contains(c.Arms[:i], a) {
			return fmt.Errorf("arms[%d]: found %q, expected %q and %q, each once", i, a, Direct, Intermediate)
		}
	}
	for i, m := range c.Models {
		if m.Name == "" || m.Path == "" {
			return fmt.Errorf("models[%d]: found name %q and path %q, expected both", i, m.Name, m.Path)
		}
	}
	for i := range c.Tasks {
		t, at := &c.Tasks[i], fmt.Sprintf("tasks[%d]", i)
		if t.Kind != string(train.Classification) && t.Kind != string(train.Regression) {
			return fmt.Errorf("%s.kind: found %q, expected %q or %q", at, t.Kind, train.Classification, train.Regression)
		}
		if t.Name == "" || len(t.Targets) == 0 {
			return fmt.Errorf("%s: expected a name and at least one target", at)
		}
		if err := t.Intermediate.check(at+".intermediate", train.Task(t.Kind)); err != nil {
			return err
		}
		for j := range t.Targets {
			g, at := &t.Targets[j], fmt.Sprintf("%s.targets[%d]", at, j)
			if g.Setting != Domain && g.Setting != CrossLingual {
				return fmt.Errorf("%s.setting: found %q, expected %q or %q", at, g.Setting, Domain, CrossLingual)
			}
			if g.made == nil && g.Test == "" {
				return fmt.Errorf("%s.test: found none, expected a file: arms are compared on it", at)
			}
			if err := g.check(at, train.Task(t.Kind)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *Dataset) check(at string, task train.Task) error {
	if d.Name == "" {
		return fmt.Errorf("%s.name: found none", at)
	}
	if d.made == nil && d.Train == "" {
		return fmt.Errorf("%s.train: found none, expected a file", at)
	}
	if d.TextColumn == "" {
		d.TextColumn = "text"
	}
	if d.LabelColumn == "" {
		d.LabelColumn = "label"
	}
	if err := d.Training.settings(task, 0).Check(); err != nil {
		return fmt.Errorf("%s.training.%w", at, err)
	}
	return nil
}
