package nn

import (
	"math"
	"strings"
	"testing"

	"godwit/tensor"
)

// large returns parameters of several pieces of work and a rest, with the
// gradient 2 w / n of a mean square.
func large(t *testing.T) []Parameter {
	t.Helper()
	list := []Parameter{{tensor.NewParameter(3, piece+1), "a.weight"}, {tensor.NewParameter(5), "a.bias"}, {tensor.NewParameter(2*piece - 3), "LayerNorm.weight"}}
	tape := tensor.NewTape()
	for i, p := range list {
		InitNormal(p.Tensor, 1, uint64(i), p.Name)
		tape.MeanSquaredError(p.Tensor, make([]float32, len(p.Data)))
	}
	tape.Backward()
	return list
}

func TestClipGradNormOfLargeParameters(t *testing.T) {
	list := large(t)
	want := 0.0
	for _, p := range list {
		for _, g := range p.Grad {
			want += float64(g) * float64(g)
		}
	}
	want = math.Sqrt(want)
	norm, scale := ClipGradNorm(list, want/4)
	if math.Abs(norm/want-1) > 1e-6 || math.Abs(float64(scale)-0.25) > 1e-4 {
		t.Errorf("norm %v, factor %v, want %v and 0.25", norm, scale, want)
	}
	list[1].ZeroGrad()
	if less, _ := ClipGradNorm(list, 0); !(less < norm) {
		t.Errorf("norm %v without the gradient of one parameter, %v with it", less, norm)
	}
}

// TestOptimizersUpdateEveryElement compares one step, with clipping, in float64.
func TestOptimizersUpdateEveryElement(t *testing.T) {
	const rate, scale, decay = 0.01, 0.5, 0.1
	for name, c := range map[string]struct {
		make func(list []Parameter) Optimizer
		want func(p Parameter, w, g float64) float64
	}{
		"SGD": {
			func(list []Parameter) Optimizer { return &SGD{Parameters: list} },
			func(_ Parameter, w, g float64) float64 { return w - rate*g },
		},
		"AdamW": {
			func(list []Parameter) Optimizer { return NewAdamW(list, decay) },
			func(p Parameter, w, g float64) float64 { // m̂ = g and v̂ = g² in the first step
				if p.Name == "a.weight" {
					w -= rate * decay * w
				}
				return w - rate*g/(math.Abs(g)+1e-8)
			},
		},
	} {
		list := large(t)
		var before [][]float64
		for _, p := range list {
			var w []float64
			for _, x := range p.Data {
				w = append(w, float64(x))
			}
			before = append(before, w)
		}
		c.make(list).Step(rate, scale)
		for i, p := range list {
			wrong := 0
			for j, x := range p.Data {
				want := c.want(p, before[i][j], scale*float64(p.Grad[j]))
				if !(math.Abs(float64(x)-want) <= 1e-6*max(1, math.Abs(want))) {
					if wrong++; wrong == 1 {
						t.Errorf("%s: %s, element %d is %v, in float64 %v", name, p.Name, j, x, want)
					}
				}
			}
		}
	}
}

// TestParametersWithoutGradientKeepTheirState: without a gradient neither weights nor state change.
func TestParametersWithoutGradientKeepTheirState(t *testing.T) {
	for name, o := range map[string]func(p []Parameter) Optimizer{
		"SGD":  func(p []Parameter) Optimizer { return &SGD{Parameters: p, Momentum: 0.9} },
		"Adam": func(p []Parameter) Optimizer { return NewAdam(p) },
	} {
		list := large(t)
		optimizer := o(list)
		optimizer.Step(0.1, 1)
		ZeroGrad(list)
		before := append([]float32(nil), list[0].Data...)
		optimizer.Step(0.1, 1)
		for i, x := range list[0].Data {
			if x != before[i] {
				t.Fatalf("%s moved element %d, which has no gradient", name, i)
			}
		}
	}
}

func TestParametersRefusesOtherFields(t *testing.T) {
	defer func() {
		if p, ok := recover().(string); !ok || !strings.Contains(p, "inner.rate") || !strings.Contains(p, "float64") {
			t.Errorf("panic %q does not name the field and its type", p)
		}
	}()
	type inner struct {
		Rate float64 `name:"rate"`
	}
	Parameters(&struct {
		Inner *inner `name:"inner"`
	}{&inner{}})
}

func TestParametersWithoutNameAddNothingToThePath(t *testing.T) {
	list := Parameters(&struct {
		Inner *Linear `name:""`
	}{NewLinear(2, 2)})
	if len(list) != 2 || list[0].Name != "weight" || list[1].Name != "bias" {
		t.Errorf("found %v", list)
	}
}

func TestScheduleAtItsEnds(t *testing.T) {
	for _, c := range []struct {
		kind   string
		steps  int
		warmup float64
		at     int
		want   float64
	}{
		{"linear", 10, 0, 0, 1}, {"linear", 10, 0, 10, 0}, {"linear", 10, 0, 1000, 0},
		{"cosine", 10, 0, 0, 1}, {"cosine", 10, 0, 1000, 0}, {"constant", 10, 0, 1000, 1},
		{"linear", 10, 1, 9, 0.9}, {"linear", 10, 1, 10, 1}, {"cosine", 0, 0.1, 0, 1}, {"linear", 1, 0, 0, 1},
		{"constant", 10, 0.01, 0, 0}, {"constant", 10, 0.01, 1, 1}, // a share of a step is a step
	} {
		s, err := NewSchedule(c.kind, c.steps, c.warmup)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Factor(c.at); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%+v: factor %v", c, got)
		}
	}
}

// TestInitNormalDependsOnThePlaceAlone: a shorter tensor begins as a longer one does.
func TestInitNormalDependsOnThePlaceAlone(t *testing.T) {
	long := tensor.NewParameter(64)
	InitNormal(long, 0.02, 1<<40, "x")
	for n := range 20 {
		short := tensor.NewParameter(n)
		InitNormal(short, 0.02, 1<<40, "x")
		for i, x := range short.Data {
			if x != long.Data[i] {
				t.Errorf("element %d of %d is %v, of 64 it is %v", i, n, x, long.Data[i])
			}
		}
	}
	other := tensor.NewParameter(64)
	InitNormal(other, 0.02, 1<<41, "x")
	if other.Data[0] == long.Data[0] {
		t.Error("seeds that differ in their upper half give the same values")
	}
}
