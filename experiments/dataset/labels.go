package dataset

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Labels are the classes of a task, numbered from 0.
type Labels struct {
	names []string
	index map[string]int
}

// LabelsOf returns the labels that occur in examples, sorted by their bytes.
func LabelsOf(examples []Example) Labels {
	var names []string
	seen := make(map[string]bool)
	for _, e := range examples {
		if !seen[e.Label] {
			seen[e.Label] = true
			names = append(names, e.Label)
		}
	}
	slices.Sort(names)
	return numbered(names)
}

// NewLabels returns labels with the given names, in that order; it is an
// error if one of them comes twice.
func NewLabels(names []string) (Labels, error) {
	l := numbered(slices.Clone(names))
	if len(l.index) != len(names) {
		return Labels{}, fmt.Errorf("dataset: labels %s hold a name twice, expected each once", quoted(names))
	}
	return l, nil
}

func numbered(names []string) Labels {
	l := Labels{names, make(map[string]int, len(names))}
	for i, name := range names {
		l.index[name] = i
	}
	return l
}

// Len returns the number of labels.
func (l Labels) Len() int { return len(l.names) }

// Names returns the names of the labels by number.
func (l Labels) Names() []string { return slices.Clone(l.names) }

// Name returns the name of a label.
func (l Labels) Name(i int) string { return l.names[i] }

// Index returns the number of a label; ok is false for an unknown one.
func (l Labels) Index(name string) (i int, ok bool) {
	i, ok = l.index[name]
	return i, ok
}

// Indices returns the number of each example's label. A label that is unknown
// is an error that names the file, the line and the label.
func (l Labels) Indices(path string, examples []Example) ([]int, error) {
	indices := make([]int, len(examples))
	for n, e := range examples {
		i, ok := l.index[e.Label]
		if !ok {
			return nil, fmt.Errorf("%s:%d: found the label %q, expected one of %s", path, e.Line, clip(e.Label), quoted(l.names))
		}
		indices[n] = i
	}
	return indices, nil
}

// CheckLabels demands that the label of each example is known, such as those of
// a dev file to the train file.
func CheckLabels(path string, examples []Example, known Labels) error {
	_, err := known.Indices(path, examples)
	return err
}

// Scores returns the labels of examples as numbers. NaN, infinity and what is
// no decimal number are errors that name the file and the line.
func Scores(path string, examples []Example) ([]float64, error) {
	scores := make([]float64, len(examples))
	for i, e := range examples {
		text := strings.TrimSpace(e.Label)
		score, err := strconv.ParseFloat(text, 64)
		// ParseFloat also takes hexadecimal and words for infinity and NaN.
		if err != nil || math.IsNaN(score) || math.IsInf(score, 0) || strings.ContainsAny(text, "xX_") {
			return nil, fmt.Errorf("%s:%d: found the score %q, expected a finite decimal number", path, e.Line, clip(e.Label))
		}
		scores[i] = score
	}
	return scores, nil
}
