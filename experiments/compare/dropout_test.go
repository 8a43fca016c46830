package compare

import (
	_ "embed"
	"encoding/json"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"godwit/experiments/internal/sharedtest"
	"godwit/nn"
	"godwit/tensor"
	"godwit/transformer"
)

// What transformers computes under dropout, by model; made by testdata/dropout.py.
//
//go:embed testdata/dropout.json
var dropoutMoments []byte

// moments is the mean and standard deviation of each of some numbers over draws of dropout.
type moments [2][]float64

// sample gathers numbers over draws.
type sample struct {
	n          float64
	sum, sumSq []float64
}

func (s *sample) add(x ...float64) {
	if s.sum == nil {
		s.sum, s.sumSq = make([]float64, len(x)), make([]float64, len(x))
	}
	s.n++
	for i, v := range x {
		s.sum[i] += v
		s.sumSq[i] += v * v
	}
}

// largestZ returns by how many standard errors the sample's means and spreads differ at most from those of another's draws.
func (s *sample) largestZ(want moments, draws float64) (mean, spread float64) {
	for i := range s.sum {
		m := s.sum[i] / s.n
		sd := math.Sqrt((s.sumSq[i] - s.n*m*m) / (s.n - 1))
		mean = max(mean, math.Abs(m-want[0][i])/math.Sqrt(sd*sd/s.n+want[1][i]*want[1][i]/draws))
		// The logarithm of a standard deviation has the standard error √(1/2n) if the numbers are about normal.
		spread = max(spread, math.Abs(math.Log(sd/want[1][i]))/math.Sqrt(0.5/s.n+0.5/draws))
	}
	return mean, spread
}

// withRates returns a copy of a model's directory whose configuration has the given dropout rates.
func withRates(t *testing.T, dir string, rates map[string]float64) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	var config map[string]any
	if err := json.Unmarshal(raw, &config); err != nil {
		t.Fatal(err)
	}
	for name, rate := range rates {
		config[name] = rate
	}
	if raw, err = json.Marshal(config); err != nil {
		t.Fatal(err)
	}
	weights, err := os.ReadFile(filepath.Join(dir, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	for name, data := range map[string][]byte{"config.json": raw, "model.safetensors": weights} {
		if err := os.WriteFile(filepath.Join(out, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// Dropout cannot be compared number by number: masks come from another generator. But logits, loss and gradients
// have a distribution over masks, and a rate that is wrong, a mask that is missing, in the wrong place or not
// the same backward as forward gives another one. The draws are fixed: the test passes always or never.
func TestDropoutDistributionAgainstHuggingFace(t *testing.T) {
	const (
		draws = 2000
		bound = 4 // standard errors, of about 140 numbers a model
	)
	var reference map[string]struct {
		Rates        map[string]float64 `json:"rates"`
		Draws        float64            `json:"draws"`
		Logits, Loss moments
		LogGradient  map[string][2]float64 `json:"log_gradient"`
	}
	if err := json.Unmarshal(dropoutMoments, &reference); err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(reference)) {
		want := reference[name]
		t.Run(name, func(t *testing.T) {
			golden := sharedtest.Dir(t, "golden", "models", name)
			model, _, err := transformer.LoadSequenceClassifier(withRates(t, golden, want.Rates), 3, false, 0)
			if err != nil {
				t.Fatal(err)
			}
			in, err := readInput(open(t, filepath.Join(golden, "classification.safetensors")), "", model.Configuration())
			if err != nil {
				t.Fatal(err)
			}
			parameters := nn.Parameters(model)
			tape := tensor.NewTape()
			tape.SetDropout(true)
			var logits, losses sample
			gradients := map[string]*sample{}
			for draw := range draws {
				tape.Reset(1, uint32(draw))
				out := transformer.Logits(tape, model, &in.batch)
				loss, err := in.loss(tape, Classification, out, name)
				if err != nil {
					t.Fatal(err)
				}
				nn.ZeroGrad(parameters)
				tape.Backward()
				row := make([]float64, len(out.Data))
				for i, v := range out.Data {
					row[i] = float64(v)
				}
				logits.add(row...)
				losses.add(loss)
				for _, p := range parameters {
					square := 0.0
					for _, g := range p.Grad {
						square += float64(g) * float64(g)
					}
					if _, ok := want.LogGradient[p.Name]; ok {
						if gradients[p.Name] == nil {
							gradients[p.Name] = &sample{}
						}
						gradients[p.Name].add(math.Log(square))
					}
				}
			}
			worst := 0.0
			check := func(what string, s *sample, m moments) {
				t.Helper()
				mean, spread := s.largestZ(m, want.Draws)
				worst = max(worst, mean, spread)
				if !(mean <= bound && spread <= bound) {
					t.Errorf("%s: means differ by up to %.1f standard errors, spreads by %.1f, bound %v", what, mean, spread, bound)
				}
			}
			check("logits", &logits, want.Logits)
			check("loss", &losses, want.Loss)
			if len(gradients) < 30 || len(gradients) != len(want.LogGradient) {
				t.Errorf("%d gradients, want %d", len(gradients), len(want.LogGradient))
			}
			for _, name := range slices.Sorted(maps.Keys(gradients)) {
				m := want.LogGradient[name]
				check("gradient of "+name, gradients[name], moments{{m[0]}, {m[1]}})
			}
			t.Logf("%d gradients; no mean and no spread differs by more than %.1f standard errors", len(gradients), worst)
		})
	}
}
