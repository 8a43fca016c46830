package stats

import (
	"math"
	"math/rand/v2"
	"testing"

	"godwit/experiments/metric"
)

// naive scores answers with the package that scores models.
func naive(t *testing.T, m Metric, gold, answers []float64, classes int) float64 {
	t.Helper()
	if !m.classes() {
		scores, err := metric.Regression(gold, answers)
		if err != nil {
			t.Fatal(err)
		}
		r := scores.Pearson
		if m == Spearman {
			r = scores.Spearman
		}
		if math.IsNaN(r) { // undefined counts as 0
			return 0
		}
		return r
	}
	whole := func(x []float64) (out []int) {
		for _, v := range x {
			out = append(out, int(v))
		}
		return out
	}
	scores, err := metric.Classification(whole(gold), whole(answers), classes)
	if err != nil {
		t.Fatal(err)
	}
	if m == MacroF1 {
		return scores.MacroF1
	}
	return scores.Accuracy
}

// TestScoresOfSamples: whatever is drawn, scores are those of the drawn examples written out one after the other.
func TestScoresOfSamples(t *testing.T) {
	for _, m := range metrics {
		for _, c := range []struct{ rows, examples int }{{1, 1}, {2, 2}, {3, 7}, {4, 65}, {5, 300}} {
			p := random(m, c.rows, c.examples, uint64(c.examples))
			if !m.classes() { // equal answers, and a model that always says the same
				for i := range p.Gold {
					p.Gold[i], p.Arm[0][i] = math.Round(2*p.Gold[i]), math.Round(p.Arm[0][i])
				}
				if c.rows > 2 {
					clear(p.Arm[2])
				}
			}
			s := newSeries(p, p.Arm)
			over, out, room := newSample(c.examples), make([]float64, c.rows), newScratch(s)
			numbers := newStream(9, siteBootstrap, c.examples)
			for draw := range 20 {
				if draw > 0 { // the first has each example once
					over.redraw(&numbers)
				}
				s.score(over, out, room)
				for k, row := range p.Arm {
					var gold, answers []float64
					for _, i := range over.drawn {
						gold, answers = append(gold, p.Gold[i]), append(answers, row[i])
					}
					if want := naive(t, m, gold, answers, p.Classes); math.Abs(out[k]-want) > 1e-12 {
						t.Fatalf("%s, %d examples, draw %d, row %d: score %v, want %v", m, c.examples, draw, k, out[k], want)
					}
				}
			}
		}
	}
}

// TestSamplesAreUniform: every example is drawn as often as it should be, and counts agree with the list.
func TestSamplesAreUniform(t *testing.T) {
	const n, draws = 10, 20000
	over := newSample(n)
	total := make([]float64, n)
	for b := range draws {
		numbers := newStream(3, siteBootstrap, b)
		over.redraw(&numbers)
		count := make([]int32, n)
		for _, i := range over.drawn {
			count[i]++
		}
		for i, times := range over.times {
			if times != count[i] {
				t.Fatalf("example %d counts %d times, was drawn %d times", i, times, count[i])
			}
			total[i] += float64(times)
		}
	}
	for i, times := range total { // binomial, with variance draws·(1 - 1/n)
		if math.Abs(times-draws) > 4*math.Sqrt(draws*0.9) {
			t.Errorf("example %d was drawn %v times, want about %d", i, times, draws)
		}
	}
	// Streams of other seeds, sites and resamples have nothing in common.
	seen := map[uint64]bool{}
	for seed := range uint64(4) {
		for _, site := range []int{siteBootstrap, sitePermutation} {
			for index := range 200 {
				numbers := newStream(seed, site, index)
				for range 5 {
					v := numbers.next()
					if seen[v] {
						t.Fatalf("seed %d, site %d, resample %d repeats a number", seed, site, index)
					}
					seen[v] = true
				}
			}
		}
	}
}

// TestCorrelationsOfExtremes: numbers at the edges of float64 neither overflow nor vanish.
func TestCorrelationsOfExtremes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, scale := range []float64{1e-320, 1e-160, 1, 1e200, 1.5e308} {
		p := Pair{Metric: Pearson, Arm: [][]float64{nil}}
		for i := range 6 {
			p.Gold, p.Arm[0] = append(p.Gold, float64(i)), append(p.Arm[0], (float64(i)-2.5)/2.5*scale)
		}
		r.Shuffle(6, func(i, j int) {
			p.Gold[i], p.Gold[j], p.Arm[0][i], p.Arm[0][j] = p.Gold[j], p.Gold[i], p.Arm[0][j], p.Arm[0][i]
		})
		for _, p.Metric = range []Metric{Pearson, Spearman} {
			if got := newSeries(p, p.Arm).scores()[0]; math.Abs(got-1) > 1e-3 { // few bits are left at 1e-320
				t.Errorf("%s at scale %v is %v, want 1", p.Metric, scale, got)
			}
		}
	}
}
