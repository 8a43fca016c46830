package study

import (
	"context"
	"runtime"
	"sync"
	"time"

	"godwit/experiments/train"
	"godwit/kernels"
	"godwit/transformer"
	"godwit/transformer/tokenizer"
)

// spread runs the stages, n at a time. With more than one, each has one core.
func (r *runner) spread(ctx context.Context, pending []*job, n int) error {
	if n > 1 {
		kernels.SetSerial(true)
		defer kernels.SetSerial(false)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		group   sync.WaitGroup
		first   error
		taken   = map[*job]bool{}
		changed = sync.NewCond(&r.mutex)
	)
	// next returns the first stage that is ready, nil when there is none left or one has failed.
	next := func() *job {
		r.mutex.Lock()
		defer r.mutex.Unlock()
		for {
			left := false
			for _, j := range pending {
				if taken[j] || r.finished[j.Key] != nil {
					continue
				}
				if first != nil || ctx.Err() != nil {
					return nil
				}
				left = true
				if r.ready(j) {
					taken[j] = true
					return j
				}
			}
			if !left {
				return nil
			}
			changed.Wait()
		}
	}
	for range n {
		group.Go(func() {
			for j := next(); j != nil; j = next() {
				err := r.stage(ctx, j)
				r.mutex.Lock()
				if err != nil && first == nil {
					first = err
					cancel() // the other stages stop after their step and keep their state
				}
				changed.Broadcast()
				r.mutex.Unlock()
			}
		})
	}
	group.Wait()
	if first == nil {
		first = ctx.Err()
	}
	return first
}

// ready reports whether the stages before j are finished.
func (r *runner) ready(j *job) bool {
	for _, key := range j.after {
		if r.finished[key] == nil {
			return false
		}
	}
	return true
}

// fewStages is how many stages must be left for it to pay to find out how to run them.
const fewStages = 8

// width returns how many stages to run at once: as many as there are cores if
// the first stages of each model train faster so, otherwise one with all cores.
func (r *runner) width(ctx context.Context, pending []*job) (int, error) {
	cores := runtime.GOMAXPROCS(0)
	if r.options.Jobs > 0 {
		return r.options.Jobs, nil
	}
	if cores == 1 || len(pending) < fewStages {
		return 1, nil
	}
	seen := map[string]bool{}
	alone, together := 0.0, 0.0 // seconds for the same work
	for _, j := range pending {
		if j.Spec.Kind != kindFinetune || seen[j.Spec.Start] || !r.ready(j) {
			continue
		}
		seen[j.Spec.Start] = true
		a, err := j.speed(ctx, 1)
		if err != nil {
			return 0, err
		}
		b, err := j.speed(ctx, cores)
		if err != nil {
			return 0, err
		}
		alone, together = alone+1/a, together+1/b
	}
	if together > 0 && together < alone {
		return cores, nil
	}
	return 1, nil
}

// speed measures how many tokens a second n copies of the stage train at once.
func (j *job) speed(ctx context.Context, n int) (float64, error) {
	if n > 1 {
		kernels.SetSerial(true)
		defer kernels.SetSerial(false)
	}
	trainers := make([]*train.Trainer, n)
	settings := j.Spec.Settings.(stageSettings)
	tok, err := tokenizer.Load(j.model)
	if err != nil {
		return 0, err
	}
	examples := j.data.Train[:min(len(j.data.Train), 2*settings.BatchSize)]
	items, _, err := train.Prepare("dataset of "+j.Name, examples, tok, j.kind, j.labels, settings.MaxLength)
	if err != nil {
		return 0, err
	}
	which := make([]int, min(len(items), settings.BatchSize))
	for i := range which {
		which[i] = i
	}
	for i := range trainers {
		m, _, err := transformer.LoadSequenceClassifier(j.model, max(1, len(j.labels)), true, 0)
		if err != nil {
			return 0, err
		}
		if trainers[i], err = train.NewTrainer(m, settings.Settings, 1000); err != nil {
			return 0, err
		}
		if _, err := trainers[i].Step(items, which); err != nil { // warms up
			return 0, err
		}
	}
	const long = 150 * time.Millisecond
	start := time.Now()
	var group sync.WaitGroup
	tokens := make([]int, n)
	for i, t := range trainers {
		group.Go(func() {
			for time.Since(start) < long && ctx.Err() == nil {
				if _, err := t.Step(items, which); err != nil {
					return // Step fails on its input alone, and it did not above
				}
				for _, k := range which {
					tokens[i] += len(items[k].IDs)
				}
			}
		})
	}
	group.Wait()
	total := 0
	for _, t := range tokens {
		total += t
	}
	return float64(total) / time.Since(start).Seconds(), ctx.Err()
}
