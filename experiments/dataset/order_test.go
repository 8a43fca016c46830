package dataset

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// labelled makes n examples, of which every third has label a.
func labelled(n int) []Example {
	examples := make([]Example, n)
	for i := range examples {
		examples[i] = Example{Text: fmt.Sprint(i), Label: "b", Line: i + 1}
		if i%3 == 0 {
			examples[i].Label = "a"
		}
	}
	return examples
}

func TestLabels(t *testing.T) {
	examples := labelled(10)
	labels := LabelsOf(examples)
	if names := labels.Names(); !slices.Equal(names, []string{"a", "b"}) || labels.Len() != 2 || labels.Name(1) != "b" {
		t.Errorf("labels are %v, expected a and b", names)
	}
	if i, ok := labels.Index("b"); !ok || i != 1 {
		t.Errorf("b is label %d (%v), expected 1", i, ok)
	}
	if _, ok := labels.Index("c"); ok {
		t.Error("c is known, expected it not to be")
	}
	indices, err := labels.Indices("f.csv", examples[:4])
	if err != nil || !slices.Equal(indices, []int{0, 1, 1, 0}) {
		t.Errorf("indices are %v (%v)", indices, err)
	}
	if err := CheckLabels("f.csv", examples, labels); err != nil {
		t.Error(err)
	}
	examples[7].Label = "c"
	err = CheckLabels("f.csv", examples, labels)
	for _, want := range []string{"f.csv:8:", `label "c"`, `"a", "b"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, expected one with %q", err, want)
		}
	}
	ordered, err := NewLabels([]string{"z", "a"})
	if err != nil || ordered.Name(0) != "z" {
		t.Errorf("labels are %v (%v), expected z first", ordered.Names(), err)
	}
	if _, err := NewLabels([]string{"a", "b", "a"}); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("error is %v, expected that a name comes twice", err)
	}
}

func TestScores(t *testing.T) {
	examples := []Example{{Label: "1.5", Line: 2}, {Label: " -2e-1 ", Line: 3}, {Label: "4", Line: 4}}
	scores, err := Scores("f.csv", examples)
	if err != nil || !slices.Equal(scores, []float64{1.5, -0.2, 4}) {
		t.Errorf("scores are %v (%v)", scores, err)
	}
	for _, bad := range []string{"NaN", "nan", "inf", "-Infinity", "1e999", "good", "", "0x10", "1_000", "1,5", "true"} {
		_, err := Scores("f.csv", append(examples, Example{Label: bad, Line: 7}))
		if err == nil || !strings.Contains(err.Error(), "f.csv:7:") || !strings.Contains(err.Error(), fmt.Sprintf("%q", bad)) {
			t.Errorf("%q: error is %v, expected one that names it and f.csv:7", bad, err)
		}
	}
}

func countLabel(examples []Example, label string) int {
	n := 0
	for _, e := range examples {
		if e.Label == label {
			n++
		}
	}
	return n
}

func ordered(examples []Example) bool {
	return slices.IsSortedFunc(examples, func(a, b Example) int { return a.Line - b.Line })
}

func TestSplit(t *testing.T) {
	for _, n := range []int{0, 1, 2, 10, 97} {
		for _, fraction := range []float64{0, 0.1, 0.5, 0.77, 1} {
			for _, stratify := range []bool{false, true} {
				examples := labelled(n)
				rest, held := Split(examples, fraction, 5, stratify)
				want := int(math.Round(fraction * float64(n)))
				if len(held) != want || len(rest) != n-want {
					t.Errorf("%d examples, %v: held %d, kept %d", n, fraction, len(held), len(rest))
				}
				if !ordered(rest) || !ordered(held) {
					t.Error("the order changed")
				}
				both := slices.Concat(rest, held)
				slices.SortFunc(both, func(a, b Example) int { return a.Line - b.Line })
				if len(both) != n || n > 0 && !reflect.DeepEqual(both, examples) {
					t.Error("the parts are not the whole")
				}
				if stratify {
					share := fraction * float64(countLabel(examples, "a"))
					if got := float64(countLabel(held, "a")); math.Abs(got-share) >= 1.5 {
						t.Errorf("%d examples, %v: held %v of a, expected about %v", n, fraction, got, share)
					}
				}
				again, _ := Split(examples, fraction, 5, stratify)
				if !reflect.DeepEqual(again, rest) {
					t.Error("the same seed gave another split")
				}
			}
		}
	}
	_, one := Split(labelled(100), 0.5, 1, true)
	_, two := Split(labelled(100), 0.5, 2, true)
	if reflect.DeepEqual(one, two) {
		t.Error("two seeds gave the same split")
	}
	// Scores are all different labels: a stratified split is then a plain one.
	scores := labelled(50)
	for i := range scores {
		scores[i].Label = fmt.Sprint(i)
	}
	if _, held := Split(scores, 0.2, 1, true); len(held) != 10 || held[9].Line == 10 {
		t.Errorf("held %v, expected 10 examples from everywhere", held)
	}
}

func TestSample(t *testing.T) {
	examples := labelled(99)
	sample := Sample(examples, 30, 3)
	if len(sample) != 30 || countLabel(sample, "a") != 10 || !ordered(sample) {
		t.Errorf("sample has %d examples, %d of a, expected 30 and 10 in order", len(sample), countLabel(sample, "a"))
	}
	if !reflect.DeepEqual(sample, Sample(examples, 30, 3)) || reflect.DeepEqual(sample, Sample(examples, 30, 4)) {
		t.Error("a sample must depend on its seed alone")
	}
	if !reflect.DeepEqual(Sample(examples, 1000, 3), examples) || len(Sample(examples, -1, 3)) != 0 {
		t.Error("a sample is from none to all of the examples")
	}
}

// The order is part of what makes runs repeatable, so it is written down.
func TestShuffleIsFixed(t *testing.T) {
	for _, c := range []struct {
		seed  uint64
		epoch int
		want  []int
	}{
		{1, 0, []int{4, 8, 0, 6, 5, 2, 3, 7, 1, 9}},
		{1, 1, []int{3, 5, 9, 7, 6, 8, 2, 4, 0, 1}},
	} {
		if got := Shuffle(10, c.seed, c.epoch); !slices.Equal(got, c.want) {
			t.Errorf("seed %d, epoch %d: order is %v, expected %v", c.seed, c.epoch, got, c.want)
		}
	}
	// Every permutation of three comes up about equally often.
	times := make(map[string]int)
	const rounds = 6000
	for seed := range uint64(rounds) {
		times[fmt.Sprint(Shuffle(3, seed, 0))]++
	}
	for order, n := range times {
		if n < rounds/6-150 || n > rounds/6+150 { // five standard deviations
			t.Errorf("order %s came %d times of %d, expected about %d", order, n, rounds, rounds/6)
		}
	}
	if len(times) != 6 {
		t.Errorf("%d orders came up, expected 6", len(times))
	}
}

func TestBatches(t *testing.T) {
	lengths := make([]int, 1003)
	for i, p := range Shuffle(len(lengths), 9, 9) {
		lengths[i] = 1 + p%120
	}
	for _, opt := range []BatchOptions{
		{Size: 32},
		{Size: 32, Shuffle: true, Seed: 1},
		{Size: 32, Shuffle: true, Seed: 1, SortWindow: 320},
		{Size: 7, SortWindow: 100},
		{TokenBudget: 1000, Shuffle: true, SortWindow: 200},
		{TokenBudget: 100, Shuffle: true},
		{Size: 16, TokenBudget: 1500, Shuffle: true, SortWindow: 5000},
	} {
		batches := Batches(lengths, opt)
		seen := make([]int, len(lengths))
		for _, batch := range batches {
			tokens := 0
			for _, i := range batch {
				seen[i]++
				tokens += lengths[i]
			}
			if len(batch) == 0 || opt.Size > 0 && len(batch) > opt.Size {
				t.Errorf("%+v: a batch of %d", opt, len(batch))
			}
			if opt.TokenBudget > 0 && tokens > opt.TokenBudget && len(batch) > 1 {
				t.Errorf("%+v: a batch of %d with %d tokens", opt, len(batch), tokens)
			}
		}
		for i, n := range seen {
			if n != 1 {
				t.Fatalf("%+v: sequence %d comes %d times, expected once", opt, i, n)
			}
		}
		if opt.TokenBudget == 0 && len(batches) != (len(lengths)+opt.Size-1)/opt.Size {
			t.Errorf("%+v: %d batches, expected the fewest", opt, len(batches))
		}
		if !reflect.DeepEqual(batches, Batches(lengths, opt)) {
			t.Errorf("%+v: another order the second time", opt)
		}
		next := opt
		next.Epoch++
		if opt.Shuffle == reflect.DeepEqual(batches, Batches(lengths, next)) {
			t.Errorf("%+v: shuffling must change with the epoch, and only shuffling", opt)
		}
	}

	// Without sorting the order is that of Shuffle.
	flat := slices.Concat(Batches(lengths, BatchOptions{Size: 10, Shuffle: true, Seed: 4, Epoch: 2})...)
	if !slices.Equal(flat, Shuffle(len(lengths), 4, 2)) {
		t.Error("the order is not that of Shuffle")
	}
	// Sorting brings near lengths together: within a batch they differ far
	// less than without.
	spread := func(window int) (sum int) {
		for _, batch := range Batches(lengths, BatchOptions{Size: 16, Shuffle: true, SortWindow: window}) {
			low, high := lengths[batch[0]], lengths[batch[0]]
			for _, i := range batch {
				low, high = min(low, lengths[i]), max(high, lengths[i])
			}
			sum += high - low
		}
		return sum
	}
	if with, without := spread(256), spread(0); with*5 > without {
		t.Errorf("lengths in a batch spread %d with sorting, %d without, expected less than a fifth", with, without)
	}
	if batches := Batches(nil, BatchOptions{Size: 3}); len(batches) != 0 {
		t.Errorf("%d batches of nothing", len(batches))
	}
}
