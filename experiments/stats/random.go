package stats

import "math/bits"

// A site keeps the random numbers of different uses of one seed apart.
const (
	siteBootstrap = iota + 1
	sitePermutation
)

// stream is a generator whose n-th number is a function of its key and n
// (SplitMix64; Steele, Lea and Flood 2014, "Fast splittable pseudorandom
// number generators"). Every resample has its own, so that it does not matter
// which core draws which.
type stream uint64

// newStream returns the numbers of resample index of a seed at a site.
func newStream(seed uint64, site, index int) stream {
	return stream(mix(mix(mix(seed)+uint64(site)) + uint64(index)))
}

func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (s *stream) next() uint64 {
	*s += 0x9e3779b97f4a7c15
	return mix(uint64(*s))
}

// below returns a number less than n. Its departure from uniform, below
// n/2^64, could not be seen.
func (s *stream) below(n int) int {
	high, _ := bits.Mul64(s.next(), uint64(n))
	return int(high)
}
