package stats

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
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

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) <= 1e-12*max(1, math.Abs(want))) {
		t.Errorf("%s is %v, expected %v (difference %g)", what, got, want, got-want)
	}
}

func TestPairedGolden(t *testing.T) {
	var golden struct {
		Paired []struct {
			Differences  []float64  `json:"differences"`
			Mean         float64    `json:"mean"`
			SD           float64    `json:"sd"`
			PermutationP float64    `json:"permutation_p"`
			TInterval    [2]float64 `json:"t_interval95"`
			TP           float64    `json:"t_p"`
		}
	}
	readGolden(t, &golden)
	if len(golden.Paired) == 0 {
		t.Fatal("no cases")
	}
	for i, c := range golden.Paired {
		near(t, "mean", Mean(c.Differences), c.Mean)
		near(t, "deviation", StdDev(c.Differences), c.SD)
		low, high := TInterval(c.Differences, 0.95)
		near(t, "lower bound", low, c.TInterval[0])
		near(t, "upper bound", high, c.TInterval[1])
		near(t, "t p", TTestP(c.Differences), c.TP)
		p, err := SignFlipP(c.Differences)
		if err != nil {
			t.Error(err)
		}
		near(t, "permutation p", p, c.PermutationP)
		if t.Failed() {
			t.Fatalf("in case %d", i)
		}
	}
	t.Logf("%d cases", len(golden.Paired))
}

func TestHolmGolden(t *testing.T) {
	var golden struct {
		Holm []struct{ P, Adjusted []float64 }
	}
	readGolden(t, &golden)
	if len(golden.Holm) == 0 {
		t.Fatal("no cases")
	}
	for i, c := range golden.Holm {
		for k, got := range Holm(c.P) {
			near(t, "adjusted p", got, c.Adjusted[k])
		}
		if t.Failed() {
			t.Fatalf("in case %d", i)
		}
	}
	t.Logf("%d cases", len(golden.Holm))
}

func TestHolmSkipsNaN(t *testing.T) {
	got := Holm([]float64{0.03, math.NaN(), 0.01})
	near(t, "first", got[0], 0.03)
	near(t, "last", got[2], 0.02)
	if !math.IsNaN(got[1]) {
		t.Errorf("adjusted p is %v, expected NaN", got[1])
	}
}

// signFlipNaive is the definition of the test: all 2^n signs, each summed
// anew.
func signFlipNaive(differences []float64) float64 {
	var observed float64
	for _, d := range differences {
		observed += d
	}
	total := 1 << len(differences)
	extreme := 0
	for mask := range total {
		var sum float64
		for i, d := range differences {
			if mask>>i&1 == 1 {
				d = -d
			}
			sum += d
		}
		if math.Abs(sum) >= math.Abs(observed)-1e-9 {
			extreme++
		}
	}
	return float64(extreme) / float64(total)
}

func TestSignFlip(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for n := 1; n <= 13; n++ {
		differences := make([]float64, n)
		for i := range differences {
			// Whole hundredths, so that sums tie.
			differences[i] = math.Round(random.NormFloat64()*10) / 100
		}
		p, err := SignFlipP(differences)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "p", p, signFlipNaive(differences))
	}
	for _, c := range []struct {
		name        string
		differences []float64
		want        string
	}{
		{"none", nil, "found 0 differences"},
		{"too many", make([]float64, 26), "found 26 differences"},
		{"NaN", []float64{1, math.NaN()}, "difference 1 is NaN"},
	} {
		if _, err := SignFlipP(c.differences); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error is %v, expected one with %q", c.name, err, c.want)
		}
	}
	// Three seeds cannot show more than p = 1/4, however large the gain.
	p, err := SignFlipP([]float64{9, 9, 9})
	if err != nil || p != 0.25 {
		t.Errorf("p is %v (%v), expected 0.25", p, err)
	}
	if p, err := SignFlipP(make([]float64, 4)); err != nil || p != 1 {
		t.Errorf("p of zeros is %v (%v), expected 1", p, err)
	}
}

func TestFewValues(t *testing.T) {
	if !math.IsNaN(Mean(nil)) || !math.IsNaN(StdDev([]float64{1})) || !math.IsNaN(TTestP([]float64{1})) {
		t.Error("expected NaN of too few values")
	}
	if low, high := TInterval([]float64{1}, 0.95); !math.IsNaN(low) || !math.IsNaN(high) {
		t.Errorf("interval is [%v, %v], expected NaN", low, high)
	}
	if low, high := TInterval([]float64{2, 2, 2}, 0.95); low != 2 || high != 2 {
		t.Errorf("interval of equal values is [%v, %v], expected [2, 2]", low, high)
	}
}
