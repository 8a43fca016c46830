// Package generic defines the arithmetic of every kernel in plain Go. It is
// what the other instruction sets are held to, bit for bit, and the fallback
// where there is none.
package generic

import "math"

// FMA returns x·y + z rounded once to float32.
//
// The product of two float32 is exact in float64, and so the only roundings are
// that of the sum to float64 and that to float32. To make the pair of them equal to
// one, the first is made to odd: where the sum is inexact its last bit is set,
// which keeps it off every midpoint of float32 (Boldo and Melquiond, IEEE
// Transactions on Computers 57, 2008).
func FMA(x, y, z float32) float32 {
	p, c := float64(x)*float64(y), float64(z)
	s := p + c
	b := math.Float64bits(s)
	// Only sums whose last 29 bits are those of a midpoint can be rounded wrongly as normal float32.
	if b&(1<<29-1) != 1<<28 && s > minNormal || b&(1<<29-1) != 1<<28 && s < -minNormal {
		return float32(s)
	}
	return float32(roundToOdd(p, c, s))
}

// minNormal is above the least float32 whose significand has all 24 bits.
const minNormal = 0x1p-125

func roundToOdd(p, c, s float64) float64 {
	if math.IsInf(s, 0) || math.IsNaN(s) {
		return s
	}
	t := s - p
	e := (p - (s - t)) + (c - t) // s + e is p + c exactly (Knuth's two-sum)
	b := math.Float64bits(s)
	if e == 0 || b&1 != 0 {
		return s
	}
	if (e > 0) == (s > 0) {
		return math.Float64frombits(b + 1)
	}
	return math.Float64frombits(b - 1)
}
