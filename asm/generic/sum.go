package generic

// Lanes is the number of virtual lanes of sums, dot products and maxima: lane
// l takes the elements l, l+16, l+32, …
const Lanes = 16

// Fold adds up lanes as a tree: 16 → 8 → 4 → 2 → 1.
func Fold(lanes *[Lanes]float32) float32 {
	for n := Lanes / 2; n > 0; n /= 2 {
		for i := range n {
			lanes[i] += lanes[i+n]
		}
	}
	return lanes[0]
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

// Max returns the largest element of x, and NaN if there is one. A maximum of
// zero is +0, so that it does not depend on which of two zeros comes first. x
// is not empty.
func Max(x []float32) float32 {
	m := x[0]
	for _, v := range x {
		if v > m || v != v {
			m = v
		}
		if m != m {
			return m
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
func Fold64(lanes *[Lanes]float64) float64 {
	for n := Lanes / 2; n > 0; n /= 2 {
		for i := range n {
			lanes[i] += lanes[i+n]
		}
	}
	return lanes[0]
}

// SumSquares returns Σ x² in float64.
func SumSquares(x []float32) float64 {
	var lanes [Lanes]float64
	SquareLanes(&lanes, x)
	return Fold64(&lanes)
}

// DeviationLanes adds (x - mean)² to the lanes.
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
