package tensor

import "unsafe"

// alignFloats is 64 bytes, a cache line, in float32 elements.
const alignFloats = 16

// minChunk is the least number of float32 elements fetched from the Go heap at once (4 MiB).
const minChunk = 1 << 20

// Arena hands out 64-byte-aligned float32 memory that is given back all at
// once by Reset. After the first step of a training run its size no longer
// changes: what follows allocates nothing.
//
// Memory can also be given back early with Free; it is handed out again to
// the next Alloc of the same length.
//
// The zero Arena is ready to use. It is not safe for concurrent use.
type Arena struct {
	chunks [][]float32
	chunk  int // index of the chunk in use
	used   int // elements used of that chunk
	free   map[int][][]float32
}

// Alloc returns n elements of aligned memory with unspecified contents.
func (a *Arena) Alloc(n int) []float32 {
	if list := a.free[n]; len(list) > 0 {
		x := list[len(list)-1]
		a.free[n] = list[:len(list)-1]
		return x
	}
	size := (n + alignFloats - 1) &^ (alignFloats - 1)
	for a.chunk < len(a.chunks) {
		if c := a.chunks[a.chunk]; a.used+size <= len(c) {
			x := c[a.used : a.used+n : a.used+n]
			a.used += size
			return x
		}
		a.chunk++
		a.used = 0
	}
	a.chunks = append(a.chunks, alignedSlice(max(size, minChunk)))
	a.chunk = len(a.chunks) - 1
	a.used = size
	return a.chunks[a.chunk][:n:n]
}

// Free gives back memory that came from Alloc before the Arena is reset.
func (a *Arena) Free(x []float32) {
	if a.free == nil {
		a.free = make(map[int][][]float32)
	}
	a.free[len(x)] = append(a.free[len(x)], x)
}

// Reset takes back all memory. What Alloc returned before must no longer be used.
// Several chunks are merged into one, so that the next round fits without a seam.
func (a *Arena) Reset() {
	if len(a.chunks) > 1 {
		total := a.Len()
		a.chunks = [][]float32{alignedSlice(total)}
	}
	a.chunk, a.used = 0, 0
	for n, list := range a.free {
		a.free[n] = list[:0]
	}
}

// mark is a position in an Arena to which release returns.
type mark struct{ chunk, used int }

func (a *Arena) mark() mark { return mark{a.chunk, a.used} }

// release takes back everything allocated since m. Nothing allocated before m
// may have been freed in between.
func (a *Arena) release(m mark) {
	a.chunk, a.used = m.chunk, m.used
	for n, list := range a.free {
		a.free[n] = list[:0]
	}
}

// Len returns the number of float32 elements held, used or not.
func (a *Arena) Len() int {
	total := 0
	for _, c := range a.chunks {
		total += len(c)
	}
	return total
}

func alignedSlice(n int) []float32 {
	x := make([]float32, n+alignFloats)
	skip := 0
	if r := int(uintptr(unsafe.Pointer(&x[0])) % 64); r != 0 {
		skip = (64 - r) / 4
	}
	return x[skip : skip+n : skip+n]
}
