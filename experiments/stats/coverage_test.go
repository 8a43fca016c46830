package stats

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
)

// design is a kind of study that is simulated. What an arm answers has parts of
// the example (some shared by the arms), of the seed, and of both.
type design struct {
	name            string
	metric          Metric
	seeds, examples int
	seedDeviation   float64 // of an arm's skill between seeds
	exampleShare    float64 // of what the arms differ by, that lies in the examples
	gain            float64 // of the arm's skill
}

const classes = 3

// pair simulates a study.
func (d design) pair(r *rand.Rand) Pair {
	p := Pair{Metric: d.metric, Classes: classes}
	shared, own := make([]float64, d.examples), make([][2]float64, d.examples)
	for i := range d.examples {
		shared[i] = r.NormFloat64()
		own[i] = [2]float64{math.Sqrt(d.exampleShare) * r.NormFloat64(), math.Sqrt(d.exampleShare) * r.NormFloat64()}
		if d.metric.classes() {
			p.Gold = append(p.Gold, float64(min(r.IntN(5), classes-1))) // the last class is the commonest
		} else {
			p.Gold = append(p.Gold, r.NormFloat64())
		}
	}
	for range d.seeds {
		for a, to := range []*[][]float64{&p.Direct, &p.Arm} {
			skill := 0.5 + d.seedDeviation*r.NormFloat64()
			if a == 1 {
				skill += d.gain
			}
			answers := make([]float64, d.examples)
			for i := range answers {
				noise := 0.8*shared[i] + 0.6*(own[i][a]+math.Sqrt(1-d.exampleShare)*r.NormFloat64())
				switch {
				case !d.metric.classes():
					answers[i] = skill*p.Gold[i] + noise
				case skill+noise > 0:
					answers[i] = p.Gold[i]
				default:
					answers[i] = float64((int(p.Gold[i]) + 1 + r.IntN(classes-1)) % classes)
				}
			}
			*to = append(*to, answers)
		}
	}
	return p
}

// outcome is what a simulated study says of the gain.
type outcome struct {
	gain     float64
	interval Interval
	p        float64
	error    Error
}

// simulate judges studies of a design, each with its own random numbers.
func (d design) simulate(t *testing.T, studies int) []outcome {
	t.Helper()
	out := make([]outcome, studies)
	var group sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		group.Go(func() {
			for k := w; k < studies; k += workers {
				p := d.pair(rand.New(rand.NewPCG(uint64(k), 77)))
				answers := newSeries(p, slices.Concat(p.Direct, p.Arm))
				scores := answers.scores()
				var gains []float64
				for s := range d.seeds {
					gains = append(gains, scores[d.seeds+s]-scores[s])
				}
				e, ok := components(gains, answers)
				if !ok {
					t.Error("no standard error")
					return
				}
				o := outcome{gain: Mean(gains), error: e}
				o.interval = e.interval95(o.gain)
				tests := Tests{}
				if p.Metric == Accuracy { // the exact test; for others it is a permutation test, which can only raise p
					tests.Example = exampleP(p, Options{})
				}
				var err error
				if tests.SignFlip, err = SignFlipP(gains); err != nil {
					t.Error(err)
				}
				o.p = tests.join(e.p(o.gain), d.seeds)
				out[k] = o
			}
		})
	}
	group.Wait()
	return out
}

// TestIntervalsCover simulates studies of several kinds and counts how often the interval has the
// true gain, and how often a gain is claimed where there is none.
func TestIntervalsCover(t *testing.T) {
	const (
		studies = 2000
		noise   = 0.005 // the standard error of a share of 5 % of them
	)
	for _, d := range []design{
		{"accuracy, examples decide", Accuracy, 3, 200, 0.02, 0.7, 0},
		{"accuracy, seeds decide", Accuracy, 3, 400, 0.4, 0.3, 0},
		{"accuracy, both", Accuracy, 3, 400, 0.08, 0.5, 0},
		{"accuracy, 5 seeds", Accuracy, 5, 300, 0.1, 0.5, 0},
		{"accuracy, a gain", Accuracy, 3, 400, 0.08, 0.5, 0.3},
		{"F1, both", MacroF1, 3, 300, 0.08, 0.5, 0},
		{"F1, a gain", MacroF1, 5, 300, 0.1, 0.5, 0.3},
		{"Pearson, examples decide", Pearson, 3, 300, 0.01, 0.7, 0},
		{"Pearson, both", Pearson, 3, 300, 0.06, 0.5, 0},
		{"Pearson, a gain", Pearson, 5, 300, 0.06, 0.5, 0.3},
		{"Spearman, both", Spearman, 3, 200, 0.06, 0.5, 0},
	} {
		t.Run(d.name, func(t *testing.T) {
			outcomes := d.simulate(t, studies)
			truth := 0.0 // the mean over all of them; where there is no gain it is known
			if d.gain != 0 {
				for _, o := range outcomes {
					truth += o.gain / studies
				}
			}
			covered, claimed := 0, 0
			for _, o := range outcomes {
				if o.interval.Low <= truth && truth <= o.interval.High {
					covered++
				}
				if o.p <= Level {
					claimed++
				}
			}
			coverage, level := float64(covered)/studies, float64(claimed)/studies
			t.Logf("coverage %.4f, claims %.4f, gain %.3f", coverage, level, truth)
			if coverage < 0.94-noise || coverage > 0.96+noise {
				t.Errorf("intervals cover the gain in %.4f of the studies, want 0.94 to 0.96", coverage)
			}
			if d.gain == 0 && level > Level+noise {
				t.Errorf("a gain is claimed in %.4f of the studies without one, want at most 0.05", level)
			}
		})
	}
}

// TestFamilyClaimsNothing: of six comparisons without any effect, judged
// together, one is claimed in at most 5 % of studies.
func TestFamilyClaimsNothing(t *testing.T) {
	const members, families = 6, 1000
	outcomes := design{"", Accuracy, 3, 200, 0.1, 0.5, 0}.simulate(t, members*families)
	claimed := 0
	for f := range families {
		p := make([]float64, members)
		for i := range p {
			p[i] = outcomes[f*members+i].p
		}
		if slices.Min(Holm(p)) <= Level {
			claimed++
		}
	}
	if level := float64(claimed) / families; level > Level+0.01 {
		t.Errorf("a gain is claimed in %.4f of the families without one, want at most 0.05", level)
	}
}

// TestDetectableGainIsFound: a gain of the size that is said to be found four times out of five is.
func TestDetectableGainIsFound(t *testing.T) {
	for _, d := range []design{{"3 seeds", Accuracy, 3, 400, 0.05, 0.5, 0}, {"5 seeds", Pearson, 5, 200, 0.05, 0.5, 0}} {
		mean := func(gain float64, studies int) float64 {
			d.gain = gain
			sum := 0.0
			for _, o := range d.simulate(t, studies) {
				sum += o.gain / float64(studies)
			}
			return sum
		}
		// The detectable gain rests on the estimated error: that of the mean variance is meant here.
		var seeds, examples float64
		none := d.simulate(t, 400)
		for _, o := range none {
			seeds += o.error.Seeds * o.error.Seeds / 400
			examples += o.error.Examples * o.error.Examples / 400
		}
		e := none[0].error
		e.Seeds, e.Examples, e.Total = math.Sqrt(seeds), math.Sqrt(examples), math.Sqrt(seeds+examples)
		want := e.detectable(Level)
		low, high := 0.0, 2.0 // of the skill
		for range 8 {
			if middle := (low + high) / 2; mean(middle, 200) < want {
				low = middle
			} else {
				high = middle
			}
		}
		d.gain = (low + high) / 2
		found := 0
		for _, o := range d.simulate(t, 1000) {
			if o.error.p(o.gain) <= Level {
				found++
			}
		}
		if power := float64(found) / 1000; power < 0.75 || power > 0.9 {
			t.Errorf("%s: a gain of %.3f is found in %.3f of the studies, want 0.8", d.name, want, power)
		}
	}
}

// TestBootstrapPercentilesUndercover is why they are no interval of the gain: where seeds
// decide, those of three hold the true gain in about three quarters of the studies.
func TestBootstrapPercentilesUndercover(t *testing.T) {
	d := design{"", Accuracy, 3, 200, 0.4, 0.3, 0}
	const studies = 400
	covered := 0
	for k := range studies {
		p := d.pair(rand.New(rand.NewPCG(uint64(k), 78)))
		b := bootstrap(newSeries(p, slices.Concat(p.Direct, p.Arm)), 300, 1)
		if b.Low <= 0 && 0 <= b.High {
			covered++
		}
	}
	if coverage := float64(covered) / studies; coverage < 0.65 || coverage > 0.85 {
		t.Errorf("percentiles hold the true gain in %.3f of the studies, expected about 0.75", coverage)
	}
}
