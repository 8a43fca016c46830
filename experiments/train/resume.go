package train

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"time"

	"godwit/nn"
	"godwit/transformer/checkpoint"
)

// runState is where a pretraining run stands, beside weights and moments. All
// of it is kept in one safetensors file, which is replaced in one step: whenever the run
// is stopped, the file holds one moment of it.
type runState struct {
	Spec     json.RawMessage  `json:"spec"`
	Settings PretrainSettings `json:"settings"`
	Train    string           `json:"train"` // digests of the corpora
	Dev      string           `json:"dev"`

	Step    int `json:"step"` // steps taken
	Steps   int `json:"steps"`
	Epoch   int `json:"epoch"`    // from 1
	InEpoch int `json:"in_epoch"` // steps taken of this epoch

	LossSum     float64         `json:"loss_sum"` // over the predictions of this epoch
	Predictions int             `json:"predictions"`
	Recent      float64         `json:"recent"` // moving mean of the loss
	Tokens      int             `json:"tokens"`
	Seconds     float64         `json:"seconds"`
	Epochs      []PretrainEpoch `json:"epochs"`

	AdamSteps []int `json:"adam_steps"` // by parameter; 0 for one without moments
}

// count adds a step.
func (r *runState) count(loss float64, predictions, tokens int, took time.Duration) {
	if r.Step == 0 {
		r.Recent = loss
	}
	r.Recent += 0.05 * (loss - r.Recent)
	r.LossSum += loss * float64(predictions)
	r.Predictions += predictions
	r.Step++
	r.InEpoch++
	r.Tokens += tokens
	r.Seconds += took.Seconds()
}

// The metadata of a state's file.
const (
	runFormat    = "godwit pretraining 1"
	runFormatKey = "format"
	runKey       = "run"
)

// Names of a parameter's tensors begin so.
const (
	weightPrefix = "weight."
	firstPrefix  = "first_moment."
	secondPrefix = "second_moment."
)

// save writes the state with the weights and moments.
func (r *runState) save(path string, parameters []nn.Parameter, optimizer *nn.Adam) error {
	tensors, adamSteps := trainingTensors(parameters, optimizer)
	r.AdamSteps = adamSteps
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return checkpoint.Write(path, map[string]string{runFormatKey: runFormat, runKey: string(data)}, tensors)
}

// trainingTensors names the weights, and the moments of those parameters that
// have taken a step; adamSteps has the number of these by parameter.
func trainingTensors(parameters []nn.Parameter, optimizer *nn.Adam) (tensors []checkpoint.Tensor, adamSteps []int) {
	moments := optimizer.State()
	adamSteps = make([]int, len(parameters))
	for i, p := range parameters {
		tensors = append(tensors, checkpoint.Tensor{Name: weightPrefix + p.Name, Shape: p.Shape, Float32: p.Data})
		if moments == nil || moments[i].Steps == 0 {
			continue
		}
		adamSteps[i] = moments[i].Steps
		tensors = append(tensors,
			checkpoint.Tensor{Name: firstPrefix + p.Name, Shape: p.Shape, Float32: moments[i].FirstMoment},
			checkpoint.Tensor{Name: secondPrefix + p.Name, Shape: p.Shape, Float32: moments[i].SecondMoment})
	}
	return tensors, adamSteps
}

// restoreTraining sets weights and moments to what [trainingTensors] named.
func restoreTraining(f *checkpoint.File, parameters []nn.Parameter, optimizer *nn.Adam, adamSteps []int) error {
	if len(adamSteps) != len(parameters) {
		return fmt.Errorf("%s: the state has %d parameters, the model %d", f.Path(), len(adamSteps), len(parameters))
	}
	moments := make([]nn.AdamState, len(parameters))
	for i, p := range parameters {
		if info, ok := f.Info(weightPrefix + p.Name); !ok || !slices.Equal(info.Shape, p.Shape) {
			return fmt.Errorf("%s: %s: found shape %v, expected %v", f.Path(), weightPrefix+p.Name, info.Shape, p.Shape)
		}
		if err := f.ReadFloat32(weightPrefix+p.Name, p.Data); err != nil {
			return err
		}
		p.Changed()
		if adamSteps[i] == 0 {
			continue
		}
		moments[i] = nn.AdamState{Steps: adamSteps[i], FirstMoment: make([]float32, len(p.Data)), SecondMoment: make([]float32, len(p.Data))}
		if err := f.ReadFloat32(firstPrefix+p.Name, moments[i].FirstMoment); err != nil {
			return err
		}
		if err := f.ReadFloat32(secondPrefix+p.Name, moments[i].SecondMoment); err != nil {
			return err
		}
	}
	optimizer.SetState(moments)
	return nil
}

// openRun opens a state's file; nil where there is none.
func openRun(path string) (*runState, *checkpoint.File, error) {
	f, err := checkpoint.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	if format := f.Metadata()[runFormatKey]; format != runFormat {
		return nil, nil, errors.Join(fmt.Errorf("%s: found format %q, expected %q", path, format, runFormat), f.Close())
	}
	r := new(runState)
	if err := json.Unmarshal([]byte(f.Metadata()[runKey]), r); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("%s: metadata %q: %w", path, runKey, err), f.Close())
	}
	return r, f, nil
}

// loadRun goes on from the state at path: it sets weights and moments. want
// has what must be the same. It returns nil where there is no state.
func loadRun(path string, want runState, parameters []nn.Parameter, optimizer *nn.Adam) (*runState, error) {
	r, f, err := openRun(path)
	if r == nil || err != nil {
		return nil, err
	}
	defer f.Close()
	switch {
	case len(differing(r.Spec, want.Spec)) > 0 || r.Settings != want.Settings || r.Steps != want.Steps:
		return nil, fmt.Errorf("%s: the state is of a run with other settings", path)
	case r.Train != want.Train:
		return nil, fmt.Errorf("%s: the corpus or its tokens are not those that the run began with", path)
	case r.Dev != want.Dev:
		return nil, fmt.Errorf("%s: the held-out texts or their tokens are not those that the run began with", path)
	case r.Step < 0 || r.Step > r.Steps || r.InEpoch < 0 || r.InEpoch > r.Step || r.Epoch < 1:
		return nil, fmt.Errorf("%s: found step %d of %d in epoch %d, which no run comes to", path, r.Step, r.Steps, r.Epoch)
	}
	if err := restoreTraining(f, parameters, optimizer, r.AdamSteps); err != nil {
		return nil, err
	}
	return r, nil
}

// UnfinishedRun describes a run that was stopped.
type UnfinishedRun struct {
	Step, Steps, Epoch int
	// Differing has the names of what the run was begun with otherwise.
	Differing []string
}

// FindRun looks at a state's file and compares the spec that it was written
// with. It returns nil where there is no state.
func FindRun(path string, spec any) (*UnfinishedRun, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	r, f, err := openRun(path)
	if r == nil || err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	want, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	return &UnfinishedRun{Step: r.Step, Steps: r.Steps, Epoch: r.Epoch, Differing: differing(r.Spec, want)}, nil
}

// differing returns the keys of two JSON objects whose values are not the same.
func differing(a, b json.RawMessage) []string {
	if bytes.Equal(a, b) {
		return nil
	}
	var x, y map[string]json.RawMessage
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return []string{"everything"}
	}
	keys := maps.Clone(x)
	maps.Copy(keys, y)
	var out []string
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		if !bytes.Equal(x[k], y[k]) {
			out = append(out, k)
		}
	}
	return out
}
