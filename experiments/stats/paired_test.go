package stats

import (
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"

	"gonum.org/v1/gonum/stat"
)

// TestComparePairedByHand: a table of two seeds and two examples, whose mean
// squares are worked out by hand.
func TestComparePairedByHand(t *testing.T) {
	// Differences 5 1 / 1 1: mean 2; seeds 3, 1; examples 3, 1; rest ±1.
	// Mean squares: seeds 2·(1+1)/1 = 4, examples the same, rest 4/1 = 4: so examples add nothing, and
	// the variance is 4/4 = 1 with 1 degree of freedom.
	p, err := ComparePaired([][]float64{{5, 1}, {1, 1}})
	if err != nil {
		t.Fatal(err)
	}
	if half := 12.706204736432095; p.Gain != 2 || math.Abs(p.Low-2+half) > 1e-9 || math.Abs(p.High-2-half) > 1e-9 {
		t.Errorf("%+v, want 2 ± %v", p, half)
	}
	if want := 1 - 2/math.Pi*math.Atan(2); math.Abs(p.P-want) > 1e-9 { // Cauchy's distribution
		t.Errorf("p-value %v, want %v", p.P, want)
	}
	// One seed: the paired t test over examples. Mean 1, deviation √(10/3), of which √(10/12) is the mean's.
	one, err := ComparePaired([][]float64{{1, -1, 1, 3}})
	if err != nil {
		t.Fatal(err)
	}
	if low, high := TInterval([]float64{1, -1, 1, 3}, 0.95); math.Abs(one.Low-low) > 1e-12 || math.Abs(one.High-high) > 1e-12 || math.Abs(one.P-TTestP([]float64{1, -1, 1, 3})) > 1e-9 {
		t.Errorf("one seed: %+v, want the interval %v to %v", one, low, high)
	}
	if want := 0.625; one.ExampleP != want || one.SeedP != 1 { // three up, one down: 2·(1+4)/16
		t.Errorf("sign tests %v and %v, want %v and 1", one.ExampleP, one.SeedP, want)
	}
	if same, err := ComparePaired([][]float64{{0, 0}, {0, 0}}); err != nil || same.P != 1 || same.Gain != 0 {
		t.Errorf("equal arms: %+v, %v", same, err)
	}
}

func TestComparePairedErrors(t *testing.T) {
	for says, d := range map[string][][]float64{
		"0 seeds": nil, "two test examples": {{1}}, "seed 1": {{1, 2}, {1}}, "example 1 is NaN": {{1, math.NaN()}},
	} {
		if _, err := ComparePaired(d); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v, want one that says %q", err, says)
		}
	}
}

func TestMcNemarP(t *testing.T) {
	for _, c := range []struct {
		b, c int
		want float64
	}{{0, 0, 1}, {5, 5, 1}, {8, 2, 0.109375}, {0, 6, 0.03125}} {
		if p := McNemarP(c.b, c.c); math.Abs(p-c.want) > 1e-12 {
			t.Errorf("McNemarP(%d, %d) = %v, want %v", c.b, c.c, p, c.want)
		}
	}
}

// TestContributionsHaveTheScoreAsMean, and their variance is that of the score over samples.
func TestContributionsHaveTheScoreAsMean(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	sample := func() (x, y []float64) {
		for range 200 {
			a := r.NormFloat64()
			x, y = append(x, a), append(y, 0.6*a+0.8*r.NormFloat64())
		}
		return x, y
	}
	var scores, foretold []float64
	for range 1000 {
		x, y := sample()
		c := PearsonContributions(x, y)
		score := stat.Correlation(x, y, nil)
		if math.Abs(Mean(c)-score) > 1e-12 {
			t.Fatalf("mean %v, correlation %v", Mean(c), score)
		}
		scores, foretold = append(scores, score), append(foretold, StdDev(c)/math.Sqrt(200))
	}
	if ratio := Mean(foretold) / StdDev(scores); ratio < 0.94 || ratio > 1.06 {
		t.Errorf("the contributions foretell %.3f times the deviation that correlations have", ratio)
	}
	if c := Correct([]float64{1, 0, 2}, []float64{1, 1, 2}); Mean(c) != 2.0/3 {
		t.Errorf("contributions %v, want two of three", c)
	}
}

// design is a kind of study that is simulated: arms are right or wrong about
// examples by a threshold on a latent score, which has a part of the example (shared by the
// arms as far as they agree), of the seed and of both.
type design struct {
	name            string
	seeds, examples int
	seedDeviation   float64 // of the latent score between seeds, of each arm
	exampleShare    float64 // of what the arms differ by, that lies in the examples
	gain            float64 // shift of the latent score
}

// differences simulates a study; expected is its gain over all seeds and examples.
func (d design) differences(r *rand.Rand) [][]float64 {
	latent := make([][2]float64, d.examples) // of each arm
	for i := range latent {
		shared := r.NormFloat64()
		for a := range latent[i] {
			latent[i][a] = 0.8*shared + 0.6*math.Sqrt(d.exampleShare)*r.NormFloat64()
		}
	}
	out := make([][]float64, d.seeds)
	for s := range out {
		shift := [2]float64{d.seedDeviation * r.NormFloat64(), d.seedDeviation*r.NormFloat64() + d.gain}
		out[s] = make([]float64, d.examples)
		for i := range out[s] {
			for a, sign := range []float64{-1, 1} {
				if latent[i][a]+shift[a]+0.6*math.Sqrt(1-d.exampleShare)*r.NormFloat64()+0.5 > 0 {
					out[s][i] += sign
				}
			}
		}
	}
	return out
}

// expected is the mean gain: both arms' scores are normal with variance 1 and the seed's.
func (d design) expected() float64 {
	deviation := math.Sqrt(1 + sq(d.seedDeviation))
	cdf := func(x float64) float64 { return 0.5 * math.Erfc(-x/math.Sqrt2) }
	return cdf((0.5+d.gain)/deviation) - cdf(0.5/deviation)
}

// TestIntervalsCover simulates studies of accuracy and counts how often the
// interval has the true gain, how often a gain is claimed where there is none, and how often
// one of the detectable size is found.
func TestIntervalsCover(t *testing.T) {
	const (
		studies = 2000
		noise   = 0.01 // twice the standard error of a share of 5 % of them
	)
	for _, d := range []design{
		{"3 seeds, 100 examples, stable training", 3, 100, 0.02, 0.7, 0},
		{"3 seeds, 500 examples, unstable training", 3, 500, 0.25, 0.7, 0},
		{"3 seeds, 500 examples", 3, 500, 0.08, 0.5, 0},
		{"5 seeds, 300 examples", 5, 300, 0.1, 0.5, 0},
		{"3 seeds, 500 examples, a gain", 3, 500, 0.08, 0.5, 0.2},
		{"5 seeds, 300 examples, a gain", 5, 300, 0.1, 0.5, 0.2},
	} {
		t.Run(d.name, func(t *testing.T) {
			var covered, claimed, found int
			detectable := 0.0
			for k, p := range simulate(t, d, studies, 0) {
				if want := d.expected(); p.Low <= want && want <= p.High {
					covered++
				}
				if p.P <= 0.05 {
					claimed++
				}
				detectable += (p.Detectable - detectable) / float64(k+1)
			}
			coverage, level := float64(covered)/studies, float64(claimed)/studies
			if coverage < 0.95-noise || coverage > 0.98 {
				t.Errorf("intervals cover the gain in %.3f of the studies, want 0.94 to 0.98", coverage)
			}
			if d.gain != 0 {
				t.Logf("coverage %.3f", coverage)
				return
			}
			if level > 0.05+noise {
				t.Errorf("a gain is claimed in %.3f of the studies without one, want at most 0.05", level)
			}
			for _, p := range simulate(t, d, studies/4, detectable) {
				if p.P <= 0.05 {
					found++
				}
			}
			power := float64(found) / (studies / 4)
			if power < 0.65 || power > 0.9 {
				t.Errorf("a gain of the detectable size is found in %.3f of the studies, want 0.7 to 0.8", power)
			}
			t.Logf("coverage %.3f, false claims %.3f, power %.3f at a gain of %.3f", coverage, level, power, detectable)
		})
	}
}

// simulate compares the arms of simulated studies whose differences are all raised by shift.
func simulate(t *testing.T, d design, studies int, shift float64) []Paired {
	t.Helper()
	out := make([]Paired, studies)
	errs := make([]error, studies)
	var group sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		group.Go(func() {
			for k := w; k < studies; k += workers {
				table := d.differences(rand.New(rand.NewPCG(uint64(k), 77)))
				for _, row := range table {
					for i := range row {
						row[i] += shift
					}
				}
				out[k], errs[k] = ComparePaired(table)
			}
		})
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	return out
}
