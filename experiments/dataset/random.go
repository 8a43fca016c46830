package dataset

import (
	"math/bits"
	"math/rand/v2"
)

// A site keeps the random numbers of different uses of one seed apart.
const (
	siteSplit = iota + 1
	siteSample
	siteShuffle
	siteBatches
	siteNested
	siteParallel
)

// generator returns the random numbers of a seed at a site and an epoch.
func generator(seed uint64, site, epoch int) *rand.PCG {
	return rand.NewPCG(seed, uint64(site)<<32^uint64(epoch))
}

// below returns a uniform random number less than n (Lemire 2019). It is
// written out here, so that no release of Go changes a split.
func below(g *rand.PCG, n int) int {
	high, low := bits.Mul64(g.Uint64(), uint64(n))
	for threshold := -uint64(n) % uint64(n); low < threshold; {
		high, low = bits.Mul64(g.Uint64(), uint64(n))
	}
	return int(high)
}

// shuffle permutes list at random (Fisher and Yates).
func shuffle[T any](g *rand.PCG, list []T) {
	for i := len(list) - 1; i > 0; i-- {
		j := below(g, i+1)
		list[i], list[j] = list[j], list[i]
	}
}

// Shuffle returns the numbers from 0 to n-1 in a random order that depends on
// n, seed and epoch and on nothing else.
func Shuffle(n int, seed uint64, epoch int) []int {
	order := count(n)
	shuffle(generator(seed, siteShuffle, epoch), order)
	return order
}

// count returns the numbers from 0 to n-1.
func count(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}
