package study

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"godwit/experiments/dataset"
	"godwit/experiments/train"
)

// Cell is one (task, model, target, size, arm, intermediate, seed) with its chain of stages.
type Cell struct {
	Task         string   `json:"task"`
	Kind         string   `json:"kind"`
	Model        string   `json:"model"`
	Target       string   `json:"target"`
	Setting      string   `json:"setting"`
	Size         int      `json:"size"` // training examples of the target that the cell uses
	Arm          string   `json:"arm"`
	Intermediate string   `json:"intermediate,omitempty"`
	Seed         uint64   `json:"seed"`
	Stages       []string `json:"stages"` // keys, in order
	// Chance is the score that must be passed to have learned anything: that of
	// always saying the commonest class, or a correlation of 0, plus 1.96 standard
	// errors for the size of the test set.
	Chance float64 `json:"chance"`
	// Majority is the score of always saying the commonest class; 0 for correlations.
	Majority float64 `json:"majority"`
}

// Stage is a training run or an evaluation of the plan.
type Stage struct {
	Key   string   `json:"key"`
	Name  string   `json:"name"`
	Kind  string   `json:"kind"`
	After []string `json:"after,omitempty"` // stages that come first
	Cost  float64  `json:"cost"`            // for the time left; comparable among the stages of one encoder
}

// Plan is what a study consists of. It is kept as plan.json in the output
// directory, so that a report can be made of what is finished.
type Plan struct {
	Name     string            `json:"name"`
	Config   *Config           `json:"config"`
	Embedded bool              `json:"embedded,omitempty"` // the study of [Embedded], whose data no file holds
	Models   map[string]string `json:"models"`             // digests by name
	Datasets map[string]string `json:"datasets"`           // digests by task and name
	Stages   []Stage           `json:"stages"`
	Cells    []Cell            `json:"cells"`
	Caveats  []string          `json:"caveats"`
	// Hygiene is of each task's datasets, before leaks are removed: test splits first,
	// then what is trained on.
	Hygiene map[string]dataset.Hygiene `json:"hygiene"`
}

// Kinds of stages.
const (
	kindPretrain = "pretrain"
	kindFinetune = "finetune"
	kindEvaluate = "evaluate"
)

// job is a stage of the plan with what is needed to run it.
type job struct {
	record
	after  []string
	model  string // directory to start from
	data   *splits
	kind   train.Task
	labels []string // of the classifier; nil for regression
	ask    []string // labels among which test examples are classified: the target's
	keep   bool     // the model is needed by later stages
	from   *source  // of stages with a forecast
	pre    *pretraining

	encoder   string        // name, for the time left
	saveEvery time.Duration // set when it is run
}

// cost is about proportional to the time that the stage takes with its
// encoder: characters that pass through it, of which a training step counts three times, and what a step takes besides.
func (j *job) cost() float64 {
	if j.pre != nil {
		return 3 * float64(len(j.pre.texts)*j.pre.spec.Training.Epochs) * 100
	}
	length := 0
	switch s := j.Spec.Settings.(type) {
	case evaluateSettings:
		length = s.MaxLength
	case stageSettings:
		length = s.MaxLength
	}
	characters := func(examples []dataset.Example) float64 {
		n := 0
		for _, e := range examples {
			n += min(len(e.Text)+len(e.Pair), 4*length) + 20 // a token has about four
		}
		return float64(n)
	}
	cost := characters(j.data.Test)
	if s, ok := j.Spec.Settings.(stageSettings); ok {
		rounds := float64(s.Epochs * max(1, len(s.LearningRates)))
		steps := float64((len(j.data.Train) + s.BatchSize - 1) / s.BatchSize)
		cost += rounds * (3*characters(j.data.Train) + characters(j.data.Dev) + 3000*steps)
	}
	return cost
}

// planner builds the plan: all stages, each after those that it starts from, and the cells.
type planner struct {
	Plan
	jobs  []job
	seen  map[string]bool
	store cache
}

func (p *planner) add(j job) string {
	j.Key = j.Spec.key()
	if !p.seen[j.Key] {
		p.seen[j.Key] = true
		p.jobs = append(p.jobs, j)
		p.Stages = append(p.Stages, Stage{Key: j.Key, Name: j.Name, Kind: j.Spec.Kind, After: j.after, Cost: j.cost()})
	}
	return j.Key
}

func (p *planner) caveat(format string, values ...any) {
	if text := fmt.Sprintf(format, values...); !slices.Contains(p.Caveats, text) {
		p.Caveats = append(p.Caveats, text)
	}
}

// from is where a stage starts: at a checkpoint or at another stage's model.
type from struct {
	key   string // digest or key
	model string // directory
	after []string
}

func (p *planner) at(key string) from { return from{key, p.store.model(key), []string{key}} }

// makePlan reads all data and lays out the stages.
func makePlan(c *Config, store cache) (*planner, error) {
	p := &planner{seen: map[string]bool{}, store: store, Plan: Plan{Name: c.Name, Config: c, Embedded: c.made != nil, Models: map[string]string{}, Datasets: map[string]string{}, Hygiene: map[string]dataset.Hygiene{}, Caveats: slices.Clone(c.Caveats)}}
	starts := map[string]from{}
	models := slices.Clone(c.Models)
	for _, t := range c.made {
		key := p.add(t.job())
		starts[t.name] = p.at(key)
		p.Models[t.name] = key
		models = append(models, Model{t.name, store.model(key)})
	}
	for _, m := range c.Models {
		digest, err := checkpointDigest(m.Path)
		if err != nil {
			return nil, err
		}
		starts[m.Name] = from{digest, m.Path, nil}
		p.Models[m.Name] = digest
	}
	for i := range c.Tasks {
		t := &c.Tasks[i]
		data, err := p.read(t)
		if err != nil {
			return nil, err
		}
		for _, m := range models {
			if t.Models != nil && !slices.Contains(t.Models, m.Name) {
				continue
			}
			for _, seed := range c.Seeds {
				for j := range t.Targets {
					if g := t.Targets[j].Models; g != nil && !slices.Contains(g, m.Name) {
						continue
					}
					b := branch{p, t, m, starts[m.Name], seed, &t.Targets[j], data}
					if err := b.lay(c.Arms); err != nil {
						return nil, err
					}
				}
			}
		}
	}
	if len(c.Seeds) < 5 {
		p.caveat("%d seeds: a difference must be large to be told from chance", len(c.Seeds))
	}
	return p, nil
}

// read loads the datasets of a task.
func (p *planner) read(t *Task) (map[*Dataset]*loaded, error) {
	data := map[*Dataset]*loaded{}
	var all []*Dataset
	for i := range t.Intermediates {
		all = append(all, &t.Intermediates[i])
	}
	for i := range t.Targets {
		all = append(all, &t.Targets[i].Dataset)
	}
	for _, d := range all {
		l, err := d.load(train.Task(t.Kind))
		if err != nil {
			return nil, err
		}
		data[d] = l
	}
	if err := p.inspect(t, data); err != nil {
		return nil, err
	}
	var tests []dataset.Example
	ids := map[string]map[string]bool{} // of test examples, by family of translations
	for _, d := range all {
		for _, e := range data[d].Test {
			tests = append(tests, e)
			if d.Parallel != "" {
				if ids[d.Parallel] == nil {
					ids[d.Parallel] = map[string]bool{}
				}
				ids[d.Parallel][e.ID] = true
			}
		}
	}
	for _, d := range all {
		l := data[d]
		if d.RemoveLeaks {
			if n := l.withoutLeaks(tests, ids[d.Parallel]); n > 0 {
				p.caveat("%s: of the training and dev examples of %s, %d like test examples, or translations of them, were left out", t.Name, d.Name, n)
			}
			if len(l.Train) == 0 {
				return nil, fmt.Errorf("task %s, dataset %s: all training examples are like test examples", t.Name, d.Name)
			}
		}
		p.Datasets[t.Name+"/"+d.Name] = l.digest()
	}
	return data, nil
}

// inspect looks for duplicates and counts classes in a task's data.
func (p *planner) inspect(t *Task, data map[*Dataset]*loaded) error {
	var tests, rest []dataset.Part
	for i := range t.Targets {
		d := &t.Targets[i].Dataset
		tests = append(tests, dataset.Part{Name: d.Name + " test", Examples: data[d].Test})
		rest = append(rest, dataset.Part{Name: d.Name + " dev", Examples: data[d].Dev}, dataset.Part{Name: d.Name + " train", Examples: data[d].Train})
	}
	for i := range t.Intermediates {
		d := &t.Intermediates[i]
		name := d.Name
		if slices.ContainsFunc(t.Targets, func(g Target) bool { return g.Name == name }) {
			name += " (intermediate)"
		}
		rest = append(rest, dataset.Part{Name: name + " dev", Examples: data[d].Dev}, dataset.Part{Name: name + " train", Examples: data[d].Train})
	}
	h, err := dataset.Inspect(append(tests, rest...), t.Kind == string(train.Regression))
	if err != nil {
		return fmt.Errorf("task %s: %w", t.Name, err)
	}
	p.Hygiene[t.Name] = h
	return nil
}

// branch is one target of one model with one seed.
type branch struct {
	*planner
	task   *Task
	model  Model
	start  from
	seed   uint64
	target *Target
	data   map[*Dataset]*loaded
}

// lay adds the stages and cells of all arms.
func (b branch) lay(arms []string) error {
	g := b.target
	l := b.data[&g.Dataset]
	for _, size := range g.Sizes {
		target, err := l.few(size, b.seed)
		if err != nil {
			return fmt.Errorf("task %s, target %s, size %d: %w", b.task.Name, g.Name, size, err)
		}
		for _, arm := range Arms {
			if !slices.Contains(arms, arm) {
				continue
			}
			if arm == Direct {
				b.cell(target, arm, "", b.tune(g.Name, size, Direct, b.start, target, l.labels, l.labels, g.Training))
				continue
			}
			for i := range b.task.Intermediates {
				d := &b.task.Intermediates[i]
				if g.Intermediates != nil && !slices.Contains(g.Intermediates, d.Name) {
					continue
				}
				b.arm(arm, d, size, target)
			}
		}
	}
	return nil
}

// arm adds an arm that uses an intermediate dataset.
func (b branch) arm(arm string, d *Dataset, size int, target *splits) {
	g := b.target
	labels, inter := b.data[&g.Dataset].labels, b.data[d]
	switch arm {
	case Intermediate:
		first := b.intermediate(d, inter.splits, arm)
		last := b.tuning(g.Name, size, arm+" "+d.Name, b.at(first), target, labels, labels, g.Training)
		last.from = &source{base: b.start.model, data: inter.splits, labels: inter.labels}
		b.cell(target, arm, d.Name, first, b.add(last))
	case Control:
		first := b.intermediate(d, inter.shuffled(b.seed), arm)
		b.cell(target, arm, d.Name, first, b.tune(g.Name, size, arm+" "+d.Name, b.at(first), target, labels, labels, g.Training))
	case ZeroShot:
		if !within(labels, inter.labels) {
			b.caveat("%s: no zero-shot from %s to %s: the labels are %s and %s", b.task.Name, d.Name, g.Name, brief(inter.labels), brief(labels))
			return
		}
		first := b.intermediate(d, inter.splits, Intermediate)
		b.cell(target, arm, d.Name, first, b.evaluate(d, first, target.Test, inter.labels, labels))
	case Joint:
		mixed := joined(inter, target)
		b.cell(target, arm, d.Name, b.tune(g.Name, size, arm+" "+d.Name, b.start, mixed, union(inter.labels, labels), labels, d.Training))
	}
}

func brief(labels []string) string {
	if len(labels) > 4 {
		return fmt.Sprintf("%s … (%d)", strings.Join(labels[:3], ", "), len(labels))
	}
	return strings.Join(labels, ", ")
}

func (b branch) name(what string) string {
	return fmt.Sprintf("%s, %s, seed %d: %s", b.task.Name, b.model.Name, b.seed, what)
}

func (b branch) intermediate(d *Dataset, data *splits, arm string) string {
	what := d.Name
	if arm == Control {
		what += " (labels shuffled)"
	}
	labels := b.data[d].labels
	data = &splits{Train: data.Train, Dev: data.Dev} // its own test split plays no part
	return b.add(b.fineTuning(b.name(what), b.start, data, labels, labels, d.Training, true))
}

// tune adds the last stage of a cell.
func (b branch) tune(target string, size int, arm string, at from, data *splits, labels, ask []string, t Training) string {
	return b.add(b.tuning(target, size, arm, at, data, labels, ask, t))
}

// tuning is the last stage of a cell.
func (b branch) tuning(target string, size int, arm string, at from, data *splits, labels, ask []string, t Training) job {
	what := target
	if size > 0 {
		what += fmt.Sprintf(" with %d examples", size)
	}
	return b.fineTuning(b.name(what+" ("+arm+")"), at, data, labels, ask, t, b.Config.Keep == "all")
}

func (b branch) fineTuning(name string, at from, data *splits, labels, ask []string, t Training, keep bool) job {
	kind := train.Task(b.task.Kind)
	return job{
		record: record{Name: name, Spec: spec{Version: formatVersion, Kind: kindFinetune, Start: at.key, Data: data.digest(), Labels: labels, Ask: ask, AskDev: !slices.Equal(labels, ask), Settings: t.settings(kind, b.seed)}},
		after:  at.after, model: at.model, data: data, kind: kind, labels: labels, ask: ask, keep: keep, encoder: b.model.Name,
	}
}

// evaluate adds a stage that tries the model of another one as it is.
func (b branch) evaluate(d *Dataset, first string, test []dataset.Example, labels, ask []string) string {
	data := &splits{Test: test}
	s := evaluateSettings{d.Training.settings(train.Task(b.task.Kind), 0).MaxLength}
	return b.add(job{
		record: record{Name: b.name(fmt.Sprintf("%s (%s %s)", b.target.Name, ZeroShot, d.Name)),
			Spec: spec{Version: formatVersion, Kind: kindEvaluate, Start: first, Data: data.digest(), Labels: labels, Ask: ask, Settings: s}},
		after: []string{first}, model: b.store.model(first), data: data, kind: train.Task(b.task.Kind), labels: labels, ask: ask, encoder: b.model.Name,
	})
}

type evaluateSettings struct {
	MaxLength int `json:"max_length"`
}

func (b branch) cell(data *splits, arm, intermediate string, stages ...string) {
	majority, chance := chance(train.Task(b.task.Kind), data.Test)
	b.Cells = append(b.Cells, Cell{
		Task: b.task.Name, Kind: b.task.Kind, Model: b.model.Name, Target: b.target.Name, Setting: b.target.Setting, Size: len(data.Train), Arm: arm,
		Intermediate: intermediate, Seed: b.seed, Stages: stages, Chance: chance, Majority: majority,
	})
}

// chance returns the score of always saying the commonest class (0 for a
// correlation), and the score that a model which learned nothing hardly passes.
func chance(kind train.Task, test []dataset.Example) (majority, passed float64) {
	n := float64(len(test))
	if kind == train.Regression {
		return 0, 1.96 / math.Sqrt(n)
	}
	count, most := map[string]int{}, 0
	for _, e := range test {
		count[e.Label]++
		most = max(most, count[e.Label])
	}
	p := float64(most) / n
	return p, p + 1.96*math.Sqrt(p*(1-p)/n)
}

// Begun returns the study that a directory was made by: that of its last plan.
// Paths in it are as they were then.
func Begun(dir string) (*Config, error) {
	p, err := readPlan(dir)
	if err != nil {
		return nil, err
	}
	if p.Embedded {
		c := Embedded()
		c.Output = dir
		return c, nil
	}
	p.Config.Output = dir
	return p.Config, p.Config.check()
}

// readPlan reads the plan of a study that has begun.
func readPlan(dir string) (*Plan, error) {
	data, err := os.ReadFile(planPath(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: found no plan.json: expected the directory of a study that godwit study has begun", dir)
	}
	if err != nil {
		return nil, err
	}
	var p Plan
	if err := json.Unmarshal(data, &p); err != nil {
		return nil, fmt.Errorf("%s: %w", planPath(dir), err)
	}
	if p.Config == nil {
		return nil, fmt.Errorf("%s: found no config, expected the study that was planned", planPath(dir))
	}
	for i, s := range p.Stages {
		if s.Key == "" || filepath.Base(s.Key) != s.Key || s.Key == "." || s.Key == ".." {
			return nil, fmt.Errorf("%s: stages[%d].key: found %q, expected a name without slashes", planPath(dir), i, s.Key)
		}
	}
	for i, c := range p.Cells {
		if len(c.Stages) == 0 {
			return nil, fmt.Errorf("%s: cells[%d].stages: found none, expected at least one", planPath(dir), i)
		}
	}
	return &p, nil
}

// planPath is where the plan of a study is kept.
func planPath(dir string) string { return filepath.Join(dir, "plan.json") }
