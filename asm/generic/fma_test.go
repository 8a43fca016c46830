package generic

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// exactFMA rounds x·y + z once, from an exact sum.
func exactFMA(x, y, z float32) float32 {
	if isSpecial(x) || isSpecial(y) || isSpecial(z) {
		return float32(float64(x)*float64(y) + float64(z))
	}
	exact := func(v float32) *big.Float { return new(big.Float).SetPrec(1000).SetFloat64(float64(v)) }
	p := exact(x)
	p.Mul(p, exact(y))
	s := new(big.Float).SetPrec(1000).Add(p, exact(z))
	if s.Sign() == 0 { // the sign of a zero is that of the hardware's sum
		return float32(float64(x)*float64(y) + float64(z))
	}
	f, _ := s.Float32()
	return f
}

func isSpecial(x float32) bool { return x != x || math.IsInf(float64(x), 0) }

func equal(x, y float32) bool {
	return math.Float32bits(x) == math.Float32bits(y) || x != x && y != y
}

func TestFMA(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	any := func() float32 { return math.Float32frombits(r.Uint32()) }
	scaled := func(low, span int) float32 {
		return float32(math.Ldexp(1+float64(r.IntN(1<<23))*0x1p-23, low+r.IntN(span))) * float32(1-2*r.IntN(2))
	}
	for name, next := range map[string]func() (x, y, z float32){
		"all bits": func() (x, y, z float32) { return any(), any(), any() },
		"near 1":   func() (x, y, z float32) { return scaled(-3, 6), scaled(-3, 6), scaled(-30, 60) },
		"denormal": func() (x, y, z float32) { return scaled(-80, 20), scaled(-80, 20), scaled(-149, 30) },
		"overflow": func() (x, y, z float32) { return scaled(62, 3), scaled(62, 3), scaled(100, 28) },
		"cancels": func() (x, y, z float32) {
			x, y = scaled(-2, 4), scaled(-2, 4)
			return x, y, -float32(x * y)
		},
		// A sum halfway between two float32, give or take less than float64 shows.
		"halfway": func() (x, y, z float32) {
			z = scaled(0, 1)
			x = float32(math.Ldexp(1, -24)) * float32(1-2*r.IntN(2))
			return x, 1 + float32(r.IntN(3)-1)*0x1p-23, z
		},
		"halfway and a trifle": func() (x, y, z float32) {
			// (2¹² + a)(2¹² + b)·2⁻⁴⁸ is 2⁻²⁴ and small terms.
			a, b := float32(r.IntN(3)-1)*0x1p-11, float32(r.IntN(3)-1)*0x1p-11
			return (4096 + a) * 0x1p-24, (4096 + b) * 0x1p-24 * float32(1-2*r.IntN(2)), scaled(0, 1)
		},
		"halfway denormal": func() (x, y, z float32) {
			return 0x1p-75 * (1 + float32(r.IntN(3)-1)*0x1p-23), 0x1p-75 * float32(2*r.IntN(4)-3), float32(r.IntN(100)) * 0x1p-149
		},
	} {
		for range 40_000 {
			x, y, z := next()
			if got, want := FMA(x, y, z), exactFMA(x, y, z); !equal(got, want) {
				t.Fatalf("%s: FMA(%x, %x, %x) = %x, exact %x", name, x, y, z, got, want)
			}
		}
	}
}

func TestFMASpecial(t *testing.T) {
	inf, nan, zero := float32(math.Inf(1)), float32(math.NaN()), float32(math.Copysign(0, -1))
	for _, c := range [][4]float32{
		{0, inf, 1, nan}, {0, nan, 1, nan}, {inf, 1, -inf, nan}, {inf, 1, 1, inf}, {1, 1, -inf, -inf},
		{zero, 1, zero, zero}, {zero, 1, 0, 0}, {1, 1, -1, 0}, {math.MaxFloat32, 2, -inf, -inf},
		{math.MaxFloat32, 2, -math.MaxFloat32, math.MaxFloat32}, {math.MaxFloat32, 2, 0, inf},
	} {
		if got := FMA(c[0], c[1], c[2]); !equal(got, c[3]) {
			t.Errorf("FMA(%v, %v, %v) = %v, expected %v", c[0], c[1], c[2], got, c[3])
		}
	}
}
