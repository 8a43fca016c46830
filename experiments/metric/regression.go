package metric

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
)

// RegressionScores are the scores of predicted numbers. A correlation is NaN
// where it is undefined: with one example, or where the targets or the
// predictions are all equal. JSON has null in its place, in both directions.
type RegressionScores struct {
	Pearson  float64
	Spearman float64 // Pearson's correlation of the ranks, ties averaged
	MSE      float64 // mean squared error
	MAE      float64 // mean absolute error
}

// regressionJSON is the JSON form of RegressionScores.
type regressionJSON struct {
	Pearson  *float64 `json:"pearson"`
	Spearman *float64 `json:"spearman"`
	MSE      *float64 `json:"mse"`
	MAE      *float64 `json:"mae"`
}

// MarshalJSON writes the scores, null for NaN.
func (s RegressionScores) MarshalJSON() ([]byte, error) {
	finite := func(v float64) *float64 {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil
		}
		return &v
	}
	return json.Marshal(regressionJSON{finite(s.Pearson), finite(s.Spearman), finite(s.MSE), finite(s.MAE)})
}

// UnmarshalJSON reads the scores, NaN for null.
func (s *RegressionScores) UnmarshalJSON(text []byte) error {
	var form regressionJSON
	if err := json.Unmarshal(text, &form); err != nil {
		return err
	}
	number := func(v *float64) float64 {
		if v == nil {
			return math.NaN()
		}
		return *v
	}
	*s = RegressionScores{number(form.Pearson), number(form.Spearman), number(form.MSE), number(form.MAE)}
	return nil
}

// Regression scores predictions against targets. It is an error if there are
// none, if their numbers differ, or if one is NaN or infinite.
func Regression(targets, predictions []float64) (RegressionScores, error) {
	if err := sameLength(len(targets), len(predictions)); err != nil {
		return RegressionScores{}, err
	}
	var squares, absolutes float64
	for i, target := range targets {
		if !finite(target) {
			return RegressionScores{}, fmt.Errorf("metric: target %d is %v, expected a finite number", i, target)
		}
		if !finite(predictions[i]) {
			return RegressionScores{}, fmt.Errorf("metric: prediction %d is %v, expected a finite number", i, predictions[i])
		}
		d := predictions[i] - target
		squares += float64(d * d)
		absolutes += math.Abs(d)
	}
	n := float64(len(targets))
	return RegressionScores{
		Pearson:  Pearson(targets, predictions),
		Spearman: Pearson(ranks(targets), ranks(predictions)),
		MSE:      squares / n,
		MAE:      absolutes / n,
	}, nil
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// Pearson returns the linear correlation of two lists of equal length, NaN
// where one of them is constant.
func Pearson(x, y []float64) float64 {
	if len(x) != len(y) {
		panic(fmt.Sprintf("metric.Pearson: lists of %d and %d numbers", len(x), len(y)))
	}
	// Equality is tested on the numbers themselves: the rounded mean of equal
	// numbers can differ from them.
	if constant(x) || constant(y) {
		return math.NaN()
	}
	dx, dy := centred(x), centred(y)
	var product float64
	for i := range dx {
		product += float64(dx[i] * dy[i])
	}
	// Rounding may carry a perfect correlation past 1.
	return max(-1, min(1, product))
}

func constant(x []float64) bool {
	for _, v := range x {
		if v != x[0] {
			return false
		}
	}
	return true
}

// centred returns x less its mean, divided by its Euclidean norm. It is
// scaled by the largest element first, so that no square overflows or
// vanishes.
func centred(x []float64) []float64 {
	var scale float64
	for _, v := range x {
		scale = max(scale, math.Abs(v))
	}
	d := make([]float64, len(x))
	var mean float64
	for i, v := range x {
		d[i] = v / scale
		mean += d[i] / float64(len(x))
	}
	var largest float64
	for i := range d {
		d[i] -= mean
		largest = max(largest, math.Abs(d[i]))
	}
	var squares float64
	for i := range d {
		d[i] /= largest
		squares += float64(d[i] * d[i])
	}
	norm := math.Sqrt(squares)
	for i := range d {
		d[i] /= norm
	}
	return d
}

// ranks numbers the elements of x by size, from 1; equal elements share the
// mean of their ranks.
func ranks(x []float64) []float64 {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case x[a] < x[b]:
			return -1
		case x[a] > x[b]:
			return 1
		}
		return 0
	})
	ranked := make([]float64, len(x))
	for from := 0; from < len(order); {
		to := from + 1
		for to < len(order) && x[order[to]] == x[order[from]] {
			to++
		}
		for _, i := range order[from:to] {
			ranked[i] = float64(from+1+to) / 2
		}
		from = to
	}
	return ranked
}
