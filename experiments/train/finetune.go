package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"godwit/experiments/dataset"
	"godwit/nn"
	"godwit/tensor"
	"godwit/transformer"
)

// Settings determine a training run together with the model and the data.
// The defaults follow the literature on fine-tuning (Devlin et al. 2018; Mosbach et al. 2020).
type Settings struct {
	Task         Task    `json:"task"`
	Epochs       int     `json:"epochs"`
	MaxSteps     int     `json:"max_steps,omitempty"` // 0: as many as the epochs have
	BatchSize    int     `json:"batch_size"`
	LearningRate float64 `json:"learning_rate"`
	Schedule     string  `json:"schedule"`
	WarmupRatio  float64 `json:"warmup_ratio"`
	WeightDecay  float64 `json:"weight_decay"`
	ClipNorm     float64 `json:"clip_norm"`
	MaxLength    int     `json:"max_length"`
	Seed         uint64  `json:"seed"`
}

// DefaultSettings returns the settings of a fine-tuning run with nothing said.
func DefaultSettings(task Task) Settings {
	return Settings{Task: task, Epochs: 3, BatchSize: 16, LearningRate: 2e-5, Schedule: "linear", WarmupRatio: 0.1, WeightDecay: 0.01, ClipNorm: 1, MaxLength: 128, Seed: 0}
}

// Check reports the first setting that makes no sense.
func (s Settings) Check() error {
	if s.Task != Classification && s.Task != Regression {
		return fmt.Errorf("task: found %q, expected %q or %q", s.Task, Classification, Regression)
	}
	for _, f := range []struct {
		name       string
		value, min float64
	}{
		{"epochs", float64(s.Epochs), 1}, {"max_steps", float64(s.MaxSteps), 0}, {"batch_size", float64(s.BatchSize), 1},
		{"learning_rate", s.LearningRate, 0}, {"weight_decay", s.WeightDecay, 0}, {"clip_norm", s.ClipNorm, 0}, {"max_length", float64(s.MaxLength), 4},
	} {
		if !(f.value >= f.min) || math.IsInf(f.value, 0) {
			return fmt.Errorf("%s: found %v, expected a number from %v up", f.name, f.value, f.min)
		}
	}
	_, err := nn.NewSchedule(s.Schedule, 1, s.WarmupRatio)
	return err
}

// Progress is where a training run stands.
type Progress struct {
	Step, Steps  int
	Epoch        float64
	Loss         float64 // mean of the last steps
	LearningRate float64
	Tokens       int // since the start
	Elapsed      time.Duration
}

// TokensPerSecond returns the speed since the start.
func (p Progress) TokensPerSecond() float64 {
	return float64(p.Tokens) / max(p.Elapsed.Seconds(), 1e-9)
}

// Left estimates the time to the end of training.
func (p Progress) Left() time.Duration {
	return time.Duration(float64(p.Elapsed) / float64(max(1, p.Step)) * float64(p.Steps-p.Step))
}

// Watch is told what happens during training. Nil fields are not called.
type Watch struct {
	Step  func(Progress)
	Epoch func(EpochResult)
	// Best is called when the model is the best so far by the dev score, or
	// without dev data at the end of each epoch; it saves the model.
	Best func(EpochResult) error
	// Score replaces [Score] for dev items, such as where only some of the labels may be chosen.
	Score func(items []Item, logits [][]float32) (Scores, error)
	// Resume keeps the run's state on disk.
	Resume Resume
}

// EpochResult is the state at the end of an epoch.
type EpochResult struct {
	Epoch     int     `json:"epoch"`
	Step      int     `json:"step"`
	TrainLoss float64 `json:"train_loss"` // mean over the epoch
	Dev       *Scores `json:"dev,omitempty"`
	Best      bool    `json:"best"`
}

// Result is what a training run did.
type Result struct {
	Epochs    []EpochResult `json:"epochs"`
	Losses    []float64     `json:"-"` // of each step, those before an interruption included
	Steps     int           `json:"steps"`
	Tokens    int           `json:"tokens"`
	BestEpoch int           `json:"best_epoch"`
	BestDev   *Scores       `json:"best_dev,omitempty"`
	Seconds   float64       `json:"seconds"` // dev evaluation included
}

// FineTune trains the model on the items and leaves it with the weights of the
// best epoch by dev score, or without dev items with the last ones. When ctx
// is done it returns its error after the current step; with watch.Resume the next call goes on from there.
func FineTune(ctx context.Context, model transformer.SequenceClassifier, train, dev []Item, s Settings, watch Watch) (*Result, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	if len(train) == 0 {
		return nil, fmt.Errorf("no training examples")
	}
	perEpoch := (len(train) + s.BatchSize - 1) / s.BatchSize
	steps := perEpoch * s.Epochs
	if s.MaxSteps > 0 {
		steps = min(steps, s.MaxSteps)
	}
	t, err := NewTrainer(model, s, steps)
	if err != nil {
		return nil, err
	}
	var (
		state  = fineTuneState{Settings: s, Steps: steps, Epoch: 1}
		result = &state.Result
		best   [][]float32
		size   = lengths(train)
	)
	if watch.Resume.Path != "" {
		if best, err = state.load(watch.Resume.Path, t); err != nil {
			return nil, err
		}
	}
	start, saved := time.Now(), time.Now()
	before, tokensBefore := result.Seconds, result.Tokens
	keep := func() error {
		if watch.Resume.Path == "" {
			return nil
		}
		saved = time.Now()
		result.Seconds = before + time.Since(start).Seconds()
		return state.save(watch.Resume.Path, t, best)
	}
	// A run that was stopped between the last step of an epoch and its evaluation has that to do.
	for ; result.Steps < steps || state.InEpoch > 0; state.Epoch++ {
		batches := dataset.Batches(size, dataset.BatchOptions{Size: s.BatchSize, Seed: s.Seed, Epoch: state.Epoch, Shuffle: true})
		for state.InEpoch < len(batches) && result.Steps < steps {
			if err := ctx.Err(); err != nil {
				return result, errors.Join(err, keep())
			}
			loss, err := t.Step(train, batches[state.InEpoch])
			if err != nil {
				return result, err
			}
			if math.IsNaN(loss) || math.IsInf(loss, 0) {
				return result, fmt.Errorf("step %d: loss is %v; a lower learning rate than %g may help", result.Steps+1, loss, s.LearningRate)
			}
			state.count(loss, t.batch.Tokens())
			if watch.Step != nil {
				watch.Step(Progress{Step: result.Steps, Steps: steps, Epoch: float64(result.Steps) / float64(perEpoch), Loss: state.Recent,
					LearningRate: t.learningRate(result.Steps - 1), Tokens: result.Tokens - tokensBefore, Elapsed: time.Since(start)})
			}
			if watch.Resume.Path != "" && time.Since(saved) >= watch.Resume.Every {
				if err := keep(); err != nil {
					return result, err
				}
			}
		}
		e := EpochResult{Epoch: state.Epoch, Step: result.Steps, TrainLoss: state.Sum / float64(state.InEpoch), Best: true}
		if len(dev) > 0 {
			scores, err := evaluateDev(ctx, model, dev, s, watch)
			if err != nil {
				return result, errors.Join(err, keep())
			}
			e.Dev = &scores
			e.Best = result.BestDev == nil || scores.Main() > result.BestDev.Main()
		}
		if e.Best {
			result.BestEpoch, result.BestDev = state.Epoch, e.Dev
			if result.Steps < steps {
				best = t.snapshot(best)
			} else {
				best = nil
			}
			if watch.Best != nil {
				if err := watch.Best(e); err != nil {
					return result, err
				}
			}
		}
		result.Epochs = append(result.Epochs, e)
		state.InEpoch, state.Sum = 0, 0
		if watch.Epoch != nil {
			watch.Epoch(e)
		}
	}
	if best != nil {
		t.restore(best)
	}
	result.Seconds = before + time.Since(start).Seconds()
	return result, watch.Resume.remove()
}

func evaluateDev(ctx context.Context, model transformer.SequenceClassifier, dev []Item, s Settings, watch Watch) (Scores, error) {
	logits, err := Predict(ctx, model, dev)
	if err != nil {
		return Scores{}, err
	}
	if watch.Score != nil {
		return watch.Score(dev, logits)
	}
	return Score(s.Task, dev, logits)
}

// Trainer takes optimizer steps on a model.
type Trainer struct {
	Model      transformer.SequenceClassifier
	Parameters []nn.Parameter

	settings  Settings
	schedule  nn.Schedule
	optimizer *nn.Adam
	tape      *tensor.Tape
	batch     transformer.Batch
	labels    []int32
	scores    []float32
	step      int

	// GradNorm is the norm of the last step's gradient before clipping.
	GradNorm float64
}

// NewTrainer returns a trainer for a run of the given number of steps.
func NewTrainer(model transformer.SequenceClassifier, s Settings, steps int) (*Trainer, error) {
	schedule, err := nn.NewSchedule(s.Schedule, steps, s.WarmupRatio)
	if err != nil {
		return nil, err
	}
	parameters := nn.Parameters(model)
	t := &Trainer{Model: model, Parameters: parameters, settings: s, schedule: schedule, optimizer: nn.NewAdamW(parameters, s.WeightDecay), tape: tensor.NewTape()}
	t.tape.SetDropout(true)
	return t, nil
}

func (t *Trainer) learningRate(step int) float64 {
	return t.settings.LearningRate * t.schedule.Factor(step)
}

// Step takes one step on the given items and returns the loss before it.
func (t *Trainer) Step(items []Item, which []int) (float64, error) {
	fill(&t.batch, items, which)
	if err := t.batch.Check(t.Model.Configuration()); err != nil {
		return 0, err
	}
	t.tape.Reset(t.settings.Seed, uint32(t.step))
	logits := transformer.Logits(t.tape, t.Model, &t.batch)
	var loss float64
	if t.settings.Task == Regression {
		t.scores = t.scores[:0]
		for _, i := range which {
			t.scores = append(t.scores, items[i].Score)
		}
		loss = t.tape.MeanSquaredError(logits, t.scores)
	} else {
		t.labels = t.labels[:0]
		for _, i := range which {
			t.labels = append(t.labels, items[i].Label)
		}
		loss = t.tape.CrossEntropy(logits, t.labels)
	}
	nn.ZeroGrad(t.Parameters)
	t.tape.Backward()
	var scale float32
	t.GradNorm, scale = nn.ClipGradNorm(t.Parameters, t.settings.ClipNorm)
	t.optimizer.Step(t.learningRate(t.step), scale)
	t.step++
	return loss, nil
}

func (t *Trainer) snapshot(into [][]float32) [][]float32 {
	if into == nil {
		into = make([][]float32, len(t.Parameters))
	}
	for i, p := range t.Parameters {
		into[i] = append(into[i][:0], p.Data...)
	}
	return into
}

func (t *Trainer) restore(from [][]float32) {
	for i, p := range t.Parameters {
		copy(p.Data, from[i])
		p.Changed()
	}
}
