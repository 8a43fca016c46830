package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"godwit/asm/generic"
)

// withISA runs f with each instruction set of this machine and restores the one in use.
func withISA(t testing.TB, f func(name string)) {
	t.Helper()
	before := ISA()
	defer useISA(t, before)
	for _, name := range ISAs() {
		useISA(t, name)
		f(name)
	}
}

func useISA(t testing.TB, name string) {
	t.Helper()
	if err := SetISA(name); err != nil {
		t.Fatal(err)
	}
}

// sameBits compares bits; one NaN is as good as another.
func sameBits(x, y float32) bool {
	return math.Float32bits(x) == math.Float32bits(y) || x != x && y != y
}

func firstDifference(x, y []float32) int {
	for i := range x {
		if !sameBits(x[i], y[i]) {
			return i
		}
	}
	return -1
}

var specials = []float32{
	float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 0, float32(math.Copysign(0, -1)),
	0x1p-149, -0x1p-149, 0x1p-127, -0x1.8p-127, 0x1p-126, math.MaxFloat32, -math.MaxFloat32,
	1e30, -1e30, 1e-30, -1e-30, 1, -1, 0.625, -14.5, 88.8, -104, 0x1p23,
}

// fills are ways to fill a slice, from tame to wild.
var fills = []struct {
	name string
	at   func(r *rand.Rand) float32
}{
	{"normal", func(r *rand.Rand) float32 { return float32(r.NormFloat64()) }},
	{"wide", func(r *rand.Rand) float32 {
		return float32(math.Ldexp(r.Float64()*2-1, r.IntN(280)-150))
	}},
	{"zeros", func(r *rand.Rand) float32 { return float32(math.Copysign(0, r.Float64()-0.5)) }},
	{"one in 16 special", func(r *rand.Rand) float32 {
		if r.IntN(16) == 0 {
			return specials[r.IntN(len(specials))]
		}
		return float32(r.NormFloat64() * 10)
	}},
	{"special", func(r *rand.Rand) float32 { return specials[r.IntN(len(specials))] }},
}

// routine calls one kernel on slices of equal length. All of them are compared
// afterwards, and the results.
type routine struct {
	name   string
	slices int
	alias  []int // slices that may be the same memory as slice 0
	least  int   // length
	run    func(v *vectorKernels, s [][]float32, p [4]float32) []float64
}

func none(f func()) []float64 { f(); return nil }

// tableRoutines has each field of vectorKernels, under its name.
var tableRoutines = []routine{
	unaryRoutine("exp", func(v *vectorKernels) func(dst, x []float32) { return v.exp }),
	unaryRoutine("tanh", func(v *vectorKernels) func(dst, x []float32) { return v.tanh }),
	unaryRoutine("gelu", func(v *vectorKernels) func(dst, x []float32) { return v.gelu }),
	unaryRoutine("geluTanh", func(v *vectorKernels) func(dst, x []float32) { return v.geluTanh }),
	unaryRoutine("relu", func(v *vectorKernels) func(dst, x []float32) { return v.relu }),
	unaryRoutine("silu", func(v *vectorKernels) func(dst, x []float32) { return v.silu }),
	binaryRoutine("tanhGrad", func(v *vectorKernels) func(dst, x, y []float32) { return v.tanhGrad }),
	binaryRoutine("reluGrad", func(v *vectorKernels) func(dst, x, y []float32) { return v.reluGrad }),
	binaryRoutine("siluGrad", func(v *vectorKernels) func(dst, x, y []float32) { return v.siluGrad }),
	binaryRoutine("geluGrad", func(v *vectorKernels) func(dst, x, y []float32) { return v.geluGrad }),
	binaryRoutine("geluTanhGrad", func(v *vectorKernels) func(dst, x, y []float32) { return v.geluTanhGrad }),
	binaryRoutine("add", func(v *vectorKernels) func(dst, x, y []float32) { return v.add }),
	binaryRoutine("mul", func(v *vectorKernels) func(dst, x, y []float32) { return v.mul }),
	{"expSub", 2, []int{1}, 0, func(v *vectorKernels, s [][]float32, p [4]float32) []float64 {
		return []float64{float64(v.expSub(s[0], s[1], p[0], p[1]))}
	}},
	{"sum", 1, nil, 0, func(v *vectorKernels, s [][]float32, _ [4]float32) []float64 { return []float64{float64(v.sum(s[0]))} }},
	{"max", 1, nil, 0, func(v *vectorKernels, s [][]float32, _ [4]float32) []float64 { return []float64{float64(v.max(s[0]))} }},
	{"dot", 2, nil, 0, func(v *vectorKernels, s [][]float32, _ [4]float32) []float64 {
		return []float64{float64(v.dot(s[0], s[1]))}
	}},
	{"sumSquares", 1, nil, 0, func(v *vectorKernels, s [][]float32, _ [4]float32) []float64 { return []float64{v.sumSquares(s[0])} }},
	{"deviation", 1, nil, 0, func(v *vectorKernels, s [][]float32, p [4]float32) []float64 {
		return []float64{float64(v.deviation(s[0], p[0]))}
	}},
	{"scale", 2, []int{1}, 0, func(v *vectorKernels, s [][]float32, p [4]float32) []float64 {
		return none(func() { v.scale(s[0], p[0], s[1]) })
	}},
	{"axpy", 2, []int{1}, 0, func(v *vectorKernels, s [][]float32, p [4]float32) []float64 {
		return none(func() { v.axpy(s[0], p[0], s[1]) })
	}},
	{"softmaxGrad", 3, []int{1, 2}, 0, func(v *vectorKernels, s [][]float32, p [4]float32) []float64 {
		return none(func() { v.softmaxGrad(s[0], s[1], s[2], p[0], p[1]) })
	}},
	{"layerNormApply", 4, []int{1}, 0, func(v *vectorKernels, s [][]float32, p [4]float32) []float64 {
		return none(func() { v.layerNormApply(s[0], s[1], s[2], s[3], p[0], p[1]) })
	}},
	{"layerNormGradSums", 3, nil, 0, func(v *vectorKernels, s [][]float32, p [4]float32) []float64 {
		g, gx := v.layerNormGradSums(s[0], s[1], s[2], p[0], p[1])
		return []float64{float64(g), float64(gx)}
	}},
	{"layerNormGradApply", 4, []int{1}, 0, func(v *vectorKernels, s [][]float32, p [4]float32) []float64 {
		return none(func() { v.layerNormGradApply(s[0], s[1], s[2], s[3], p[0], p[1], p[2], p[3]) })
	}},
	{"layerNormParamGrad", 4, nil, 0, func(v *vectorKernels, s [][]float32, p [4]float32) []float64 {
		return none(func() { v.layerNormParamGrad(s[0], s[1], s[2], s[3], p[0], p[1]) })
	}},
	{"adam", 4, nil, 0, func(v *vectorKernels, s [][]float32, p [4]float32) []float64 {
		c := AdamParams{LearningRate: 1e-3, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: 0.01, Step: 3, GradScale: p[0], Decoupled: p[1] > 0}.constants()
		return none(func() { v.adam(s[0], s[1], s[2], s[3], c) })
	}},
	{"dropout", 2, []int{1}, 0, func(v *vectorKernels, s [][]float32, p [4]float32) []float64 {
		// The groups run over the low word of the counter.
		c := generic.NewDropoutConstants(uint64(math.Float32bits(p[0]))<<32|7, math.Float32bits(p[1]), 5, 0.3)
		return none(func() { v.dropout(s[0], s[1], 1<<29-1, c) })
	}},
}

func unaryRoutine(name string, field func(v *vectorKernels) func(dst, x []float32)) routine {
	return routine{name, 2, []int{1}, 0, func(v *vectorKernels, s [][]float32, _ [4]float32) []float64 {
		return none(func() { field(v)(s[0], s[1]) })
	}}
}

func binaryRoutine(name string, field func(v *vectorKernels) func(dst, x, y []float32)) routine {
	return routine{name, 3, []int{1, 2}, 0, func(v *vectorKernels, s [][]float32, _ [4]float32) []float64 {
		return none(func() { field(v)(s[0], s[1], s[2]) })
	}}
}

// exportedRoutines are the kernels as other packages call them.
var exportedRoutines = []routine{
	exportedUnary("Exp", Exp), exportedUnary("Tanh", Tanh), exportedUnary("GELU", GELU), exportedUnary("GELUTanh", GELUTanh),
	exportedUnary("ReLU", ReLU), exportedUnary("SiLU", SiLU),
	exportedBinary("TanhGrad", TanhGrad), exportedBinary("GELUGrad", GELUGrad), exportedBinary("GELUTanhGrad", GELUTanhGrad),
	exportedBinary("ReLUGrad", ReLUGrad), exportedBinary("SiLUGrad", SiLUGrad), exportedBinary("Add", Add), exportedBinary("Mul", Mul),
	{"Sum, SumSquares", 1, nil, 0, func(_ *vectorKernels, s [][]float32, _ [4]float32) []float64 {
		return []float64{float64(Sum(s[0])), SumSquares(s[0])}
	}},
	{"Max", 1, nil, 0, func(_ *vectorKernels, s [][]float32, _ [4]float32) []float64 { return []float64{float64(Max(s[0]))} }},
	{"Dot", 2, nil, 0, func(_ *vectorKernels, s [][]float32, _ [4]float32) []float64 {
		return []float64{float64(Dot(s[0], s[1]))}
	}},
	{"Scale", 2, []int{1}, 0, func(_ *vectorKernels, s [][]float32, p [4]float32) []float64 {
		return none(func() { Scale(s[0], p[0], s[1]) })
	}},
	{"Axpy", 2, []int{1}, 0, func(_ *vectorKernels, s [][]float32, p [4]float32) []float64 {
		return none(func() { Axpy(s[0], p[0], s[1]) })
	}},
	{"Softmax", 2, []int{1}, 0, func(_ *vectorKernels, s [][]float32, p [4]float32) []float64 {
		m, sum := Softmax(s[0], s[1], p[0])
		return []float64{float64(m), float64(sum)}
	}},
	{"SoftmaxGrad", 3, []int{2}, 0, func(_ *vectorKernels, s [][]float32, p [4]float32) []float64 {
		return none(func() { SoftmaxGrad(s[0], s[1], s[2], p[0]) })
	}},
	{"LayerNorm", 4, []int{1}, 0, func(_ *vectorKernels, s [][]float32, _ [4]float32) []float64 {
		mean, rstd := LayerNorm(s[0], s[1], s[2], s[3], 1e-5)
		return []float64{float64(mean), float64(rstd)}
	}},
	{"LayerNormGrad", 4, []int{1}, 0, func(_ *vectorKernels, s [][]float32, p [4]float32) []float64 {
		return none(func() { LayerNormGrad(s[0], s[1], s[2], s[3], p[0], p[1]) })
	}},
	{"LayerNormParamGrad", 4, nil, 0, func(_ *vectorKernels, s [][]float32, p [4]float32) []float64 {
		return none(func() { LayerNormParamGrad(s[0], s[1], s[2], s[3], p[0], p[1]) })
	}},
	{"Adam", 4, nil, 0, func(_ *vectorKernels, s [][]float32, p [4]float32) []float64 {
		return none(func() {
			Adam(s[0], s[1], s[2], s[3], AdamParams{LearningRate: 1e-3, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: 0.01, Step: 1, GradScale: p[0]})
		})
	}},
	{"Dropout", 2, []int{1}, 0, func(_ *vectorKernels, s [][]float32, p [4]float32) []float64 {
		return none(func() { Dropout(s[0], s[1], DropoutKey{Seed: 1 << 40, Step: 2, Site: 3}, 1<<35-64, 0.1) })
	}},
}

func exportedUnary(name string, f func(dst, x []float32)) routine {
	return unaryRoutine(name, func(*vectorKernels) func(dst, x []float32) { return f })
}

func exportedBinary(name string, f func(dst, x, y []float32)) routine {
	return binaryRoutine(name, func(*vectorKernels) func(dst, x, y []float32) { return f })
}

// placer returns memory for slice i of a routine: n elements, and all that may be watched around them.
type placer func(i, n, offset int) (slice, watched []float32)

// heapPlacer puts a slice `offset` elements behind an aligned address, between elements that must not change.
func heapPlacer(_, n, offset int) (slice, watched []float32) {
	watched = make([]float32, n+32)
	return watched[8+offset : 8+offset+n : 8+offset+n], watched
}

// compare runs a routine with the generic and with the set in use on equal data.
func (r *routine) compare(t *testing.T, rnd *rand.Rand, place placer, isa string, n, offset int, fill func(*rand.Rand) float32, alias int) {
	t.Helper()
	var p [4]float32
	for i := range p {
		p[i] = fill(rnd)
	}
	got, want := make([][]float32, r.slices), make([][]float32, r.slices)
	watched, expected := make([][]float32, r.slices), make([][]float32, r.slices)
	for i := range r.slices {
		if i > 0 && i == alias {
			got[i], want[i], watched[i], expected[i] = got[0], want[0], watched[0], expected[0]
			continue
		}
		got[i], watched[i] = place(i, n, (offset+i)%4)
		want[i], expected[i] = heapPlacer(i, n, offset)
		for j := range n {
			got[i][j] = fill(rnd)
		}
		copy(want[i], got[i])
	}
	useISA(t, isa)
	x := r.run(&current.vec, got, p)
	useISA(t, "generic")
	y := r.run(&current.vec, want, p)
	describe := func() string {
		return fmt.Sprintf("%s, %s: n = %d, offset %d, slice %d in place, parameters %v", r.name, isa, n, offset, alias, p)
	}
	for i := range x {
		if math.Float64bits(x[i]) != math.Float64bits(y[i]) && !(x[i] != x[i] && y[i] != y[i]) {
			t.Fatalf("%s: result %d is %v, generic has %v", describe(), i, x[i], y[i])
		}
	}
	for i := range got {
		if j := firstDifference(got[i], want[i]); j >= 0 {
			t.Fatalf("%s: slice %d, element %d is %v, generic has %v", describe(), i, j, got[i][j], want[i][j])
		}
		for _, w := range [][]float32{watched[i], expected[i]} {
			if len(w) > 0 && (slices.ContainsFunc(w[:8], notZero) || slices.ContainsFunc(w[len(w)-16:], notZero)) {
				t.Fatalf("%s: slice %d: written outside", describe(), i)
			}
		}
	}
}

func notZero(x float32) bool { return math.Float32bits(x) != 0 }

// TestEveryVectorKernelEqualsGeneric holds each instruction set to the
// definition: all short lengths, some long ones, unaligned slices, in place.
func TestEveryVectorKernelEqualsGeneric(t *testing.T) {
	before := ISA()
	defer useISA(t, before)
	for _, isa := range ISAs()[1:] {
		for _, r := range slices.Concat(tableRoutines, exportedRoutines) {
			t.Run(isa+"/"+r.name, func(t *testing.T) {
				rnd := rand.New(rand.NewPCG(1, 2))
				for _, f := range fills {
					for n := r.least; n <= 67; n++ {
						for offset := range 4 {
							r.compare(t, rnd, heapPlacer, isa, n, offset, f.at, -1)
						}
						for _, alias := range r.alias {
							r.compare(t, rnd, heapPlacer, isa, n, n%4, f.at, alias)
						}
					}
					for _, n := range []int{127, 128, 383, 768, 1023, 3072, 5001} {
						r.compare(t, rnd, heapPlacer, isa, n, n%4, f.at, -1)
					}
				}
				// More than assembly takes at once.
				for _, n := range []int{1 << 14, 1<<14 + 8, 2<<14 + 77} {
					r.compare(t, rnd, heapPlacer, isa, n, n%4, fills[3].at, -1)
				}
			})
		}
	}
}

// TestTableIsComplete fails when a kernel is added without a comparison.
func TestTableIsComplete(t *testing.T) {
	fields := reflect.TypeFor[vectorKernels]()
	for i := range fields.NumField() {
		name := fields.Field(i).Name
		if !slices.ContainsFunc(tableRoutines, func(r routine) bool { return r.name == name }) {
			t.Errorf("vectorKernels.%s has no entry in tableRoutines", name)
		}
	}
	for _, s := range sets() {
		v := reflect.ValueOf(s.vec)
		for i := range v.NumField() {
			if v.Field(i).IsNil() {
				t.Errorf("%s has no kernel %s", s.name, fields.Field(i).Name)
			}
		}
	}
}

func TestUnequalLengthsPanic(t *testing.T) {
	x, y := make([]float32, 3), make([]float32, 4)
	for name, f := range map[string]func(){
		"Exp": func() { Exp(x, y) }, "Add": func() { Add(x, x, y) }, "Dot": func() { Dot(x, y) },
		"LayerNorm": func() { LayerNorm(x, x, x, y, 1e-5) }, "Adam": func() { Adam(x, y, x, x, AdamParams{Step: 1}) },
		"Dropout": func() { Dropout(x, y, DropoutKey{}, 0, 0.5) },
	} {
		text := panicText(f)
		if !strings.Contains(text, name) || !strings.Contains(text, "3") || !strings.Contains(text, "4") {
			t.Errorf("%s: panic %q does not name the routine and both lengths", name, text)
		}
	}
	if text := panicText(func() { Dropout(x, x, DropoutKey{}, 63, 0.5) }); !strings.Contains(text, "63") {
		t.Errorf("Dropout from element 63: panic %q", text)
	}
}

// panicText returns what f panics with, "" where it does not.
func panicText(f func()) (text string) {
	defer func() {
		if p := recover(); p != nil {
			text = fmt.Sprint(p)
		}
	}()
	f()
	return ""
}

func TestFindISA(t *testing.T) {
	for _, name := range ISAs() {
		if s, err := findISA(name); err != nil || s.name != name {
			t.Errorf("findISA(%q) = %v, %v", name, s, err)
		}
	}
	before := ISA()
	for _, name := range []string{"", "AVX2", "sse9"} {
		err := SetISA(name)
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", name)) || !strings.Contains(err.Error(), "generic") {
			t.Errorf("SetISA(%q): error %v does not name it and what there is", name, err)
		}
		if ISA() != before {
			t.Fatalf("SetISA(%q) failed and changed the set to %s", name, ISA())
		}
	}
}
