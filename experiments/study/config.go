// Package study compares ways to a target model: fine-tuning a pretrained
// encoder directly, training it on a larger intermediate dataset first, and
// what helps to tell why the one or the other is better. See [Run].
package study

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"godwit/experiments/train"
)

// Arms: how the target model comes about.
const (
	Direct       = "direct"       // pretrained → target
	Intermediate = "intermediate" // pretrained → intermediate → target
	ZeroShot     = "zero-shot"    // pretrained → intermediate, evaluated on the target as it is
	Control      = "control"      // as intermediate, with the intermediate's labels shuffled
	Joint        = "joint"        // pretrained → intermediate and target mixed
)

// Arms lists the arms in the order of reports.
var Arms = []string{Direct, Intermediate, ZeroShot, Control, Joint}

// Settings of a target: what sets it apart from the intermediate dataset.
const (
	Domain       = "domain"        // same language, other domain
	CrossLingual = "cross-lingual" // other language
)

// Config is a study: one JSON file. Paths in it are relative to the file.
type Config struct {
	Schema   string   `json:"$schema,omitempty"`
	Name     string   `json:"name"`
	Output   string   `json:"output,omitempty"` // directory of stages and results; default runs/<name>
	Seeds    []uint64 `json:"seeds,omitempty"`  // default 0, 1, 2
	Arms     []string `json:"arms,omitempty"`   // default direct and intermediate
	Models   []Model  `json:"models"`
	Tasks    []Task   `json:"tasks"`
	Training Training `json:"training,omitzero"` // of every stage, unless its dataset says otherwise
	Keep     string   `json:"keep,omitempty"`    // which models stay on disk; see [Prune]
	Caveats  []string `json:"caveats,omitempty"`

	made []*pretraining // encoders that the study makes first
}

// Model is a pretrained encoder.
type Model struct {
	Name string `json:"name"`
	Path string `json:"path"`
}

// Task is a task with its intermediate datasets and its targets.
type Task struct {
	Name          string    `json:"name"`             // text classification, sentiment analysis, sentence similarity
	Kind          string    `json:"kind"`             // classification or regression
	Models        []string  `json:"models,omitempty"` // names; default all
	Intermediates []Dataset `json:"intermediates"`
	Targets       []Target  `json:"targets"`
}

// Target is a dataset on which the arms are compared.
type Target struct {
	Setting string `json:"setting"`
	// Sizes are numbers of training examples, 0 for all: each gives a point of
	// a learning curve. Smaller samples lie within larger ones and are drawn by the seed of the run.
	Sizes []int `json:"sizes,omitempty"`
	// Intermediates and Models name those of the task that are tried; default all.
	Intermediates []string `json:"intermediates,omitempty"`
	Models        []string `json:"models,omitempty"`
	Dataset
}

// Dataset is a training set with its splits and how to train on it.
type Dataset struct {
	Name           string `json:"name"`
	Train          string `json:"train"`
	Dev            string `json:"dev,omitempty"` // default: a tenth of train, by seed 0
	Test           string `json:"test,omitempty"`
	TextColumn     string `json:"text_column,omitempty"`
	TextPairColumn string `json:"text_pair_column,omitempty"`
	LabelColumn    string `json:"label_column,omitempty"`
	// Parallel names a family of datasets that are translations of one another: IDColumn
	// then says which examples are. A split or sample that godwit draws is the same in
	// all of them, and what one trains on is no translation of what another is tested on.
	Parallel string `json:"parallel,omitempty"`
	IDColumn string `json:"id_column,omitempty"`
	// Labels renames labels, so that datasets can be given the same ones. A label that is
	// not in it is an error, or with DropUnmapped its examples are left out.
	Labels       map[string]string `json:"labels,omitempty"`
	DropUnmapped bool              `json:"drop_unmapped,omitempty"`
	// MaxTrain, MaxDev and MaxTest bound the splits by a sample drawn by seed 0, the same in every run.
	MaxTrain int `json:"max_train,omitempty"`
	MaxDev   int `json:"max_dev,omitempty"`
	MaxTest  int `json:"max_test,omitempty"`
	// RemoveLeaks drops training and dev examples that are like one of a test split of
	// the task ([dataset.Near]), or a translation of one.
	RemoveLeaks bool     `json:"remove_leaks,omitempty"`
	Training    Training `json:"training,omitzero"`

	made *splits // datasets that godwit makes itself
}

// Training holds what differs from the defaults; zero means the default.
type Training struct {
	Epochs       int     `json:"epochs,omitempty"`
	MaxSteps     int     `json:"max_steps,omitempty"`
	BatchSize    int     `json:"batch_size,omitempty"`
	LearningRate float64 `json:"learning_rate,omitempty"`
	// LearningRates are tried one after another; the best on dev is kept.
	LearningRates []float64 `json:"learning_rates,omitempty"`
	WarmupRatio   float64   `json:"warmup_ratio,omitempty"`
	WeightDecay   float64   `json:"weight_decay,omitempty"`
	MaxLength     int       `json:"max_length,omitempty"`
}

// or returns t with the values of u where t has none.
func (t Training) or(u Training) Training {
	for _, f := range []struct{ to, from *int }{{&t.Epochs, &u.Epochs}, {&t.MaxSteps, &u.MaxSteps}, {&t.BatchSize, &u.BatchSize}, {&t.MaxLength, &u.MaxLength}} {
		if *f.to == 0 {
			*f.to = *f.from
		}
	}
	for _, f := range []struct{ to, from *float64 }{{&t.WarmupRatio, &u.WarmupRatio}, {&t.WeightDecay, &u.WeightDecay}} {
		if *f.to == 0 {
			*f.to = *f.from
		}
	}
	if t.LearningRate == 0 && t.LearningRates == nil {
		t.LearningRate, t.LearningRates = u.LearningRate, u.LearningRates
	}
	return t
}

// stageSettings are the settings of a fine-tuning stage: those of each
// learning rate that is tried.
type stageSettings struct {
	train.Settings
	LearningRates []float64 `json:"learning_rates,omitempty"`
}

func (t Training) settings(task train.Task, seed uint64) stageSettings {
	d := train.DefaultSettings(task)
	t = t.or(Training{Epochs: d.Epochs, MaxSteps: d.MaxSteps, BatchSize: d.BatchSize, LearningRate: d.LearningRate, WarmupRatio: d.WarmupRatio, WeightDecay: d.WeightDecay, MaxLength: d.MaxLength})
	d.Seed, d.Epochs, d.MaxSteps, d.BatchSize, d.LearningRate, d.WarmupRatio, d.WeightDecay, d.MaxLength =
		seed, t.Epochs, t.MaxSteps, t.BatchSize, t.LearningRate, t.WarmupRatio, t.WeightDecay, t.MaxLength
	if len(t.LearningRates) > 0 {
		d.LearningRate = t.LearningRates[0]
	}
	return stageSettings{d, t.LearningRates}
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
	for _, d := range c.datasets() {
		resolve(&d.Train)
		resolve(&d.Dev)
		resolve(&d.Test)
	}
	return c, nil
}

// datasets returns all datasets, task by task, the intermediate ones first.
func (c *Config) datasets() (all []*Dataset) {
	for i := range c.Tasks {
		for j := range c.Tasks[i].Intermediates {
			all = append(all, &c.Tasks[i].Intermediates[j])
		}
		for j := range c.Tasks[i].Targets {
			all = append(all, &c.Tasks[i].Targets[j].Dataset)
		}
	}
	return all
}

//go:embed study.schema.json
var schemaText []byte

// Schema returns the JSON Schema of the study file.
func Schema() []byte { return bytes.Clone(schemaText) }

var schema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemaText))
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("study.schema.json", doc); err != nil {
		return nil, err
	}
	return compiler.Compile("study.schema.json")
})

// ParseConfig reads a study file. Errors name the place in it, what was found
// and what was expected.
func ParseConfig(data []byte) (*Config, error) {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	s, err := schema()
	if err != nil {
		return nil, err
	}
	if err := s.Validate(value); err != nil {
		if v := new(jsonschema.ValidationError); errors.As(err, &v) {
			return nil, errors.New(strings.Join(violations(v, value), "; "))
		}
		return nil, err
	}
	var c Config
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, err
	}
	if len(c.Seeds) == 0 {
		c.Seeds = []uint64{0, 1, 2}
	}
	if len(c.Arms) == 0 {
		c.Arms = []string{Direct, Intermediate}
	}
	return &c, c.check()
}

// violations lists what a study file has wrong, by place.
func violations(v *jsonschema.ValidationError, root any) (list []string) {
	if len(v.Causes) > 0 {
		for _, cause := range v.Causes {
			list = append(list, violations(cause, root)...)
		}
		return list
	}
	place := ""
	found := root
	for _, part := range v.InstanceLocation {
		switch x := found.(type) {
		case []any:
			place += "[" + part + "]"
			var i int
			fmt.Sscan(part, &i)
			found = x[i]
		case map[string]any:
			if place != "" {
				place += "."
			}
			place += part
			found = x[part]
		}
	}
	if place == "" {
		place = "the study"
	}
	text := v.ErrorKind.LocalizedString(message.NewPrinter(language.English))
	switch found.(type) {
	case map[string]any, []any:
		return []string{place + ": " + text}
	}
	shown, _ := json.Marshal(found) // of parsed JSON
	return []string{fmt.Sprintf("%s: found %s: %s", place, shown, text)}
}

// check reports what the schema cannot say.
func (c *Config) check() error {
	if c.Name != filepath.Base(c.Name) || c.Name == "." || c.Name == ".." {
		return fmt.Errorf("name: found %q, expected a name without slashes", c.Name)
	}
	if len(c.Models) == 0 {
		return errors.New("models: found none, expected at least one")
	}
	if !slices.Contains(c.Arms, Direct) {
		return fmt.Errorf("arms: found %q, expected %q among them: the others are compared with it", c.Arms, Direct)
	}
	var models []string
	for i, m := range c.Models {
		if slices.Contains(models, m.Name) {
			return fmt.Errorf("models[%d].name: %q stands there twice", i, m.Name)
		}
		models = append(models, m.Name)
	}
	var tasks []string
	for i := range c.Tasks {
		t, at := &c.Tasks[i], fmt.Sprintf("tasks[%d]", i)
		if slices.Contains(tasks, t.Name) {
			return fmt.Errorf("%s.name: %q stands there twice", at, t.Name)
		}
		tasks = append(tasks, t.Name)
		for j, m := range t.Models {
			if !slices.Contains(models, m) {
				return fmt.Errorf("%s.models[%d]: found %q, expected one of %q", at, j, m, models)
			}
		}
		var intermediates, targets []string
		for j := range t.Intermediates {
			d, at := &t.Intermediates[j], fmt.Sprintf("%s.intermediates[%d]", at, j)
			if slices.Contains(intermediates, d.Name) {
				return fmt.Errorf("%s.name: %q stands there twice", at, d.Name)
			}
			intermediates = append(intermediates, d.Name)
			if err := d.check(at, train.Task(t.Kind), c.Training); err != nil {
				return err
			}
		}
		if len(c.Arms) > 1 && len(intermediates) == 0 {
			return fmt.Errorf("%s.intermediates: found none, expected at least one for the arms %q", at, c.Arms[1:])
		}
		for j := range t.Targets {
			g, at := &t.Targets[j], fmt.Sprintf("%s.targets[%d]", at, j)
			if slices.Contains(targets, g.Name) {
				return fmt.Errorf("%s.name: %q stands there twice", at, g.Name)
			}
			targets = append(targets, g.Name)
			if g.made == nil && g.Test == "" {
				return fmt.Errorf("%s.test: found none, expected a file: arms are compared on it", at)
			}
			for k, name := range g.Models {
				if !slices.Contains(models, name) || t.Models != nil && !slices.Contains(t.Models, name) {
					return fmt.Errorf("%s.models[%d]: found %q, expected one of the task's models", at, k, name)
				}
			}
			for k, name := range g.Intermediates {
				if !slices.Contains(intermediates, name) {
					return fmt.Errorf("%s.intermediates[%d]: found %q, expected one of %q", at, k, name, intermediates)
				}
			}
			if len(g.Sizes) == 0 {
				g.Sizes = []int{0}
			}
			if err := g.check(at, train.Task(t.Kind), c.Training); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *Dataset) check(at string, task train.Task, defaults Training) error {
	if d.made == nil && d.Train == "" {
		return fmt.Errorf("%s.train: found none, expected a file", at)
	}
	if d.TextColumn == "" {
		d.TextColumn = "text"
	}
	if d.LabelColumn == "" {
		d.LabelColumn = "label"
	}
	if d.Parallel != "" && d.IDColumn == "" {
		return fmt.Errorf("%s.id_column: found none, expected the column that says which examples of %q are translations of one another", at, d.Parallel)
	}
	if d.DropUnmapped && d.Labels == nil {
		return fmt.Errorf("%s.labels: found none, expected those to keep: drop_unmapped leaves out all others", at)
	}
	d.Training = d.Training.or(defaults)
	if err := d.Training.settings(task, 0).Check(); err != nil {
		return fmt.Errorf("%s.training.%w", at, err)
	}
	return nil
}
