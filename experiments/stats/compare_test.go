package stats

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
)

var metrics = []Metric{Accuracy, MacroF1, Pearson, Spearman}

// random returns a pair of a design in which everything varies.
func random(m Metric, seeds, examples int, seed uint64) Pair {
	return design{"", m, seeds, examples, 0.2, 0.5, 0.2}.pair(rand.New(rand.NewPCG(seed, 5)))
}

// TestCompareDoesNotDependOnTheMachine: the same bits from one core and several, other ones from another seed.
func TestCompareDoesNotDependOnTheMachine(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, m := range metrics {
		p := random(m, 3, 60, 2)
		var texts []string
		for _, cores := range []int{1, 2, 7} {
			runtime.GOMAXPROCS(cores)
			c, err := Compare(p, Options{Resamples: 500, Permutations: 300})
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(c)
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, string(text))
		}
		if texts[0] != texts[1] || texts[0] != texts[2] {
			t.Errorf("%s: another outcome on another number of cores:\n%s", m, strings.Join(texts, "\n"))
		}
		a, _ := Compare(p, Options{Resamples: 500})
		b, _ := Compare(p, Options{Resamples: 500, Seed: 1})
		if reflect.DeepEqual(a.Bootstrap, b.Bootstrap) {
			t.Errorf("%s: another seed draws the same", m)
		}
	}
}

func TestJoin(t *testing.T) {
	for _, c := range []struct {
		both, example, flip float64
		seeds               int
		want                float64
	}{
		{0.01, 0.02, 0.25, 3, 0.02}, // three seeds can show no more: they agree
		{0.01, 0.02, 0.5, 3, 0.5},   // they disagree
		{0.04, 0.02, 0.03, 8, 0.04},
		{0.01, 0.02, 0.06, 8, 0.06},
	} {
		if got := (Tests{Example: c.example, SignFlip: c.flip}).join(c.both, c.seeds); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestJudge(t *testing.T) {
	with := func(p, gain float64) *Comparison {
		return &Comparison{Gain: gain, Error: &Error{Seeds: 0.01, Examples: 0.01, Total: math.Sqrt(2e-4), seedDF: 2, exampleDF: 99}, Tests: Tests{Joint: &p}}
	}
	family := []*Comparison{with(0.001, 0.3), with(0.02, -0.2), with(0.04, 0.1), {Gain: 1}}
	Judge(family)
	if got := []Verdict{family[0].Verdict, family[1].Verdict, family[2].Verdict, family[3].Verdict}; !slices.Equal(got, []Verdict{Positive, Negative, Positive, NotShown}) {
		t.Errorf("verdicts %v", got)
	}
	if *family[0].Adjusted != 0.003 || *family[1].Adjusted != 0.04 || *family[2].Adjusted != 0.04 || family[3].Adjusted != nil {
		t.Errorf("adjusted %v %v %v", *family[0].Adjusted, *family[1].Adjusted, *family[2].Adjusted)
	}
	alone := family[0].Error.detectable(Level)
	if d := *family[0].DetectableInFamily; d <= *alone || family[3].DetectableInFamily != nil {
		t.Errorf("detectable in the family %v, alone %v: want more", d, alone)
	}
}

func TestCompareErrors(t *testing.T) {
	good := func() Pair {
		return Pair{Metric: Accuracy, Classes: 2, Gold: []float64{0, 1}, Direct: [][]float64{{0, 1}}, Arm: [][]float64{{1, 1}}}
	}
	if _, err := Compare(good(), Options{}); err != nil {
		t.Fatal(err)
	}
	for says, change := range map[string]func(p *Pair, o *Options){
		`found metric "x"`:                                                    func(p *Pair, _ *Options) { p.Metric = "x" },
		"found no examples":                                                   func(p *Pair, _ *Options) { p.Gold = nil },
		"found 1 seeds of direct and 0":                                       func(p *Pair, _ *Options) { p.Arm = nil },
		"expected the same number from 1 to":                                  func(p *Pair, _ *Options) { p.Direct, p.Arm = nil, nil },
		"found 0 classes":                                                     func(p *Pair, _ *Options) { p.Classes = 0 },
		"arm, seed 0 has 1 examples":                                          func(p *Pair, _ *Options) { p.Arm[0] = p.Arm[0][:1] },
		"gold, example 1 is 2":                                                func(p *Pair, _ *Options) { p.Gold[1] = 2 },
		"direct, seed 0, example 0 is 0.5":                                    func(p *Pair, _ *Options) { p.Direct[0][0] = 0.5 },
		"example 1 is NaN":                                                    func(p *Pair, _ *Options) { p.Metric, p.Arm[0][1] = Pearson, math.NaN() },
		"found -1 resamples":                                                  func(_ *Pair, o *Options) { o.Resamples = -1 },
		"-2 permutations":                                                     func(_ *Pair, o *Options) { o.Permutations = -2 },
		"found 26 seeds of direct":                                            func(p *Pair, _ *Options) { p.Direct, p.Arm = make([][]float64, 26), make([][]float64, 26) },
		"direct, seed 0 has 3 examples, expected 2":                           func(p *Pair, _ *Options) { p.Direct[0] = []float64{0, 1, 1} },
		"arm, seed 0, example 0 is -1, expected a class from 0 to 1":          func(p *Pair, _ *Options) { p.Arm[0][0] = -1 },
		"gold, example 0 is +Inf, expected a finite number":                   func(p *Pair, _ *Options) { p.Metric, p.Gold[0] = Spearman, math.Inf(1) },
		"arm, seed 0, example 1 is NaN, expected a class":                     func(p *Pair, _ *Options) { p.Arm[0][1] = math.NaN() },
		"found metric \"\", expected accuracy, macro_f1, pearson or spearman": func(p *Pair, _ *Options) { p.Metric = "" },
	} {
		p, o := good(), Options{Resamples: 10}
		change(&p, &o)
		if _, err := Compare(p, o); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v, want one that says %q", err, says)
		}
	}
}

// TestFailedSeeds are those that learned nothing, by the measure of each metric.
func TestFailedSeeds(t *testing.T) {
	classes := Pair{Classes: 3, Gold: []float64{0, 0, 0, 1, 1, 2}}
	scores := Pair{Gold: []float64{1, 2, 3, 4, 5, 6}}
	for _, c := range []struct {
		metric Metric
		pair   Pair
		rows   [][]float64
		want   []int
	}{
		{Accuracy, classes, [][]float64{{0, 0, 0, 0, 0, 0}, {0, 0, 0, 1, 0, 0}, {2, 2, 2, 1, 1, 2}, {1, 1, 1, 1, 1, 1}}, []int{0, 2, 3}},
		// Always 0 has F1 2/3 of one class of three; the third row 2/3 of class 1, that is as much.
		{MacroF1, classes, [][]float64{{0, 0, 0, 0, 0, 0}, {0, 0, 0, 1, 0, 0}, {2, 1, 1, 1, 1, 0}, {2, 2, 2, 0, 0, 1}}, []int{0, 2, 3}},
		{Pearson, scores, [][]float64{{7, 7, 7, 7, 7, 7}, {1, 2, 3, 4, 5, 7}, {6, 5, 4, 3, 2, 1}}, []int{0, 2}},
		{Spearman, scores, [][]float64{{1e-9, 0, 0, 0, 0, 0}, {0, 0, 0, 0, 0, 1e-9}}, []int{0}},
	} {
		p := c.pair
		p.Metric, p.Arm = c.metric, c.rows
		for range c.rows {
			p.Direct = append(p.Direct, p.Gold)
		}
		got, err := Compare(p, Options{Resamples: 1, Permutations: 1})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got.ArmFailed, c.want) || len(got.DirectFailed) != 0 {
			t.Errorf("%s: failed %v and, of perfect models, %v; want %v and none. Scores %v", c.metric, got.ArmFailed, got.DirectFailed, c.want, got.Arm)
		}
		if len(got.Gains) != len(c.rows) || math.Abs(Mean(got.Gains)-got.Gain) > 1e-15 {
			t.Errorf("%s: seeds that failed must count: gain %v of %v", c.metric, got.Gain, got.Gains)
		}
	}
}

// TestSameAnswers: where all models answer alike there is no gain, and no saying what could have been found.
func TestSameAnswers(t *testing.T) {
	for _, m := range metrics {
		p := random(m, 3, 30, 4)
		p.Direct = p.Arm
		c, err := Compare(p, Options{Resamples: 50, Permutations: 50})
		if err != nil {
			t.Fatal(err)
		}
		if c.Gain != 0 || *c.Interval95 != (Interval{}) || *c.Tests.Joint != 1 || *c.Adjusted != 1 || c.Verdict != NotShown || c.Detectable != nil || c.DetectableInFamily != nil {
			t.Errorf("%s: %+v", m, c)
		}
		Judge([]*Comparison{&c, &c}) // as members of a family
		if c.Verdict != NotShown || c.DetectableInFamily != nil {
			t.Errorf("%s: %+v", m, c)
		}
	}
}

// extremes are what answers may be at worst.
var extremes = []float64{0, 1, -1, 0.5, math.Copysign(0, -1), 5e-324, -1e-310, 1e16, 1e16 + 2, math.MaxFloat64, -math.MaxFloat64, 1 + 1e-15}

// FuzzCompare: whatever the answers are, probabilities and intervals are what they should be, and can be
// written as JSON.
func FuzzCompare(f *testing.F) {
	f.Add(uint64(1), byte(0), byte(3), []byte{0, 1, 2, 1, 0, 2, 1, 1})
	f.Add(uint64(2), byte(2), byte(2), []byte{9, 9, 9, 9, 9})
	f.Add(uint64(3), byte(3), byte(1), []byte{1})
	f.Add(uint64(4), byte(2), byte(4), []byte{0, 9, 10, 5, 7, 8, 11, 3})
	f.Add(uint64(5), byte(1), byte(2), []byte{0, 0, 0, 0, 0, 2})
	f.Fuzz(func(t *testing.T, seed uint64, metric, seeds byte, gold []byte) {
		if len(gold) == 0 || len(gold) > 60 {
			return
		}
		r := rand.New(rand.NewPCG(seed, 1))
		p := Pair{Metric: metrics[int(metric)%len(metrics)], Classes: 3}
		value := func(k int) float64 {
			if p.Metric.classes() {
				return float64(k % 3)
			}
			return extremes[k%len(extremes)]
		}
		for _, g := range gold {
			p.Gold = append(p.Gold, value(int(g)))
		}
		for range seeds%5 + 1 {
			answer := func() (row []float64) {
				kind := r.IntN(4)
				for i := range gold {
					row = append(row, []float64{p.Gold[i], value(r.IntN(100)), value(kind)}[r.IntN(kind+1)%3])
				}
				return row
			}
			p.Direct, p.Arm = append(p.Direct, answer()), append(p.Arm, answer())
		}
		c, err := Compare(p, Options{Seed: seed, Resamples: 20, Permutations: 20})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := json.Marshal(c); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
		in01 := func(what string, v *float64) {
			if v != nil && !(*v >= 0 && *v <= 1) {
				t.Errorf("%s is %v", what, *v)
			}
		}
		in01("example p", &c.Tests.Example)
		in01("sign-flip p", &c.Tests.SignFlip)
		in01("p", c.Tests.SeedsAndExamples)
		in01("joint p", c.Tests.Joint)
		in01("adjusted p", c.Adjusted)
		in01("share above", &c.Bootstrap.Above)
		for s, score := range slices.Concat(c.Direct, c.Arm) {
			if !(math.Abs(score) <= 1) {
				t.Errorf("score %d is %v", s, score)
			}
		}
		if tests := c.Tests; tests.Joint != nil && (*tests.Joint < *tests.SeedsAndExamples || *tests.Joint < tests.Example) {
			t.Errorf("the joint p-value is less than a part: %+v", tests)
		}
		if i := c.Interval95; i != nil && !(i.Low <= c.Gain && c.Gain <= i.High) {
			t.Errorf("gain %v outside of %+v", c.Gain, *i)
		}
		if shown := c.Adjusted != nil && *c.Adjusted <= Level && c.Gain != 0; shown != (c.Verdict != NotShown) {
			t.Errorf("verdict %q of %+v", c.Verdict, c)
		}
		if b := c.Bootstrap; !(b.Low <= b.High && b.Deviation >= 0) || c.Detectable != nil && !(*c.Detectable > 0) {
			t.Errorf("%+v, detectable %v", b, c.Detectable)
		}
	})
}

func BenchmarkCompare(b *testing.B) {
	for _, m := range metrics {
		b.Run(string(m), func(b *testing.B) {
			p := random(m, 3, 500, 1)
			for b.Loop() {
				if _, err := Compare(p, Options{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(10000*float64(b.N)/b.Elapsed().Seconds(), "resamples/s")
		})
	}
}
