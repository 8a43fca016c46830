package kernels

import (
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"unsafe"
)

// guarded is memory between two pages that fault when they are touched.
type guarded []float32

func newGuarded(t testing.TB, elements int) guarded {
	t.Helper()
	page := syscall.Getpagesize()
	size := (elements*4 + page - 1) / page * page
	m, err := syscall.Mmap(-1, 0, size+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(m); err != nil {
			t.Error(err)
		}
	})
	for _, g := range [][]byte{m[:page], m[page+size:]} {
		if err := syscall.Mprotect(g, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(&m[page])), size/4)
}

// last returns the n elements that end where the protected page begins, first those behind the other one.
func (g guarded) last(n int) []float32  { return g[len(g)-n:] }
func (g guarded) first(n int) []float32 { return g[:n:n] }

// TestVectorKernelsStayInside runs each kernel on slices that end at a
// protected page and on slices that begin behind one; touching it is fatal.
func TestVectorKernelsStayInside(t *testing.T) {
	before := ISA()
	defer useISA(t, before)
	var memory [4]guarded
	for i := range memory {
		memory[i] = newGuarded(t, 1024)
	}
	last := func(i, n, _ int) (slice, watched []float32) { return memory[i].last(n), nil }
	first := func(i, n, _ int) (slice, watched []float32) { return memory[i].first(n), nil }
	for _, isa := range ISAs() {
		rnd := rand.New(rand.NewPCG(3, 4))
		for _, r := range slices.Concat(tableRoutines, exportedRoutines) {
			for n := r.least; n <= 140; n++ {
				r.compare(t, rnd, last, isa, n, 0, fills[0].at, -1)
				r.compare(t, rnd, first, isa, n, 0, fills[3].at, -1)
			}
		}
	}
}

// TestMatMulStaysInside runs products whose operands end at a protected page or begin behind one.
func TestMatMulStaysInside(t *testing.T) {
	before := ISA()
	defer useISA(t, before)
	var memory [3]guarded
	for i := range memory {
		memory[i] = newGuarded(t, 80*600)
	}
	rnd := rand.New(rand.NewPCG(5, 6))
	for _, isa := range ISAs() {
		for _, m := range []int{1, 3, 4, 8, 11} {
			for _, n := range []int{1, 7, 8, 16, 23, 24, 48, 49, 73} {
				for _, k := range []int{1, 7, 8, 9, 16, 515} {
					for _, f := range []form{formNN, formNT, formTN} {
						for _, atEnd := range []bool{true, false} {
							p := newProduct(rnd, f, m, n, k, 0, fills[0].at)
							for i, x := range []*Matrix{&p.c, &p.a, &p.b} {
								place := memory[i].first(len(x.Data))
								if atEnd {
									place = memory[i].last(len(x.Data))
								}
								copy(place, x.Data)
								x.Data = place
							}
							useISA(t, "generic")
							want := p.run(true)
							useISA(t, isa)
							p.into(p.c, true)
							p.check(t, isa, p.c, want)
						}
					}
				}
			}
		}
	}
}
