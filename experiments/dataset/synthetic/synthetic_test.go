package synthetic

import (
	"crypto/sha256"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"godwit/experiments/dataset"
)

func sets(c *Corpora) map[string]Set {
	out := map[string]Set{}
	for _, t := range c.Tasks {
		out[t.Intermediate.Name] = t.Intermediate
		for _, g := range t.Targets {
			out[g.Name] = g.Set
		}
	}
	return out
}

func TestSameSeedSameCorpora(t *testing.T) {
	digest := func(seed uint64) string {
		h := sha256.New()
		c := Make(seed)
		fmt.Fprint(h, c.Unlabelled, c.Tasks, c.Vocabulary(1500))
		return fmt.Sprintf("%x", h.Sum(nil))
	}
	if digest(1) != digest(1) {
		t.Error("two corpora of one seed differ")
	}
	if digest(1) == digest(2) {
		t.Error("corpora of two seeds are equal")
	}
}

func TestSets(t *testing.T) {
	c := Make(0)
	all := sets(c)
	if len(all) != 9 || len(c.Unlabelled) != unlabelled {
		t.Fatalf("%d sets and %d sentences, want 9 and %d", len(all), len(c.Unlabelled), unlabelled)
	}
	for name, s := range all {
		if !strings.HasPrefix(s.Description, "synthetic") {
			t.Errorf("%s is not called synthetic: %q", name, s.Description)
		}
		seen := map[string]bool{}
		labels := map[string]int{}
		for _, e := range s.Train {
			seen[e.Text+"\t"+e.Pair] = true
			labels[e.Label]++
		}
		for _, e := range append(s.Dev[:len(s.Dev):len(s.Dev)], s.Test...) {
			if seen[e.Text+"\t"+e.Pair] {
				t.Errorf("%s: %q is in train as well", name, e.Text)
			}
			if n := len(strings.Fields(e.Text)); n < 4 || n > 30 {
				t.Errorf("%s: %d words in %q", name, n, e.Text)
			}
			if e.HasPair {
				if x, err := strconv.ParseFloat(e.Label, 64); err != nil || x < 0 || x > 5 {
					t.Errorf("%s: score %q", name, e.Label)
				}
			}
		}
		for l, n := range labels {
			if share := float64(n) * float64(len(labels)) / float64(len(s.Train)); share < 0.4 || share > 2.5 {
				t.Errorf("%s: label %s has %d of %d examples", name, l, n, len(s.Train))
			}
		}
	}
}

// TestBagOfWordsIsNotEnough fits a naive Bayes classifier: the classes must
// be told by words to some degree, but not wholly.
func TestBagOfWordsIsNotEnough(t *testing.T) {
	for _, task := range Make(0).Tasks {
		if task.Regression {
			continue
		}
		accuracy, chance := naiveBayes(task.Intermediate)
		t.Logf("%s: %.2f, chance %.2f", task.Intermediate.Name, accuracy, chance)
		if accuracy < chance+0.1 || accuracy > 0.97 {
			t.Errorf("%s: naive Bayes reaches %.2f, chance is %.2f", task.Intermediate.Name, accuracy, chance)
		}
	}
}

func naiveBayes(s Set) (accuracy, chance float64) {
	names := dataset.LabelsOf(s.Train).Names()
	counts, totals, n := map[string]map[string]float64{}, map[string]float64{}, map[string]float64{}
	for _, l := range names {
		counts[l] = map[string]float64{}
	}
	for _, e := range s.Train {
		n[e.Label]++
		for _, w := range strings.Fields(e.Text) {
			counts[e.Label][w]++
			totals[e.Label]++
		}
	}
	right := 0
	for _, e := range s.Test {
		best, bestScore := "", math.Inf(-1)
		for _, l := range names {
			score := math.Log(n[l])
			for _, w := range strings.Fields(e.Text) {
				score += math.Log((counts[l][w] + 1) / (totals[l] + 1000))
			}
			if score > bestScore {
				best, bestScore = l, score
			}
		}
		if best == e.Label {
			right++
		}
	}
	return float64(right) / float64(len(s.Test)), 1 / float64(len(names))
}

func ExampleMake() {
	c := Make(0)
	for _, t := range c.Tasks {
		fmt.Println(t.Name, t.Intermediate.Name, len(t.Intermediate.Train), t.Targets[0].Name, len(t.Targets[0].Train))
	}
	// Output:
	// classification topics-A1 2000 actions-A2 160
	// sentiment judgements-A1 2000 judgements-A2 160
	// similarity overlap-A1 2000 overlap-A2 160
}
