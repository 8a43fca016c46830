package stats

import (
	"runtime"
	"sync"
)

// inParallel splits 0..n-1 into one range for each core and runs them. What a
// range computes must not depend on where it begins.
func inParallel(n int, run func(from, to int)) {
	workers := max(1, min(n, runtime.GOMAXPROCS(0)))
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() { run(n*w/workers, n*(w+1)/workers) })
	}
	wait.Wait()
}
