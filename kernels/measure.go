package kernels

import (
	"runtime"
	"sync"
	"time"
)

// Shape is a matrix product of an encoder: C [M, N] of K terms, Batch times
// (the heads of a sequence). Form is "NN", "NT" or "TN".
type Shape struct {
	Use     string
	Form    string
	M, N, K int
	Batch   int
}

// EncoderShapes are the products of BERT-base and MiniLM at several batch
// sizes: linear layers, their gradients by input and weight, attention scores and contexts.
var EncoderShapes = []Shape{
	{"linear", "NT", 128, 768, 768, 1}, {"linear", "NT", 512, 768, 768, 1}, {"linear", "NT", 1024, 768, 768, 1},
	{"linear", "NT", 1024, 3072, 768, 1}, {"linear", "NT", 1024, 768, 3072, 1}, {"linear", "NT", 4096, 3072, 768, 1},
	{"dInput", "NN", 1024, 768, 768, 1}, {"dInput", "NN", 1024, 3072, 768, 1}, {"dInput", "NN", 1024, 768, 3072, 1},
	{"dWeight", "TN", 768, 768, 1024, 1}, {"dWeight", "TN", 3072, 768, 1024, 1}, {"dWeight", "TN", 768, 3072, 1024, 1},
	{"scores", "NT", 128, 128, 64, 12}, {"context", "NN", 128, 64, 128, 12},
	{"scores", "NT", 512, 512, 64, 12}, {"context", "NN", 512, 64, 512, 12},
	{"linear", "NT", 128, 384, 384, 1}, {"linear", "NT", 128, 1536, 384, 1}, {"linear", "NT", 1024, 384, 384, 1},
	{"linear", "NT", 1024, 1536, 384, 1}, {"linear", "NT", 128, 512, 128, 1},
}

// PeakGFLOPS measures the rate of independent fused multiply-adds of the
// instruction set in use, on that many threads; the best of five short runs.
// It is 0 for an instruction set without such a loop.
func PeakGFLOPS(threads int) float64 {
	t := current.tiles
	if t.peak == nil {
		return 0
	}
	const steps = 40_000 // about 0.1 ms a call: a collection can come between
	best := 0.0
	for range 5 {
		var (
			wg   sync.WaitGroup
			mu   sync.Mutex
			rate float64
		)
		for range threads {
			wg.Go(func() {
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				const calls = 40
				start := time.Now()
				for range calls {
					t.peak(steps)
				}
				r := 2 * float64(t.lanes) * 12 * steps * calls / time.Since(start).Seconds() / 1e9
				mu.Lock()
				rate += r
				mu.Unlock()
			})
		}
		wg.Wait()
		best = max(best, rate)
	}
	return best
}

// MeasureShape runs a product again and again for the given time, on the
// workers there are, packing included, and returns the rate of the best run.
func MeasureShape(s Shape, budget time.Duration) float64 {
	f := map[string]form{"NN": formNN, "NT": formNT, "TN": formTN}[s.Form]
	size := func(rows, cols int) []float32 {
		x := make([]float32, rows*cols*s.Batch)
		for i := range x {
			x[i] = float32(i*7%13)/13 - 0.5
		}
		return x
	}
	a, b, c := size(s.M, s.K), size(s.K, s.N), size(s.M, s.N)
	view := func(x []float32, h, rows, cols int, transposed bool) Matrix {
		x = x[h*rows*cols : (h+1)*rows*cols]
		if transposed {
			rows, cols = cols, rows
		}
		return Matrix{Data: x, Rows: rows, Cols: cols, Stride: cols}
	}
	one := func(s Shape, h int, product func(f form, c, a, b Matrix)) {
		product(f, view(c, h, s.M, s.N, false), view(a, h, s.M, s.K, f == formTN), view(b, h, s.K, s.N, f == formNT))
	}
	run := func() { one(s, 0, func(f form, c, a, b Matrix) { matmul(f, c, a, b, false) }) }
	if s.Batch > 1 { // as attention does it: a head is a task
		scratch := make([]matmulScratch, Workers())
		run = func() {
			Parallel(s.Batch, func(h, worker int) {
				one(s, h, func(f form, c, a, b Matrix) { matmulSerial(&scratch[worker], f, c, a, b, false) })
			})
		}
	}
	best := time.Duration(1 << 62)
	for begin, n := time.Now(), 0; n < 5 || time.Since(begin) < budget; n++ {
		start := time.Now()
		run()
		best = min(best, time.Since(start))
	}
	return 2 * float64(s.M) * float64(s.N) * float64(s.K) * float64(s.Batch) / best.Seconds() / 1e9
}
