package generic

import "math"

// Lanes is the number of virtual lanes of sums, dot products and maxima: lane
// l takes the elements l, l+16, l+32, …
const Lanes = 16

// Fold adds up lanes as a tree, 16 → 8 → 4 → 2 → 1, in which lane i takes lane
// i+8, then i+4, i+2 and i+1.
func Fold(l *[Lanes]float32) float32 {
	a0, a1, a2, a3 := l[0]+l[8], l[1]+l[9], l[2]+l[10], l[3]+l[11]
	a4, a5, a6, a7 := l[4]+l[12], l[5]+l[13], l[6]+l[14], l[7]+l[15]
	b0, b1, b2, b3 := a0+a4, a1+a5, a2+a6, a3+a7
	return (b0 + b2) + (b1 + b3)
}

// AddLanes adds x to the lanes.
func AddLanes(lanes *[Lanes]float32, x []float32) {
	for i, v := range x {
		lanes[i%Lanes] += v
	}
}

// Sum returns Σ x.
func Sum(x []float32) float32 {
	var lanes [Lanes]float32
	AddLanes(&lanes, x)
	return Fold(&lanes)
}

// DotLanes adds the products of x and y to the lanes, fused.
func DotLanes(lanes *[Lanes]float32, x, y []float32) {
	for i, v := range x {
		lanes[i%Lanes] = FMA(v, y[i], lanes[i%Lanes])
	}
}

// Dot returns Σ x y.
func Dot(x, y []float32) float32 {
	var lanes [Lanes]float32
	DotLanes(&lanes, x, y)
	return Fold(&lanes)
}

// Max returns the largest element of x, NaN if one is NaN, -Inf if there is
// none. A maximum of zero is +0, so that it does not depend on which of two zeros
// comes first; for the same reason no lanes are needed to define it.
func Max(x []float32) float32 {
	m := float32(math.Inf(-1))
	for _, v := range x {
		if v != v {
			return v
		}
		if v > m {
			m = v
		}
	}
	if m == 0 {
		return 0
	}
	return m
}

// SquareLanes adds x² to lanes of float64.
func SquareLanes(lanes *[Lanes]float64, x []float32) {
	for i, v := range x {
		lanes[i%Lanes] += float64(float64(v) * float64(v)) // the product is exact
	}
}

// Fold64 adds up lanes of float64 as Fold does.
func Fold64(l *[Lanes]float64) float64 {
	a0, a1, a2, a3 := l[0]+l[8], l[1]+l[9], l[2]+l[10], l[3]+l[11]
	a4, a5, a6, a7 := l[4]+l[12], l[5]+l[13], l[6]+l[14], l[7]+l[15]
	b0, b1, b2, b3 := a0+a4, a1+a5, a2+a6, a3+a7
	return (b0 + b2) + (b1 + b3)
}

// SumSquares returns Σ x² in float64.
func SumSquares(x []float32) float64 {
	var lanes [Lanes]float64
	SquareLanes(&lanes, x)
	return Fold64(&lanes)
}

// DeviationLanes adds (x - mean)² to the lanes, fused.
func DeviationLanes(lanes *[Lanes]float32, x []float32, mean float32) {
	for i, v := range x {
		d := v - mean
		lanes[i%Lanes] = FMA(d, d, lanes[i%Lanes])
	}
}

// Deviation returns Σ (x - mean)², in lanes.
func Deviation(x []float32, mean float32) float32 {
	var lanes [Lanes]float32
	DeviationLanes(&lanes, x, mean)
	return Fold(&lanes)
}
