// Package stats judges differences that were measured over a few seeds: an
// interval, an exact test, and a correction for many tests at once.
package stats

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Mean returns the arithmetic mean, NaN of no values.
func Mean(values []float64) float64 {
	var sum float64
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// StdDev returns the sample standard deviation (n-1 degrees of freedom), NaN
// of fewer than two values.
func StdDev(values []float64) float64 {
	mean := Mean(values)
	var squares float64
	for _, v := range values {
		squares += float64((v - mean) * (v - mean))
	}
	if len(values) < 2 {
		return math.NaN()
	}
	return math.Sqrt(squares / float64(len(values)-1))
}

// TInterval returns Student's confidence interval of the mean at a level
// between 0 and 1, such as 0.95. Given differences of pairs it is the paired
// interval. The bounds are NaN of fewer than two values.
func TInterval(values []float64, level float64) (low, high float64) {
	if !(level > 0 && level < 1) {
		panic(fmt.Sprintf("stats.TInterval: level is %v, expected between 0 and 1", level))
	}
	if len(values) < 2 {
		return math.NaN(), math.NaN()
	}
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(len(values) - 1)}
	mean := Mean(values)
	half := t.Quantile((1+level)/2) * StdDev(values) / math.Sqrt(float64(len(values)))
	return mean - half, mean + half
}

// TTestP returns the two-sided p-value of Student's t test that the mean is 0:
// of differences, the paired test. It is NaN of fewer than two values, or
// where all values are 0.
func TTestP(values []float64) float64 {
	if len(values) < 2 {
		return math.NaN()
	}
	statistic := Mean(values) / (StdDev(values) / math.Sqrt(float64(len(values))))
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(len(values) - 1)}
	return 2 * t.CDF(-math.Abs(statistic))
}
