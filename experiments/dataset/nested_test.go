package dataset

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// classes makes examples of the given numbers of each class, in random order,
// with IDs if asked for.
func classes(ids bool, sizes ...int) []Example {
	var examples []Example
	for c, n := range sizes {
		for range n {
			examples = append(examples, Example{Label: fmt.Sprint("class ", c)})
		}
	}
	shuffle(generator(77, siteShuffle, 0), examples)
	for i := range examples {
		examples[i].Line = i + 1
		examples[i].Text = fmt.Sprint("text ", i)
		if ids {
			examples[i].ID = fmt.Sprint("id", i)
		}
	}
	return examples
}

func TestNestedSamples(t *testing.T) {
	for _, sizes := range [][]int{{1}, {5}, {50, 50}, {86, 1250, 1223, 1162, 896, 835}, {1, 1, 1, 97}, {3, 200}, slices.Repeat([]int{1}, 40), {7, 11, 13, 17, 19, 23, 1}} {
		for _, ids := range []bool{false, true} {
			for _, balance := range []Balance{Proportional, Even, Unstratified} {
				examples := classes(ids, sizes...)
				order := nestedOrder(examples, 5, balance)
				if !slices.Equal(slices.Sorted(slices.Values(order)), count(len(examples))) {
					t.Fatalf("%v: the order is no permutation", sizes)
				}
				taken := make(map[string]int)
				for k, i := range order {
					taken[examples[i].Label]++
					for c, size := range sizes {
						got := taken[fmt.Sprint("class ", c)]
						share := float64(k+1) * float64(size) / float64(len(examples))
						if balance == Proportional && math.Abs(float64(got)-share) >= 1 {
							t.Fatalf("%v: of the first %d, %d have class %d, expected %.2f to within one", sizes, k+1, got, c, share)
						}
						// The others have no more than one more, unless this one has none left.
						if balance == Even {
							for d := range sizes {
								if taken[fmt.Sprint("class ", d)] > got+1 && got < size {
									t.Fatalf("%v: of the first %d, %d have class %d, and more another", sizes, k+1, got, c)
								}
							}
						}
					}
				}
				var last []Example
				for _, n := range []int{0, 1, 16, 64, 256, len(examples), 1 << 20} {
					sample := NestedSample(examples, n, 5, balance)
					if len(sample) != min(n, len(examples)) || !ordered(sample) {
						t.Errorf("%v: the sample of %d has %d examples", sizes, n, len(sample))
					}
					for _, e := range last {
						if !slices.Contains(sample, e) {
							t.Fatalf("%v: the sample of %d lacks line %d of a smaller one", sizes, n, e.Line)
						}
					}
					if !reflect.DeepEqual(sample, NestedSample(examples, n, 5, balance)) {
						t.Errorf("%v: the same seed gave another sample", sizes)
					}
					last = sample
				}
				if len(examples) >= 40 && slices.Equal(order, nestedOrder(examples, 6, balance)) {
					t.Errorf("%v: two seeds gave the same order", sizes)
				}
			}
		}
	}
	if got := NestedSample(nil, 4, 1, Proportional); len(got) != 0 {
		t.Errorf("a sample of none is %v", got)
	}
	if got := NestedSample(classes(false, 3), -2, 1, Even); len(got) != 0 {
		t.Errorf("a sample of -2 is %v", got)
	}
}

// What is chosen depends on the IDs and not on the order in the file.
func TestNestedSampleByID(t *testing.T) {
	examples := classes(true, 30, 60, 10)
	turned := slices.Clone(examples)
	slices.Reverse(turned)
	for _, balance := range []Balance{Proportional, Even, Unstratified} {
		one, other := NestedSample(examples, 20, 3, balance), NestedSample(turned, 20, 3, balance)
		slices.Reverse(other)
		if !reflect.DeepEqual(one, other) {
			t.Errorf("balance %d: another order of the same examples gave another sample", balance)
		}
	}
}

// The choice is part of what makes studies repeatable, so it is written down.
func TestNestedSampleIsFixed(t *testing.T) {
	lines := func(examples []Example) (list []int) {
		for _, e := range NestedSample(examples, 6, 1, Proportional) {
			list = append(list, e.Line)
		}
		return list
	}
	if got, want := lines(classes(false, 12, 8)), []int{6, 12, 13, 15, 17, 20}; !slices.Equal(got, want) {
		t.Errorf("without IDs lines %v are chosen, expected %v", got, want)
	}
	if got, want := lines(classes(true, 12, 8)), []int{7, 8, 14, 17, 18, 20}; !slices.Equal(got, want) {
		t.Errorf("with IDs lines %v are chosen, expected %v", got, want)
	}
}

func TestSplitByID(t *testing.T) {
	examples := classes(true, 3000, 2000)
	for _, fraction := range []float64{0, 0.1, 0.5, 1} {
		rest, held, err := SplitByID("f.tsv", examples, fraction, 9)
		if err != nil {
			t.Fatal(err)
		}
		if len(rest)+len(held) != len(examples) || !ordered(rest) || !ordered(held) || len(sharedIDs(rest, held)) != 0 {
			t.Errorf("%v: the parts of %d and %d are not the whole, or share IDs", fraction, len(rest), len(held))
		}
		// Five standard deviations of a binomial count.
		n := float64(len(examples))
		if off := math.Abs(float64(len(held)) - fraction*n); off > 5*math.Sqrt(n*fraction*(1-fraction)) {
			t.Errorf("%v: %d are held out of %d", fraction, len(held), len(examples))
		}
		// A language that lacks every third example holds the same others out.
		var fewer []Example
		for i, e := range examples {
			if i%3 > 0 {
				fewer = append(fewer, e)
			}
		}
		fewerRest, fewerHeld, err := SplitByID("g.tsv", fewer, fraction, 9)
		if err != nil {
			t.Fatal(err)
		}
		if len(sharedIDs(rest, fewerHeld)) != 0 || len(sharedIDs(held, fewerRest)) != 0 {
			t.Errorf("%v: an ID is held out in one language alone", fraction)
		}
	}
	_, one, err := SplitByID("f.tsv", examples, 0.5, 1)
	if err != nil {
		t.Fatal(err)
	}
	_, two, err := SplitByID("f.tsv", examples, 0.5, 2)
	if err != nil || reflect.DeepEqual(one, two) {
		t.Errorf("two seeds gave the same split (%v)", err)
	}
	examples[7].ID = ""
	if _, _, err := SplitByID("f.tsv", examples, 0.5, 1); err == nil || !strings.HasPrefix(err.Error(), "f.tsv:8: found no ID") {
		t.Errorf("error is %v, expected that line 8 has no ID", err)
	}
	if got := sharedIDs([]Example{{ID: ""}, {ID: "b"}, {ID: "a"}}, []Example{{ID: ""}, {ID: "a"}, {ID: "b"}, {ID: "a"}}); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("shared IDs are %q, expected a and b", got)
	}
}

// sharedIDs returns the IDs that stand in both, sorted, each once.
func sharedIDs(a, b []Example) []string {
	in := make(map[string]bool, len(a))
	for _, e := range a {
		in[e.ID] = true
	}
	var shared []string
	for _, e := range b {
		if e.ID != "" && in[e.ID] {
			shared = append(shared, e.ID)
		}
	}
	slices.Sort(shared)
	return slices.Compact(shared)
}
