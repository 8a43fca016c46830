package tensor

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
)

func random(r *rand.Rand, shape ...int) *Tensor {
	t := NewParameter(shape...)
	for i := range t.Data {
		t.Data[i] = float32(r.NormFloat64())
	}
	return t
}

// checkGradients compares the gradients of all parameters with central finite
// differences of the loss, which run takes on a fresh tape.
func checkGradients(t *testing.T, parameters []*Tensor, run func(tp *Tape) float64) {
	t.Helper()
	loss := func(backward bool) float64 {
		tp := NewTape()
		tp.SetDropout(true)
		tp.Reset(3, 4)
		l := run(tp)
		if backward {
			tp.Backward()
		}
		return l
	}
	for _, p := range parameters {
		p.ZeroGrad()
	}
	loss(true)
	for n, p := range parameters {
		if !p.HasGrad() {
			t.Errorf("parameter %d has no gradient", n)
			continue
		}
		grad := append([]float32(nil), p.Grad...)
		scale := 1e-3
		for _, g := range grad {
			scale = max(scale, math.Abs(float64(g)))
		}
		for k := 0; k < len(p.Data); k += 1 + len(p.Data)/23 {
			const h = 1.0 / 128
			x := p.Data[k]
			p.Data[k] = x + h
			p.Changed()
			up := loss(false)
			p.Data[k] = x - h
			p.Changed()
			down := loss(false)
			p.Data[k] = x
			p.Changed()
			want := (up - down) / (2 * h)
			if d := math.Abs(float64(grad[k]) - want); !(d <= 6e-3*scale) {
				t.Errorf("parameter %d, element %d: gradient %v, finite difference %v", n, k, grad[k], want)
			}
		}
	}
}

// squares is a loss of any output: the mean squared distance from fixed targets.
func squares(tp *Tape, y *Tensor) float64 {
	targets := make([]float32, len(y.Data))
	for i := range targets {
		targets[i] = float32(i%7)/3 - 1
	}
	return tp.MeanSquaredError(y, targets)
}

func TestGradients(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	x, x2 := random(r, 7, 12), random(r, 7, 12)
	w, b, gamma, beta := random(r, 10, 12), random(r, 10), random(r, 12), random(r, 12)
	table := random(r, 5, 12)
	for _, c := range []struct {
		name       string
		parameters []*Tensor
		run        func(tp *Tape) float64
	}{
		{"linear", []*Tensor{x, w, b}, func(tp *Tape) float64 { return squares(tp, tp.Linear(x, w, b, nil)) }},
		{"linear without bias", []*Tensor{x, w}, func(tp *Tape) float64 { return squares(tp, tp.Linear(x, w, nil, nil)) }},
		{"linear, twice", []*Tensor{x, w, b}, func(tp *Tape) float64 {
			y := tp.Linear(x, w, b, nil)
			return squares(tp, y) + squares(tp, tp.Linear(x, w, b, GELU))
		}},
		{"layer norm", []*Tensor{x, gamma, beta}, func(tp *Tape) float64 { return squares(tp, tp.LayerNorm(x, nil, gamma, beta, 1e-5, 0)) }},
		{"layer norm with residual", []*Tensor{x, x2, gamma, beta}, func(tp *Tape) float64 {
			return squares(tp, tp.LayerNorm(x, x2, gamma, beta, 1e-5, 0))
		}},
		{"layer norm with dropout", []*Tensor{x, gamma, beta}, func(tp *Tape) float64 {
			return squares(tp, tp.LayerNorm(x, nil, gamma, beta, 1e-5, 0.3))
		}},
		{"layer norm with residual and dropout", []*Tensor{x, x2, gamma, beta}, func(tp *Tape) float64 {
			return squares(tp, tp.LayerNorm(x, x2, gamma, beta, 1e-5, 0.3))
		}},
		{"layer norm of x and x", []*Tensor{x, gamma, beta}, func(tp *Tape) float64 { return squares(tp, tp.LayerNorm(x, x, gamma, beta, 1e-5, 0)) }},
		{"embedding sum", []*Tensor{table, x}, func(tp *Tape) float64 {
			return squares(tp, tp.EmbeddingSum(Lookup{Table: table, IDs: []int32{4, 0, 4}}, Lookup{Table: x, IDs: []int32{6, 6, 1}}))
		}},
		{"gather", []*Tensor{x}, func(tp *Tape) float64 { return squares(tp, tp.Gather(x, []int32{3, 3, 0})) }},
		{"dropout", []*Tensor{x}, func(tp *Tape) float64 { return squares(tp, tp.Dropout(x, 0.4)) }},
		{"attention", []*Tensor{x, x2, gamma}, func(tp *Tape) float64 {
			v := tp.LayerNorm(x, nil, gamma, beta, 1e-5, 0)
			return squares(tp, tp.Attention(x, x2, v, []int32{0, 4, 4, 5, 7}, 3, 0))
		}},
		{"attention with dropout", []*Tensor{x, x2}, func(tp *Tape) float64 {
			return squares(tp, tp.Attention(x, x2, x, []int32{0, 5, 7}, 2, 0.25))
		}},
		{"attention of one with itself", []*Tensor{x}, func(tp *Tape) float64 {
			return squares(tp, tp.Attention(x, x, x, []int32{0, 1, 7}, 4, 0))
		}},
		{"mean squared error", []*Tensor{x}, func(tp *Tape) float64 { return squares(tp, x) }},
		{"two losses", []*Tensor{x, w}, func(tp *Tape) float64 {
			y := tp.Linear(x, w, nil, nil)
			return squares(tp, y) + tp.CrossEntropy(y, []int32{0, 9, 3, IgnoredLabel, 5, 2, 1})
		}},
		{"cross entropy", []*Tensor{x}, func(tp *Tape) float64 {
			return tp.CrossEntropy(x, []int32{0, 11, 3, IgnoredLabel, 5, IgnoredLabel, 1})
		}},
	} {
		t.Run(c.name, func(t *testing.T) { checkGradients(t, c.parameters, c.run) })
	}
	for _, act := range []*Activation{GELU, GELUTanh, SiLU, Tanh} {
		t.Run("linear "+act.Name, func(t *testing.T) {
			checkGradients(t, []*Tensor{x, w, b}, func(tp *Tape) float64 { return squares(tp, tp.Linear(x, w, b, act)) })
		})
		t.Run("activate "+act.Name, func(t *testing.T) {
			checkGradients(t, []*Tensor{x}, func(tp *Tape) float64 { return squares(tp, tp.Activate(x, act)) })
		})
	}
}

func TestReLUGradient(t *testing.T) { // away from its corner, where differences mean nothing
	x := NewParameter(1, 4)
	copy(x.Data, []float32{-2, -0.5, 0.5, 2})
	checkGradients(t, []*Tensor{x}, func(tp *Tape) float64 { return squares(tp, tp.Activate(x, ReLU)) })
	w, b := NewParameter(3, 4), NewParameter(3)
	copy(w.Data, []float32{1, 0, 0, 0, 0, 1, 0.5, 1, -1, 0, 0, 1})
	copy(b.Data, []float32{0.25, 1, -0.5}) // x wᵀ + b = -1.75, 2.75, 3.5
	checkGradients(t, []*Tensor{x, w, b}, func(tp *Tape) float64 { return squares(tp, tp.Linear(x, w, b, ReLU)) })
	checkGradients(t, []*Tensor{x, w}, func(tp *Tape) float64 { return squares(tp, tp.Linear(x, w, nil, ReLU)) })
}

func TestGradientsAddUpUntilZeroGrad(t *testing.T) {
	x := NewParameter(1, 2)
	copy(x.Data, []float32{1, 2})
	tp := NewTape()
	for n := 1; n <= 3; n++ {
		tp.Reset(0, 0)
		tp.MeanSquaredError(x, []float32{0, 0})
		tp.Backward()
		if want := float32(n); x.Grad[0] != want || x.Grad[1] != 2*want {
			t.Errorf("after %d backward passes the gradient is %v", n, x.Grad)
		}
	}
	x.ZeroGrad()
	if x.HasGrad() {
		t.Error("a gradient after ZeroGrad")
	}
}

func TestCrossEntropyWithNothingToPredict(t *testing.T) {
	x := NewParameter(1, 2)
	tp := NewTape()
	if l := tp.CrossEntropy(x, []int32{IgnoredLabel}); l != 0 {
		t.Errorf("loss %v, want 0", l)
	}
	tp.Backward()
	if x.HasGrad() {
		t.Error("a gradient of nothing")
	}
}

func TestShapesThatDoNotFit(t *testing.T) {
	tp := NewTape()
	x := tp.New(3, 4)
	for name, f := range map[string]func(){
		"[3 4] [5 6]":      func() { tp.Linear(x, NewParameter(5, 6), nil, nil) },
		"2 labels":         func() { tp.CrossEntropy(x, []int32{0, 1}) },
		"label 4 of row 1": func() { tp.CrossEntropy(x, []int32{0, 4, 1}) },
		"id 9":             func() { tp.Gather(x, []int32{9}) },
		"5 heads":          func() { tp.Attention(x, x, x, []int32{0, 3}, 5, 0) },
		"needs 6":          func() { New(make([]float32, 5), 2, 3) },
	} {
		func() {
			defer func() {
				got := fmt.Sprint(recover())
				for _, part := range strings.Fields(name) {
					if !strings.Contains(got, strings.Trim(part, "[]")) {
						t.Errorf("panic %q does not say %q", got, name)
					}
				}
			}()
			f()
		}()
	}
}

// TestGoroutinesShareWeights infers at once with weights that nobody packed yet.
func TestGoroutinesShareWeights(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	x := random(r, 3, 700)
	for round := range 20 {
		w, alone := random(r, 900, 700), NewParameter(900, 700)
		copy(alone.Data, w.Data)
		want := NewInference().Linear(x, alone, nil, nil).Data
		var start, done sync.WaitGroup
		start.Add(1)
		for range 4 {
			done.Go(func() {
				start.Wait()
				if got := NewInference().Linear(x, w, nil, nil).Data; !slices.Equal(got, want) {
					t.Errorf("round %d: the product differs from that of one goroutine", round)
				}
			})
		}
		start.Done()
		done.Wait()
	}
}

func TestArena(t *testing.T) {
	var a Arena
	var all [][]float32
	for n := 1; n < 3*minChunk; n = n*3 + 1 {
		x := a.Alloc(n)
		if len(x) != n {
			t.Fatalf("%d elements, want %d", len(x), n)
		}
		for i := range x {
			x[i] = float32(len(all))
		}
		all = append(all, x)
	}
	for i, x := range all {
		if x[0] != float32(i) || x[len(x)-1] != float32(i) {
			t.Errorf("allocation %d was written over", i)
		}
	}
	last := a.Alloc(100)
	a.Free(last)
	if again := a.Alloc(100); &again[0] != &last[0] {
		t.Error("freed memory is not handed out again")
	}
	size := a.Len()
	a.Reset()
	for n := 1; n < 3*minChunk; n = n*3 + 1 {
		a.Alloc(n)
	}
	if a.Len() != size || len(a.chunks) != 1 {
		t.Errorf("%d elements in %d chunks after Reset, want %d in one", a.Len(), len(a.chunks), size)
	}
}
