package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"slices"
	"time"

	"godwit/transformer/checkpoint"
)

// Resume says where a fine-tuning run keeps its state, so that it goes on where it was
// stopped and ends with the same bits. The file is of one run: the caller sees to it that
// model, items and settings are the same when it is read again. It is removed at the end of the run.
type Resume struct {
	Path  string        // nothing is kept without one
	Every time.Duration // how often the state is written
}

// fineTuneState is where a fine-tuning run stands, beside weights, moments and the best
// weights so far: one safetensors file, replaced in one step.
type fineTuneState struct {
	Settings Settings `json:"settings"`
	Steps    int      `json:"steps"` // of the whole run
	Epoch    int      `json:"epoch"` // from 1
	InEpoch  int      `json:"in_epoch"`
	Sum      float64  `json:"sum"`    // of the losses of this epoch
	Recent   float64  `json:"recent"` // moving mean of the loss
	Result   Result   `json:"result"`
	Losses   []uint64 `json:"losses"` // bits of the loss of each step

	AdamSteps []int `json:"adam_steps"`
	Best      bool  `json:"best"` // whether best weights other than the last are kept
}

const (
	fineTuneFormat = "godwit fine-tuning 1"
	bestPrefix     = "best."
)

// count adds a step.
func (r *fineTuneState) count(loss float64, tokens int) {
	if r.Result.Steps == 0 {
		r.Recent = loss
	}
	r.Recent += 0.05 * (loss - r.Recent)
	r.Sum += loss
	r.InEpoch++
	r.Result.Losses = append(r.Result.Losses, loss)
	r.Result.Steps++
	r.Result.Tokens += tokens
}

// save writes the state; best may be nil.
func (r *fineTuneState) save(path string, t *Trainer, best [][]float32) error {
	tensors, adamSteps := trainingTensors(t.Parameters, t.optimizer)
	r.AdamSteps, r.Best = adamSteps, best != nil
	for i := range best {
		tensors = append(tensors, checkpoint.Tensor{Name: bestPrefix + t.Parameters[i].Name, Shape: t.Parameters[i].Shape, Float32: best[i]})
	}
	r.Losses = make([]uint64, len(r.Result.Losses))
	for i, l := range r.Result.Losses {
		r.Losses[i] = math.Float64bits(l)
	}
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return checkpoint.Write(path, map[string]string{runFormatKey: fineTuneFormat, runKey: string(data)}, tensors)
}

// load goes on from the state at path, if there is one, and returns the best weights so far.
func (r *fineTuneState) load(path string, t *Trainer) (best [][]float32, err error) {
	f, err := checkpoint.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if format := f.Metadata()[runFormatKey]; format != fineTuneFormat {
		return nil, fmt.Errorf("%s: found format %q, expected %q", path, format, fineTuneFormat)
	}
	want := *r
	if err := json.Unmarshal([]byte(f.Metadata()[runKey]), r); err != nil {
		return nil, fmt.Errorf("%s: metadata %q: %w", path, runKey, err)
	}
	if r.Settings != want.Settings || r.Steps != want.Steps || r.Epoch < 1 || r.InEpoch < 0 || r.Result.Steps < r.InEpoch || r.Result.Steps > r.Steps || len(r.Losses) != r.Result.Steps {
		return nil, fmt.Errorf("%s: the state is of a run with other settings; remove the file to begin anew", path)
	}
	r.Result.Losses = nil
	for _, bits := range r.Losses {
		r.Result.Losses = append(r.Result.Losses, math.Float64frombits(bits))
	}
	if err := restoreTraining(f, t.Parameters, t.optimizer, r.AdamSteps); err != nil {
		return nil, err
	}
	t.step = r.Result.Steps
	if r.Best {
		for _, p := range t.Parameters {
			if info, ok := f.Info(bestPrefix + p.Name); !ok || !slices.Equal(info.Shape, p.Shape) {
				return nil, fmt.Errorf("%s: %s: found shape %v, expected %v", path, bestPrefix+p.Name, info.Shape, p.Shape)
			}
			x, err := f.Float32(bestPrefix + p.Name)
			if err != nil {
				return nil, err
			}
			best = append(best, slices.Clone(x)) // x may be of the mapped file
		}
	}
	return best, nil
}

// remove deletes the state of a run that has ended.
func (r Resume) remove() error {
	if r.Path == "" {
		return nil
	}
	if err := os.Remove(r.Path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
