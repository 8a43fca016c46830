package kernels

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// The pool: helpers that take tasks from one counter, so that a core that is
// taken away by the system holds up one task and not its share of all.

// job is one call of Parallel.
type job struct {
	run    func(task, worker int)
	tasks  int64
	next   atomic.Int64 // task to hand out
	done   atomic.Int64 // tasks finished
	failed atomic.Pointer[any]
}

type helper struct {
	parked atomic.Bool
	wake   chan struct{}
}

var pool struct {
	serial  atomic.Bool
	busy    atomic.Bool
	current atomic.Pointer[job]
	mu      sync.Mutex
	helpers atomic.Pointer[[]*helper]
}

// spins is how often a helper looks for work before it parks: about 20 µs.
const spins = 4000

// Workers returns how many tasks run at once.
func Workers() int { return runtime.GOMAXPROCS(0) }

// SetSerial makes Parallel run its tasks one after another in the goroutine
// that calls it, for programs that keep the cores busy with several computations at
// once. Results do not depend on it.
func SetSerial(on bool) { pool.serial.Store(on) }

// Parallel calls run(task, worker) for each task from 0 on, on all cores, and
// returns when all have finished. The order is not specified; worker numbers
// those that run at the same time, from 0 to Workers()-1. Calls from within a
// task, and calls while another goroutine is in Parallel, run one after another.
// A panic in a task is raised again here.
func Parallel(tasks int, run func(task, worker int)) {
	workers := min(Workers(), tasks)
	if workers <= 1 || pool.serial.Load() || !pool.busy.CompareAndSwap(false, true) {
		for t := range tasks {
			run(t, 0)
		}
		return
	}
	defer pool.busy.Store(false)
	j := &job{run: run, tasks: int64(tasks)}
	helpers := helpersFor(workers - 1)
	pool.current.Store(j)
	for _, h := range helpers[:workers-1] {
		if h.parked.CompareAndSwap(true, false) {
			h.wake <- struct{}{}
		}
	}
	j.work(0)
	for n := 0; j.done.Load() < j.tasks; n++ {
		if n&63 == 63 {
			runtime.Gosched()
		}
	}
	pool.current.CompareAndSwap(j, nil)
	if p := j.failed.Load(); p != nil {
		panic(*p)
	}
}

func (j *job) work(worker int) {
	for {
		t := j.next.Add(1) - 1
		if t >= j.tasks {
			return
		}
		j.task(int(t), worker)
	}
}

func (j *job) task(t, worker int) {
	defer j.done.Add(1)
	defer func() {
		if p := recover(); p != nil {
			cause := p // p itself would be allocated for every task
			j.failed.CompareAndSwap(nil, &cause)
		}
	}()
	j.run(t, worker)
}

func helpersFor(n int) []*helper {
	if list := pool.helpers.Load(); list != nil && len(*list) >= n {
		return *list
	}
	pool.mu.Lock()
	defer pool.mu.Unlock()
	var list []*helper
	if old := pool.helpers.Load(); old != nil {
		list = append(list, *old...)
	}
	for len(list) < n {
		h := &helper{wake: make(chan struct{}, 1)}
		list = append(list, h)
		go h.loop(len(list))
	}
	pool.helpers.Store(&list)
	return list
}

func (h *helper) loop(worker int) {
	var last *job
	for {
		for n := 0; ; n++ {
			if j := pool.current.Load(); j != nil && j != last && worker < Workers() {
				last = j
				j.work(worker)
				n = 0
			}
			if n == spins {
				break
			}
			if n&63 == 63 {
				runtime.Gosched()
			}
		}
		last = nil // keeps no finished job alive
		h.parked.Store(true)
		if j := pool.current.Load(); j != nil && j.next.Load() < j.tasks && h.parked.CompareAndSwap(true, false) {
			continue // work came while it went to park
		}
		<-h.wake
	}
}
