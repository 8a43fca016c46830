package nn

import (
	"math"
	"slices"
	"testing"

	"godwit/tensor"
)

type part struct {
	Dense *Linear    `name:"dense"`
	Norm  *LayerNorm `name:"LayerNorm"`
}

type whole struct {
	Parts []*part        `name:"layer"`
	None  *part          `name:"none"`
	Bias  *tensor.Tensor `name:"bias"`
	Other *tensor.Tensor // no tag: not a parameter
}

func TestParameters(t *testing.T) {
	m := &whole{Parts: []*part{{NewLinear(2, 3), NewLayerNorm(3, 1e-5)}, {NewLinear(3, 1), nil}}, Bias: tensor.NewParameter(4), Other: tensor.NewParameter(1)}
	var names []string
	for _, p := range Parameters(m) {
		names = append(names, p.Name)
	}
	want := []string{"layer.0.dense.weight", "layer.0.dense.bias", "layer.0.LayerNorm.weight", "layer.0.LayerNorm.bias", "layer.1.dense.weight", "layer.1.dense.bias", "bias"}
	if !slices.Equal(names, want) {
		t.Errorf("found %q, want %q", names, want)
	}
}

// withGrad gives a parameter some values and a gradient of x - target.
func descend(t *testing.T, o Optimizer, p Parameter, steps int, step func(i int, w, g []float64)) {
	t.Helper()
	w := make([]float64, len(p.Data))
	for i := range p.Data {
		p.Data[i] = float32(i%5) - 2
		w[i] = float64(p.Data[i])
	}
	tape := tensor.NewTape()
	targets := make([]float32, len(p.Data))
	for n := range steps {
		p.ZeroGrad()
		tape.Reset(0, uint32(n))
		tape.MeanSquaredError(p.Tensor, targets)
		tape.Backward()
		g := make([]float64, len(w))
		for i := range g {
			g[i] = 2 * w[i] / float64(len(w))
		}
		step(n+1, w, g)
		o.Step(0.05, 1)
	}
	for i, x := range p.Data {
		if d := math.Abs(float64(x) - w[i]); d > 2e-5 {
			t.Errorf("%s: element %d is %v, in float64 %v", p.Name, i, x, w[i])
		}
	}
}

func TestSGD(t *testing.T) {
	p := Parameter{tensor.NewParameter(1, 11), "w.weight"}
	v := make([]float64, 11)
	descend(t, &SGD{Parameters: []Parameter{p}, Momentum: 0.9}, p, 10, func(_ int, w, g []float64) {
		for i := range w {
			v[i] = 0.9*v[i] + g[i]
			w[i] -= 0.05 * v[i]
		}
	})
}

func TestAdam(t *testing.T) {
	for _, decoupled := range []bool{false, true} {
		for _, name := range []string{"dense.weight", "dense.bias", "LayerNorm.weight"} {
			p := Parameter{tensor.NewParameter(1, 11), name}
			o := NewAdam([]Parameter{p})
			o.WeightDecay = 0.1
			decay := 0.1
			if decoupled {
				o = NewAdamW([]Parameter{p}, 0.1)
				if name != "dense.weight" {
					decay = 0
				}
			}
			m, v := make([]float64, 11), make([]float64, 11)
			descend(t, o, p, 10, func(n int, w, g []float64) {
				for i := range w {
					if decoupled {
						w[i] -= 0.05 * decay * w[i]
					} else {
						g[i] += decay * w[i]
					}
					m[i] = 0.9*m[i] + 0.1*g[i]
					v[i] = 0.999*v[i] + 0.001*g[i]*g[i]
					w[i] -= 0.05 * m[i] / (1 - math.Pow(0.9, float64(n))) / (math.Sqrt(v[i]/(1-math.Pow(0.999, float64(n)))) + 1e-8)
				}
			})
		}
	}
}

func TestOptimizerLeavesParametersWithoutGradient(t *testing.T) {
	p := Parameter{tensor.NewParameter(1, 3), "w.weight"}
	p.Data[0] = 1
	NewAdamW([]Parameter{p}, 0.5).Step(0.1, 1)
	if p.Data[0] != 1 {
		t.Error("a parameter that no loss reached was decayed")
	}
}

func TestClipGradNorm(t *testing.T) {
	p := Parameter{tensor.NewParameter(1, 2), "w"}
	copy(p.Data, []float32{3, 4})
	tape := tensor.NewTape()
	tape.MeanSquaredError(p.Tensor, []float32{0, 0}) // its gradient is the parameter
	tape.Backward()
	for _, c := range []struct {
		max  float64
		want float32
	}{{1, float32(1 / (5 + 1e-6))}, {10, 1}, {0, 1}} {
		if norm, scale := ClipGradNorm([]Parameter{p}, c.max); norm != 5 || scale != c.want {
			t.Errorf("clipping at %v: norm %v, factor %v, want 5 and %v", c.max, norm, scale, c.want)
		}
	}
}

func TestSchedule(t *testing.T) {
	for _, c := range []struct {
		kind string
		want []float64 // of 10 steps, 4 of them warm-up
	}{
		{"constant", []float64{0, 0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 1}},
		{"linear", []float64{0, 0.25, 0.5, 0.75, 1, 5. / 6, 4. / 6, 0.5, 2. / 6, 1. / 6}},
		{"cosine", []float64{0, 0.25, 0.5, 0.75, 1, 0.9330127, 0.75, 0.5, 0.25, 0.0669873}},
	} {
		s, err := NewSchedule(c.kind, 10, 0.4)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range c.want {
			if got := s.Factor(i); math.Abs(got-want) > 1e-7 {
				t.Errorf("%s: factor of step %d is %v, want %v", c.kind, i, got, want)
			}
		}
	}
	for _, bad := range []struct {
		kind   string
		warmup float64
	}{{"linaer", 0.1}, {"linear", 1.5}, {"linear", math.NaN()}} {
		if _, err := NewSchedule(bad.kind, 10, bad.warmup); err == nil {
			t.Errorf("no error for %+v", bad)
		}
	}
}

func TestInitNormal(t *testing.T) {
	a, b, c := tensor.NewParameter(100, 101), tensor.NewParameter(100, 101), tensor.NewParameter(100, 101)
	InitNormal(a, 0.02, 1, "x")
	InitNormal(b, 0.02, 1, "x")
	InitNormal(c, 0.02, 1, "y")
	if !slices.Equal(a.Data, b.Data) || slices.Equal(a.Data, c.Data) {
		t.Error("values are not determined by seed and name")
	}
	sum, squares := 0.0, 0.0
	for _, x := range a.Data {
		sum += float64(x)
		squares += float64(x) * float64(x)
	}
	n := float64(len(a.Data))
	if mean, sd := sum/n, math.Sqrt(squares/n); math.Abs(mean) > 0.001 || math.Abs(sd-0.02) > 0.001 {
		t.Errorf("mean %v and standard deviation %v, want 0 and 0.02", mean, sd)
	}
}
