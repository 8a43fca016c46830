package predictor

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"godwit/experiments/internal/sharedtest"
)

func TestGolden(t *testing.T) {
	data, err := os.ReadFile(sharedtest.Dir(t, "golden", "metrics.json"))
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Predictors []struct {
			Features      [][]float64 `json:"features"`
			Labels        []int       `json:"labels"`
			Probabilities [][]float64 `json:"source_probabilities"`
			Scores        []float64   `json:"scores"`
			LEEP          float64     `json:"leep"`
			LogMEClasses  float64     `json:"logme_classification"`
			LogMEScores   float64     `json:"logme_regression"`
			HScore        float64     `json:"h_score"`
		}
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	if len(golden.Predictors) == 0 {
		t.Fatal("no cases")
	}
	for i, c := range golden.Predictors {
		classes := slices.Max(c.Labels) + 1
		for _, f := range []struct {
			name string
			want float64
			get  func() (float64, error)
		}{
			{"LEEP", c.LEEP, func() (float64, error) { return LEEP(c.Probabilities, c.Labels, classes) }},
			{"LogME of labels", c.LogMEClasses, func() (float64, error) { return LogMEClassification(c.Features, c.Labels, classes) }},
			{"LogME of scores", c.LogMEScores, func() (float64, error) { return LogMERegression(c.Features, c.Scores) }},
			{"H-score", c.HScore, func() (float64, error) { return HScore(c.Features, c.Labels, classes) }},
		} {
			if got, err := f.get(); err != nil || math.Abs(got-f.want) > 1e-6 {
				t.Errorf("case %d: %s is %v (%v), want %v", i, f.name, got, err, f.want)
			}
		}
	}
}

// TestBetterFeaturesScoreHigher: features that tell the labels apart, against noise.
func TestBetterFeaturesScoreHigher(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var good, noise, sharp, flat [][]float64
	var labels []int
	var scores []float64
	for i := range 90 {
		l := i % 3
		labels, scores = append(labels, l), append(scores, float64(l))
		row, other := make([]float64, 8), make([]float64, 8)
		for j := range row {
			row[j], other[j] = 0.3*r.NormFloat64(), r.NormFloat64()
		}
		row[l]++
		good, noise = append(good, row), append(noise, other)
		p := []float64{0.1, 0.1, 0.1}
		p[(l+1)%3] = 0.8 // another name for each label
		sharp, flat = append(sharp, p), append(flat, []float64{0.3, 0.3, 0.4})
	}
	higher := func(name string, better, worse float64, err1, err2 error) {
		if err1 != nil || err2 != nil || !(better > worse) {
			t.Errorf("%s is %v (%v) for good features and %v (%v) for noise", name, better, err1, worse, err2)
		}
	}
	a, e1 := LEEP(sharp, labels, 3)
	b, e2 := LEEP(flat, labels, 3)
	higher("LEEP", a, b, e1, e2)
	if math.Abs(b-math.Log(1.0/3)) > 1e-12 { // nothing but the labels' shares
		t.Errorf("LEEP of a source that knows nothing is %v, want log 1/3", b)
	}
	a, e1 = HScore(good, labels, 3)
	b, e2 = HScore(noise, labels, 3)
	higher("H-score", a, b, e1, e2)
	a, e1 = LogMEClassification(good, labels, 3)
	b, e2 = LogMEClassification(noise, labels, 3)
	higher("LogME of labels", a, b, e1, e2)
	a, e1 = LogMERegression(good, scores)
	b, e2 = LogMERegression(noise, scores)
	higher("LogME of scores", a, b, e1, e2)
}

func TestDistances(t *testing.T) {
	d, err := UnigramDistance([][]int32{{1, 1}, {2, 3}}, [][]int32{{1, 4}})
	if err != nil || math.Abs(d-0.5) > 1e-12 { // half of both is token 1
		t.Errorf("distance %v (%v), want 0.5", d, err)
	}
	if d, err := UnigramDistance([][]int32{{1, 2, 3}}, [][]int32{{3, 1}, {2}}); err != nil || d > 1e-12 {
		t.Errorf("distance of the same tokens %v (%v), want 0", d, err)
	}
	if d, err := EmbeddingDistance([][]float64{{1, 0}, {3, 0}}, [][]float64{{0, 1}, {0, 5}}); err != nil || d != 1 {
		t.Errorf("distance of orthogonal embeddings %v (%v), want 1", d, err)
	}
	if d, err := EmbeddingDistance([][]float64{{1, 2}}, [][]float64{{-2, -4}}); err != nil || math.Abs(d-2) > 1e-12 {
		t.Errorf("distance of opposite embeddings %v (%v), want 2", d, err)
	}
}

func TestErrors(t *testing.T) {
	two := [][]float64{{1, 2}, {3, 5}}
	for says, get := range map[string]func() (float64, error){
		"2 examples and 1 labels":    func() (float64, error) { return LEEP(two, []int{0}, 2) },
		"label of example 1 is 2":    func() (float64, error) { return HScore(two, []int{0, 2}, 2) },
		"1 source probabilities":     func() (float64, error) { return LEEP([][]float64{{0.5, 0.5}, {1}}, []int{0, 1}, 2) },
		"feature 1 of example 0":     func() (float64, error) { return LogMERegression([][]float64{{1, math.NaN()}}, []float64{1}) },
		"1 features of example 1":    func() (float64, error) { return LogMEClassification([][]float64{{1, 2}, {1}}, []int{0, 1}, 2) },
		"2 examples and 3 scores":    func() (float64, error) { return LogMERegression(two, []float64{1, 2, 3}) },
		"no features":                func() (float64, error) { return HScore([][]float64{{}}, []int{0}, 1) },
		"LEEP is":                    func() (float64, error) { return LEEP([][]float64{{0}}, []int{0}, 1) },
		"without tokens":             func() (float64, error) { return UnigramDistance([][]int32{{}}, [][]int32{{1}}) },
		"no embeddings":              func() (float64, error) { return EmbeddingDistance(nil, two) },
		"features of text 1":         func() (float64, error) { return EmbeddingDistance([][]float64{{1, 2}, {3}}, two) },
		"of 1 and of 2 features":     func() (float64, error) { return EmbeddingDistance([][]float64{{1}}, two) },
		"distance of embeddings is ": func() (float64, error) { return EmbeddingDistance([][]float64{{0, 0}}, two) },
	} {
		if v, err := get(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, error %v, want one that says %q", v, err, says)
		}
	}
}

// TestDegenerateFeatures: constant ones and more than examples.
func TestDegenerateFeatures(t *testing.T) {
	constant := [][]float64{{1, 1}, {1, 1}, {1, 1}}
	if h, err := HScore(constant, []int{0, 1, 0}, 2); err != nil || h != 0 {
		t.Errorf("H-score of constant features %v (%v), want 0", h, err)
	}
	if v, err := LogMERegression(constant, []float64{1, 2, 3}); err != nil {
		t.Errorf("LogME of constant features %v, %v", v, err)
	}
	wide := [][]float64{{1, 2, 3, 4}, {2, 1, 0, 7}, {5, 5, 1, 1}}
	if h, err := HScore(wide, []int{0, 1, 1}, 2); err != nil || h < 0 || h > 1+1e-9 {
		t.Errorf("H-score %v (%v), want from 0 to 1", h, err)
	}
	if v, err := LogMEClassification(wide, []int{0, 1, 1}, 2); err != nil {
		t.Errorf("LogME of more features than examples %v, %v", v, err)
	}
}
