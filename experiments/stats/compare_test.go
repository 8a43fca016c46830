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

	"gonum.org/v1/gonum/stat/distuv"
)

var metrics = []Metric{Accuracy, MacroF1, Pearson, Spearman}

// random returns a pair of a design in which everything varies.
func random(m Metric, seeds, examples int, seed uint64) Pair {
	return design{"", m, seeds, examples, 0.2, 0.5, 0.2}.pair(rand.New(rand.NewPCG(seed, 5)))
}

// TestMcNemar: by hand, and against the exact binomial test with one seed.
func TestMcNemar(t *testing.T) {
	balance := func(up, down, same int) (list []int) {
		for range up {
			list = append(list, 1)
		}
		for range down {
			list = append(list, -1)
		}
		return append(list, make([]int, same)...)
	}
	for _, c := range []struct {
		balance []int
		want    float64
	}{
		{nil, 1}, {balance(5, 5, 3), 1}, {balance(8, 2, 0), 0.109375}, {balance(0, 6, 9), 0.03125},
		{[]int{2, 1}, 0.5},        // of ±2 ±1 half reach 3
		{[]int{3, -1, 1}, 0.75},   // ±3 ±1 ±1: all but 1, 1 of 8 reach 3
		{[]int{2, 2, -1}, 0.5},    // of ±2 ±2 ±1 half reach 3: 5, 3 and their negatives
		{[]int{-2, -2, -2}, 0.25}, // all alike
		{[]int{0, 0}, 1},          // nothing differs
	} {
		if p := McNemarP(c.balance); math.Abs(p-c.want) > 1e-12 {
			t.Errorf("%v: p-value %v, want %v", c.balance, p, c.want)
		}
	}
	for _, c := range [][2]int{{40, 20}, {3, 11}, {100, 101}} {
		want := min(1, 2*distuv.Binomial{N: float64(c[0] + c[1]), P: 0.5}.CDF(float64(min(c[0], c[1]))))
		if p := McNemarP(balance(c[0], c[1], 7)); math.Abs(p-want) > 1e-10 {
			t.Errorf("%v: p-value %v, want %v", c, p, want)
		}
	}
}

// TestPermutationsAgainstAll compares the share of random swaps with that of all of them.
func TestPermutationsAgainstAll(t *testing.T) {
	for _, m := range []Metric{MacroF1, Pearson, Spearman} {
		p := random(m, 2, 9, 3)
		swapped := newSwapper(p)
		gain := func(swap uint64) float64 { return math.Abs(swapped([]uint64{swap})) }
		extreme := 0
		for swap := range uint64(1) << 9 {
			if gain(swap) >= gain(0)-1e-12 {
				extreme++
			}
		}
		want := float64(extreme) / (1 << 9)
		if got := swapP(p, Options{Permutations: 40000}); math.Abs(got-want) > 0.01 {
			t.Errorf("%s: p-value %v, of all swaps %v", m, got, want)
		}
		// Without a swap it is the gain itself: for Spearman of ranks, for others of the answers.
		observed := 0.0
		scores := newSeries(p, slices.Concat(p.Direct, p.Arm)).scores()
		for s := range p.Arm {
			observed += (scores[len(p.Arm)+s] - scores[s]) / float64(len(p.Arm))
		}
		if math.Abs(gain(0)-math.Abs(observed)) > 1e-12 {
			t.Errorf("%s: gain %v, want %v", m, gain(0), observed)
		}
	}
}

// TestInfluences compares them with finite differences of the score by an example's weight.
func TestInfluences(t *testing.T) {
	for _, m := range metrics {
		p := random(m, 2, 30, 8)
		p.Arm[0][3], p.Arm[0][4] = p.Arm[0][5], p.Arm[0][5] // equal answers
		s := newSeries(p, p.Arm)
		room, n := newScratch(s), len(p.Gold)
		influences := s.influences()
		// An example is drawn once more, or less, than the thousand times that all others are.
		const times = 1000
		score := func(example int, step int32) []float64 {
			var over sample
			for i := range int32(n) {
				often := int32(times)
				if int(i) == example {
					often += step
				}
				over.times = append(over.times, often)
				over.drawn = append(over.drawn, slices.Repeat([]int32{i}, int(often))...)
			}
			out := make([]float64, len(p.Arm))
			s.score(over, out, room)
			return out
		}
		for i := range n {
			up, down := score(i, 1), score(i, -1)
			for k := range p.Arm {
				// By the share of the weight: an example's part of n.
				slope := (up[k] - down[k]) / 2 * times * float64(n)
				if got := influences[k][i]; math.Abs(got-slope) > 1e-4*max(1, math.Abs(slope)) {
					t.Errorf("%s: influence of example %d on seed %d is %v, finite differences give %v", m, i, k, got, slope)
				}
			}
		}
		for k, row := range influences {
			if math.Abs(Mean(row)) > 1e-12 {
				t.Errorf("%s: the influences of seed %d have the mean %v, want 0", m, k, Mean(row))
			}
		}
	}
}

// TestComponentsByHand: gains of two seeds, and residues that are common to both or not.
func TestComponentsByHand(t *testing.T) {
	// Gains 0.1 and 0.3: standard deviation √0.02, over 2 seeds an error of 0.1.
	e := errorOf([]float64{0.1, 0.3}, [][]float64{{1, -1, 1, -1}, {1, -1, 1, -1}})
	// Residues agree: nothing is of both; variance over examples 4/3, of the mean 1/3.
	if math.Abs(e.Seeds-0.1) > 1e-12 || math.Abs(e.Examples-math.Sqrt(1./3)) > 1e-12 || e.seedDF != 1 || e.exampleDF != 3 {
		t.Errorf("%+v", e)
	}
	// Residues are opposite: all is of both, and that is within the seeds' part.
	if e := errorOf([]float64{0.1, 0.3}, [][]float64{{1, -1, 1, -1}, {-1, 1, -1, 1}}); e.Examples != 0 || e.Total != e.Seeds {
		t.Errorf("%+v", e)
	}
	// Where one part is 0 the interval is Student's.
	for _, c := range []struct {
		e  Error
		df float64
	}{{Error{Seeds: 1, Total: 1, seedDF: 2, exampleDF: 99}, 2}, {Error{Examples: 1, Total: 1, seedDF: 2, exampleDF: 99}, 99}} {
		half := distuv.StudentsT{Sigma: 1, Nu: c.df}.Quantile(0.975)
		if got := c.e.interval95(5); math.Abs(got.Low-5+half) > 1e-9 || math.Abs(got.High-5-half) > 1e-9 {
			t.Errorf("%v degrees of freedom: %+v, want 5 ± %v", c.df, got, half)
		}
	}
	// And the p-value over seeds alone is Student's, far into the tail.
	e = Error{Seeds: 1, Total: 1, seedDF: 2, exampleDF: 99}
	for _, gain := range []float64{0.5, 4.3, 100, 1e4} {
		want := 2 * distuv.StudentsT{Sigma: 1, Nu: 2}.CDF(-gain)
		if p := e.p(gain); math.Abs(p-want) > 1e-6*want {
			t.Errorf("gain %v: p-value %v, Student's %v", gain, p, want)
		}
	}
	if p := e.p(0); p != 1 {
		t.Errorf("p-value of no gain: %v", p)
	}
}

// TestBehrensFisher compares the p-value with a simulation of t and z.
func TestBehrensFisher(t *testing.T) {
	e := Error{Seeds: 0.6, Examples: 0.8, Total: 1, seedDF: 2, exampleDF: 1e6}
	r := rand.New(rand.NewPCG(4, 4))
	const draws = 400000
	const gain = 2.1
	extreme := 0
	for range draws {
		a, b := r.NormFloat64(), r.NormFloat64()
		tt := r.NormFloat64() / math.Sqrt((a*a+b*b)/2)
		if math.Abs(e.Seeds*tt+e.Examples*r.NormFloat64()) >= gain {
			extreme++
		}
	}
	if p, want := e.p(gain), float64(extreme)/draws; math.Abs(p-want) > 0.002 {
		t.Errorf("p-value %v, simulated %v", p, want)
	}
}

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
	if d := *family[0].DetectableInFamily; d <= alone || family[3].DetectableInFamily != nil {
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
		`found metric "x"`:                   func(p *Pair, _ *Options) { p.Metric = "x" },
		"found no examples":                  func(p *Pair, _ *Options) { p.Gold = nil },
		"found 1 seeds of direct and 0":      func(p *Pair, _ *Options) { p.Arm = nil },
		"expected the same number from 1 to": func(p *Pair, _ *Options) { p.Direct, p.Arm = nil, nil },
		"found 0 classes":                    func(p *Pair, _ *Options) { p.Classes = 0 },
		"arm, seed 0 has 1 examples":         func(p *Pair, _ *Options) { p.Arm[0] = p.Arm[0][:1] },
		"gold, example 1 is 2":               func(p *Pair, _ *Options) { p.Gold[1] = 2 },
		"direct, seed 0, example 0 is 0.5":   func(p *Pair, _ *Options) { p.Direct[0][0] = 0.5 },
		"example 1 is NaN":                   func(p *Pair, _ *Options) { p.Metric, p.Arm[0][1] = Pearson, math.NaN() },
		"found -1 resamples":                 func(_ *Pair, o *Options) { o.Resamples = -1 },
	} {
		p, o := good(), Options{Resamples: 10}
		change(&p, &o)
		if _, err := Compare(p, o); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v, want one that says %q", err, says)
		}
	}
}

// FuzzCompare: whatever the answers are, probabilities and intervals are what they should be.
func FuzzCompare(f *testing.F) {
	f.Add(uint64(1), byte(0), byte(3), []byte{0, 1, 2, 1, 0, 2, 1, 1})
	f.Add(uint64(2), byte(2), byte(2), []byte{9, 9, 9, 9, 9})
	f.Add(uint64(3), byte(3), byte(1), []byte{1})
	f.Fuzz(func(t *testing.T, seed uint64, metric, seeds byte, gold []byte) {
		if len(gold) == 0 || len(gold) > 60 {
			return
		}
		r := rand.New(rand.NewPCG(seed, 1))
		p := Pair{Metric: metrics[int(metric)%len(metrics)], Classes: 3}
		for _, g := range gold {
			p.Gold = append(p.Gold, float64(g%3))
		}
		for range seeds%5 + 1 {
			answer := func() (row []float64) {
				for i := range gold {
					row = append(row, []float64{p.Gold[i], float64(r.IntN(3)), 0}[r.IntN(3)])
				}
				return row
			}
			p.Direct, p.Arm = append(p.Direct, answer()), append(p.Arm, answer())
		}
		c, err := Compare(p, Options{Resamples: 20, Permutations: 20})
		if err != nil {
			t.Fatal(err)
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
		if i := c.Interval95; i != nil && !(i.Low <= c.Gain && c.Gain <= i.High) {
			t.Errorf("gain %v outside of %+v", c.Gain, *i)
		}
		if c.Bootstrap.Low > c.Bootstrap.High || c.Detectable != nil && !(*c.Detectable >= 0) {
			t.Errorf("%+v, detectable %v", c.Bootstrap, c.Detectable)
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
