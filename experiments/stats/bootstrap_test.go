package stats

import (
	"math"
	"slices"
	"testing"
)

// TestBootstrapDeviation: with one example answered alike by all it is that of seeds drawn
// anew, with one seed that of examples.
func TestBootstrapDeviation(t *testing.T) {
	one := random(Accuracy, 1, 200, 6)
	c, err := Compare(one, Options{})
	if err != nil {
		t.Fatal(err)
	}
	squares := 0.0
	for i, gold := range one.Gold {
		d := 0.0
		if one.Arm[0][i] == gold {
			d++
		}
		if one.Direct[0][i] == gold {
			d--
		}
		squares += (d - c.Gain) * (d - c.Gain)
	}
	if want := math.Sqrt(squares) / 200; math.Abs(c.Bootstrap.Deviation-want) > 0.03*want || c.Bootstrap.Resamples != 10000 {
		t.Errorf("deviation %v of %d resamples, want %v of 10000", c.Bootstrap.Deviation, c.Bootstrap.Resamples, want)
	}
	if c.Interval95 != nil || c.Tests.Joint != nil || c.Verdict != NotShown {
		t.Errorf("one seed tells nothing of others: %+v", c)
	}
	// Seeds that answer all examples right or all wrong: gains 1, 0, 0.
	seeds := Pair{Metric: Accuracy, Classes: 2, Gold: make([]float64, 50)}
	ones := slices.Repeat([]float64{1}, 50)
	seeds.Direct = [][]float64{ones, ones, ones}
	seeds.Arm = [][]float64{make([]float64, 50), ones, ones}
	if c, err = Compare(seeds, Options{}); err != nil {
		t.Fatal(err)
	}
	if want := math.Sqrt(2./9) / math.Sqrt(3); math.Abs(c.Bootstrap.Deviation-want) > 0.02*want || c.Bootstrap.Low != 0 || c.Bootstrap.High != 1 {
		t.Errorf("bootstrap %+v, want a deviation of %v", c.Bootstrap, want)
	}
	if !slices.Equal(c.DirectFailed, []int{0, 1, 2}) || !slices.Equal(c.ArmFailed, []int{0, 1, 2}) { // always saying 0 is as good
		t.Errorf("failed %v and %v", c.DirectFailed, c.ArmFailed)
	}
}

// TestBootstrapOfATable: for accuracy the variance over all draws of seeds and examples is known. With
// the table of differences split into mean, rows r, columns c and the rest e, it is
// Σr²/S² + Σc²/N² + Σe²/(SN)².
func TestBootstrapOfATable(t *testing.T) {
	for _, d := range []design{{"", Accuracy, 3, 40, 0.3, 0.5, 0}, {"", Accuracy, 5, 100, 0, 0.5, 0.4}} {
		p := random(Accuracy, d.seeds, d.examples, 11)
		S, N := float64(d.seeds), float64(d.examples)
		table := make([][]float64, d.seeds)
		rows, columns, mean := make([]float64, d.seeds), make([]float64, d.examples), 0.0
		for s := range table {
			table[s] = make([]float64, d.examples)
			for i, gold := range p.Gold {
				if p.Arm[s][i] == gold {
					table[s][i]++
				}
				if p.Direct[s][i] == gold {
					table[s][i]--
				}
				rows[s] += table[s][i] / N
				columns[i] += table[s][i] / S
				mean += table[s][i] / (S * N)
			}
		}
		var variance float64
		for s, r := range rows {
			variance += (r - mean) * (r - mean) / (S * S)
			for i, c := range columns {
				e := table[s][i] - r - c + mean
				variance += e * e / (S * N * S * N)
			}
		}
		for _, c := range columns {
			variance += (c - mean) * (c - mean) / (N * N)
		}
		const resamples = 10000
		got := bootstrap(newSeries(p, slices.Concat(p.Direct, p.Arm)), resamples, 4)
		// The deviation of a deviation is about 1/√(2·resamples) of it.
		if want := math.Sqrt(variance); math.Abs(got.Deviation/want-1) > 4/math.Sqrt(2*resamples) {
			t.Errorf("%d seeds, %d examples: deviation %v, want %v", d.seeds, d.examples, got.Deviation, want)
		}
		if !(got.Low < mean && mean < got.High) || got.Above < 0 || got.Above > 1 {
			t.Errorf("gain %v, bootstrap %+v", mean, got)
		}
	}
}

// TestBootstrapAbove is a share: 1, and not by rounding a little more, if every resample gains.
func TestBootstrapAbove(t *testing.T) {
	p := Pair{Metric: Accuracy, Classes: 2, Gold: []float64{0, 0}, Direct: [][]float64{{1, 1}}, Arm: [][]float64{{0, 0}}}
	for _, resamples := range []int{1, 1000, 10000} {
		got := bootstrap(newSeries(p, slices.Concat(p.Direct, p.Arm)), resamples, 0)
		if want := (Bootstrap{resamples, 0, 1, 1, 1}); got != want {
			t.Errorf("bootstrap %+v, want %+v", got, want)
		}
	}
}

func TestQuantile(t *testing.T) {
	for _, c := range []struct {
		sorted []float64
		q      float64
		want   float64
	}{{[]float64{7}, 0.025, 7}, {[]float64{1, 2}, 0.5, 1.5}, {[]float64{0, 1, 2, 3, 4}, 0.25, 1}, {[]float64{0, 1, 2, 3, 4}, 0.975, 3.9}, {[]float64{0, 4}, 1, 4}} {
		if got := quantile(c.sorted, c.q); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("quantile %v of %v is %v, want %v", c.q, c.sorted, got, c.want)
		}
	}
}

func BenchmarkBootstrap(b *testing.B) {
	for _, m := range metrics {
		b.Run(string(m), func(b *testing.B) {
			p := random(m, 3, 500, 1)
			answers := newSeries(p, slices.Concat(p.Direct, p.Arm))
			for b.Loop() {
				bootstrap(answers, 10000, 0)
			}
			b.ReportMetric(10000*float64(b.N)/b.Elapsed().Seconds(), "resamples/s")
		})
	}
}
