package study

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"godwit/experiments/dataset"
	"godwit/experiments/machine"
	"godwit/experiments/train"
	"godwit/transformer"
	"godwit/transformer/checkpoint"
	"godwit/transformer/tokenizer"
)

// Options say how a study is run. The outcome does not depend on them.
type Options struct {
	// Jobs is how many stages run at once, one core each; 1 gives each stage
	// all cores, 0 finds out which is faster.
	Jobs int
	// Only restricts the run to stages whose name contains one of these, and those that they need.
	Only []string
	// SaveEvery is how often a stage writes down where it stands; 0 means every two minutes.
	SaveEvery time.Duration
	Watch     func(Event) // may be nil; not called by two goroutines at once
}

// Event is told to the watcher of a run.
type Event struct {
	Kind    EventKind
	Stage   string // name
	Outcome string // of Finished, in words; of Note, the note
	// Where the run stands: stages finished, running, waiting.
	Done, Running, Waiting int
	Left                   time.Duration   // estimate; 0 where there is none yet
	Step                   *train.Progress // of Step
}

// EventKind says what an event is about.
type EventKind int

const (
	Note     EventKind = iota // something worth saying
	Reused                    // the stage was finished in an earlier run
	Started                   // the stage begins
	Step                      // the stage has taken a training step
	Finished                  // the stage has ended
)

// Run carries out a study and returns its results. Finished stages in the
// output directory are not run again; a stage that was stopped goes on.
func Run(ctx context.Context, c *Config, o Options) (*Results, error) {
	start := time.Now()
	store := cache{c.Output}
	if err := os.MkdirAll(store.stages(), 0o755); err != nil {
		return nil, fmt.Errorf("output directory: %w", err)
	}
	unlock, err := lock(c.Output)
	if err != nil {
		return nil, err
	}
	defer unlock()
	p, err := makePlan(c, store)
	if err != nil {
		return nil, err
	}
	r := &runner{planner: p, options: o, finished: map[string]*record{}}
	if err := r.comparePlans(); err != nil {
		return nil, err
	}
	if err := writeJSON(planPath(c.Output), &p.Plan); err != nil {
		return nil, err
	}
	if err := r.all(ctx); err != nil {
		return nil, err
	}
	results, err := Collect(c.Output)
	if err != nil {
		return nil, err
	}
	results.StagesRun, results.Seconds = r.ran, time.Since(start).Seconds()
	if c.Keep == "none" {
		if _, err := prune(store, nil); err != nil {
			return nil, err
		}
	}
	return results, results.Save(c.Output)
}

func writeJSON(path string, value any) error {
	data, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		return err
	}
	return checkpoint.WriteFile(path, append(data, '\n'))
}

// runner carries out a plan.
type runner struct {
	*planner
	options  Options
	finished map[string]*record
	ran      int

	mutex   sync.Mutex
	running int
	atOnce  int                  // stages that run at once, once this is known
	wanted  int                  // stages to finish, those of earlier runs included
	paces   map[string]*progress // by encoder
}

// comparePlans says which data have changed since the last run in the directory.
func (r *runner) comparePlans() error {
	data, err := os.ReadFile(planPath(r.store.dir))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var before Plan
	if err := json.Unmarshal(data, &before); err != nil {
		return fmt.Errorf("%s: %w; remove the file, finished stages stay", planPath(r.store.dir), err)
	}
	for what, pair := range map[string][2]map[string]string{"dataset": {before.Datasets, r.Datasets}, "model": {before.Models, r.Models}} {
		for name, now := range pair[1] {
			if was, ok := pair[0][name]; ok && was != now {
				r.event(Event{Kind: Note, Outcome: fmt.Sprintf("%s %s has changed since the last run here (%s, now %s): stages that use it run again", what, name, was, now)})
			}
		}
	}
	return nil
}

// event fills in where the run stands and tells the watcher. The mutex must be held while stages run.
func (r *runner) event(e Event) {
	if r.options.Watch == nil {
		return
	}
	e.Done, e.Running = len(r.finished), r.running
	e.Waiting = max(0, r.wanted-e.Done-e.Running)
	e.Left = time.Duration(r.left() * float64(time.Second))
	r.options.Watch(e)
}

// progress is how far the stages of one encoder are. Another one may take
// twice as long for the same texts.
type progress struct {
	cost    float64 // of the stages to run
	spent   float64 // of those that have run
	seconds float64 // that these took
}

// left estimates the seconds to the end, 0 where nothing has run yet.
func (r *runner) left() float64 {
	var all progress
	for _, p := range r.paces {
		all.spent, all.seconds = all.spent+p.spent, all.seconds+p.seconds
	}
	if all.spent == 0 {
		return 0
	}
	left := 0.0
	for _, p := range r.paces {
		pace := all.seconds / all.spent // until it has its own
		if p.spent > 0 {
			pace = p.seconds / p.spent
		}
		left += pace * max(0, p.cost-p.spent)
	}
	return left / float64(max(1, r.atOnce))
}

// pace returns the progress of a stage's encoder. The mutex must be held while stages run.
func (r *runner) pace(j *job) *progress {
	if r.paces == nil {
		r.paces = map[string]*progress{}
	}
	if r.paces[j.encoder] == nil {
		r.paces[j.encoder] = &progress{}
	}
	return r.paces[j.encoder]
}

// all runs the stages that are not finished.
func (r *runner) all(ctx context.Context) error {
	wanted := r.selection()
	r.wanted = len(wanted)
	var pending []*job
	for i := range r.jobs {
		j := &r.jobs[i]
		if !wanted[j.Key] {
			continue
		}
		done, err := r.store.find(j.Key)
		if err != nil {
			return err
		}
		if done != nil {
			r.finished[j.Key] = done
			r.event(Event{Kind: Reused, Stage: j.Name})
			continue
		}
		pending = append(pending, j)
		r.pace(j).cost += j.cost()
	}
	if len(pending) == 0 {
		return nil
	}
	for _, j := range pending { // encoders that are made here come first, one at a time with all cores
		if j.pre != nil {
			if err := r.stage(ctx, j); err != nil {
				return err
			}
		}
	}
	n, err := r.width(ctx, pending)
	if err != nil {
		return err
	}
	r.atOnce = n
	return r.spread(ctx, pending, n)
}

// selection returns the stages that Options.Only asks for, with those before them.
func (r *runner) selection() map[string]bool {
	wanted := map[string]bool{}
	for i := len(r.jobs) - 1; i >= 0; i-- { // a stage stands behind those that it needs
		j := &r.jobs[i]
		for _, part := range r.options.Only {
			if strings.Contains(j.Name, part) {
				wanted[j.Key] = true
			}
		}
		if len(r.options.Only) == 0 {
			wanted[j.Key] = true
		}
		if wanted[j.Key] {
			for _, key := range j.after {
				wanted[key] = true
			}
		}
	}
	return wanted
}

// stage runs one stage.
func (r *runner) stage(ctx context.Context, j *job) error {
	r.mutex.Lock()
	r.running++
	r.event(Event{Kind: Started, Stage: j.Name})
	r.mutex.Unlock()
	start, energy := time.Now(), machine.StartEnergy()
	done, err := r.store.run(j.record, func(dir string, rec *record) error {
		j.saveEvery = r.options.SaveEvery
		if j.saveEvery == 0 {
			j.saveEvery = 2 * time.Minute
		}
		err := j.run(ctx, dir, rec, func(p train.Progress) {
			r.mutex.Lock()
			defer r.mutex.Unlock()
			r.event(Event{Kind: Step, Stage: j.Name, Step: &p})
		})
		rec.Seconds, rec.Machine = time.Since(start).Seconds(), machine.Here()
		if rec.Forecast != nil {
			rec.Seconds -= rec.Forecast.Seconds
		}
		if joules, ok := energy.Joules(); ok {
			joules /= float64(max(1, r.atOnce))
			rec.Joules = &joules
		}
		return err
	})
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.running--
	if err != nil {
		return fmt.Errorf("%s: %w", j.Name, err)
	}
	r.finished[j.Key] = done
	r.ran++
	p := r.pace(j)
	p.spent, p.seconds = p.spent+j.cost(), p.seconds+done.Seconds
	r.event(Event{Kind: Finished, Stage: j.Name, Outcome: done.outcome()})
	return nil
}

// run trains or evaluates and fills in the stage's record.
func (j *job) run(ctx context.Context, dir string, r *record, step func(train.Progress)) error {
	if j.pre != nil {
		return j.pre.run(ctx, dir, r, step)
	}
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
	var model transformer.SequenceClassifier
	maxLength := 0
	switch s := j.Spec.Settings.(type) {
	case evaluateSettings:
		maxLength = s.MaxLength
		model, _, err = transformer.LoadSequenceClassifier(j.model, max(1, len(j.labels)), false, 0)
	case stageSettings:
		maxLength = s.MaxLength
		if j.from != nil {
			if r.Forecast, err = j.forecast(ctx, tok, maxLength); err != nil {
				return err
			}
		}
		model, err = j.train(ctx, dir, r, s, config, tok, step)
	}
	if err != nil {
		return err
	}
	if len(j.data.Test) > 0 {
		if err := j.test(ctx, r, model, tok, maxLength); err != nil {
			return err
		}
	}
	if !j.keep {
		return nil
	}
	names := j.labels
	if names == nil {
		names = []string{"LABEL_0"}
	}
	model.Configuration().SetLabels(names)
	if err := transformer.Save(filepath.Join(dir, "model"), model, model.Configuration()); err != nil {
		return err
	}
	return tok.Save(filepath.Join(dir, "model"))
}

// train fine-tunes with each learning rate and returns the model that is best on dev.
func (j *job) train(ctx context.Context, dir string, r *record, s stageSettings, config *transformer.Config, tok *tokenizer.Tokenizer, step func(train.Progress)) (transformer.SequenceClassifier, error) {
	if s.MaxLength > config.MaxLength() {
		return nil, fmt.Errorf("max_length %d: %s has positions for %d tokens", s.MaxLength, j.model, config.MaxLength())
	}
	items := map[*[]dataset.Example][]train.Item{}
	for _, split := range []*[]dataset.Example{&j.data.Train, &j.data.Dev} {
		list, count, err := train.Prepare("dataset of "+j.Name, *split, tok, j.kind, j.labels, s.MaxLength)
		if err != nil {
			return nil, err
		}
		items[split] = list
		r.Text.add(list, count, tok.Unk())
	}
	rates := s.LearningRates
	if len(rates) == 0 {
		rates = []float64{s.LearningRate}
	}
	var score func([]train.Item, [][]float32) (train.Scores, error)
	if j.Spec.AskDev {
		score = func(dev []train.Item, logits [][]float32) (train.Scores, error) {
			dev, logits = restrict(dev, logits, j.labels, j.ask)
			return train.Score(j.kind, dev, logits)
		}
	}
	var best transformer.SequenceClassifier
	for i, rate := range rates {
		labels := max(1, len(j.labels))
		m, _, err := transformer.LoadSequenceClassifier(j.model, labels, !transformer.SameLabels(j.model, config, j.labels, labels), s.Seed)
		if err != nil {
			return nil, err
		}
		settings := s.Settings
		settings.LearningRate = rate
		state := train.Resume{Path: filepath.Join(dir, fmt.Sprintf("state-%d.safetensors", i)), Every: j.saveEvery}
		result, err := train.FineTune(ctx, m, items[&j.data.Train], items[&j.data.Dev], settings, train.Watch{Step: step, Score: score, Resume: state})
		if err != nil {
			return nil, err
		}
		if len(rates) > 1 && result.BestDev != nil {
			r.Tried = append(r.Tried, tried{rate, *result.BestDev, result.Tokens})
		}
		if best == nil || result.BestDev != nil && result.BestDev.Main() > r.Train.BestDev.Main() {
			best, r.Train, r.Losses = m, result, picked(result.Losses, 100)
		}
	}
	return best, nil
}

// test predicts the test split: the logits of labels that the target does not have count for nothing.
func (j *job) test(ctx context.Context, r *record, m transformer.SequenceClassifier, tok *tokenizer.Tokenizer, maxLength int) error {
	items, count, err := train.Prepare("dataset of "+j.Name, j.data.Test, tok, j.kind, j.labels, maxLength)
	if err != nil {
		return err
	}
	r.Text.add(items, count, tok.Unk())
	logits, err := train.Predict(ctx, m, items)
	if err != nil {
		return err
	}
	if j.kind == train.Classification {
		items, logits = restrict(items, logits, j.labels, j.ask)
	}
	scores, err := train.Score(j.kind, items, logits)
	if err != nil {
		return err
	}
	r.Test = &scores
	for i, it := range items {
		if j.kind == train.Regression {
			r.Gold, r.Predicted = append(r.Gold, float64(it.Score)), append(r.Predicted, float64(logits[i][0]))
		} else {
			r.Gold, r.Predicted = append(r.Gold, float64(it.Label)), append(r.Predicted, float64(train.Argmax(logits[i])))
		}
	}
	return nil
}

// restrict numbers classes and logits by the labels that are asked for, which are among all.
func restrict(items []train.Item, logits [][]float32, all, ask []string) ([]train.Item, [][]float32) {
	number := make([]int, len(all)) // by label of all: its number in ask, or -1
	for i, name := range all {
		number[i] = -1
		for k, a := range ask {
			if a == name {
				number[i] = k
			}
		}
	}
	outItems, outLogits := make([]train.Item, len(items)), make([][]float32, len(items))
	for i, it := range items {
		it.Label = int32(number[it.Label])
		outItems[i], outLogits[i] = it, make([]float32, len(ask))
		for from, to := range number {
			if to >= 0 {
				outLogits[i][to] = logits[i][from]
			}
		}
	}
	return outItems, outLogits
}

// picked returns at most n of the values, evenly spaced, the last among them.
func picked(values []float64, n int) []float64 {
	if len(values) <= n {
		return values
	}
	out := make([]float64, n)
	for i := range out {
		out[i] = values[(i+1)*len(values)/n-1]
	}
	return out
}

func (t *TextCount) add(items []train.Item, count train.Truncation, unknown int32) {
	t.Examples += len(items)
	t.Truncated += count.Truncated
	for _, it := range items {
		t.Tokens += len(it.IDs)
		for _, id := range it.IDs {
			if id == unknown {
				t.Unknown++
			}
		}
	}
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
