package dataset

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Split holds a share of the examples out, chosen at random by seed, and
// returns the rest and those, both in the order of examples. Of n examples it
// holds out fraction·n, rounded; stratified, every label gives its share of
// them to within one. The fraction must lie between 0 and 1.
func Split(examples []Example, fraction float64, seed uint64, stratify bool) (rest, held []Example) {
	if !(fraction >= 0 && fraction <= 1) {
		panic(fmt.Sprintf("dataset.Split: fraction is %v, expected from 0 to 1", fraction))
	}
	n := int(math.Round(fraction * float64(len(examples))))
	return choose(examples, n, generator(seed, siteSplit, 0), stratify)
}

// Sample returns n of the examples, chosen at random by seed, in their order:
// of every label its share to within one. If there are no more than n, it
// returns them all.
func Sample(examples []Example, n int, seed uint64) []Example {
	_, chosen := choose(examples, min(max(n, 0), len(examples)), generator(seed, siteSample, 0), true)
	return chosen
}

// choose parts n random examples from the others.
func choose(examples []Example, n int, g *rand.PCG, stratify bool) (others, chosen []Example) {
	label := func(e Example) string {
		if stratify {
			return e.Label
		}
		return "" // all examples are one group
	}
	groups := make(map[string][]int)
	var names []string
	for i, e := range examples {
		if groups[label(e)] == nil {
			names = append(names, label(e))
		}
		groups[label(e)] = append(groups[label(e)], i)
	}
	slices.Sort(names) // the choice does not depend on which label came first

	// Every group gives the whole part of its share. What is then missing
	// comes from those with the largest remainders, equal ones at random.
	type share struct{ group, give, remainder int }
	shares := make([]share, len(names))
	missing := n
	for i, name := range names {
		exact := n * len(groups[name])
		shares[i] = share{i, exact / len(examples), exact % len(examples)}
		missing -= shares[i].give
	}
	shuffle(g, shares)
	slices.SortStableFunc(shares, func(a, b share) int { return cmp.Compare(b.remainder, a.remainder) })
	for i := range missing {
		shares[i].give++
	}
	slices.SortFunc(shares, func(a, b share) int { return cmp.Compare(a.group, b.group) })

	taken := make([]bool, len(examples))
	for _, s := range shares {
		members := groups[names[s.group]]
		shuffle(g, members)
		for _, i := range members[:s.give] {
			taken[i] = true
		}
	}
	others = make([]Example, 0, len(examples)-n)
	chosen = make([]Example, 0, n)
	for i, e := range examples {
		if taken[i] {
			chosen = append(chosen, e)
		} else {
			others = append(others, e)
		}
	}
	return others, chosen
}
