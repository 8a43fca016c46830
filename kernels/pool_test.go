package kernels

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// once runs tasks and reports whether each ran exactly once.
func once(t *testing.T, tasks int) {
	t.Helper()
	ran := make([]atomic.Int32, tasks)
	Parallel(tasks, func(task, _ int) { ran[task].Add(1) })
	for i := range ran {
		if n := ran[i].Load(); n != 1 {
			t.Fatalf("task %d of %d ran %d times", i, tasks, n)
		}
	}
}

func TestParallel(t *testing.T) {
	withProcs(func(procs int) {
		for range 50 {
			for _, tasks := range []int{0, 1, 2, 3, 7, 8, 9, 1000} {
				once(t, tasks)
			}
		}
	})
}

// TestParallelWorkers: two tasks never run at the same time under one number.
func TestParallelWorkers(t *testing.T) {
	withProcs(func(procs int) {
		busy := make([]atomic.Bool, procs)
		Parallel(500, func(_, worker int) {
			if worker < 0 || worker >= procs {
				t.Errorf("worker %d of %d", worker, procs)
				return
			}
			if !busy[worker].CompareAndSwap(false, true) {
				t.Errorf("worker %d runs two tasks", worker)
			}
			runtime.Gosched()
			busy[worker].Store(false)
		})
	})
}

func TestParallelNested(t *testing.T) {
	withProcs(func(procs int) {
		var n atomic.Int32
		Parallel(20, func(int, int) {
			Parallel(10, func(int, int) {
				Parallel(3, func(int, int) { n.Add(1) })
			})
		})
		if n.Load() != 600 {
			t.Errorf("%d workers: %d inner tasks ran, expected 600", procs, n.Load())
		}
	})
}

// TestParallelPanic: the caller gets a task's panic, and the pool goes on working.
func TestParallelPanic(t *testing.T) {
	cause := errors.New("task failed")
	withProcs(func(procs int) {
		for _, failing := range []int{0, 5, 99} {
			func() {
				defer func() {
					if p := recover(); p != cause {
						t.Errorf("%d workers: recovered %v, expected %v", procs, p, cause)
					}
				}()
				Parallel(100, func(task, _ int) {
					if task == failing {
						panic(cause)
					}
				})
			}()
			once(t, 100)
		}
	})
}

func TestParallelConcurrentCallers(t *testing.T) {
	withProcs(func(int) {
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				for range 100 {
					var n atomic.Int32
					Parallel(17, func(int, int) { n.Add(1) })
					if n.Load() != 17 {
						t.Errorf("%d of 17 tasks ran", n.Load())
					}
				}
			})
		}
		wg.Wait()
	})
}

// TestParallelWorkersChange changes GOMAXPROCS between calls and in the middle of one.
func TestParallelWorkersChange(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for i := range 40 {
		runtime.GOMAXPROCS(1 + i*5%9)
		if Workers() != 1+i*5%9 {
			t.Fatalf("%d workers, expected %d", Workers(), 1+i*5%9)
		}
		once(t, 64)
	}
	runtime.GOMAXPROCS(4)
	var n atomic.Int32
	Parallel(200, func(task, _ int) {
		if task == 50 {
			runtime.GOMAXPROCS(1)
		}
		n.Add(1)
	})
	if n.Load() != 200 {
		t.Errorf("%d of 200 tasks ran", n.Load())
	}
}
