package metric

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"

	"godwit/experiments/internal/sharedtest"
)

func readGolden(t *testing.T, golden any) {
	t.Helper()
	path := sharedtest.Dir(t, "golden", "metrics.json")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, golden); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// near compares to 1e-12, absolute for numbers up to 1 and relative above; NaN
// equals NaN.
func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.IsNaN(got) && math.IsNaN(want) {
		return
	}
	if !(math.Abs(got-want) <= 1e-12*max(1, math.Abs(want))) {
		t.Errorf("%s is %v, expected %v", what, got, want)
	}
}

func TestClassificationGolden(t *testing.T) {
	var golden struct {
		Classification []struct {
			Classes     int `json:"num_labels"`
			Labels      []int
			Predictions []int
			ClassificationScores
		}
	}
	readGolden(t, &golden)
	if len(golden.Classification) == 0 {
		t.Fatal("no cases")
	}
	for i, c := range golden.Classification {
		got, err := Classification(c.Labels, c.Predictions, c.Classes)
		if err != nil {
			t.Errorf("case %d: %v", i, err)
			continue
		}
		near(t, "accuracy", got.Accuracy, c.Accuracy)
		near(t, "macro F1", got.MacroF1, c.MacroF1)
		near(t, "micro F1", got.MicroF1, c.MicroF1)
		near(t, "weighted F1", got.WeightedF1, c.WeightedF1)
		near(t, "Matthews", got.Matthews, c.Matthews)
		if !reflect.DeepEqual(got.Confusion, c.Confusion) {
			t.Errorf("confusion is %v, expected %v", got.Confusion, c.Confusion)
		}
		if t.Failed() {
			t.Fatalf("in case %d", i)
		}
	}
	t.Logf("%d cases", len(golden.Classification))
}

func TestRegressionGolden(t *testing.T) {
	type regressionCase struct {
		Labels, Predictions []float64
		Scores              RegressionScores
	}
	var raw struct{ Regression []json.RawMessage }
	readGolden(t, &raw)
	if len(raw.Regression) == 0 {
		t.Fatal("no cases")
	}
	for i, text := range raw.Regression {
		var c regressionCase
		if err := json.Unmarshal(text, &c); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &c.Scores); err != nil {
			t.Fatal(err)
		}
		got, err := Regression(c.Labels, c.Predictions)
		if err != nil {
			t.Errorf("case %d: %v", i, err)
			continue
		}
		near(t, "Pearson", got.Pearson, c.Scores.Pearson)
		near(t, "Spearman", got.Spearman, c.Scores.Spearman)
		near(t, "MSE", got.MSE, c.Scores.MSE)
		near(t, "MAE", got.MAE, c.Scores.MAE)
		if t.Failed() {
			t.Fatalf("in case %d", i)
		}
	}
	t.Logf("%d cases", len(raw.Regression))
}

func TestClassificationKnown(t *testing.T) {
	// Two classes: 3 true positives, 1 false positive, 2 false negatives, 4
	// true negatives.
	labels := []int{1, 1, 1, 0, 1, 1, 0, 0, 0, 0}
	predictions := []int{1, 1, 1, 1, 0, 0, 0, 0, 0, 0}
	got, err := Classification(labels, predictions, 2)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "accuracy", got.Accuracy, 0.7)
	f0, f1 := 8.0/11, 6.0/9
	near(t, "macro F1", got.MacroF1, (f0+f1)/2)
	near(t, "weighted F1", got.WeightedF1, (f0+f1)/2)
	near(t, "Matthews", got.Matthews, (3.0*4-1*2)/math.Sqrt(4*5*5*6))
	if want := [][]int{{4, 1}, {2, 3}}; !reflect.DeepEqual(got.Confusion, want) {
		t.Errorf("confusion is %v, expected %v", got.Confusion, want)
	}
}

func TestBadInput(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		name string
		err  func() error
		want string
	}{
		{"no labels", func() error { _, err := Classification(nil, nil, 2); return err }, "no predictions"},
		{"lengths", func() error { _, err := Classification([]int{0}, []int{0, 1}, 2); return err }, "2 predictions, expected 1"},
		{"classes", func() error { _, err := Classification([]int{0}, []int{0}, 0); return err }, "0 classes"},
		{"label", func() error { _, err := Classification([]int{0, 2}, []int{0, 0}, 2); return err }, "label 1 is 2"},
		{"prediction", func() error { _, err := Classification([]int{0}, []int{-1}, 2); return err }, "prediction 0 is -1"},
		{"no targets", func() error { _, err := Regression(nil, nil); return err }, "no predictions"},
		{"NaN target", func() error { _, err := Regression([]float64{nan}, []float64{0}); return err }, "target 0 is NaN"},
		{"infinite prediction", func() error { _, err := Regression([]float64{0, 0}, []float64{0, inf}); return err }, "prediction 1 is +Inf"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.err(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, expected one with %q", err, c.want)
			}
		})
	}
}

func TestUndefinedIsNull(t *testing.T) {
	scores, err := Regression([]float64{0.1, 0.1, 0.1}, []float64{1, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(scores)
	if err != nil {
		t.Fatal(err)
	}
	if want := `"pearson":null,"spearman":null`; !strings.Contains(string(text), want) {
		t.Errorf("JSON is %s, expected %s in it", text, want)
	}
	var back RegressionScores
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if !math.IsNaN(back.Pearson) || !math.IsNaN(back.Spearman) || back.MSE != scores.MSE || back.MAE != scores.MAE {
		t.Errorf("read back %+v, expected %+v", back, scores)
	}
}

// A correlation does not change with the scale of either list, and ranks do
// not change with any growing function.
func TestRegressionProperties(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		n := 2 + random.IntN(30)
		x, y := make([]float64, n), make([]float64, n)
		huge, grown := make([]float64, n), make([]float64, n)
		for i := range x {
			x[i], y[i] = random.NormFloat64(), random.NormFloat64()
			huge[i], grown[i] = -1e300*x[i], math.Exp(y[i])
		}
		near(t, "Pearson of scaled numbers", Pearson(huge, y), -Pearson(x, y))
		near(t, "Pearson, exchanged", Pearson(y, x), Pearson(x, y))
		near(t, "Pearson of ranks", Pearson(ranks(x), ranks(grown)), Pearson(ranks(x), ranks(y)))
		near(t, "Pearson with itself", Pearson(x, x), 1)
	}
	if got, want := ranks([]float64{3, 1, 3, 2, 3}), []float64{4, 1, 4, 2, 4}; !reflect.DeepEqual(got, want) {
		t.Errorf("ranks are %v, expected %v", got, want)
	}
}
