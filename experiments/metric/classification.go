// Package metric scores predictions: classes against labels, numbers against
// numbers. The definitions are those of scikit-learn and SciPy.
package metric

import (
	"errors"
	"fmt"
	"math"
)

// ClassificationScores are the scores of predicted classes.
type ClassificationScores struct {
	Accuracy float64 `json:"accuracy"`
	// MacroF1 is the mean F1 over all classes, those that never occur
	// included: their F1 is 0.
	MacroF1 float64 `json:"macro_f1"`
	// MicroF1 is F1 over the pooled decisions. With one class for each
	// example it equals the accuracy.
	MicroF1 float64 `json:"micro_f1"`
	// WeightedF1 is the mean F1 over classes, weighted by their labels.
	WeightedF1 float64 `json:"weighted_f1"`
	// Matthews is the correlation of labels and predictions over any number
	// of classes (Gorodkin 2004), 0 where either is constant.
	Matthews float64 `json:"matthews"`
	// Confusion counts examples by [label][prediction].
	Confusion [][]int `json:"confusion"`
}

// Classification scores predictions against labels, both numbers from 0 to
// classes-1. It is an error if there are none, if their numbers differ, or if
// one lies outside.
func Classification(labels, predictions []int, classes int) (ClassificationScores, error) {
	if err := sameLength(len(labels), len(predictions)); err != nil {
		return ClassificationScores{}, err
	}
	if classes < 1 {
		return ClassificationScores{}, fmt.Errorf("metric: found %d classes, expected at least 1", classes)
	}
	confusion := make([][]int, classes)
	for i := range confusion {
		confusion[i] = make([]int, classes)
	}
	for i, label := range labels {
		if label < 0 || label >= classes {
			return ClassificationScores{}, fmt.Errorf("metric: label %d is %d, expected 0 to %d", i, label, classes-1)
		}
		if p := predictions[i]; p < 0 || p >= classes {
			return ClassificationScores{}, fmt.Errorf("metric: prediction %d is %d, expected 0 to %d", i, p, classes-1)
		}
		confusion[label][predictions[i]]++
	}

	var correct int
	labelled := make([]int, classes)  // by label
	predicted := make([]int, classes) // by prediction
	for label, row := range confusion {
		correct += row[label]
		for prediction, n := range row {
			labelled[label] += n
			predicted[prediction] += n
		}
	}
	total := float64(len(labels))
	scores := ClassificationScores{
		Accuracy:  float64(correct) / total,
		Matthews:  matthews(labelled, predicted, correct, len(labels)),
		Confusion: confusion,
	}
	scores.MicroF1 = scores.Accuracy
	for class := range classes {
		var f1 float64
		if n := labelled[class] + predicted[class]; n > 0 {
			f1 = 2 * float64(confusion[class][class]) / float64(n)
		}
		scores.MacroF1 += f1 / float64(classes)
		scores.WeightedF1 += f1 * float64(labelled[class]) / total
	}
	return scores, nil
}

// matthews computes the correlation from the margins of the confusion matrix.
// With c correct of s examples, p predictions and t labels by class, it is
//
//	(c·s - Σ p·t) / √((s² - Σ p²)(s² - Σ t²))
func matthews(labelled, predicted []int, correct, total int) float64 {
	s := float64(total)
	covariance := float64(correct) * s
	left, right := s*s, s*s
	for i := range labelled {
		t, p := float64(labelled[i]), float64(predicted[i])
		covariance -= float64(p * t)
		left -= float64(p * p)
		right -= float64(t * t)
	}
	if left == 0 || right == 0 {
		return 0
	}
	return covariance / math.Sqrt(left*right)
}

// sameLength demands as many predictions as targets, and at least one.
func sameLength(targets, predictions int) error {
	if targets != predictions {
		return fmt.Errorf("metric: found %d predictions, expected %d, one for each target", predictions, targets)
	}
	if targets == 0 {
		return errors.New("metric: found no predictions, expected at least one")
	}
	return nil
}
