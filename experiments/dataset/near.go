package dataset

import (
	"math"
	"math/bits"
	"slices"
)

// Near duplicates are found by the hashes of their shingles, the sequences of
// words. Of each of a number of random orders of all shingles the first one
// that an example has is noted (MinHash: Broder 1997); that those of two
// examples agree is as likely as their sets are similar. Examples that agree in
// a band of several orders are then compared themselves.
const (
	nearSimilarity = 0.8 // the least Jaccard index of near duplicates
	shingleWords   = 3
	// Of 16 bands of 4 orders, one agrees for 99.98 % of the examples of
	// similarity 0.8, and for 2.5 % of those of 0.2.
	bands    = 16
	bandRows = 4
	// maxBand is the most examples of one band that one is compared with, so
	// that thousands of texts of one mould don't take hours.
	maxBand = 64
)

// shingles returns the hashes of an example's shingles, sorted, each once. A
// text of fewer words than a shingle is one itself.
func shingles(text, pair string) []uint64 {
	var set []uint64
	for _, t := range []string{text, pair} {
		words := tokens(t)
		if len(words) == 0 {
			continue
		}
		for i := range max(len(words)-shingleWords, 0) + 1 {
			set = append(set, hashWords(words[i:min(i+shingleWords, len(words))]))
		}
	}
	slices.Sort(set)
	return slices.Compact(set)
}

// hashWords hashes words, each with an end, by FNV-1a (Fowler, Noll and Vo), and
// mixes the outcome.
func hashWords(words []string) uint64 {
	const prime = 1099511628211
	h := uint64(14695981039346656037)
	for _, w := range words {
		for i := range len(w) {
			h = (h ^ uint64(w[i])) * prime
		}
		h = (h ^ ' ') * prime
	}
	return mix(h)
}

// mix is a bijection of 64 bits, each of which changes about half of them (the
// finaliser of SplitMix64: Steele, Lea and Flood 2014).
func mix(h uint64) uint64 {
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

// jaccard returns the share of two sorted sets that is in both.
func jaccard(a, b []uint64) float64 {
	common, i, j := 0, 0, 0
	for i < len(a) && j < len(b) {
		switch {
		case a[i] < b[j]:
			i++
		case a[i] > b[j]:
			j++
		default:
			common++
			i++
			j++
		}
	}
	return float64(common) / float64(max(len(a)+len(b)-common, 1))
}

type nearFinder struct {
	equal equalFinder
	at    []int      // of the examples that are not equal to an earlier one
	sets  [][]uint64 // their shingles
	bands [bands]map[uint64][]int
}

func newNearFinder() *nearFinder {
	f := &nearFinder{equal: equalFinder{}}
	for i := range f.bands {
		f.bands[i] = make(map[uint64][]int)
	}
	return f
}

func (f *nearFinder) add(p sketch, at int) {
	if _, ok := f.equal.find(p); ok {
		return
	}
	f.equal.add(p, at)
	n := len(f.sets)
	f.at = append(f.at, at)
	f.sets = append(f.sets, p.shingles)
	for i, key := range p.bands {
		if list := f.bands[i][key]; len(list) < maxBand {
			f.bands[i][key] = append(list, n)
		}
	}
}

func (f *nearFinder) find(p sketch) (match, bool) {
	if m, ok := f.equal.find(p); ok {
		return m, true
	}
	best := match{similarity: -1}
	seen := make(map[int]bool)
	for i, key := range p.bands {
		for _, n := range f.bands[i][key] {
			if seen[n] {
				continue
			}
			seen[n] = true
			s := jaccard(p.shingles, f.sets[n])
			if s > best.similarity || s == best.similarity && f.at[n] < best.at {
				best = match{at: f.at[n], similarity: s}
			}
		}
	}
	return best, best.similarity >= nearSimilarity
}

// bandsOf returns the key of each band of a set of shingles.
func bandsOf(set []uint64) (keys [bands]uint64) {
	for i := range keys {
		for row := range bandRows {
			// An order is that of the hashes, mixed with its number.
			order := mix(uint64(i*bandRows + row + 1))
			least := uint64(math.MaxUint64)
			for _, h := range set {
				high, low := bits.Mul64(h^order, 0x9e3779b97f4a7c15)
				least = min(least, high^low)
			}
			keys[i] = mix(keys[i] ^ least)
		}
	}
	return keys
}
