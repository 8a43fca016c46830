package tensor

import (
	"math/rand/v2"
	"testing"
	"unsafe"
)

func TestArenaIsAligned(t *testing.T) {
	var a Arena
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 300 {
		x := a.Alloc(1 + r.IntN(1<<uint(1+n%22)))
		if p := uintptr(unsafe.Pointer(&x[0])); p%64 != 0 {
			t.Fatalf("allocation %d, %d elements, begins %d bytes after a multiple of 64", n, len(x), p%64)
		}
		if cap(x) != len(x) {
			t.Fatalf("allocation %d has room for %d elements beyond its %d", n, cap(x)-len(x), len(x))
		}
	}
}

// TestArenaNeverGivesTheSameMemoryTwice writes a mark of its owner over every
// allocation and looks whether it is still there when the memory is freed.
func TestArenaNeverGivesTheSameMemoryTwice(t *testing.T) {
	var a Arena
	r := rand.New(rand.NewPCG(3, 4))
	type owned struct {
		data []float32
		mark float32
	}
	for round := range 3 {
		var live []owned
		for n := range 2000 {
			if len(live) > 0 && r.IntN(3) == 0 {
				i := r.IntN(len(live))
				for j, x := range live[i].data {
					if x != live[i].mark {
						t.Fatalf("round %d, allocation %d: element %d of %v belongs to %v", round, n, j, live[i].mark, x)
					}
				}
				a.Free(live[i].data)
				live = append(live[:i], live[i+1:]...)
				continue
			}
			x := owned{a.Alloc([]int{1, 15, 16, 17, 640, 5000}[r.IntN(6)]), float32(n)}
			for i := range x.data {
				x.data[i] = x.mark
			}
			live = append(live, x)
		}
		a.Reset()
	}
}

func TestArenaDoesNotGrowFromStepToStep(t *testing.T) {
	var a Arena
	sizes := []int{minChunk - 5, 100, minChunk / 2, 7, 2 * minChunk, 33, minChunk / 3}
	step := func() {
		a.Reset()
		for _, n := range sizes {
			a.Alloc(n)
		}
		a.Free(a.Alloc(50))
		a.Alloc(50)
	}
	step()
	a.Reset()
	if len(a.chunks) != 1 {
		t.Errorf("%d chunks after Reset, want one", len(a.chunks))
	}
	step()
	size := a.Len()
	if n := testing.AllocsPerRun(5, step); n != 0 {
		t.Errorf("%v allocations a step, want none", n)
	}
	if a.Len() != size {
		t.Errorf("the arena went from %d to %d elements", size, a.Len())
	}
}

func TestDiscardTakesBackWhatWasMadeWithin(t *testing.T) {
	tp := NewInference()
	kept := tp.New(2, 3)
	for i := range kept.Data {
		kept.Data[i] = float32(i)
	}
	var first *float32
	for range 3 {
		tp.Discard(func() {
			x := tp.New(100, 100)
			if first == nil {
				first = &x.Data[0]
			}
			if &x.Data[0] != first {
				t.Error("memory of a discarded tensor is not used again")
			}
			tp.arena.Free(tp.arena.Alloc(1)) // must not outlive the mark
			clear(x.Data)
		})
	}
	if a, b := tp.arena.Alloc(1), tp.New(100, 100); &a[0] == &b.Data[0] {
		t.Error("memory freed within Discard was given out twice")
	}
	for i, x := range kept.Data {
		if x != float32(i) {
			t.Errorf("element %d of a tensor from before is %v", i, x)
		}
	}
}
