package kernels

import (
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"godwit/asm/generic"
)

// TestFunctionsEqualGenericOverAllInputs runs each function of one variable on
// every 16381st of the 2³² inputs, on all of them with GODWIT_EXHAUSTIVE=1, and
// compares bits.
func TestFunctionsEqualGenericOverAllInputs(t *testing.T) {
	stride := uint64(16381)
	if os.Getenv("GODWIT_EXHAUSTIVE") == "1" {
		stride = 1
	}
	const block = 4096
	dy := make([]float32, block)
	for i := range dy {
		dy[i] = 1.25
	}
	unary := func(f func(dst, x []float32)) func(dst, x []float32) { return f }
	gradient := func(f func(dst, dy, x []float32)) func(dst, x []float32) {
		return func(dst, x []float32) { f(dst, dy[:len(x)], x) }
	}
	for _, c := range []struct {
		name string
		of   func(v *vectorKernels) func(dst, x []float32)
	}{
		{"exp", func(v *vectorKernels) func(dst, x []float32) { return unary(v.exp) }},
		{"tanh", func(v *vectorKernels) func(dst, x []float32) { return unary(v.tanh) }},
		{"gelu", func(v *vectorKernels) func(dst, x []float32) { return unary(v.gelu) }},
		{"geluTanh", func(v *vectorKernels) func(dst, x []float32) { return unary(v.geluTanh) }},
		{"relu", func(v *vectorKernels) func(dst, x []float32) { return unary(v.relu) }},
		{"silu", func(v *vectorKernels) func(dst, x []float32) { return unary(v.silu) }},
		{"tanhGrad", func(v *vectorKernels) func(dst, x []float32) { return gradient(v.tanhGrad) }},
		{"geluGrad", func(v *vectorKernels) func(dst, x []float32) { return gradient(v.geluGrad) }},
		{"geluTanhGrad", func(v *vectorKernels) func(dst, x []float32) { return gradient(v.geluTanhGrad) }},
		{"reluGrad", func(v *vectorKernels) func(dst, x []float32) { return gradient(v.reluGrad) }},
		{"siluGrad", func(v *vectorKernels) func(dst, x []float32) { return gradient(v.siluGrad) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			var x, got, want [block]float32
			reference := c.of(&genericVector)
			for base := uint64(0); base < 1<<32; base += block * stride {
				n := 0
				for ; n < block && base+uint64(n)*stride < 1<<32; n++ {
					x[n] = math.Float32frombits(uint32(base + uint64(n)*stride))
				}
				reference(want[:n], x[:n])
				for _, s := range sets()[1:] {
					c.of(&s.vec)(got[:n], x[:n])
					if i := firstDifference(got[:n], want[:n]); i >= 0 {
						t.Fatalf("%s of %v (%x): %v, generic has %v", s.name, x[i], math.Float32bits(x[i]), got[i], want[i])
					}
				}
			}
		})
	}
}

// normals returns n numbers of a normal distribution, scaled and moved.
func normals(rnd *rand.Rand, n int, scale, shift float64) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rnd.NormFloat64()*scale + shift)
	}
	return x
}

// near fails when got is farther from want than bound times the largest |want|.
func near(t *testing.T, what string, got []float32, want []float64, bound float64) {
	t.Helper()
	var size, worst float64
	for i, w := range want {
		size = max(size, math.Abs(w))
		worst = max(worst, math.Abs(float64(got[i])-w)) // NaN stays NaN
	}
	if !(worst <= bound*size) {
		t.Errorf("%s (%s, n = %d): off by %.3g, %.3g of the largest value; bound %g", what, ISA(), len(got), worst, worst/size, bound)
	}
}

// rowLengths are those that the row kernels are compared with float64 at.
var rowLengths = []int{1, 2, 7, 8, 15, 16, 17, 64, 77, 128, 384, 768, 1023, 4096}

// TestReductions compares with float64, relative to the sum of absolute terms,
// within half a ulp for each addition that an element goes through.
func TestReductions(t *testing.T) {
	withISA(t, func(isa string) {
		rnd := rand.New(rand.NewPCG(7, 8))
		for _, n := range append([]int{0, 40_000}, rowLengths...) {
			x, y := normals(rnd, n, 3, 1), normals(rnd, n, 1, 0)
			var sum, size, dot, dotSize, squares float64
			largest := math.Inf(-1)
			for i, v := range x {
				sum += float64(v)
				size += math.Abs(float64(v))
				dot += float64(v) * float64(y[i])
				dotSize += math.Abs(float64(v) * float64(y[i]))
				squares += float64(v) * float64(v)
				largest = max(largest, float64(v))
			}
			unit := 0x1p-24 * float64(n/generic.Lanes+5)
			if d := math.Abs(float64(Sum(x)) - sum); !(d <= unit*size) {
				t.Errorf("%s: Sum of %d elements is off by %g of %g", isa, n, d, size)
			}
			if d := math.Abs(float64(Dot(x, y)) - dot); !(d <= unit*dotSize) {
				t.Errorf("%s: Dot of %d elements is off by %g of %g", isa, n, d, dotSize)
			}
			if d := math.Abs(SumSquares(x) - squares); !(d <= 1e-13*squares) {
				t.Errorf("%s: SumSquares of %d elements is off by %g of %g", isa, n, d, squares)
			}
			if got := float64(Max(x)); got != largest {
				t.Errorf("%s: Max of %d elements is %v, expected %v", isa, n, got, largest)
			}
		}
	})
}

// TestSumOrder spells out which additions make a sum: numbers of very different
// sizes give other bits in any other order.
func TestSumOrder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(9, 10))
	x := make([]float32, 1000)
	for i := range x {
		x[i] = fills[1].at(rnd)
		if math.Abs(float64(x[i])) > 1e30 {
			x[i] = 1
		}
	}
	var lanes [16]float32
	for i, v := range x {
		lanes[i%16] += v
	}
	for half := 8; half > 0; half /= 2 {
		for i := range half {
			lanes[i] += lanes[i+half]
		}
	}
	withISA(t, func(isa string) {
		if got := Sum(x); !sameBits(got, lanes[0]) {
			t.Errorf("%s: Sum is %x, expected %x", isa, got, lanes[0])
		}
	})
}

// TestDotOfVanishingProducts: products that round to -0 leave -0 in every lane that has some.
func TestDotOfVanishingProducts(t *testing.T) {
	withISA(t, func(isa string) {
		for n := 16; n <= 67; n++ {
			x, y := slices.Repeat([]float32{1e-30}, n), slices.Repeat([]float32{-1e-30}, n)
			if got := Dot(x, y); !sameBits(got, float32(math.Copysign(0, -1))) {
				t.Fatalf("%s: Dot of %d products of -1e-60 is %v, expected -0", isa, n, got)
			}
		}
	})
}

func TestMaxSpecial(t *testing.T) {
	inf, nan, zero := float32(math.Inf(1)), float32(math.NaN()), float32(math.Copysign(0, -1))
	withISA(t, func(isa string) {
		for n := 1; n <= 70; n++ {
			for at := range n {
				for _, c := range []struct{ fill, one, want float32 }{
					{-1, 5, 5}, {-inf, -inf, -inf}, {1, nan, nan}, {inf, nan, nan}, {-inf, -3, -3}, {zero, zero, 0}, {-1, zero, 0}, {zero, 0, 0},
				} {
					x := slices.Repeat([]float32{c.fill}, n)
					x[at] = c.one
					if got := Max(x); !sameBits(got, c.want) {
						t.Fatalf("%s: Max of %d times %v with %v at %d is %v, expected %v", isa, n, c.fill, c.one, at, got, c.want)
					}
				}
			}
		}
	})
}

func TestSoftmaxAndGradient(t *testing.T) {
	withISA(t, func(isa string) {
		rnd := rand.New(rand.NewPCG(11, 12))
		for _, n := range rowLengths {
			const scale = 0.125
			x, dp := normals(rnd, n, 20, 5), normals(rnd, n, 1, 0)
			p, largest, sum := make([]float64, n), float64(slices.Max(x)), 0.0
			for i, v := range x {
				p[i] = math.Exp((float64(v) - largest) * scale)
				sum += p[i]
			}
			dot := 0.0
			for i := range p {
				p[i] /= sum
				dot += p[i] * float64(dp[i])
			}
			dx, size := make([]float64, n), 0.0 // size is that of the terms whose difference the gradient is
			for i := range dx {
				dx[i] = p[i] * (float64(dp[i]) - dot) * scale
				size = max(size, p[i]*math.Abs(float64(dp[i]))*scale)
			}
			got := make([]float32, n)
			m, s := Softmax(got, x, scale)
			if float64(m) != largest || math.Abs(float64(s)/sum-1) > 1e-6 {
				t.Errorf("%s: Softmax of %d elements returns %v, %v; expected %v, %v", isa, n, m, s, largest, sum)
			}
			near(t, "Softmax", got, p, 1e-6)
			grad := make([]float32, n)
			SoftmaxGrad(grad, got, dp, scale)
			near(t, "SoftmaxGrad", append(grad, float32(size)), append(dx, size), 1e-6)
		}
	})
}

// TestSoftmaxLimits: rows whose softmax is known without computing.
func TestSoftmaxLimits(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	withISA(t, func(isa string) {
		for _, c := range []struct{ x, want []float32 }{
			{nil, nil}, {[]float32{-3e38}, []float32{1}}, {[]float32{5, 5, 5, 5}, []float32{0.25, 0.25, 0.25, 0.25}},
			{[]float32{-inf, 0, 0}, []float32{0, 0.5, 0.5}}, {[]float32{-3e38, 3e38}, []float32{0, 1}},
			{[]float32{1, nan}, []float32{nan, nan}}, {[]float32{-inf, -inf}, []float32{nan, nan}}, {[]float32{inf, 1}, []float32{nan, 0}},
		} {
			got := make([]float32, len(c.x))
			Softmax(got, c.x, 1)
			if c.x != nil && c.x[0] == inf { // ∞-∞ for the first, which makes the sum NaN
				c.want[1] = nan
			}
			if i := firstDifference(got, c.want); i >= 0 {
				t.Errorf("%s: Softmax(%v) = %v, expected %v", isa, c.x, got, c.want)
			}
		}
	})
}

func TestLayerNormAndGradients(t *testing.T) {
	withISA(t, func(isa string) {
		rnd := rand.New(rand.NewPCG(13, 14))
		for _, n := range rowLengths[1:] {
			const eps = 1e-5
			x, dy := normals(rnd, n, 2, 0.5), normals(rnd, n, 1, 0)
			gamma, beta := normals(rnd, n, 0.1, 1), normals(rnd, n, 0.1, 0)
			if n == 2 {
				x[0], x[1] = -1, 2 // the gradient of a pair is small by cancellation, unless they lie apart
			}
			var mean, variance float64
			for _, v := range x {
				mean += float64(v) / float64(n)
			}
			for _, v := range x {
				variance += (float64(v) - mean) * (float64(v) - mean) / float64(n)
			}
			rstd := 1 / math.Sqrt(variance+eps)
			y, dx, dgamma, dbeta := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
			var meanG, meanGX float64
			for i, v := range x {
				xh, g := (float64(v)-mean)*rstd, float64(dy[i])*float64(gamma[i])
				y[i] = xh*float64(gamma[i]) + float64(beta[i])
				meanG += g / float64(n)
				meanGX += g * xh / float64(n)
				dgamma[i], dbeta[i] = 1+float64(dy[i])*xh, 2+float64(dy[i])
			}
			size := 0.0 // of the terms that a gradient is the difference of
			for i, v := range x {
				xh, g := (float64(v)-mean)*rstd, float64(dy[i])*float64(gamma[i])
				dx[i] = rstd * (g - meanG - xh*meanGX)
				size = max(size, rstd*math.Abs(g))
			}
			got := make([]float32, n)
			m, r := LayerNorm(got, x, gamma, beta, eps)
			if math.Abs(float64(m)-mean) > 1e-6*(math.Abs(mean)+1) || math.Abs(float64(r)/rstd-1) > 1e-6 {
				t.Errorf("%s: LayerNorm of %d elements: mean %v, rstd %v; expected %v, %v", isa, n, m, r, mean, rstd)
			}
			near(t, "LayerNorm", got, y, 1e-6)
			LayerNormGrad(got, dy, x, gamma, m, r)
			near(t, "LayerNormGrad", append(got, float32(size)), append(dx, size), 2e-6)
			gotGamma, gotBeta := slices.Repeat([]float32{1}, n), slices.Repeat([]float32{2}, n)
			LayerNormParamGrad(gotGamma, gotBeta, dy, x, m, r)
			near(t, "LayerNormParamGrad, gamma", gotGamma, dgamma, 1e-6)
			near(t, "LayerNormParamGrad, beta", gotBeta, dbeta, 1e-6)
		}
	})
}

// TestLayerNormFarFromZero: the second pass keeps the variance of a row whose
// mean is a thousand times its deviation.
func TestLayerNormFarFromZero(t *testing.T) {
	withISA(t, func(isa string) {
		x := make([]float32, 768)
		for i := range x {
			x[i] = 4096 + float32(i%2*8) // mean 4100, deviation 4
		}
		ones, zeros := slices.Repeat([]float32{1}, len(x)), make([]float32, len(x))
		y := make([]float32, len(x))
		mean, rstd := LayerNorm(y, x, ones, zeros, 0)
		if mean != 4100 || rstd != 0.25 {
			t.Errorf("%s: mean %v, rstd %v; expected 4100, 0.25", isa, mean, rstd)
		}
	})
}

// TestAdam takes 300 steps with each kind of decay and compares with the
// formulas of torch.optim in float64.
func TestAdam(t *testing.T) {
	withISA(t, func(isa string) {
		for name, p := range map[string]AdamParams{
			"Adam":     {LearningRate: 1e-3, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, GradScale: 1},
			"Adam, L2": {LearningRate: 1e-3, Beta1: 0.9, Beta2: 0.99, Epsilon: 1e-6, WeightDecay: 0.1, GradScale: 0.5},
			"AdamW":    {LearningRate: 2e-5, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: 0.01, GradScale: 0.25, Decoupled: true},
		} {
			rnd := rand.New(rand.NewPCG(15, 16))
			const n = 37
			w, m, v := normals(rnd, n, 0.5, 0), make([]float32, n), make([]float32, n)
			w64, m64, v64 := make([]float64, n), make([]float64, n), make([]float64, n)
			for i := range w {
				w64[i] = float64(w[i])
			}
			for step := 1; step <= 300; step++ {
				g := normals(rnd, n, 1e-3*float64(step%7+1), 0)
				p.Step = step
				for i := range w64 {
					gi := float64(g[i]) * float64(p.GradScale)
					if p.Decoupled {
						w64[i] *= 1 - p.LearningRate*p.WeightDecay
					} else {
						gi += p.WeightDecay * w64[i]
					}
					m64[i] += (1 - p.Beta1) * (gi - m64[i])
					v64[i] = p.Beta2*v64[i] + (1-p.Beta2)*gi*gi
					denominator := math.Sqrt(v64[i])/math.Sqrt(1-math.Pow(p.Beta2, float64(step))) + p.Epsilon
					w64[i] -= p.LearningRate / (1 - math.Pow(p.Beta1, float64(step))) * m64[i] / denominator
				}
				Adam(w, g, m, v, p)
			}
			near(t, name+": w", w, w64, 3e-6)
			near(t, name+": m", m, m64, 1e-5)
			near(t, name+": v", v, v64, 1e-5)
		}
	})
}

// TestDropoutDefinition works out each element's number by itself, from the
// generator and the rule for which of its bits belong to the element.
func TestDropoutDefinition(t *testing.T) {
	key := DropoutKey{Seed: 0x0123456789abcdef, Step: 77, Site: 0xfffffffe}
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	withISA(t, func(isa string) {
		for _, first := range []uint64{0, 64, 1<<32 - 64, 1<<35 - 128, 1 << 40} {
			for _, p := range []float32{0, 1e-6, 0.1, 0.5, 0.99999, 1} {
				const n = 64*5 + 29
				threshold := uint32(math.Round(float64(p) * 65536))
				scale := float32(65536 / (65536 - float64(threshold)))
				x, want := make([]float32, n), make([]float32, n)
				for i := range x {
					x[i] = float32(i) - 100.5
					switch i % 50 {
					case 13:
						x[i] = nan
					case 31:
						x[i] = inf
					}
					e := first + uint64(i)
					counter := e/64*8 + e%8
					h := e % 64 / 8
					words := Philox4x32([4]uint32{uint32(counter), uint32(counter >> 32), key.Step, key.Site}, [2]uint32{uint32(key.Seed), uint32(key.Seed >> 32)})
					if words[h/2]>>(16*(h%2))&0xffff >= threshold {
						want[i] = float32(x[i] * scale)
					}
				}
				got := slices.Repeat([]float32{-1}, n)
				Dropout(got, x, key, first, p)
				if i := firstDifference(got, want); i >= 0 {
					t.Fatalf("%s: first %d, p = %v: element %d is %v, expected %v", isa, first, p, i, got[i], want[i])
				}
			}
		}
	})
	for _, p := range []float32{-0.1, 1.1, nan} {
		if text := panicText(func() { Dropout(nil, nil, key, 0, p) }); !strings.Contains(text, "probability") {
			t.Errorf("Dropout with p = %v: panic %q", p, text)
		}
	}
}

// TestVectorKernelsAllocateNothing: they run on rows inside training steps.
func TestVectorKernelsAllocateNothing(t *testing.T) {
	x, y, z, w := make([]float32, 77), make([]float32, 77), make([]float32, 77), make([]float32, 77)
	withISA(t, func(isa string) {
		allocations := testing.AllocsPerRun(10, func() {
			Softmax(y, x, 1)
			SoftmaxGrad(z, y, x, 1)
			mean, rstd := LayerNorm(y, x, z, w, 1e-5)
			LayerNormGrad(y, x, z, w, mean, rstd)
			Dropout(y, x, DropoutKey{}, 0, 0.5)
			GELU(y, x)
			SiLUGrad(z, y, x)
			Adam(x, y, z, w, AdamParams{Beta1: 0.9, Beta2: 0.999, Step: 1, GradScale: 1})
		})
		if allocations != 0 {
			t.Errorf("%s: %v allocations", isa, allocations)
		}
	})
}
