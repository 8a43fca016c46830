package stats

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
)

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
	// Both: means 2 0 -1 -1 with the square sum 6, rest ±1 ∓1 0 0 with the mean square 4/3. Of the variance
	// 2 over examples 2/3 is of the rest, which leaves 4/3, of the mean 1/3.
	if e := errorOf([]float64{0, 0.2}, [][]float64{{3, -1, -1, -1}, {1, 1, -1, -1}}); math.Abs(e.Examples-math.Sqrt(1./3)) > 1e-12 || math.Abs(e.Total-math.Sqrt(1./3+0.01)) > 1e-12 {
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

// TestErrorOfEqualGains: gains that are equal by chance leave the error that the interaction makes at
// least; only where models of all seeds answer alike have seeds none.
func TestErrorOfEqualGains(t *testing.T) {
	opposite := [][]float64{{1, -1, 1, -1}, {-1, 1, -1, 1}}
	// The mean square of the interaction is 8/3, over 2 seeds and 4 examples 1/3.
	if e := errorOf([]float64{0.2, 0.2}, opposite); math.Abs(e.Seeds-math.Sqrt(1./3)) > 1e-12 || e.Examples != 0 || e.Total != e.Seeds {
		t.Errorf("%+v", e)
	}
	alike := [][]float64{{1, -1, 1, -1}, {1, -1, 1, -1}}
	if e := errorOf([]float64{0.2, 0.2}, alike); e.Seeds != 0 || math.Abs(e.Examples-math.Sqrt(1./3)) > 1e-12 {
		t.Errorf("%+v", e)
	}
	nothing := errorOf([]float64{0, 0}, [][]float64{{0, 0, 0, 0}, {0, 0, 0, 0}})
	if nothing.Total != 0 || nothing.interval95(0) != (Interval{}) || nothing.p(0) != 1 || nothing.detectable(Level) != nil {
		t.Errorf("%+v", nothing)
	}
	if p := nothing.p(0.1); p != 0 {
		t.Errorf("a gain without any variation has p-value %v, want 0", p)
	}
}

// TestBehrensFisher compares the p-value with an integral over z of Student's t, where the code
// integrates over the spread of the seeds.
func TestBehrensFisher(t *testing.T) {
	for _, df := range []float64{1, 2, 4, 9, 24} {
		student := distuv.StudentsT{Sigma: 1, Nu: df}
		for _, seeds := range []float64{0.1, 0.6, 0.9, 1} {
			e := Error{Seeds: seeds, Examples: math.Sqrt(1 - seeds*seeds), Total: 1, seedDF: df, exampleDF: 1e12}
			for _, gain := range []float64{0.3, 2.1, 5, 12} {
				var want float64
				const step = 0.01
				for z := -9.0; z < 9; z += step {
					shift := e.Examples * z
					want += step * math.Exp(-z*z/2) / math.Sqrt(2*math.Pi) * (student.CDF((-gain-shift)/seeds) + student.CDF((-gain+shift)/seeds))
				}
				if p := e.p(gain); math.Abs(p-want) > 1e-6*want+1e-12 {
					t.Errorf("%v degrees of freedom, %v from seeds, gain %v: p-value %v, want %v", df, seeds, gain, p, want)
				}
			}
		}
	}
	// Few examples: their t counts by its variance, 4/2 with four degrees of freedom.
	e := Error{Examples: 1, Total: 1, seedDF: 2, exampleDF: 4}
	if p, want := e.p(3), math.Erfc(3/math.Sqrt(2*2)); math.Abs(p-want) > 1e-12 {
		t.Errorf("p-value %v, want %v", p, want)
	}
}

// TestIntervalLiesBetween Student's two.
func TestIntervalLiesBetween(t *testing.T) {
	const seedDF, exampleDF = 2, 199
	wide, narrow := studentQuantile(0.975, seedDF), studentQuantile(0.975, exampleDF)
	last := narrow
	for _, share := range []float64{0, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 1} {
		e := Error{Seeds: 2 * math.Sqrt(share), Examples: 2 * math.Sqrt(1-share), Total: 2, seedDF: seedDF, exampleDF: exampleDF}
		i := e.interval95(0.5)
		critical := (i.High - i.Low) / 4
		if math.Abs(i.High+i.Low-1) > 1e-12 || critical < last-1e-12 || critical > wide+1e-12 {
			t.Errorf("share %v: interval %v with critical value %v, want one from %v to %v that grows", share, i, critical, narrow, wide)
		}
		last = critical
	}
}

// TestCoverageByIntegration: over what the spread of the seeds may be seen to be, the interval of a normal gain
// covers as its doc comment says, and p-values are at most α no more often than α.
func TestCoverageByIntegration(t *testing.T) {
	for _, c := range []struct{ df, least, most float64 }{{1, 0.915, 0.96}, {2, 0.9485, 0.9555}, {4, 0.9485, 0.9555}, {24, 0.9485, 0.9555}} {
		for share := 0.0; share <= 1; share += 0.125 {
			truth := Error{Seeds: math.Sqrt(share), Examples: math.Sqrt(1 - share), Total: 1, seedDF: c.df, exampleDF: 1e12}
			var missed float64
			levels := []float64{0.05, 0.001}
			claimed := make([]float64, len(levels))
			spreads := grain{0.25, 40, 1e-9}.spreads(c.df)
			for _, s := range spreads {
				seen := truth
				seen.Seeds *= math.Sqrt(s.w)
				seen.Total = math.Hypot(seen.Seeds, seen.Examples)
				missed += s.weight * math.Erfc(seen.interval95(0).High/math.Sqrt2)
				p := seen.tail(spreads)
				for k, level := range levels {
					critical := solve(func(gain float64) float64 { return level - p(gain) }, seen.Total)
					claimed[k] += s.weight * math.Erfc(critical/math.Sqrt2)
				}
			}
			if covered := 1 - missed; covered < c.least || covered > c.most {
				t.Errorf("%v degrees of freedom, share %.2f: the interval covers %.4f, want %v to %v", c.df, share, covered, c.least, c.most)
			}
			for k, level := range levels {
				if claimed[k] > level*1.001 {
					t.Errorf("%v degrees of freedom, share %.2f: p-values of at most %v with probability %v", c.df, share, level, claimed[k])
				}
			}
		}
	}
}

// TestDetectableByHand: with one source of error, its own quantiles say what is found.
func TestDetectableByHand(t *testing.T) {
	normal := distuv.UnitNormal
	for _, level := range []float64{0.05, 0.001} {
		examples := Error{Examples: 0.02, Total: 0.02, seedDF: 2, exampleDF: 1e12}
		want := 0.02 * (normal.Quantile(1-level/2) + normal.Quantile(0.8)) // the other side adds less than 1e-6
		if got := examples.detectable(level); math.Abs(*got/want-1) > 1e-3 {
			t.Errorf("level %v, examples alone: detectable %v, want %v", level, *got, want)
		}
		// Of three seeds, the variance seen has an exponential distribution: power over its quantiles.
		seeds := Error{Seeds: 0.02, Total: 0.02, seedDF: 2, exampleDF: 1e12}
		gain := *seeds.detectable(level) / 0.02
		critical := distuv.StudentsT{Sigma: 1, Nu: 2}.Quantile(1 - level/2)
		const parts = 100000
		var found float64
		for k := range parts {
			bound := critical * math.Sqrt(-math.Log((float64(k)+0.5)/parts))
			found += (normal.CDF(gain-bound) + normal.CDF(-gain-bound)) / parts
		}
		if math.Abs(found-power) > 1e-3 {
			t.Errorf("level %v, seeds alone: a gain of %v is found with probability %v, want %v", level, gain, found, power)
		}
	}
}

// TestDetectableIsCloseEnough: the coarse grain changes a p-value by less than matters.
func TestDetectableIsCloseEnough(t *testing.T) {
	for _, df := range []float64{1, 2, 4, 24} {
		for _, share := range []float64{0, 0.2, 0.8, 1} {
			e := Error{Seeds: math.Sqrt(share), Examples: math.Sqrt(1 - share), Total: 1, seedDF: df, exampleDF: 99}
			near := e.tail(coarse.spreads(df))
			for _, gain := range []float64{1, 2, 4, 8} {
				p := e.p(gain)
				if got := near(gain); p > 1e-4 && math.Abs(got/p-1) > 0.005 {
					t.Errorf("%v degrees of freedom, share %v, gain %v: p-value %v coarsely, %v finely", df, share, gain, got, p)
				}
			}
			if alone, family := *e.detectable(Level), *e.detectable(Level / 10); !(alone < family) {
				t.Errorf("detectable %v alone, %v in a family", alone, family)
			}
		}
	}
}

func BenchmarkDetectable(b *testing.B) {
	e := Error{Seeds: 0.02, Examples: 0.01, Total: math.Hypot(0.02, 0.01), seedDF: 2, exampleDF: 499}
	for b.Loop() {
		e.detectable(Level)
	}
}
