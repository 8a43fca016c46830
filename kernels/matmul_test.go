package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"godwit/asm/generic"
)

// product is a matrix product with its operands.
type product struct {
	form    form
	m, n, k int
	c, a, b Matrix
}

// randomMatrix has rows that are pad elements further apart than they are long.
// The last row ends the data.
func randomMatrix(r *rand.Rand, rows, cols, pad int, fill func(*rand.Rand) float32) Matrix {
	m := Matrix{Rows: rows, Cols: cols, Stride: cols + pad}
	if rows > 0 {
		m.Data = make([]float32, (rows-1)*m.Stride+cols)
	}
	for i := range m.Data {
		m.Data[i] = fill(r)
	}
	return m
}

func newProduct(r *rand.Rand, f form, m, n, k, pad int, fill func(*rand.Rand) float32) product {
	p := product{form: f, m: m, n: n, k: k, c: randomMatrix(r, m, n, pad, fill)}
	if f == formTN {
		p.a = randomMatrix(r, k, m, pad, fill)
	} else {
		p.a = randomMatrix(r, m, k, pad, fill)
	}
	if f == formNT {
		p.b = randomMatrix(r, n, k, pad, fill)
	} else {
		p.b = randomMatrix(r, k, n, pad, fill)
	}
	return p
}

func (p *product) into(c Matrix, accumulate bool) {
	switch p.form {
	case formNN:
		MatMulNN(c, p.a, p.b, accumulate)
	case formNT:
		MatMulNT(c, p.a, p.b, accumulate)
	case formTN:
		MatMulTN(c, p.a, p.b, accumulate)
	}
}

func (p *product) copyOfC() Matrix {
	c := p.c
	c.Data = slices.Clone(c.Data)
	return c
}

// run returns the product, and leaves C as it was.
func (p *product) run(accumulate bool) Matrix {
	c := p.copyOfC()
	p.into(c, accumulate)
	return c
}

// at returns the factors p of element (i, j).
func (p *product) at(i, j, l int) (x, y float32) {
	if p.form == formTN {
		x = p.a.Data[l*p.a.Stride+i]
	} else {
		x = p.a.Data[i*p.a.Stride+l]
	}
	if p.form == formNT {
		y = p.b.Data[j*p.b.Stride+l]
	} else {
		y = p.b.Data[l*p.b.Stride+j]
	}
	return x, y
}

// definition is what a product is defined to be: chains of kBlock fused
// multiply-adds from 0, added in order.
func (p *product) definition(accumulate bool) Matrix {
	c := p.copyOfC()
	for i := range p.m {
		for j := range p.n {
			out := &c.Data[i*c.Stride+j]
			for k0 := 0; k0 < p.k || k0 == 0; k0 += kBlock {
				s := float32(0)
				for l := k0; l < min(p.k, k0+kBlock); l++ {
					x, y := p.at(i, j, l)
					s = generic.FMA(x, y, s)
				}
				if accumulate || k0 > 0 {
					s = *out + s
				}
				*out = s
			}
		}
	}
	return c
}

// check compares all of C, what lies between its rows included.
func (p *product) check(t *testing.T, what string, got, want Matrix) {
	t.Helper()
	if i := firstDifference(got.Data, want.Data); i >= 0 {
		t.Fatalf("%s, form %d, %d×%d×%d, stride %d: element (%d, %d) is %v, expected %v",
			what, p.form, p.m, p.n, p.k, got.Stride, i/got.Stride, i%got.Stride, got.Data[i], want.Data[i])
	}
}

var forms = []form{formNN, formNT, formTN}

// TestMatMulEqualsDefinition holds each instruction set to the definition of the product.
func TestMatMulEqualsDefinition(t *testing.T) {
	type table struct{ m, n, k []int }
	for _, x := range []table{
		{[]int{1, 2, 3, 4, 5, 7, 8, 9, 17}, []int{1, 2, 7, 8, 9, 15, 16, 17, 24, 25, 31, 32, 33, 47, 48, 49, 64, 65, 97}, []int{0, 1, 2, 7, 8, 9, 33}},
		{[]int{1, 4, 11}, []int{1, 24, 65}, []int{511, 512, 513, 1024, 1030}},
		{[]int{97, 200}, []int{131, 400}, []int{20}},
	} {
		rnd := rand.New(rand.NewPCG(7, 8))
		for _, m := range x.m {
			for _, n := range x.n {
				for _, k := range x.k {
					for _, f := range forms {
						p := newProduct(rnd, f, m, n, k, rnd.IntN(2)*rnd.IntN(9), fills[0].at)
						accumulate := rnd.IntN(2) == 0
						want := p.definition(accumulate)
						withISA(t, func(isa string) { p.check(t, isa, p.run(accumulate), want) })
					}
				}
			}
		}
	}
}

// TestMatMulSpecialValues: infinities, NaN and 0·NaN come out as the definition says.
func TestMatMulSpecialValues(t *testing.T) {
	rnd := rand.New(rand.NewPCG(9, 10))
	for _, fill := range fills[1:] {
		for range 20 {
			for _, f := range forms {
				p := newProduct(rnd, f, 1+rnd.IntN(20), 1+rnd.IntN(70), 1+rnd.IntN(40), 3, fill.at)
				for _, accumulate := range []bool{false, true} {
					want := p.definition(accumulate)
					withISA(t, func(isa string) { p.check(t, isa+", "+fill.name, p.run(accumulate), want) })
				}
			}
		}
	}
	nan := newProduct(rnd, formNN, 9, 50, 30, 0, func(*rand.Rand) float32 { return 0 })
	nan.b.Data[3*nan.b.Stride+49] = float32(math.NaN())
	withISA(t, func(isa string) {
		c := nan.run(false)
		for i := range 9 {
			if x := c.Data[i*c.Stride+49]; x == x {
				t.Errorf("%s: 0·NaN in row %d gave %v", isa, i, x)
			}
		}
	})
}

// withProcs runs f with several numbers of workers and restores the one there was.
func withProcs(f func(procs int)) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, procs := range []int{1, 2, 3, 8} {
		runtime.GOMAXPROCS(procs)
		f(procs)
	}
}

func TestMatMulWorkersDoNotMatter(t *testing.T) {
	rnd := rand.New(rand.NewPCG(11, 12))
	for _, f := range forms {
		for _, s := range [][3]int{{130, 400, 600}, {5, 1000, 70}, {700, 30, 70}, {1, 1, 9}} {
			p := newProduct(rnd, f, s[0], s[1], s[2], 1, fills[0].at)
			withISA(t, func(isa string) {
				if isa == "generic" {
					return
				}
				var want Matrix
				withProcs(func(procs int) {
					c := p.run(true)
					if procs == 1 {
						want = c
					}
					p.check(t, fmt.Sprintf("%s, %d workers", isa, procs), c, want)
				})
			})
		}
	}
}

// TestMatMulRowAlone: a row of a product does not depend on the other rows.
func TestMatMulRowAlone(t *testing.T) {
	rnd := rand.New(rand.NewPCG(13, 14))
	p := newProduct(rnd, formNT, 37, 100, 530, 2, fills[0].at)
	withISA(t, func(isa string) {
		whole := p.run(false)
		var packed Packed
		packed.PackT(p.b)
		row := Matrix{Data: make([]float32, p.n), Rows: 1, Cols: p.n, Stride: p.n}
		for i := range p.m {
			MatMulPacked(row, p.a.block(i, i+1, 0, p.k), &packed, false, nil)
			if j := firstDifference(row.Data, whole.Data[i*whole.Stride:][:p.n]); j >= 0 {
				t.Fatalf("%s: element (%d, %d) alone is %v, in the batch %v", isa, i, j, row.Data[j], whole.Data[i*whole.Stride+j])
			}
		}
	})
}

// TestMatMulAgainstFloat64 bounds the error by k·2⁻²⁴·Σ|x y|, that of a chain of roundings.
func TestMatMulAgainstFloat64(t *testing.T) {
	rnd := rand.New(rand.NewPCG(15, 16))
	for _, f := range forms {
		p := newProduct(rnd, f, 40, 60, 1100, 0, fills[0].at)
		withISA(t, func(isa string) {
			c := p.run(false)
			for i := range p.m {
				for j := range p.n {
					var sum, size float64
					for l := range p.k {
						x, y := p.at(i, j, l)
						sum += float64(x) * float64(y)
						size += math.Abs(float64(x) * float64(y))
					}
					if e := math.Abs(float64(c.Data[i*c.Stride+j]) - sum); e > float64(p.k)*0x1p-24*size {
						t.Fatalf("%s, form %d: element (%d, %d) is off by %g", isa, f, i, j, e)
					}
				}
			}
		})
	}
}

// TestMatMulPackedAllocations: a product in steady state allocates at most 4
// times on average (2 measured: the closure and the job), whatever its size and
// the number of workers. A collection may empty the scratch pools, hence no
// exact number. testing.AllocsPerRun would run with a single worker.
func TestMatMulPackedAllocations(t *testing.T) {
	rnd := rand.New(rand.NewPCG(17, 18))
	p := newProduct(rnd, formNN, 96, 200, 20, 0, fills[0].at)
	var packed Packed
	packed.PackN(p.b)
	withProcs(func(procs int) {
		const runs = 100
		var before, after runtime.MemStats
		for range 10 {
			MatMulPacked(p.c, p.a, &packed, false, nil)
		}
		runtime.ReadMemStats(&before)
		for range runs {
			MatMulPacked(p.c, p.a, &packed, false, nil)
		}
		runtime.ReadMemStats(&after)
		n := float64(after.Mallocs-before.Mallocs) / runs
		t.Logf("%d workers: %.2f allocations a product", procs, n)
		if n > 4 {
			t.Errorf("%d workers: %.2f allocations a product", procs, n)
		}
	})
}

func TestMatMulShapesPanic(t *testing.T) {
	m := func(rows, cols int) Matrix {
		return Matrix{Data: make([]float32, rows*cols), Rows: rows, Cols: cols, Stride: cols}
	}
	for _, x := range []struct {
		f     func(c, a, b Matrix, accumulate bool)
		c, a  Matrix
		b     Matrix
		names []string
	}{
		{MatMulNN, m(2, 3), m(2, 5), m(4, 3), []string{"2×5", "4×3", "2×3"}},
		{MatMulNN, m(2, 3), m(3, 4), m(4, 3), []string{"3×4", "4×3", "2×3"}},
		{MatMulNT, m(2, 3), m(2, 4), m(7, 4), []string{"2×4", "4×7", "2×3"}},
		{MatMulTN, m(2, 3), m(2, 4), m(4, 3), []string{"2×4", "4×3", "2×3"}},
	} {
		text := panicText(func() { x.f(x.c, x.a, x.b, false) })
		for _, name := range x.names {
			if !strings.Contains(text, name) {
				t.Errorf("panic %q does not name %s", text, name)
			}
		}
	}
}

// TestMatMulAfter: after gets each element of C once, finished.
func TestMatMulAfter(t *testing.T) {
	rnd := rand.New(rand.NewPCG(19, 20))
	for _, s := range [][3]int{{1, 1, 3}, {130, 410, 20}, {97, 49, 520}, {5, 1000, 8}} {
		p := newProduct(rnd, formNN, s[0], s[1], s[2], 0, fills[0].at)
		withISA(t, func(isa string) {
			want := p.run(false)
			var packed Packed
			packed.PackN(p.b)
			withProcs(func(procs int) {
				c := p.copyOfC()
				seen := make([]int, p.m*p.n)
				var mu sync.Mutex
				MatMulPacked(c, p.a, &packed, false, func(i0, i1, j0, j1 int) {
					mu.Lock()
					defer mu.Unlock()
					for i := i0; i < i1; i++ {
						for j := j0; j < j1; j++ {
							seen[i*p.n+j]++
							if !sameBits(c.Data[i*c.Stride+j], want.Data[i*c.Stride+j]) {
								t.Errorf("%s, %d workers: (%d, %d) is not finished", isa, procs, i, j)
							}
						}
					}
				})
				for i, n := range seen {
					if n != 1 {
						t.Fatalf("%s, %d workers, %v: element %d was passed %d times", isa, procs, s, i, n)
					}
				}
			})
		})
	}
}

func TestPackedIsReusable(t *testing.T) {
	rnd := rand.New(rand.NewPCG(21, 22))
	var packed Packed
	for _, n := range []int{70, 9, 100} {
		p := newProduct(rnd, formNT, 6, n, n+3, 0, fills[0].at)
		packed.PackT(p.b)
		c := p.copyOfC()
		MatMulPacked(c, p.a, &packed, true, nil)
		p.check(t, "packed again", c, p.definition(true))
	}
}
