package study

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"slices"

	"godwit/experiments/dataset"
	"godwit/experiments/train"
)

// splits are the examples of a dataset.
type splits struct{ Train, Dev, Test []dataset.Example }

// digest hashes every text, pair and label, split by split.
func (s *splits) digest() string {
	h := sha256.New()
	for i, split := range [][]dataset.Example{s.Train, s.Dev, s.Test} {
		fmt.Fprintf(h, "split %d: %d\n", i, len(split))
		for _, e := range split {
			hashStrings(h, e.Text, e.Pair, e.Label)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}

func hashStrings(h hash.Hash, parts ...string) {
	for _, p := range parts {
		fmt.Fprintf(h, "%d:", len(p))
		io.WriteString(h, p)
	}
}

// loaded is a dataset that has been read.
type loaded struct {
	*splits
	labels []string // nil for regression
}

// devShare of the training data are held out where a dataset has no dev split.
const devShare = 0.1

// sample draws n examples by seed 0, or returns them all where n is 0.
func (d *Dataset) sample(examples []dataset.Example, n int, kind train.Task) []dataset.Example {
	if n == 0 {
		return examples
	}
	balance := dataset.Proportional
	if kind == train.Regression {
		balance = dataset.Unstratified
	}
	return dataset.NestedSample(examples, n, 0, balance)
}

func (d *Dataset) load(kind train.Task) (*loaded, error) {
	s := d.made
	if s == nil {
		s = &splits{}
		options := dataset.Options{Columns: dataset.Columns{Text: d.TextColumn, Pair: d.TextPairColumn, Label: d.LabelColumn, ID: d.IDColumn}, LabelMap: d.Labels, DropUnmapped: d.DropUnmapped}
		for _, f := range []struct {
			path string
			max  int
			to   *[]dataset.Example
		}{{d.Train, 0, &s.Train}, {d.Dev, d.MaxDev, &s.Dev}, {d.Test, d.MaxTest, &s.Test}} {
			if f.path == "" {
				continue
			}
			examples, err := dataset.Read(f.path, options)
			if err != nil {
				return nil, err
			}
			*f.to = d.sample(examples, f.max, kind)
		}
		if d.Dev == "" {
			var err error
			if d.Parallel == "" {
				s.Train, s.Dev = dataset.Split(s.Train, devShare, 0, kind == train.Classification)
			} else if s.Train, s.Dev, err = dataset.SplitByID(d.Train, s.Train, devShare, 0); err != nil {
				return nil, err
			}
			s.Dev = d.sample(s.Dev, d.MaxDev, kind)
		}
		s.Train = d.sample(s.Train, d.MaxTrain, kind)
	}
	l := &loaded{splits: s}
	files := []struct {
		path     string
		examples []dataset.Example
	}{{d.Train, s.Train}, {d.Dev, s.Dev}, {d.Test, s.Test}}
	if kind == train.Regression {
		for _, f := range files {
			if _, err := dataset.Scores(f.path, f.examples); err != nil {
				return nil, err
			}
		}
		return l, nil
	}
	known := dataset.LabelsOf(s.Train)
	l.labels = known.Names()
	if len(l.labels) < 2 {
		return nil, fmt.Errorf("dataset %s: training data have the labels %q, expected at least two", d.Name, l.labels)
	}
	for _, f := range files[1:] {
		if err := dataset.CheckLabels(f.path, f.examples, known); err != nil {
			return nil, err
		}
	}
	if n := len(s.Dev); n > 0 && n < len(l.labels) {
		return nil, fmt.Errorf("dataset %s: dev has %d examples, fewer than the %d classes: expected at least one for each", d.Name, n, len(l.labels))
	}
	return l, nil
}

// withoutLeaks drops training and dev examples that are like one of tests, or
// have one of the IDs, and returns how many.
func (l *loaded) withoutLeaks(tests []dataset.Example, ids map[string]bool) int {
	dropped := 0
	keep := func(examples []dataset.Example) []dataset.Example {
		kept, removed := dataset.WithoutLeaks(examples, dataset.Near, tests)
		dropped += len(removed)
		return slices.DeleteFunc(kept, func(e dataset.Example) bool {
			if ids[e.ID] {
				dropped++
			}
			return ids[e.ID]
		})
	}
	l.splits = &splits{Train: keep(l.Train), Dev: keep(l.Dev), Test: l.Test}
	return dropped
}

// few returns the dataset with size training examples drawn by the seed of a run;
// those of a smaller size are among those of a larger one.
func (l *loaded) few(size int, seed uint64) (*splits, error) {
	if size == 0 {
		return l.splits, nil
	}
	if size > len(l.Train) {
		return nil, fmt.Errorf("found %d training examples, fewer than the size %d", len(l.Train), size)
	}
	balance := dataset.Even
	if l.labels == nil {
		balance = dataset.Unstratified
	}
	return &splits{Train: dataset.NestedSample(l.Train, size, seed, balance), Dev: l.Dev, Test: l.Test}, nil
}

// shuffled returns the dataset with the labels of training and dev examples dealt out anew.
func (l *loaded) shuffled(seed uint64) *splits {
	r := rand.New(rand.NewPCG(seed, 0x636f6e74))
	deal := func(examples []dataset.Example) []dataset.Example {
		out := slices.Clone(examples)
		for to, from := range r.Perm(len(out)) {
			out[to].Label = examples[from].Label
		}
		return out
	}
	return &splits{Train: deal(l.Train), Dev: deal(l.Dev)}
}

// joined returns the training examples of both, and target's other splits.
func joined(intermediate *loaded, target *splits) *splits {
	return &splits{Train: slices.Concat(intermediate.Train, target.Train), Dev: target.Dev, Test: target.Test}
}

// union returns the labels of both in order.
func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// within reports whether all of a are among b.
func within(a, b []string) bool {
	for _, x := range a {
		if !slices.Contains(b, x) {
			return false
		}
	}
	return true
}
