package study

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"godwit/experiments/dataset"
	"godwit/experiments/train"
	"godwit/kernels"
	"godwit/transformer"
	"godwit/transformer/tokenizer"
)

// CheckOptions say what [Check] does.
type CheckOptions struct {
	Only    []string
	Jobs    int
	Measure bool // train for a moment to estimate the time
}

// CheckReport is the plan of a study that nothing was found wrong with.
type CheckReport struct {
	Name     string        `json:"name"`
	Output   string        `json:"output"`
	Stages   []CheckStage  `json:"stages"`
	Cells    int           `json:"cells"`
	Finished int           `json:"finished"`       // stages of earlier runs
	Jobs     int           `json:"jobs,omitempty"` // stages at a time
	Estimate time.Duration `json:"estimate_ns,omitempty"`
	DiskNeed uint64        `json:"disk_needed_bytes"`
	DiskFree *uint64       `json:"disk_free_bytes"` // null where the system does not tell
	Caveats  []string      `json:"caveats"`
}

// CheckStage is a stage of the plan.
type CheckStage struct {
	Key      string  `json:"key"`
	Name     string  `json:"name"`
	Kind     string  `json:"kind"`
	Finished bool    `json:"finished"`
	Seconds  float64 `json:"estimated_seconds,omitempty"`
}

// Check reads all that a study needs (files, columns, labels, checkpoints),
// lays out its stages and, if asked to, estimates the time they will take from a short measurement.
func Check(ctx context.Context, c *Config, o CheckOptions) (*CheckReport, error) {
	store := cache{c.Output}
	p, err := makePlan(c, store)
	if err != nil {
		return nil, err
	}
	report := &CheckReport{Name: c.Name, Output: c.Output, Cells: len(p.Cells), Caveats: p.Caveats}
	r := &runner{planner: p, options: Options{Only: o.Only, Jobs: o.Jobs}, finished: map[string]*record{}}
	e := estimator{planner: p, base: map[string]string{}, made: map[string]*pretraining{}, paces: map[string]pace{}, lengths: map[string]int{}, tokenizers: map[string]*tokenizer.Tokenizer{}}
	wanted := r.selection()
	var pending []*job
	for i := range p.jobs {
		j := &p.jobs[i]
		e.base[j.Key], e.made[j.Key] = e.baseOf(j)
		if !wanted[j.Key] {
			continue
		}
		rec, err := store.find(j.Key)
		if err != nil {
			return nil, err
		}
		report.Stages = append(report.Stages, CheckStage{Key: j.Key, Name: j.Name, Kind: j.Spec.Kind, Finished: rec != nil})
		if rec != nil {
			report.Finished++
			r.finished[j.Key] = rec
			continue
		}
		if err := e.check(j); err != nil {
			return nil, fmt.Errorf("%s: %w", j.Name, err)
		}
		if j.keep && c.Keep != "none" {
			report.DiskNeed += e.modelBytes(j)
		}
		pending = append(pending, j)
	}
	if free, ok := freeBytes(existing(c.Output)); ok {
		report.DiskFree = &free
		if free < report.DiskNeed {
			return nil, fmt.Errorf("%s: the study keeps about %.1f GB of models, %.1f GB are free: free some, or say --keep none", c.Output, float64(report.DiskNeed)/1e9, float64(free)/1e9)
		}
	}
	if !o.Measure || len(pending) == 0 {
		return report, nil
	}
	if report.Jobs, err = r.width(ctx, pending); err != nil {
		return nil, err
	}
	if report.Jobs == 1 && o.Jobs == 0 {
		if report.Jobs, err = e.widthOfMade(ctx, pending); err != nil {
			return nil, err
		}
	}
	total := 0.0
	seconds := map[string]float64{}
	for _, j := range pending {
		s, err := e.seconds(ctx, j, report.Jobs)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", j.Name, err)
		}
		seconds[j.Key] = s
		total += s / float64(report.Jobs)
	}
	for i := range report.Stages {
		report.Stages[i].Seconds = seconds[report.Stages[i].Key]
	}
	report.Estimate = time.Duration(total * float64(time.Second))
	return report, nil
}

// existing returns the nearest directory that is there.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || filepath.Dir(dir) == dir {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// estimator foretells the time of stages.
type estimator struct {
	*planner
	base       map[string]string       // directory of the pretrained model that a stage goes back to, "" for one made here
	made       map[string]*pretraining // what makes that one
	paces      map[string]pace         // by model and stages at once
	lengths    map[string]int          // tokens of a split, by digest, model and length
	tokenizers map[string]*tokenizer.Tokenizer
}

// baseOf returns the pretrained model that a stage's chain begins with: its
// directory, or what makes it.
func (e *estimator) baseOf(j *job) (dir string, made *pretraining) {
	switch {
	case j.pre != nil:
		return "", j.pre
	case len(j.after) == 0:
		return j.model, nil
	}
	return e.base[j.after[0]], e.made[j.after[0]]
}

func (e *estimator) tokenizer(dir string) (*tokenizer.Tokenizer, error) {
	if t := e.tokenizers[dir]; t != nil {
		return t, nil
	}
	t, err := tokenizer.Load(dir)
	e.tokenizers[dir] = t
	return t, err
}

// check reports a checkpoint that the stage cannot start from.
func (e *estimator) check(j *job) error {
	dir := e.base[j.Key]
	s, ok := j.Spec.Settings.(stageSettings)
	if dir == "" || !ok {
		return nil
	}
	c, err := transformer.LoadConfig(dir)
	if err != nil {
		return err
	}
	if s.MaxLength > c.MaxLength() {
		return fmt.Errorf("max_length %d: %s has positions for %d tokens", s.MaxLength, dir, c.MaxLength())
	}
	t, err := e.tokenizer(dir)
	if err != nil {
		return err
	}
	if t.VocabSize() > c.VocabSize {
		return fmt.Errorf("%s: the tokenizer has %d tokens, the model's embedding %d", dir, t.VocabSize(), c.VocabSize)
	}
	if len(j.after) == 0 {
		_, err = transformer.Inspect(dir, max(1, len(j.labels)))
	}
	return err
}

// modelBytes is the size of the model that a stage keeps.
func (e *estimator) modelBytes(j *job) uint64 {
	dir := e.base[j.Key]
	if dir == "" {
		return 0 // tiny
	}
	var n uint64
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	for _, f := range files {
		if info, err := os.Stat(f); err == nil && strings.HasSuffix(f, ".safetensors") || err == nil && strings.HasSuffix(f, ".bin") {
			n += uint64(info.Size())
		}
	}
	return n
}

// seconds foretells a stage's time with n stages at once.
func (e *estimator) seconds(ctx context.Context, j *job, n int) (float64, error) {
	dir := e.base[j.Key]
	speed, err := e.pace(ctx, j, n)
	if err != nil {
		return 0, err
	}
	if j.pre != nil {
		tokens := float64(roughTokens(j.pre.texts...))
		settings := j.pre.spec.Training
		once := tokens*speed.training + tokens/float64(settings.BatchTokens)*speed.step
		if j.pre.spec.ModelType == "xlnet" {
			once *= 2 // its two streams
		}
		return float64(settings.Epochs) * once, nil
	}
	settings, tunes := j.Spec.Settings.(stageSettings)
	length := settings.MaxLength
	if s, ok := j.Spec.Settings.(evaluateSettings); ok {
		length = s.MaxLength
	}
	tokens := [3]int{}
	for i, split := range [][]dataset.Example{j.data.Train, j.data.Dev, j.data.Test} {
		n, err := e.tokens(dir, split, length)
		if err != nil {
			return 0, err
		}
		tokens[i] = n
	}
	seconds := float64(tokens[2]) * speed.inference
	if tunes {
		rounds := float64(settings.Epochs)
		perEpoch := float64((len(j.data.Train) + settings.BatchSize - 1) / settings.BatchSize)
		if settings.MaxSteps > 0 {
			rounds = min(rounds, float64(settings.MaxSteps)/perEpoch)
		}
		once := perEpoch*speed.step + float64(tokens[0])*speed.training + float64(tokens[1])*speed.inference
		seconds += rounds * float64(max(1, len(settings.LearningRates))) * once
	}
	if j.from != nil {
		there, err := e.tokens(dir, few(j.from.data.Train), length)
		if err != nil {
			return 0, err
		}
		seconds += float64(there+2*tokens[0]) * speed.inference
	}
	return seconds, nil
}

// pace is how fast a model is, in seconds.
type pace struct {
	step      float64 // of a training step, whatever it trains on: the optimizer goes through all weights
	training  float64 // of a token in training
	inference float64 // of a token in inference
}

// roughTokens counts words, of which most are a token, and the tokens at both ends of each text.
func roughTokens(texts ...string) int {
	n := 0
	for _, t := range texts {
		n += len(strings.Fields(t)) + 2
	}
	return n
}

// pace measures the model that a stage goes back to, once for each number of stages at a time.
func (e *estimator) pace(ctx context.Context, j *job, n int) (pace, error) {
	dir, made := e.base[j.Key], e.made[j.Key]
	key := fmt.Sprint(n, " ", dir)
	load := func() (transformer.SequenceClassifier, error) {
		m, _, err := transformer.LoadSequenceClassifier(dir, 2, true, 0)
		return m, err
	}
	if made != nil {
		key += made.name
		load = made.spec.classifier
	}
	if p, ok := e.paces[key]; ok {
		return p, nil
	}
	p, err := measurePace(ctx, load, n)
	e.paces[key] = p
	return p, err
}

// classifier returns a model of the kind and size that pretraining will make.
func (s pretrainSpec) classifier() (transformer.SequenceClassifier, error) {
	c, err := transformer.NewConfig(s.ModelType, s.Vocabulary, s.Hidden, s.Layers, s.Heads, s.Intermediate, s.Length)
	if err != nil {
		return nil, err
	}
	m, err := transformer.NewSequenceClassifier(c, 2)
	if err != nil {
		return nil, err
	}
	transformer.Initialise(m, c, 0)
	return m, nil
}

// widthOfMade is what [runner.width] will find once the models are made that
// the first of the stages start from.
func (e *estimator) widthOfMade(ctx context.Context, pending []*job) (int, error) {
	cores := runtime.GOMAXPROCS(0)
	if cores == 1 || len(pending) < fewStages {
		return 1, nil
	}
	for _, j := range pending {
		if j.pre == nil {
			continue
		}
		alone, err := e.pace(ctx, j, 1)
		if err != nil {
			return 0, err
		}
		together, err := e.pace(ctx, j, cores)
		if err != nil {
			return 0, err
		}
		const tokens = 256 // of a batch
		if (together.step+tokens*together.training)/float64(cores) < alone.step+tokens*alone.training {
			return cores, nil
		}
		return 1, nil
	}
	return 1, nil
}

// measurePace trains n copies of a model at once on random tokens for a moment.
func measurePace(ctx context.Context, load func() (transformer.SequenceClassifier, error), n int) (pace, error) {
	const (
		sequences   = 16
		short, long = 12, 64 // tokens of a sequence
		steps       = 5
	)
	if n > 1 {
		kernels.SetSerial(true)
		defer kernels.SetSerial(false)
	}
	paces, errs := make([]pace, n), make([]error, n)
	measure := func() (p pace, err error) {
		m, err := load()
		if err != nil {
			return p, err
		}
		t, err := train.NewTrainer(m, train.DefaultSettings(train.Classification), 1000)
		if err != nil {
			return p, err
		}
		r := rand.New(rand.NewPCG(1, 2))
		which := make([]int, sequences)
		batch := func(length int) []train.Item {
			items := make([]train.Item, sequences)
			for i := range items {
				which[i] = i
				for range min(length, m.Configuration().MaxLength()) {
					items[i].IDs = append(items[i].IDs, int32(r.IntN(m.Configuration().VocabSize)))
					items[i].TypeIDs = append(items[i].TypeIDs, 0)
				}
			}
			return items
		}
		median := func(f func() error) (float64, error) {
			var times []float64
			for range steps + 1 { // the first one warms up
				start := time.Now()
				if err := errors.Join(f(), ctx.Err()); err != nil {
					return 0, err
				}
				times = append(times, time.Since(start).Seconds())
			}
			times = times[1:]
			slices.Sort(times)
			return times[len(times)/2], nil
		}
		few, many := batch(short), batch(long)
		a, err := median(func() error { _, err := t.Step(few, which); return err })
		if err != nil {
			return p, err
		}
		b, err := median(func() error { _, err := t.Step(many, which); return err })
		if err != nil {
			return p, err
		}
		c, err := median(func() error { _, err := train.Predict(ctx, m, many); return err })
		if err != nil {
			return p, err
		}
		fewTokens, manyTokens := float64(sequences*len(few[0].IDs)), float64(sequences*len(many[0].IDs))
		p.training = b / manyTokens
		if manyTokens > fewTokens {
			p.training = max(0, b-a) / (manyTokens - fewTokens)
		}
		p.step = max(0, a-p.training*fewTokens)
		p.inference = c / manyTokens
		return p, nil
	}
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { paces[i], errs[i] = measure() })
	}
	group.Wait()
	var mean pace
	for _, p := range paces {
		mean.step += p.step / float64(n)
		mean.training += p.training / float64(n)
		mean.inference += p.inference / float64(n)
	}
	return mean, errors.Join(errs...)
}

// tokens returns how many the tokenizer of a directory makes of the examples,
// or about how many that of a model that is not made yet will.
func (e *estimator) tokens(dir string, examples []dataset.Example, length int) (int, error) {
	if dir == "" {
		n := 0
		for _, ex := range examples {
			n += min(length, roughTokens(ex.Text, ex.Pair))
		}
		return n, nil
	}
	key := fmt.Sprint(dir, length, (&splits{Test: examples}).digest())
	if n, ok := e.lengths[key]; ok {
		return n, nil
	}
	t, err := e.tokenizer(dir)
	if err != nil {
		return 0, err
	}
	items, _, err := train.Encode(t, examples, length)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, it := range items {
		n += len(it.IDs)
	}
	e.lengths[key] = n
	return n, nil
}

// Write prints the plan, with stages one by one if asked for.
func (r *CheckReport) Write(w io.Writer, stages bool) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if stages {
		for _, s := range r.Stages {
			state := "to run"
			if s.Finished {
				state = "finished"
			}
			fmt.Fprintf(t, "%s\t%s\t%s\n", state, s.Kind, s.Name)
		}
	}
	fmt.Fprintf(t, "study\t%s\n", r.Name)
	fmt.Fprintf(t, "output\t%s\n", r.Output)
	fmt.Fprintf(t, "stages\t%d, %d of them finished, for %d cells\n", len(r.Stages), r.Finished, r.Cells)
	if r.Estimate > 0 {
		fmt.Fprintf(t, "time\tabout %s, %d stages at a time on %d cores\n", r.Estimate.Round(time.Second), r.Jobs, runtime.GOMAXPROCS(0))
	}
	free := "unknown"
	if r.DiskFree != nil {
		free = fmt.Sprintf("%.1f GB", float64(*r.DiskFree)/1e9)
	}
	fmt.Fprintf(t, "disk\t%.2f GB for models, %s free\n", float64(r.DiskNeed)/1e9, free)
	for _, c := range r.Caveats {
		fmt.Fprintf(t, "note\t%s\n", c)
	}
	return t.Flush()
}
