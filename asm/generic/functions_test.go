package generic

import (
	"math"
	"os"
	"runtime"
	"sync"
	"testing"
)

// normalSlope is φ(x).
func normalSlope(x float64) float64 { return math.Exp(-x*x/2) / math.Sqrt(2*math.Pi) }

// ulp is the distance of float32 values around y.
func ulp(y float64) float64 {
	_, e := math.Frexp(y)
	return math.Ldexp(1, max(e-24, -149))
}

// errorInUlp measures in ulp of the result.
func errorInUlp(_, got, want float64) float64 { return math.Abs(got-want) / ulp(want) }

// errorAbsolute measures differences to the result.
func errorAbsolute(_, got, want float64) float64 { return math.Abs(got - want) }

// errorByX measures in units of 2⁻²⁴ max(|x|, |want|), which suits x Φ(x):
// below 0 it is small by cancellation.
func errorByX(x, got, want float64) float64 {
	return math.Abs(got-want) / (0x1p-24 * max(math.Abs(x), math.Abs(want), 0x1p-126))
}

// errorInTail measures x Φ(x) relative to itself where x < 0, in units of
// (8 + x²/2)·2⁻²⁴, which grow with the argument of e^(-x²/2).
func errorInTail(x, got, want float64) float64 {
	if x > 0 {
		return 0
	}
	return math.Abs(got-want) / (0x1p-24*math.Abs(want)*(8+x*x/2) + 0x1p-149*math.Max(1, math.Abs(x)))
}

// one makes a function of a gradient: that for dy = 1.
func one(f func(dst, dy, x []float32)) func(dst, x []float32) {
	return func(dst, x []float32) {
		dy := make([]float32, len(x))
		for i := range dy {
			dy[i] = 1
		}
		f(dst, dy, x)
	}
}

// errorByFactor measures x s(x) in ulp of the result, but at least in x times the
// distance of denormals, to which s is rounded where it has become tiny.
func errorByFactor(x, got, want float64) float64 {
	return math.Abs(got-want) / math.Max(ulp(want), 0x1p-149*math.Abs(x))
}

// TestErrorBounds compares the functions with float64 at every 4099th of the
// 2³² inputs, at all of them with GODWIT_EXHAUSTIVE=1. Largest errors measured at
// every 101st:
//
//	Exp           1.00 ulp
//	Tanh          1.29 ulp
//	GELU          3.77 · 2⁻²⁴ max(|x|, |result|), and 0.93 (8 + x²/2)·2⁻²⁴ relative for x < 0
//	GELUGrad      2.4e-7, absolute
//	GELUTanh      2.00 · 2⁻²⁴ max(|x|, |result|)
//	GELUTanhGrad  5.6e-7, absolute
//	SiLU          3.42 ulp, of the result or of its factor 1/(1 + e^-x)
//	SiLUGrad      2.3e-7, absolute
//	TanhGrad      rounded correctly
func TestErrorBounds(t *testing.T) {
	stride := uint64(4099)
	if os.Getenv("GODWIT_EXHAUSTIVE") == "1" {
		stride = 1
	}
	sigmoid := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	phi := func(x float64) float64 { return 0.5 * math.Erfc(-x/math.Sqrt2) }
	inner := func(x float64) float64 { return math.Sqrt(2/math.Pi) * (x + 0.044715*x*x*x) }
	for _, c := range []struct {
		name  string
		f     func(dst, x []float32)
		want  func(x float64) float64
		err   func(x, got, want float64) float64
		bound float64
		unit  string
	}{
		{"Exp", Exp, math.Exp, errorInUlp, 1.2, "ulp"},
		{"Tanh", Tanh, math.Tanh, errorInUlp, 1.5, "ulp"},
		{"GELU", GELU, func(x float64) float64 { return x * phi(x) }, errorByX, 4.5, "2⁻²⁴ |x|"},
		{"GELU, tail", GELU, func(x float64) float64 { return x * phi(x) }, errorInTail, 1, "(8 + x²/2)·2⁻²⁴"},
		{"GELUGrad", one(GELUGrad), func(x float64) float64 { return phi(x) + x*normalSlope(x) }, errorAbsolute, 3e-7, ""},
		{"GELUTanh", GELUTanh, func(x float64) float64 { return 0.5 * x * (1 + math.Tanh(inner(x))) }, errorByX, 3, "2⁻²⁴ |x|"},
		{"GELUTanhGrad", one(GELUTanhGrad), func(x float64) float64 {
			th := math.Tanh(inner(x))
			return 0.5*(1+th) + 0.5*x*(1-th*th)*math.Sqrt(2/math.Pi)*(1+3*0.044715*x*x)
		}, errorAbsolute, 1e-6, ""},
		{"SiLU", SiLU, func(x float64) float64 { return x * sigmoid(x) }, errorByFactor, 4, "ulp"},
		{"SiLUGrad", one(SiLUGrad), func(x float64) float64 { return sigmoid(x) * (1 + x*sigmoid(-x)) }, errorAbsolute, 3e-7, ""},
		{"TanhGrad", one(TanhGrad), func(y float64) float64 { return 1 - y*y }, errorInUlp, 0, "ulp, beyond the rounding"},
	} {
		t.Run(c.name, func(t *testing.T) {
			worst, at := maximum(stride, c.f, c.want, c.err)
			t.Logf("largest error %.4g %s at %v", worst, c.unit, at)
			if !(worst <= c.bound) {
				t.Errorf("error %g %s at %v (%x), bound %g", worst, c.unit, at, at, c.bound)
			}
		})
	}
}

// maximum returns the largest error over the inputs, and where it is. An
// infinity where there is none, or the other way round, counts as infinite;
// results beyond float32 are infinite.
func maximum(stride uint64, f func(dst, x []float32), want func(float64) float64, err func(x, got, want float64) float64) (worst float64, at float32) {
	workers := uint64(runtime.GOMAXPROCS(0))
	var mu sync.Mutex
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			const block = 1024
			var x, y [block]float32
			var high float64
			var where float32
			for base := w * block * stride; base < 1<<32; base += workers * block * stride {
				n := 0
				for ; n < block && base+uint64(n)*stride < 1<<32; n++ {
					x[n] = math.Float32frombits(uint32(base + uint64(n)*stride))
				}
				f(y[:n], x[:n])
				for i, v := range x[:n] {
					if isSpecial(v) { // see TestLimits
						continue
					}
					exact, got := want(float64(v)), float64(y[i])
					e := 0.0
					if float32(exact) != y[i] {
						e = err(float64(v), got, exact)
						if math.IsInf(got, 0) && math.Abs(exact) > math.MaxFloat32*(1-1e-6) && (got > 0) == (exact > 0) {
							e = 0 // rounds to infinity or nearly so
						}
					}
					if !(e <= high) {
						high, where = e, v
					}
				}
			}
			mu.Lock()
			defer mu.Unlock()
			if !(high <= worst) {
				worst, at = high, where
			}
		})
	}
	wg.Wait()
	return worst, at
}

func TestLimits(t *testing.T) {
	inf, nan, zero := float32(math.Inf(1)), float32(math.NaN()), float32(math.Copysign(0, -1))
	for _, c := range []struct {
		name string
		f    func(dst, x []float32)
		x, y float32
	}{
		{"Exp", Exp, 0, 1}, {"Exp", Exp, zero, 1}, {"Exp", Exp, inf, inf}, {"Exp", Exp, -inf, 0}, {"Exp", Exp, nan, nan},
		{"Exp", Exp, 88.8, inf}, {"Exp", Exp, 1e30, inf}, {"Exp", Exp, -104, 0}, {"Exp", Exp, -1e30, 0},
		{"Exp", Exp, -103.98, 0}, {"Exp", Exp, -103.9, 0x1p-149}, {"Exp", Exp, -100, float32(math.Exp(-100))}, {"Exp", Exp, 0x1p-149, 1},
		{"Tanh", Tanh, inf, 1}, {"Tanh", Tanh, -inf, -1}, {"Tanh", Tanh, nan, nan}, {"Tanh", Tanh, 0, 0}, {"Tanh", Tanh, zero, zero},
		{"Tanh", Tanh, 0x1p-149, 0x1p-149}, {"Tanh", Tanh, 20, 1}, {"Tanh", Tanh, -1e38, -1},
		{"GELU", GELU, 0, 0}, {"GELU", GELU, inf, inf}, {"GELU", GELU, nan, nan}, {"GELU", GELU, 1e30, 1e30}, {"GELU", GELU, -1e30, zero}, {"GELU", GELU, -inf, nan}, {"GELU", GELU, zero, zero},
		{"GELUTanh", GELUTanh, 0, 0}, {"GELUTanh", GELUTanh, inf, inf}, {"GELUTanh", GELUTanh, 1e38, 1e38}, {"GELUTanh", GELUTanh, -1e38, zero}, {"GELUTanh", GELUTanh, nan, nan},
		{"GELUTanhGrad", one(GELUTanhGrad), inf, 1}, {"GELUTanhGrad", one(GELUTanhGrad), -inf, 0}, {"GELUTanhGrad", one(GELUTanhGrad), 1e20, 1}, {"GELUTanhGrad", one(GELUTanhGrad), nan, nan},
		{"GELUGrad", one(GELUGrad), 0, 0.5}, {"GELUGrad", one(GELUGrad), 1e30, 1}, {"GELUGrad", one(GELUGrad), inf, nan}, {"GELUGrad", one(GELUGrad), nan, nan},
		{"ReLU", ReLU, nan, nan}, {"ReLU", ReLU, -inf, 0}, {"ReLU", ReLU, inf, inf}, {"SiLU", SiLU, nan, nan}, {"SiLU", SiLU, inf, inf},
		{"ReLU", ReLU, zero, zero}, {"ReLUGrad", one(ReLUGrad), 0, 0}, {"ReLUGrad", one(ReLUGrad), 0x1p-149, 1}, {"ReLUGrad", one(ReLUGrad), nan, 0},
		{"SiLU", SiLU, -inf, nan}, {"SiLU", SiLU, -1e30, zero}, {"SiLUGrad", one(SiLUGrad), 0, 0.5}, {"SiLUGrad", one(SiLUGrad), 1e30, 1}, {"SiLUGrad", one(SiLUGrad), nan, nan},
	} {
		y := []float32{0}
		c.f(y, []float32{c.x})
		if !equal(y[0], c.y) {
			t.Errorf("%s(%v) = %v, expected %v", c.name, c.x, y[0], c.y)
		}
	}
}

// TestPolynomials holds the fitted polynomials, with float32 coefficients but
// evaluated in float64, to the errors that their comments state.
func TestPolynomials(t *testing.T) {
	check := func(name string, low, high, bound float64, got, want func(x float64) float64) {
		worst, at := 0.0, 0.0
		const steps = 100_000
		for i := range steps + 1 {
			x := low + (high-low)*float64(i)/steps
			if e := math.Abs(got(x)/want(x) - 1); e > worst {
				worst, at = e, x
			}
		}
		t.Logf("%s: largest relative error %.3g at %v", name, worst, at)
		if !(worst <= bound) {
			t.Errorf("%s: relative error %g at %v, stated %g", name, worst, at, bound)
		}
	}
	horner := func(x float64, coefficients ...float32) float64 {
		y := 0.0
		for i := len(coefficients) - 1; i >= 0; i-- {
			y = y*x + float64(coefficients[i])
		}
		return y
	}
	check("exp", -math.Ln2/2, math.Ln2/2, 6e-9, func(r float64) float64 {
		return 1 + r + r*r*horner(r, exp0, exp1, exp2, exp3, exp4)
	}, math.Exp)
	check("tanh", 1e-3, tanhSmall, 7e-9, func(x float64) float64 {
		return x + x*x*x*horner(x*x, tanh0, tanh1, tanh2, tanh3, tanh4)
	}, math.Tanh)
	check("normal", 0, normalHigh, 4e-8, func(a float64) float64 {
		return horner(1/(1+normalC*a), normalR[:]...)
	}, func(a float64) float64 { return 0.5 * math.Exp(a*a/2) * math.Erfc(a/math.Sqrt2) })
}
