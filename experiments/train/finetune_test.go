package train

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"godwit/nn"
	"godwit/transformer"
)

// smallTask returns a tiny model with dropout and a task that it can learn:
// which of two tokens a sequence begins with.
func smallTask(t *testing.T) (model transformer.SequenceClassifier, train, dev []Item, s Settings) {
	t.Helper()
	c, err := transformer.NewConfig("bert", 30, 16, 1, 2, 20, 16)
	if err != nil {
		t.Fatal(err)
	}
	if model, err = transformer.NewSequenceClassifier(c, 2); err != nil {
		t.Fatal(err)
	}
	transformer.Initialise(model, c, 3)
	r := rand.New(rand.NewPCG(1, 2))
	items := func(n int) (list []Item) {
		for range n {
			it := Item{Label: int32(r.IntN(2))}
			it.IDs = []int32{1, 10 + it.Label}
			for range r.IntN(8) {
				it.IDs = append(it.IDs, int32(12+r.IntN(18)))
			}
			list = append(list, it)
		}
		return list
	}
	s = DefaultSettings(Classification)
	s.Epochs, s.BatchSize, s.LearningRate, s.Seed = 3, 8, 5e-3, 4
	return model, items(44), items(20), s
}

// TestFineTuningGoesOnToTheSameBits stops a run after each number of steps, goes on, and
// compares with a run that was left alone: weights, losses, dev scores.
func TestFineTuningGoesOnToTheSameBits(t *testing.T) {
	outcome := func(m transformer.SequenceClassifier, r *Result) (weights [][]float32, result string) {
		for _, p := range nn.Parameters(m) {
			weights = append(weights, slices.Clone(p.Data))
		}
		r.Seconds = 0
		data, err := json.Marshal(struct {
			*Result
			Losses []float64
		}{r, r.Losses})
		if err != nil {
			t.Fatal(err)
		}
		return weights, string(data)
	}
	m, train, dev, s := smallTask(t)
	r, err := FineTune(context.Background(), m, train, dev, s, Watch{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Steps != 18 || r.BestDev == nil {
		t.Fatalf("the run to compare with: %d steps, best dev %+v", r.Steps, r.BestDev)
	}
	wantWeights, wantResult := outcome(m, r)
	for stop := range 18 {
		path := filepath.Join(t.TempDir(), "state.safetensors")
		for attempt := 0; ; attempt++ {
			m, _, _, _ := smallTask(t) // a new process has a new model
			ctx, cancel := context.WithCancel(context.Background())
			watch := Watch{Resume: Resume{Path: path}, Step: func(p Progress) {
				if attempt == 0 && p.Step == stop+1 {
					cancel()
				}
			}}
			r, err := FineTune(ctx, m, train, dev, s, watch)
			cancel()
			if attempt == 0 {
				if !errors.Is(err, context.Canceled) {
					t.Fatalf("stopped at step %d: error %v", stop+1, err)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			weights, result := outcome(m, r)
			if result != wantResult {
				t.Errorf("stopped at step %d: %s, want %s", stop+1, result, wantResult)
			}
			if !slices.EqualFunc(weights, wantWeights, slices.Equal[[]float32]) {
				t.Errorf("stopped at step %d: other weights", stop+1)
			}
			if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the state is still there after the run: %v", err)
			}
			break
		}
	}
}

func TestFineTuningRefusesTheStateOfAnotherRun(t *testing.T) {
	m, train, dev, s := smallTask(t)
	path := filepath.Join(t.TempDir(), "state.safetensors")
	ctx, cancel := context.WithCancel(context.Background())
	if _, err := FineTune(ctx, m, train, dev, s, Watch{Resume: Resume{Path: path}, Step: func(Progress) { cancel() }}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	s.LearningRate *= 2
	if _, err := FineTune(context.Background(), m, train, dev, s, Watch{Resume: Resume{Path: path}}); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v, want one that names the file", err)
	}
	if err := os.WriteFile(path, []byte("no safetensors"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := FineTune(context.Background(), m, train, dev, s, Watch{Resume: Resume{Path: path}}); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v, want one that names the file", err)
	}
}
