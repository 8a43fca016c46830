package stats

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
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

// outcome is what a simulated study says of the gain: what Compare says, without the bootstrap, which
// decides nothing and would take most of the time.
type outcome struct {
	gain     float64
	interval Interval
	p        float64 // joint
	error    Error
}

// permutations are few, to be quick. The p-value of a test is exact with any number of them.
const permutations = 199

func (d design) judge(p Pair, seed uint64) (outcome, error) {
	answers := newSeries(p, slices.Concat(p.Direct, p.Arm))
	scores := answers.scores()
	var gains []float64
	for s := range d.seeds {
		gains = append(gains, scores[d.seeds+s]-scores[s])
	}
	e, ok := components(gains, answers)
	if !ok {
		return outcome{}, errors.New("no standard error")
	}
	o := outcome{gain: Mean(gains), error: e}
	o.interval = e.interval95(o.gain)
	both := e.p(o.gain)
	flip, err := SignFlipP(gains)
	if err != nil {
		return outcome{}, err
	}
	tests := Tests{SignFlip: flip}
	if both <= Level { // else it makes no difference to what is claimed
		tests.Example = exampleP(p, Options{Seed: seed, Permutations: permutations})
	}
	o.p = tests.join(both, d.seeds)
	return o, nil
}

// simulate judges studies of a design. Each has its own random numbers, so that it does not matter
// which core judges which.
func (d design) simulate(t *testing.T, studies int) []outcome {
	t.Helper()
	name := fnv.New64()
	fmt.Fprintf(name, "%s %s %d %d %v %v", d.name, d.metric, d.seeds, d.examples, d.seedDeviation, d.exampleShare)
	out, errs := make([]outcome, studies), make([]error, studies)
	inParallel(studies, func(from, to int) {
		for k := from; k < to; k++ {
			out[k], errs[k] = d.judge(d.pair(rand.New(rand.NewPCG(uint64(k), name.Sum64()))), uint64(k))
		}
	})
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestSimulationIsCompare: what the simulations judge by is what Compare says.
func TestSimulationIsCompare(t *testing.T) {
	claims := 0
	for _, m := range metrics {
		for k := range uint64(20) {
			d := design{"", m, 3, 80, 0.05, 0.5, float64(k) / 20}
			p := d.pair(rand.New(rand.NewPCG(k, 2)))
			o, err := d.judge(p, k)
			if err != nil {
				t.Fatal(err)
			}
			c, err := Compare(p, Options{Seed: k, Resamples: 1, Permutations: permutations})
			if err != nil {
				t.Fatal(err)
			}
			claimed := c.Verdict != NotShown
			if o.gain != c.Gain || o.interval != *c.Interval95 || o.error != *c.Error || (o.p <= Level) != claimed || claimed && o.p != *c.Tests.Joint {
				t.Errorf("%s: simulated %+v, compared %+v", m, o, c)
			}
			if claimed {
				claims++
			}
		}
	}
	if claims < 20 || claims > 60 {
		t.Errorf("%d of 80 gains are claimed: too few to compare, or too few that are not", claims)
	}
}

// TestIntervalsCover simulates 2,000 studies of several kinds and counts how often the interval has
// the true gain, and how often a gain is claimed where there is none.
//
// A share of 5 % of 2,000 has a standard error of 0.5 %, which is what the shares may lie beside their
// bounds. Study after study the same numbers are drawn, so the test passes always or never.
func TestIntervalsCover(t *testing.T) {
	const (
		studies = 2000
		noise   = 0.005
	)
	for _, d := range []design{
		{"examples decide", Accuracy, 3, 200, 0.01, 1, 0},
		{"seeds decide", Accuracy, 3, 400, 0.4, 0.3, 0},
		{"both", Accuracy, 3, 400, 0.08, 0.5, 0},
		{"their interaction alone", Accuracy, 3, 400, 0, 0, 0},
		{"few examples", Accuracy, 3, 50, 0.08, 0.5, 0},
		{"both", Accuracy, 5, 300, 0.1, 0.5, 0},
		{"a gain", Accuracy, 3, 400, 0.08, 0.5, 0.3},
		{"examples decide", MacroF1, 5, 200, 0.01, 1, 0},
		{"seeds decide", MacroF1, 3, 200, 0.4, 0.3, 0},
		{"both", MacroF1, 3, 300, 0.08, 0.5, 0},
		{"few examples", MacroF1, 3, 50, 0.08, 0.5, 0},
		{"a gain", MacroF1, 5, 300, 0.1, 0.5, 0.3},
		{"examples decide", Pearson, 3, 300, 0.01, 0.7, 0},
		{"seeds decide", Pearson, 5, 200, 0.4, 0.3, 0},
		{"both", Pearson, 3, 500, 0.06, 0.5, 0},
		{"few examples", Pearson, 3, 50, 0.06, 0.5, 0},
		{"a gain", Pearson, 5, 300, 0.06, 0.5, 0.3},
		{"examples decide", Spearman, 5, 100, 0.01, 0.7, 0},
		{"both", Spearman, 3, 200, 0.06, 0.5, 0},
		{"a gain", Spearman, 3, 200, 0.2, 0.5, 0.3},
	} {
		t.Run(fmt.Sprintf("%s, %d seeds, %d examples, %s", d.metric, d.seeds, d.examples, d.name), func(t *testing.T) {
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

// TestFamilyClaimsNothing: of comparisons without any effect, judged together, one is claimed in at most
// 5 % of studies.
func TestFamilyClaimsNothing(t *testing.T) {
	for _, c := range []struct {
		design
		members, families int
	}{
		{design{"family", Accuracy, 3, 200, 0.1, 0.5, 0}, 6, 1000},
		{design{"family", Accuracy, 3, 100, 0.5, 0.5, 0}, 12, 1000}, // seeds decide: the far tail of Student's t
		{design{"family", Pearson, 5, 60, 0.01, 1, 0}, 6, 1000},     // examples decide, and they are few
	} {
		t.Run(fmt.Sprintf("%d of %s", c.members, c.metric), func(t *testing.T) {
			outcomes := c.simulate(t, c.members*c.families)
			claimed := 0
			for f := range c.families {
				var p []float64
				for _, o := range outcomes[f*c.members:][:c.members] {
					p = append(p, o.p)
				}
				if slices.Min(Holm(p)) <= Level {
					claimed++
				}
			}
			level := float64(claimed) / float64(c.families)
			t.Logf("claims %.4f", level)
			if level > Level+0.007 { // one standard error
				t.Errorf("a gain is claimed in %.4f of the families without one, want at most 0.05", level)
			}
		})
	}
}

// TestDetectableGainIsFound: a gain of the size that is said to be found four times out of five is.
func TestDetectableGainIsFound(t *testing.T) {
	for _, d := range []design{
		{"seeds and examples", Accuracy, 3, 400, 0.05, 0.5, 0},
		{"seeds decide", Accuracy, 3, 800, 0.1, 0.5, 0},
		{"examples decide", Accuracy, 3, 300, 0, 1, 0},
		{"seeds and examples", Pearson, 5, 200, 0.05, 0.5, 0},
		{"seeds and examples", MacroF1, 5, 200, 0.1, 0.5, 0},
	} {
		// The detectable gain rests on the estimated error: that of the mean variance is meant here, at the
		// gain itself, because scores vary less the better they are.
		at := func(studies int) (gain, detectable float64) {
			var seeds, examples float64
			outcomes := d.simulate(t, studies)
			for _, o := range outcomes {
				gain += o.gain / float64(studies)
				seeds += o.error.Seeds * o.error.Seeds / float64(studies)
				examples += o.error.Examples * o.error.Examples / float64(studies)
			}
			e := outcomes[0].error
			e.Seeds, e.Examples, e.Total = math.Sqrt(seeds), math.Sqrt(examples), math.Sqrt(seeds+examples)
			return gain, *e.detectable(Level)
		}
		low, high := 0.0, 2.0 // of the skill
		for range 8 {
			d.gain = (low + high) / 2
			if gain, detectable := at(200); gain < detectable {
				low = d.gain
			} else {
				high = d.gain
			}
		}
		gain, detectable := at(1000)
		d.gain *= detectable / gain // what so few studies left to mend
		gain, detectable = at(1000)
		if math.Abs(gain/detectable-1) > 0.02 {
			t.Fatalf("%s, %s: gain %v, detectable %v", d.metric, d.name, gain, detectable)
		}
		found := 0
		for _, o := range d.simulate(t, 1000) {
			if o.p <= Level {
				found++
			}
		}
		share := float64(found) / 1000
		t.Logf("%s, %s: a gain of %.3f (detectable %.3f) is found in %.3f of the studies", d.metric, d.name, gain, detectable, share)
		if share < 0.75 || share > 0.85 {
			t.Errorf("%s, %s: a gain of %.3f is found in %.3f of the studies, want about 0.8", d.metric, d.name, gain, share)
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
