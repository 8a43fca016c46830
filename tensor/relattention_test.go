package tensor

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"godwit/kernels"
)

// relativeInputs are tensors for one call of RelativeAttention.
type relativeInputs struct {
	q, k, v, r *Tensor
	a          RelativeAttention
}

// newRelativeInputs makes sequences of the given lengths with two segments, and a
// mask of a quarter of all pairs; of queries, nil stands for all tokens.
func newRelativeInputs(lengths []int, heads, d, spare int, queries []int32) relativeInputs {
	r := rand.New(rand.NewPCG(21, 22))
	offsets, elements := []int32{0}, 0
	for _, n := range lengths {
		offsets = append(offsets, offsets[len(offsets)-1]+int32(n))
		elements += n * n
	}
	tokens := int(offsets[len(lengths)])
	a := RelativeAttention{Offsets: offsets, Heads: heads, Queries: queries,
		RWBias: random(r, heads, d), RRBias: random(r, heads, d), RSBias: random(r, heads, d), SegEmbed: random(r, 2, heads, d),
		Hidden: make([]bool, elements)}
	for t := range tokens {
		a.TypeIDs = append(a.TypeIDs, int32(t/2%2))
	}
	for i := range a.Hidden {
		a.Hidden[i] = r.IntN(4) == 0
	}
	asking := tokens
	if queries != nil {
		asking = len(queries)
	}
	longest := slices.Max(lengths)
	return relativeInputs{random(r, asking, heads*d), random(r, tokens, heads*d), random(r, tokens, heads*d), random(r, 2*(longest+spare)-1, heads*d), a}
}

func (x *relativeInputs) run(tp *Tape) *Tensor { return tp.RelativeAttention(x.q, x.k, x.v, x.r, x.a) }

func (x *relativeInputs) parameters() []*Tensor {
	p := []*Tensor{x.q, x.k, x.v, x.r, x.a.RWBias, x.a.RRBias}
	if x.a.TypeIDs != nil {
		p = append(p, x.a.RSBias, x.a.SegEmbed)
	}
	return p
}

func TestRelativeAttentionGradients(t *testing.T) {
	lengths := []int{4, 0, 1, 7}
	content := newRelativeInputs(lengths, 2, 6, 0, nil)
	bare := newRelativeInputs(lengths, 3, 4, 2, nil)
	bare.a.TypeIDs, bare.a.Hidden, bare.a.RSBias, bare.a.SegEmbed = nil, nil, nil, nil
	query := newRelativeInputs(lengths, 2, 6, 1, []int32{0, 3, 4, 6, 10})
	dropped := newRelativeInputs(lengths, 2, 6, 1, nil)
	dropped.a.Dropout = 0.25
	for name, x := range map[string]relativeInputs{"content stream": content, "no segments": bare, "query stream": query, "dropout": dropped} {
		t.Run(name, func(t *testing.T) {
			checkGradients(t, x.parameters(), func(tp *Tape) float64 { return squares(tp, x.run(tp)) })
		})
	}
	t.Run("one tensor in all places", func(t *testing.T) {
		x := newRelativeInputs([]int{7}, 3, 4, 0, nil)
		checkGradients(t, []*Tensor{x.q, x.r}, func(tp *Tape) float64 {
			return squares(tp, tp.RelativeAttention(x.q, x.q, x.q, x.r, x.a))
		})
	})
}

func TestProjectGradients(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	x, w, w2 := random(r, 7, 12), random(r, 12, 3, 5), random(r, 12, 10)
	checkGradients(t, []*Tensor{x, w}, func(tp *Tape) float64 { return squares(tp, tp.Project(x, w)) })
	checkGradients(t, []*Tensor{x, w2}, func(tp *Tape) float64 {
		return squares(tp, tp.Project(x, w2)) + squares(tp, tp.Project(tp.Activate(x, Tanh), w2))
	})
}

// TestProject: y[t, o] = Σ x[t, i] w[i, o], also after the weight changed.
func TestProject(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 1))
	x, w := random(r, 3, 40), random(r, 40, 2, 13)
	for range 2 {
		y := NewInference().Project(x, w)
		if !slices.Equal(y.Shape, []int{3, 26}) {
			t.Fatalf("shape %v, want [3 26]", y.Shape)
		}
		for i := range y.Data {
			want := 0.0
			for k := range 40 {
				want += float64(x.Data[i/26*40+k]) * float64(w.Data[k*26+i%26])
			}
			if d := float64(y.Data[i]) - want; d < -1e-5 || d > 1e-5 {
				t.Errorf("element %d is %v, want %v", i, y.Data[i], want)
			}
		}
		for i := range w.Data {
			w.Data[i] += 1
		}
		w.Changed()
	}
}

// TestRelativeAttentionIsDeterministic: dropout and gradients are the same bits in each run of a step.
func TestRelativeAttentionIsDeterministic(t *testing.T) {
	x := newRelativeInputs([]int{70, 3, 600, 40}, 2, 8, 0, nil)
	x.a.Dropout = 0.1
	targets := make([]float32, len(x.q.Data))
	var want [][]float32
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, procs := range []int{1, 2, 8} {
		runtime.GOMAXPROCS(procs)
		tp := NewTape()
		tp.SetDropout(true)
		tp.Reset(1, 2)
		y := x.run(tp)
		got := [][]float32{slices.Clone(y.Data)}
		tp.MeanSquaredError(y, targets)
		tp.Backward()
		for _, p := range x.parameters() {
			got = append(got, slices.Clone(p.Grad))
			p.ZeroGrad()
		}
		if want == nil {
			want = got
		}
		for i := range want {
			if !slices.Equal(got[i], want[i]) {
				t.Errorf("%d workers: output or gradient %d differs from that of one", procs, i)
			}
		}
	}
}

// TestRelativeAttentionConstants: tensors that are not trained get no gradient and change no other.
func TestRelativeAttentionConstants(t *testing.T) {
	x := newRelativeInputs([]int{5, 9}, 2, 4, 0, nil)
	targets := make([]float32, len(x.q.Data))
	step := func(x relativeInputs) []float32 {
		x.q.ZeroGrad()
		tp := NewTape()
		tp.MeanSquaredError(x.run(tp), targets)
		tp.Backward()
		return slices.Clone(x.q.Grad)
	}
	want := step(x)
	constant := func(t **Tensor) { *t = New((*t).Data, (*t).Shape...) }
	for _, p := range []**Tensor{&x.k, &x.v, &x.r, &x.a.RWBias, &x.a.RRBias, &x.a.RSBias, &x.a.SegEmbed} {
		constant(p)
	}
	if got := step(x); !slices.Equal(got, want) {
		t.Errorf("gradient of q %v, want %v", got, want)
	}
	for i, p := range x.parameters()[1:] {
		if p.HasGrad() || p.Grad != nil {
			t.Errorf("constant %d has a gradient", i)
		}
	}
}

// TestRelativeAttentionMemory: a step of training takes no more memory than the last one.
func TestRelativeAttentionMemory(t *testing.T) {
	x := newRelativeInputs([]int{150, 20}, 2, 8, 0, nil)
	targets := make([]float32, len(x.q.Data))
	tp := NewTape()
	step := func() {
		tp.Reset(1, 2)
		tp.MeanSquaredError(x.run(tp), targets)
		tp.Backward()
	}
	step()
	step()
	arena := tp.MemoryBytes()
	var before, after runtime.MemStats
	const steps = 50
	runtime.ReadMemStats(&before)
	for range steps {
		step()
	}
	runtime.ReadMemStats(&after)
	if tp.MemoryBytes() != arena {
		t.Errorf("the arena went from %d to %d bytes", arena, tp.MemoryBytes())
	}
	// The scores of a block alone are 38400 bytes, the gradients of r 38272.
	if per := (after.TotalAlloc - before.TotalAlloc) / steps; per > 16<<10 {
		t.Errorf("%d bytes are allocated a step", per)
	}
	inference := NewInference()
	x.run(inference)
	held := inference.MemoryBytes()
	inference.Discard(func() { x.run(inference) })
	if inference.MemoryBytes() != held {
		t.Errorf("inference holds %d bytes after a second run, %d after the first", inference.MemoryBytes(), held)
	}
}

// TestRelativeAttentionISA: weights and operation give the same bits with every instruction set.
func TestRelativeAttentionISA(t *testing.T) {
	before := kernels.ISA()
	defer func() {
		if err := kernels.SetISA(before); err != nil {
			t.Fatal(err)
		}
	}()
	x := newRelativeInputs([]int{65, 30}, 2, 8, 3, nil)
	w := random(rand.New(rand.NewPCG(3, 3)), 16, 2, 8)
	var want []float32
	for _, name := range kernels.ISAs() {
		if err := kernels.SetISA(name); err != nil {
			t.Fatal(err)
		}
		w.Changed()
		tp := NewInference()
		got := tp.Project(x.run(tp), w).Data
		if want == nil {
			want = got
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s gives other bits than generic", name)
		}
	}
}

func TestRelativeAttentionPanicsNameShapes(t *testing.T) {
	tp := NewTape()
	p := func(shape ...int) *Tensor { return NewParameter(shape...) }
	good := func() relativeInputs {
		return relativeInputs{p(5, 8), p(5, 8), p(5, 8), p(7, 8), RelativeAttention{Offsets: []int32{0, 2, 5}, Heads: 2,
			TypeIDs: make([]int32, 5), Hidden: make([]bool, 13), RWBias: p(2, 4), RRBias: p(2, 4), RSBias: p(2, 4), SegEmbed: p(2, 2, 4)}}
	}
	x := good()
	x.run(tp) // as it is, it fits
	for _, c := range []struct {
		says []string
		f    func(x *relativeInputs)
	}{
		{[]string{"k [5 8]", "v [4 8]"}, func(x *relativeInputs) { x.v = p(4, 8) }},
		{[]string{"q [5 4]", "k [5 8]"}, func(x *relativeInputs) { x.q = p(5, 4) }},
		{[]string{"k [5 8]", "3 heads"}, func(x *relativeInputs) { x.a.Heads = 3 }},
		{[]string{"k [5 8]", "0 heads"}, func(x *relativeInputs) { x.a.Heads = 0 }},
		{[]string{"k [5 8]", "4 tokens in offsets"}, func(x *relativeInputs) { x.a.Offsets = []int32{0, 2, 4} }},
		{[]string{"offset 1 after 2"}, func(x *relativeInputs) { x.a.Offsets = []int32{0, 2, 1, 5} }},
		{[]string{"no Offsets", "k [5 8]"}, func(x *relativeInputs) { x.a.Offsets = nil }},
		{[]string{"offset 1 after 0"}, func(x *relativeInputs) { x.a.Offsets = []int32{1, 5} }},
		{[]string{"q [4 8]", "k [5 8]", "no Queries"}, func(x *relativeInputs) { x.q = p(4, 8) }},
		{[]string{"q [5 8]", "2 Queries"}, func(x *relativeInputs) { x.a.Queries = []int32{0, 1} }},
		{[]string{"k [5 8]", "number 1 is 5"}, func(x *relativeInputs) { x.q, x.a.Queries = p(2, 8), []int32{4, 5} }},
		{[]string{"k [5 8]", "number 1 is 4"}, func(x *relativeInputs) { x.q, x.a.Queries = p(2, 8), []int32{4, 4} }},
		{[]string{"r [3 8]", "k [5 8]", "longest sequence 3"}, func(x *relativeInputs) { x.r = p(3, 8) }},
		{[]string{"r [6 8]"}, func(x *relativeInputs) { x.r = p(6, 8) }},
		{[]string{"r [5 4]"}, func(x *relativeInputs) { x.r = p(5, 4) }},
		{[]string{"25 elements in Hidden", "k [5 8] have 13"}, func(x *relativeInputs) { x.a.Hidden = make([]bool, 25) }},
		{[]string{"4 TypeIDs", "k [5 8]"}, func(x *relativeInputs) { x.a.TypeIDs = x.a.TypeIDs[1:] }},
		{[]string{"RWBias [8]", "k [5 8] of 2 heads"}, func(x *relativeInputs) { x.a.RWBias = p(8) }},
		{[]string{"RRBias is missing", "k [5 8]"}, func(x *relativeInputs) { x.a.RRBias = nil }},
		{[]string{"RSBias is missing", "k [5 8]"}, func(x *relativeInputs) { x.a.RSBias = nil }},
		{[]string{"SegEmbed is missing", "k [5 8]"}, func(x *relativeInputs) { x.a.SegEmbed = nil }},
		{[]string{"SegEmbed [4 4]", "k [5 8] of 2 heads"}, func(x *relativeInputs) { x.a.SegEmbed = p(4, 4) }},
	} {
		x := good()
		c.f(&x)
		got := panicOf(func() { x.run(tp) })
		for _, s := range append(c.says, "RelativeAttention") {
			if !strings.Contains(got, s) {
				t.Errorf("panic %q does not say %q", got, s)
			}
		}
	}
	if got := panicOf(func() { tp.Project(p(5, 8), p(7, 2, 3)) }); !strings.Contains(got, "Project: x [5 8], weight [7 2 3]") {
		t.Errorf("panic %q of Project", got)
	}
}
