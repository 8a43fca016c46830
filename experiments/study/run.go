package study

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"godwit/experiments/dataset"
	"godwit/experiments/train"
	"godwit/transformer"
	"godwit/transformer/tokenizer"
)

// Watch is told what a study does. Nil fields are not called.
type Watch struct {
	// Stage is called before each stage: its number from 1, how many there are, and whether it was finished earlier.
	Stage func(number, of int, name string, finished bool)
	// Step is called during a stage that trains.
	Step func(train.Progress)
	// Done is called after a stage that trained, with a line about its outcome.
	Done func(outcome string)
}

// Cell is the outcome of one (task, model, target, arm, seed).
type Cell struct {
	Task    string       `json:"task"`
	Model   string       `json:"model"`
	Target  string       `json:"target"`
	Setting string       `json:"setting"`
	Arm     string       `json:"arm"`
	Seed    uint64       `json:"seed"`
	Stages  []string     `json:"stages"` // keys, in order
	Score   float64      `json:"score"`
	Metric  string       `json:"metric"`
	Scores  train.Scores `json:"scores"`
	// Chance is the score that must be passed to have learned anything: that of
	// always saying the commonest class, or a correlation of 0, plus 1.96 standard
	// errors for the size of the test set.
	Chance float64 `json:"chance"`
}

// job is a stage of the plan.
type job struct {
	record
	model  string // directory to start from
	data   *splits
	kind   train.Task
	labels []string
	keep   bool // the model is needed by later stages
	pre    *pretraining
}

// plan lists all stages, each after those that it starts from, and the cells with the
// number of their last stage.
type plan struct {
	jobs  []job
	cells []Cell
	last  []string // key of each cell's last stage
	seen  map[string]bool
}

func (p *plan) add(j job) string {
	j.Key = j.Spec.key()
	if !p.seen[j.Key] {
		p.seen[j.Key] = true
		p.jobs = append(p.jobs, j)
	}
	return j.Key
}

// Run carries out a study and returns its results. Finished stages in the
// output directory are not run again.
func Run(ctx context.Context, c *Config, watch Watch) (*Results, error) {
	return run(ctx, c, nil, watch)
}

func run(ctx context.Context, c *Config, pre []*pretraining, watch Watch) (*Results, error) {
	start := time.Now()
	if err := os.MkdirAll(c.Output, 0o755); err != nil {
		return nil, fmt.Errorf("output directory: %w", err)
	}
	store := cache{c.Output}
	p, err := makePlan(c, pre, store)
	if err != nil {
		return nil, err
	}
	finished := map[string]*record{}
	trained := 0
	for i, j := range p.jobs {
		r, err := store.find(j.Key)
		if err != nil {
			return nil, err
		}
		if watch.Stage != nil {
			watch.Stage(i+1, len(p.jobs), j.Name, r != nil)
		}
		if r == nil {
			trained++
			if r, err = store.run(j.record, func(dir string, r *record) error { return j.train(ctx, dir, r, watch) }); err != nil {
				return nil, fmt.Errorf("%s: %w", j.Name, err)
			}
			if watch.Done != nil {
				watch.Done(r.outcome())
			}
		}
		finished[j.Key] = r
	}
	cells := p.cells
	for i := range cells {
		test := finished[p.last[i]].Test
		cells[i].Scores, cells[i].Score, cells[i].Metric = *test, test.Main(), test.MainName()
	}
	results := summarise(c, cells)
	results.Stages, results.StagesRun, results.Seconds = len(p.jobs), trained, time.Since(start).Seconds()
	return results, results.save(c.Output)
}

func makePlan(c *Config, pre []*pretraining, store cache) (*plan, error) {
	p := &plan{seen: map[string]bool{}}
	starts := map[string]string{} // model name → key or digest
	models := slices.Clone(c.Models)
	for _, t := range pre {
		key := p.add(t.job())
		starts[t.name] = key
		models = append(models, Model{t.name, store.model(key)})
	}
	for _, m := range c.Models {
		digest, err := checkpointDigest(m.Path)
		if err != nil {
			return nil, err
		}
		starts[m.Name] = digest
	}
	for _, t := range c.Tasks {
		inter, err := t.Intermediate.load(train.Task(t.Kind))
		if err != nil {
			return nil, err
		}
		targets := make([]*loaded, len(t.Targets))
		for i := range t.Targets {
			if targets[i], err = t.Targets[i].load(train.Task(t.Kind)); err != nil {
				return nil, err
			}
		}
		for _, m := range models {
			for _, seed := range c.Seeds {
				for _, arm := range c.Arms {
					from, model, stages := starts[m.Name], m.Path, []string(nil)
					if arm == Intermediate {
						from = p.add(finetuneJob(fmt.Sprintf("%s, %s, seed %d: %s (intermediate)", t.Name, m.Name, seed, t.Intermediate.Name), from, model, inter, t.Kind, t.Intermediate.Training, seed, true))
						model, stages = store.model(from), append(stages, from)
					}
					for i, g := range t.Targets {
						key := p.add(finetuneJob(fmt.Sprintf("%s, %s, seed %d: %s (%s)", t.Name, m.Name, seed, g.Name, arm), from, model, targets[i], t.Kind, g.Training, seed, false))
						p.cells = append(p.cells, Cell{Task: t.Name, Model: m.Name, Target: g.Name, Setting: g.Setting, Arm: arm, Seed: seed,
							Stages: append(slices.Clone(stages), key), Chance: chance(train.Task(t.Kind), targets[i].Test)})
						p.last = append(p.last, key)
					}
				}
			}
		}
	}
	return p, nil
}

// chance returns the score on the examples that a model which learned nothing hardly passes.
func chance(kind train.Task, test []dataset.Example) float64 {
	n := float64(len(test))
	if kind == train.Regression {
		return 1.96 / math.Sqrt(n)
	}
	count, most := map[string]int{}, 0
	for _, e := range test {
		count[e.Label]++
		most = max(most, count[e.Label])
	}
	p := float64(most) / n
	return p + 1.96*math.Sqrt(p*(1-p)/n)
}

func finetuneJob(name, from, model string, d *loaded, kind string, t Training, seed uint64, keep bool) job {
	return job{
		record: record{Name: name, Spec: spec{Version: formatVersion, Kind: "finetune", Start: from, Data: d.digest, Labels: d.labels, Settings: t.settings(train.Task(kind), seed)}},
		model:  model, data: d.splits, kind: train.Task(kind), labels: d.labels, keep: keep,
	}
}

// loaded is a dataset that has been read.
type loaded struct {
	*splits
	digest string
	labels []string // nil for regression
}

func (d *Dataset) load(kind train.Task) (*loaded, error) {
	s := d.made
	if s == nil {
		s = &splits{}
		options := dataset.Options{Columns: dataset.Columns{Text: d.TextColumn, Pair: d.TextPairColumn, Label: d.LabelColumn}}
		for _, f := range []struct {
			path string
			max  int
			to   *[]dataset.Example
		}{{d.Train, 0, &s.Train}, {d.Dev, d.MaxDev, &s.Dev}, {d.Test, d.MaxTest, &s.Test}} {
			if f.path == "" {
				continue
			}
			examples, err := dataset.Read(f.path, options)
			if err != nil {
				return nil, err
			}
			if f.max > 0 && f.max < len(examples) {
				examples = dataset.Sample(examples, f.max, 0)
			}
			*f.to = examples
		}
		if d.Dev == "" {
			s.Train, s.Dev = dataset.Split(s.Train, 0.1, 0, kind == train.Classification)
			if d.MaxDev > 0 && d.MaxDev < len(s.Dev) {
				s.Dev = dataset.Sample(s.Dev, d.MaxDev, 0)
			}
		}
		if d.MaxTrain > 0 && d.MaxTrain < len(s.Train) {
			s.Train = dataset.Sample(s.Train, d.MaxTrain, 0)
		}
	}
	l := &loaded{splits: s}
	if kind == train.Classification {
		known := dataset.LabelsOf(s.Train)
		l.labels = known.Names()
		if len(l.labels) < 2 {
			return nil, fmt.Errorf("dataset %s: training data have the labels %q, expected at least two", d.Name, l.labels)
		}
		for _, f := range []struct {
			path     string
			examples []dataset.Example
		}{{d.Dev, s.Dev}, {d.Test, s.Test}} {
			if err := dataset.CheckLabels(f.path, f.examples, known); err != nil {
				return nil, err
			}
		}
	} else {
		for _, f := range []struct {
			path     string
			examples []dataset.Example
		}{{d.Train, s.Train}, {d.Dev, s.Dev}, {d.Test, s.Test}} {
			if _, err := dataset.Scores(f.path, f.examples); err != nil {
				return nil, err
			}
		}
	}
	l.digest = s.digest()
	return l, nil
}

// train runs the stage and fills in its record.
func (j *job) train(ctx context.Context, dir string, r *record, watch Watch) error {
	if j.pre != nil {
		return j.pre.run(ctx, filepath.Join(dir, "model"), r, watch)
	}
	s := j.Spec.Settings.(train.Settings)
	config, err := transformer.LoadConfig(j.model)
	if err != nil {
		return err
	}
	tok, err := tokenizer.Load(j.model)
	if err != nil {
		return err
	}
	if tok.VocabSize() > config.VocabSize {
		return fmt.Errorf("%s: the tokenizer has %d tokens, the model's embedding %d", j.model, tok.VocabSize(), config.VocabSize)
	}
	if s.MaxLength > config.MaxLength() {
		return fmt.Errorf("max_length %d: %s has positions for %d tokens", s.MaxLength, j.model, config.MaxLength())
	}
	labels := max(1, len(j.labels))
	m, _, err := transformer.LoadSequenceClassifier(j.model, labels, !transformer.SameLabels(j.model, config, j.labels, labels), s.Seed)
	if err != nil {
		return err
	}
	items := map[*[]dataset.Example][]train.Item{}
	for _, split := range []*[]dataset.Example{&j.data.Train, &j.data.Dev, &j.data.Test} {
		list, _, err := train.Prepare("dataset "+j.Name, *split, tok, j.kind, j.labels, s.MaxLength)
		if err != nil {
			return err
		}
		items[split] = list
	}
	if r.Train, err = train.FineTune(ctx, m, items[&j.data.Train], items[&j.data.Dev], s, train.Watch{Step: watch.Step}); err != nil {
		return err
	}
	if len(j.data.Test) > 0 {
		scores, _, err := train.Evaluate(ctx, m, j.kind, items[&j.data.Test])
		if err != nil {
			return err
		}
		r.Test = &scores
	}
	if !j.keep {
		return nil
	}
	names := j.labels
	if names == nil {
		names = []string{"LABEL_0"}
	}
	m.Configuration().SetLabels(names)
	if err := transformer.Save(filepath.Join(dir, "model"), m, m.Configuration()); err != nil {
		return err
	}
	return tok.Save(filepath.Join(dir, "model"))
}

func (r *record) outcome() string {
	var parts []string
	if r.Pretrain != nil {
		parts = append(parts, fmt.Sprintf("perplexity %.1f after %d steps", r.Pretrain.Perplexity, r.Pretrain.Steps))
	}
	if r.Train != nil && r.Train.BestDev != nil {
		parts = append(parts, fmt.Sprintf("dev %s %.4f", r.Train.BestDev.MainName(), r.Train.BestDev.Main()))
	}
	if r.Test != nil {
		parts = append(parts, fmt.Sprintf("test %s %.4f", r.Test.MainName(), r.Test.Main()))
	}
	return strings.Join(parts, ", ")
}
