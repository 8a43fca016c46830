package avx2

import (
	"math"

	"godwit/asm/generic"
)

// sumLanes16 is, for n a multiple of 16,
//
//	for i := range n {
//		lanes[i%16] += x[i]
//	}
//
//go:noescape
func sumLanes16(x *float32, n int, lanes *[16]float32)

// dotLanes16 is, for n a multiple of 16,
//
//	for i := range n {
//		lanes[i%16] = FMA(x[i], y[i], lanes[i%16])
//	}
//
//go:noescape
func dotLanes16(x, y *float32, n int, lanes *[16]float32)

// deviationLanes16 is, for n a multiple of 16,
//
//	for i := range n {
//		d := x[i] - mean
//		lanes[i%16] = FMA(d, d, lanes[i%16])
//	}
//
//go:noescape
func deviationLanes16(x *float32, n int, mean float32, lanes *[16]float32)

// max16 is, for n a positive multiple of 16,
//
//	m := float32(math.Inf(-1))
//	for i := range n {
//		m = max(m, x[i]) // either of two zeros, NaN where there is one
//	}
//	return m
//
//go:noescape
func max16(x *float32, n int) float32

// sumSquaresLanes16 is, for n a multiple of 16,
//
//	for i := range n {
//		lanes[i%16] += float64(x[i]) * float64(x[i])
//	}
//
//go:noescape
func sumSquaresLanes16(x *float32, n int, lanes *[16]float64)

// Sum is generic.Sum.
func Sum(x []float32) float32 {
	var lanes [16]float32
	n := len(x) &^ 15
	for i := 0; i < n; i += block {
		sumLanes16(&x[i], min(block, n-i), &lanes)
	}
	generic.AddLanes(&lanes, x[n:])
	return generic.Fold(&lanes)
}

// negativeZeros fill up the end of a dot product: adding 0·(-0) = -0 changes no
// lane, where adding +0 would make +0 of -0.
var negativeZeros = func() (z [16]float32) {
	for i := range z {
		z[i] = float32(math.Copysign(0, -1))
	}
	return z
}()

// Dot is generic.Dot.
func Dot(x, y []float32) float32 {
	var lanes [16]float32
	n := len(x) &^ 15
	y = y[:len(x)]
	for i := 0; i < n; i += block {
		dotLanes16(&x[i], &y[i], min(block, n-i), &lanes)
	}
	if n < len(x) {
		a, b := [16]float32{}, negativeZeros
		copy(a[:], x[n:])
		copy(b[:], y[n:])
		dotLanes16(&a[0], &b[0], 16, &lanes)
	}
	return generic.Fold(&lanes)
}

// Deviation is generic.Deviation.
func Deviation(x []float32, mean float32) float32 {
	var lanes [16]float32
	n := len(x) &^ 15
	for i := 0; i < n; i += block {
		deviationLanes16(&x[i], min(block, n-i), mean, &lanes)
	}
	generic.DeviationLanes(&lanes, x[n:], mean)
	return generic.Fold(&lanes)
}

// Max is generic.Max. The last elements are taken together with some that were
// taken before: a maximum does not mind.
func Max(x []float32) float32 {
	n := len(x) &^ 15
	if n == 0 {
		return generic.Max(x)
	}
	m := max16(&x[0], min(block, n))
	for i := block; i < n; i += block {
		m = max(m, max16(&x[i], min(block, n-i)))
	}
	if n < len(x) {
		m = max(m, max16(&x[len(x)-16], 16))
	}
	if m == 0 {
		return 0
	}
	return m
}

// SumSquares is generic.SumSquares.
func SumSquares(x []float32) float64 {
	var lanes [16]float64
	n := len(x) &^ 15
	for i := 0; i < n; i += block {
		sumSquaresLanes16(&x[i], min(block, n-i), &lanes)
	}
	generic.SquareLanes(&lanes, x[n:])
	return generic.Fold64(&lanes)
}
