// Package predictor estimates, before any training on a target, how well a
// model will do there: from what its features and its source labels say about the target's examples.
package predictor

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// LEEP returns the log expected empirical prediction (Nguyen, Hassner, Seeger
// and Archambeau 2020, equation 2): the mean log-likelihood of the target's labels under the classifier
// that guesses a source label and then the target label that goes with it most.
//
// probabilities[i] is the distribution over the source's labels for example i,
// labels[i] its label, from 0 to classes-1. It is at most 0; higher is better.
func LEEP(probabilities [][]float64, labels []int, classes int) (float64, error) {
	if err := checkLabels(len(probabilities), labels, classes); err != nil {
		return 0, err
	}
	sources := len(probabilities[0])
	joint := make([][]float64, classes) // of target and source label
	for c := range joint {
		joint[c] = make([]float64, sources)
	}
	marginal := make([]float64, sources)
	n := float64(len(labels))
	for i, row := range probabilities {
		if len(row) != sources {
			return 0, fmt.Errorf("predictor: found %d source probabilities of example %d, expected %d as of the first", len(row), i, sources)
		}
		for z, p := range row {
			joint[labels[i]][z] += p / n
			marginal[z] += p / n
		}
	}
	sum := 0.0
	for i, row := range probabilities {
		expected := 0.0
		for z, p := range row {
			if marginal[z] > 0 {
				expected += p * joint[labels[i]][z] / marginal[z]
			}
		}
		sum += math.Log(expected)
	}
	return finite("LEEP", sum/n)
}

// HScore returns the H-score (Bao et al. 2019): the trace of the product of
// the features' inverse covariance and of the covariance of their means by label. It lies between 0 and
// classes-1; higher is better. Directions in which features do not vary count for nothing.
func HScore(features [][]float64, labels []int, classes int) (float64, error) {
	if err := checkLabels(len(features), labels, classes); err != nil {
		return 0, err
	}
	f, err := centred(features)
	if err != nil {
		return 0, err
	}
	n, d := f.Dims()
	means := mat.NewDense(classes, d, nil)
	count := make([]float64, classes)
	for i, c := range labels {
		count[c]++
		for j := range d {
			means.Set(c, j, means.At(c, j)+f.At(i, j))
		}
	}
	var svd mat.SVD
	if !svd.Factorize(f, mat.SVDThin) {
		return 0, errors.New("predictor: the features have no singular value decomposition, expected finite ones")
	}
	values := svd.Values(nil)
	var v mat.Dense
	svd.VTo(&v)
	// With F = U S Vᵀ the inverse covariance is n V S⁻² Vᵀ, and the covariance of
	// the means is the sum of count/n times their squares.
	sum := 0.0
	for c := range classes {
		if count[c] == 0 {
			continue
		}
		for k, s := range values {
			if s <= rank(values, n, d) {
				continue
			}
			along := 0.0
			for j := range d {
				along += means.At(c, j) / count[c] * v.At(j, k)
			}
			sum += count[c] * along * along / (s * s)
		}
	}
	return finite("H-score", sum)
}

// LogMEClassification returns the mean of [LogMERegression] over the labels, each
// told from all others by 1 and 0 (You, Liu, Wang and Long 2021).
func LogMEClassification(features [][]float64, labels []int, classes int) (float64, error) {
	if err := checkLabels(len(features), labels, classes); err != nil {
		return 0, err
	}
	e, err := newEvidence(features)
	if err != nil {
		return 0, err
	}
	sum := 0.0
	for c := range classes {
		y := make([]float64, len(labels))
		for i, l := range labels {
			if l == c {
				y[i] = 1
			}
		}
		sum += e.maximum(y) / float64(classes)
	}
	return finite("LogME", sum)
}

// LogMERegression returns the logarithm of the maximum evidence (You, Liu, Wang
// and Long 2021), for each example: the likelihood of the scores under a linear model of the features
// with Gaussian weights and noise, at the best of their precisions. Higher is better.
func LogMERegression(features [][]float64, scores []float64) (float64, error) {
	if len(features) == 0 || len(features) != len(scores) {
		return 0, fmt.Errorf("predictor: found features of %d examples and %d scores, expected as many, at least one", len(features), len(scores))
	}
	e, err := newEvidence(features)
	if err != nil {
		return 0, err
	}
	return finite("LogME", e.maximum(scores))
}

// evidence is what the evidence of all scores has in common: F = U S Vᵀ.
type evidence struct {
	n, d    int
	squares []float64  // of the singular values
	u       *mat.Dense // [n, len(squares)]
}

func newEvidence(features [][]float64) (*evidence, error) {
	f, err := dense(features)
	if err != nil {
		return nil, err
	}
	var svd mat.SVD
	if !svd.Factorize(f, mat.SVDThin) {
		return nil, errors.New("predictor: the features have no singular value decomposition, expected finite ones")
	}
	e := &evidence{u: new(mat.Dense)}
	e.n, e.d = f.Dims()
	svd.UTo(e.u)
	for _, s := range svd.Values(nil) {
		e.squares = append(e.squares, s*s)
	}
	return e, nil
}

// maximum finds the precisions of the weights, a, and of the noise, b, at which
// the evidence is largest, by MacKay's fixed point, and returns the evidence for each example.
func (e *evidence) maximum(y []float64) float64 {
	along := make([]float64, len(e.squares)) // y's squared parts along U
	total := 0.0
	for _, v := range y {
		total += v * v
	}
	rest := total
	for k := range along {
		dot := 0.0
		for i, v := range y {
			dot += v * e.u.At(i, k)
		}
		along[k] = dot * dot
		rest -= along[k]
	}
	rest = max(0, rest) // what no weights explain
	// A sum of squares of 0 would make its precision infinite.
	const tiny = 1e-5
	a, b := 1.0, 1.0
	n, d := float64(e.n), float64(e.d)
	for range 1000 {
		t := a / b
		freedom, weights, noise := 0.0, 0.0, rest
		for k, s := range e.squares {
			freedom += s / (s + t)
			weights += s * along[k] / ((s + t) * (s + t))
			noise += along[k] * (t / (s + t)) * (t / (s + t))
		}
		a, b = freedom/(weights+tiny), (n-freedom)/(noise+tiny)
		if math.Abs(a/b-t) <= 1e-12*t || math.IsInf(a/b, 0) {
			break
		}
	}
	t := a / b
	weights, noise, logs := 0.0, rest, (d-float64(len(e.squares)))*math.Log(a)
	for k, s := range e.squares {
		weights += s * along[k] / ((s + t) * (s + t))
		noise += along[k] * (t / (s + t)) * (t / (s + t))
		logs += math.Log(a + b*s)
	}
	return (d*math.Log(a) + n*math.Log(b) - logs - b*noise - a*weights - n*math.Log(2*math.Pi)) / (2 * n)
}

// rank is the size up to which singular values of an n by d matrix are rounding.
func rank(values []float64, n, d int) float64 {
	return values[0] * float64(max(n, d)) * 0x1p-52
}

func checkLabels(examples int, labels []int, classes int) error {
	if examples == 0 || examples != len(labels) {
		return fmt.Errorf("predictor: found features of %d examples and %d labels, expected as many, at least one", examples, len(labels))
	}
	for i, l := range labels {
		if l < 0 || l >= classes {
			return fmt.Errorf("predictor: the label of example %d is %d, expected one from 0 to %d", i, l, classes-1)
		}
	}
	return nil
}

// dense copies features into a matrix, [examples, features].
func dense(features [][]float64) (*mat.Dense, error) {
	n, d := len(features), len(features[0])
	if d == 0 {
		return nil, errors.New("predictor: found no features, expected at least one")
	}
	f := mat.NewDense(n, d, nil)
	for i, row := range features {
		if len(row) != d {
			return nil, fmt.Errorf("predictor: found %d features of example %d, expected %d as of the first", len(row), i, d)
		}
		for j, v := range row {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return nil, fmt.Errorf("predictor: feature %d of example %d is %v, expected a finite number", j, i, v)
			}
		}
		f.SetRow(i, row)
	}
	return f, nil
}

// centred is dense with the mean of each feature subtracted.
func centred(features [][]float64) (*mat.Dense, error) {
	f, err := dense(features)
	if err != nil {
		return nil, err
	}
	n, d := f.Dims()
	for j := range d {
		mean := 0.0
		for i := range n {
			mean += f.At(i, j) / float64(n)
		}
		for i := range n {
			f.Set(i, j, f.At(i, j)-mean)
		}
	}
	return f, nil
}

func finite(name string, v float64) (float64, error) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("predictor: %s is %v, expected a finite number: the examples do not determine it", name, v)
	}
	return v, nil
}
