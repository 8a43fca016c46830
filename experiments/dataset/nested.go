package dataset

import (
	"cmp"
	"container/heap"
	"crypto/sha256"
	"encoding/binary"
	"slices"
)

// Balance says how many examples of each label a sample has.
type Balance int

const (
	// Proportional: as in all examples, to within one.
	Proportional Balance = iota
	// Even: of all labels the same number, to within one, as long as there are
	// so many.
	Even
	// Unstratified: as chance has it. This is for scores.
	Unstratified
)

// NestedSample returns n of the examples, chosen at random by seed, in their
// order. The sample of a smaller n is within that of a larger one, as the
// points of a learning curve need it. If all examples have an ID, the choice
// depends on these and not on the order, so that of parallel sets, with the
// same labels in every language, the same IDs are chosen. If there are no more
// than n examples, it returns them all.
func NestedSample(examples []Example, n int, seed uint64, balance Balance) []Example {
	taken := make([]bool, len(examples))
	for _, i := range nestedOrder(examples, seed, balance)[:min(max(n, 0), len(examples))] {
		taken[i] = true
	}
	chosen := make([]Example, 0, len(examples))
	for i, e := range examples {
		if taken[i] {
			chosen = append(chosen, e)
		}
	}
	return slices.Clip(chosen)
}

// nestedOrder returns the numbers of the examples in an order of which each
// start is a sample.
func nestedOrder(examples []Example, seed uint64, balance Balance) []int {
	order := randomOrder(examples, seed)
	if balance == Unstratified {
		return order
	}
	groups := make(map[string]*stratum)
	var strata []*stratum
	for _, i := range order {
		g := groups[examples[i].Label]
		if g == nil {
			g = &stratum{label: examples[i].Label}
			groups[g.label] = g
			strata = append(strata, g)
		}
		g.members = append(g.members, i)
	}
	// Where labels are on a par their order is a random one.
	slices.SortFunc(strata, func(a, b *stratum) int { return cmp.Compare(a.label, b.label) })
	shuffle(generator(seed, siteNested, 1), strata)
	for i, g := range strata {
		g.rank = i
	}
	if balance == Even {
		return byRounds(strata, len(order))
	}
	return byQuota(strata, len(order))
}

// randomOrder orders examples by a hash of their IDs, or at random if some have
// none.
func randomOrder(examples []Example, seed uint64) []int {
	order := count(len(examples))
	if slices.ContainsFunc(examples, func(e Example) bool { return e.ID == "" }) {
		shuffle(generator(seed, siteNested, 0), order)
		return order
	}
	keys := make([]uint64, len(examples))
	for i, e := range examples {
		keys[i] = hashID(e.ID, seed, siteNested)
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(keys[a], keys[b]), cmp.Compare(examples[a].ID, examples[b].ID))
	})
	return order
}

// hashID returns a number that is random by seed and site, and the same for the
// same ID whatever stands around it.
func hashID(id string, seed uint64, site int) uint64 {
	b := binary.LittleEndian.AppendUint64(nil, seed)
	b = binary.LittleEndian.AppendUint64(b, uint64(site))
	sum := sha256.Sum256(append(b, id...))
	return binary.LittleEndian.Uint64(sum[:])
}

// stratum holds the examples of one label.
type stratum struct {
	label   string
	rank    int   // among labels on a par
	members []int // in random order
	taken   int   // how many of them are in the order
}

// byRounds takes one of each label in turn.
func byRounds(strata []*stratum, n int) []int {
	order := make([]int, 0, n)
	for len(strata) > 0 {
		strata = slices.DeleteFunc(strata, func(g *stratum) bool { return g.taken == len(g.members) })
		for _, g := range strata {
			order = append(order, g.members[g.taken])
			g.taken++
		}
	}
	return order
}

// byQuota takes them so that of the first k each label has its share, k times
// its number over n, rounded up or down, whatever k is. The next one of a label
// may be taken once its share is above what was taken, and must be before its
// share is one more: of those that may, the one that must first is taken, which
// always succeeds (the quota method of Balinski and Young 1975).
func byQuota(strata []*stratum, n int) []int {
	order := make([]int, 0, n)
	may := make([][]*stratum, n+1) // by the k from which on they may
	release := func(g *stratum) {
		if g.taken < len(g.members) {
			k := g.taken*n/len(g.members) + 1
			may[k] = append(may[k], g)
		}
	}
	for _, g := range strata {
		release(g)
	}
	var waiting urgent
	for k := 1; k <= n; k++ {
		for _, g := range may[k] {
			heap.Push(&waiting, g)
		}
		g := heap.Pop(&waiting).(*stratum)
		order = append(order, g.members[g.taken])
		g.taken++
		release(g)
	}
	return order
}

// urgent is a heap of labels by when their next example must be taken.
type urgent []*stratum

func (u urgent) Len() int { return len(u) }

func (u urgent) Less(i, j int) bool {
	// (taken+1)/members of one against the other's.
	a, b := u[i], u[j]
	return cmp.Or(cmp.Compare((a.taken+1)*len(b.members), (b.taken+1)*len(a.members)), cmp.Compare(a.rank, b.rank)) < 0
}

func (u urgent) Swap(i, j int) { u[i], u[j] = u[j], u[i] }

func (u *urgent) Push(g any) { *u = append(*u, g.(*stratum)) }

func (u *urgent) Pop() any {
	last := (*u)[len(*u)-1]
	*u = (*u)[:len(*u)-1]
	return last
}
