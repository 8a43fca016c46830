package compare

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"godwit/nn"
	"godwit/tensor"
	"godwit/transformer"
	"godwit/transformer/checkpoint"
)

// Settings are those of recorded AdamW steps, the form of a trajectory.json.
type Settings struct {
	Steps           int        `json:"steps"`
	Warmup          int        `json:"warmup"`
	LearningRate    float64    `json:"lr"`
	WeightDecay     float64    `json:"weight_decay"`
	Betas           [2]float64 `json:"betas"`
	Epsilon         float64    `json:"eps"`
	Clip            float64    `json:"clip"`
	NoDecaySuffixes []string   `json:"no_decay_suffixes"`
	// LearningRates holds the rate of each step; without it the rate rises
	// linearly over Warmup steps and falls linearly to 0.
	LearningRates []float64 `json:"lr_used"`
}

// ReplayOptions say what Replay runs.
type ReplayOptions struct {
	Model    string // directory
	Batches  string // safetensors file with step<i>.input_ids and the like
	Settings string // JSON file
	Output   string
	Watch    func(step, steps int, loss float64) // may be nil
}

// Replay takes recorded optimizer steps on a sequence classifier, without
// dropout, and writes loss and grad_norm [steps] and final.<parameter>.
func Replay(o ReplayOptions) error {
	s := Settings{Betas: [2]float64{0.9, 0.999}, Epsilon: 1e-8}
	data, err := os.ReadFile(o.Settings)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("%s: %w", o.Settings, err)
	}
	if s.Steps < 1 || s.Warmup < 0 || s.LearningRates != nil && len(s.LearningRates) < s.Steps {
		return fmt.Errorf("%s: found steps %d, warmup %d and %d entries in lr_used, expected at least one step and a rate for each", o.Settings, s.Steps, s.Warmup, len(s.LearningRates))
	}
	c, err := transformer.LoadConfig(o.Model)
	if err != nil {
		return err
	}
	f, err := checkpoint.Open(o.Batches)
	if err != nil {
		return err
	}
	defer f.Close()
	first, err := readInput(f, "step0.", c)
	if err != nil {
		return err
	}
	h := first.head()
	labels, newHead, err := labelCount(f, o.Model, h)
	if err != nil {
		return err
	}
	m, report, err := transformer.LoadSequenceClassifier(o.Model, labels, newHead, 0)
	if err != nil {
		return err
	}
	parameters := nn.Parameters(m)
	missing, err := stillMissing(f, parameters, report)
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		return fmt.Errorf("%s: %s are missing, and %s has no param.<name> for them", o.Model, strings.Join(sortedKeys(missing), ", "), o.Batches)
	}
	optimizer := nn.NewAdamW(parameters, s.WeightDecay)
	optimizer.Beta1, optimizer.Beta2, optimizer.Epsilon = s.Betas[0], s.Betas[1], s.Epsilon
	optimizer.NoDecay = func(name string) bool {
		for _, suffix := range s.NoDecaySuffixes {
			if strings.HasSuffix(name, suffix) {
				return true
			}
		}
		return false
	}
	schedule := nn.Schedule{Kind: "linear", Warmup: s.Warmup, Steps: s.Steps}
	tp := tensor.NewTape()
	losses, norms := make([]float32, s.Steps), make([]float32, s.Steps)
	for step := range s.Steps {
		in, err := readInput(f, fmt.Sprintf("step%d.", step), c)
		if err != nil {
			return err
		}
		if !in.hasLabels(h) || h == Pretraining {
			return fmt.Errorf("%s: step%d.labels: expected labels of %d sequences", o.Batches, step, in.rows)
		}
		tp.Reset(0, uint32(step))
		loss, err := in.loss(tp, h, transformer.Logits(tp, m, &in.batch), o.Batches)
		if err != nil {
			return err
		}
		nn.ZeroGrad(parameters)
		tp.Backward()
		norm, scale := nn.ClipGradNorm(parameters, s.Clip)
		rate := s.LearningRate * schedule.Factor(step)
		if s.LearningRates != nil {
			rate = s.LearningRates[step]
		}
		optimizer.Step(rate, scale)
		losses[step], norms[step] = float32(loss), float32(norm)
		if o.Watch != nil {
			o.Watch(step+1, s.Steps, loss)
		}
	}
	out := []checkpoint.Tensor{
		{Name: "loss", Shape: []int{s.Steps}, Float32: losses},
		{Name: "grad_norm", Shape: []int{s.Steps}, Float32: norms},
	}
	for _, p := range parameters {
		out = append(out, checkpoint.Tensor{Name: "final." + p.Name, Shape: p.Shape, Float32: p.Data})
	}
	return checkpoint.Write(o.Output, nil, out)
}
