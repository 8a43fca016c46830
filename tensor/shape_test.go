package tensor

import (
	"fmt"
	"strings"
	"testing"
)

func panicOf(f func()) (text string) {
	defer func() {
		if p := recover(); p != nil {
			text = fmt.Sprint(p)
		}
	}()
	f()
	return ""
}

// TestPanicsNameBothShapes: a mistake in a model's code is found from the
// message alone.
func TestPanicsNameBothShapes(t *testing.T) {
	tp := NewTape()
	x, wide := tp.New(3, 4), tp.New(3, 5)
	w, b := NewParameter(5, 6), NewParameter(7)
	for _, c := range []struct {
		name string
		says []string
		f    func()
	}{
		{"linear", []string{"Linear", "[3 4]", "[5 6]"}, func() { tp.Linear(x, w, nil, nil) }},
		{"bias", []string{"Linear", "[5 4]", "[7]"}, func() { tp.Linear(x, NewParameter(5, 4), b, nil) }},
		{"gamma", []string{"LayerNorm", "[3 4]", "[7]"}, func() { tp.LayerNorm(x, nil, b, b, 0, 0) }},
		{"residual", []string{"LayerNorm", "[3 4]", "[3 5]"}, func() { tp.LayerNorm(x, wide, NewParameter(4), NewParameter(4), 0, 0) }},
		{"transposed residual", []string{"[3 4]", "[4 3]"}, func() { tp.LayerNorm(x, tp.New(4, 3), NewParameter(4), NewParameter(4), 0, 0) }},
		{"embeddings", []string{"EmbeddingSum", "[5 6]", "[2 4]"}, func() {
			tp.EmbeddingSum(Lookup{Table: x, IDs: []int32{0, 1}}, Lookup{Table: w, IDs: []int32{0, 1}})
		}},
		{"ids", []string{"EmbeddingSum", "1 ids", "[2 4]"}, func() { tp.EmbeddingSum(Lookup{Table: x, IDs: []int32{0, 1}}, Lookup{Table: x, IDs: []int32{0}}) }},
		{"negative id", []string{"id -1", "[3 4]"}, func() { tp.Gather(x, []int32{-1}) }},
		{"attention", []string{"Attention", "[3 4]", "[3 5]"}, func() { tp.Attention(x, wide, x, []int32{0, 3}, 2, 0) }},
		{"transposed keys", []string{"Attention", "[3 4]", "[4 3]"}, func() { tp.Attention(x, tp.New(4, 3), x, []int32{0, 3}, 2, 0) }},
		{"heads", []string{"[3 4]", "3 heads"}, func() { tp.Attention(x, x, x, []int32{0, 3}, 3, 0) }},
		{"offsets", []string{"[3 4]", "2 tokens"}, func() { tp.Attention(x, x, x, []int32{0, 2}, 2, 0) }},
		{"labels", []string{"[3 4]", "1 labels"}, func() { tp.CrossEntropy(x, []int32{1}) }},
		{"label", []string{"label 4", "[3 4]"}, func() { tp.CrossEntropy(x, []int32{0, 1, 4}) }},
		{"targets", []string{"MeanSquaredError", "[3 4]", "11 targets"}, func() { tp.MeanSquaredError(x, make([]float32, 11)) }},
		{"data", []string{"[2 3]", "5"}, func() { New(make([]float32, 5), 2, 3) }},
		{"negative", []string{"[2 -3]"}, func() { NewParameter(2, -3) }},
		{"backward", []string{"does not record"}, func() { NewInference().Backward() }},
		{"discard", []string{"recording"}, func() { tp.Discard(func() {}) }},
	} {
		got := panicOf(c.f)
		for _, s := range c.says {
			if !strings.Contains(got, s) {
				t.Errorf("%s: panic %q does not say %q", c.name, got, s)
			}
		}
	}
}

// TestConstantsGetNoGradient: tensors that are no parameters and not on the
// tape outlive a step, the memory of the tape does not. A gradient in it would
// be written to when it has long been another tensor's.
func TestConstantsGetNoGradient(t *testing.T) {
	constant := func(shape ...int) *Tensor {
		x := NewParameter(shape...)
		for i := range x.Data {
			x.Data[i] = float32(i%5) / 5
		}
		return New(x.Data, shape...)
	}
	x, gamma, w := constant(6, 8), constant(8), constant(8, 8)
	trained := NewParameter(6, 8)
	copy(trained.Data, constant(6, 8).Data)
	offsets := []int32{0, 2, 6}
	targets := make([]float32, 48)
	for name, run := range map[string]func(tp *Tape) *Tensor{
		"attention, q": func(tp *Tape) *Tensor { return tp.Attention(x, trained, trained, offsets, 2, 0) },
		"attention, k": func(tp *Tape) *Tensor { return tp.Attention(trained, x, trained, offsets, 2, 0) },
		"attention, v": func(tp *Tape) *Tensor { return tp.Attention(trained, trained, x, offsets, 2, 0) },
		"linear":       func(tp *Tape) *Tensor { return tp.Linear(trained, w, gamma, GELU) },
		"layer norm":   func(tp *Tape) *Tensor { return tp.LayerNorm(trained, x, gamma, gamma, 1e-5, 0) },
		"embedding": func(tp *Tape) *Tensor {
			ids := []int32{0, 1, 2, 3, 4, 5}
			return tp.EmbeddingSum(Lookup{Table: x, IDs: ids}, Lookup{Table: trained, IDs: ids})
		},
	} {
		t.Run(name, func(t *testing.T) {
			tp := NewTape()
			var first []float32
			for step := range 3 {
				tp.Reset(0, 0)
				trained.ZeroGrad()
				tp.MeanSquaredError(run(tp), targets)
				tp.Backward()
				for i, c := range []*Tensor{x, gamma, w} {
					if c.HasGrad() || c.Grad != nil {
						t.Errorf("step %d: constant %d has a gradient", step, i)
					}
				}
				if step == 0 {
					first = append(first, trained.Grad...)
				}
				for i, g := range trained.Grad {
					if g != first[i] {
						t.Fatalf("step %d: gradient %d is %v, in step 0 it was %v", step, i, g, first[i])
					}
				}
			}
		})
	}
}
