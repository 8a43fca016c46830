package transformer

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"godwit/kernels"
	"godwit/nn"
	"godwit/tensor"
)

// architectures are the families that compute something of their own; XLM-R is RoBERTa.
var architectures = []string{"bert", "roberta", "distilbert", "xlnet"}

func smallConfig(t testing.TB, modelType string) *Config {
	t.Helper()
	c, err := NewConfig(modelType, 97, 40, 2, 5, 88, 80)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// small returns a model whose widths no vector divides, and ragged batches for it.
func small(t testing.TB, modelType string) (SequenceClassifier, []*Batch) {
	t.Helper()
	c := smallConfig(t, modelType)
	m, err := NewSequenceClassifier(c, 3)
	if err != nil {
		t.Fatal(err)
	}
	Initialise(m, c, 7)
	return m, smallBatches(t, c)
}

func smallBatches(t testing.TB, c *Config) []*Batch {
	t.Helper()
	r := rand.New(rand.NewPCG(3, 4))
	var batches []*Batch
	for range 20 {
		b := new(Batch)
		for range 2 + r.IntN(4) {
			ids := make([]int32, 1+r.IntN(70))
			types := make([]int32, len(ids))
			for i := range ids {
				ids[i] = int32(r.IntN(97))
				if c.TypeVocabSize != 1 {
					types[i] = int32(i * 2 / len(ids))
				}
			}
			b.Add(ids, types)
		}
		if err := b.Check(c); err != nil {
			t.Fatal(err)
		}
		batches = append(batches, b)
	}
	return batches
}

// trainStep takes one AdamW step with dropout on.
func trainStep(tp *tensor.Tape, m SequenceClassifier, parameters []nn.Parameter, o nn.Optimizer, b *Batch, step int) float64 {
	tp.Reset(5, uint32(step))
	labels := make([]int32, b.Sequences())
	for i := range labels {
		labels[i] = int32((i + step) % 3)
	}
	loss := tp.CrossEntropy(Logits(tp, m, b), labels)
	nn.ZeroGrad(parameters)
	tp.Backward()
	_, scale := nn.ClipGradNorm(parameters, 1)
	o.Step(1e-3, scale)
	return loss
}

// trainRun takes 20 steps, with BERT's relatives 6, and returns all losses and final weights as bits.
func trainRun(t testing.TB, modelType string) []uint64 {
	m, batches := small(t, modelType)
	if modelType != "bert" {
		batches = batches[:6]
	}
	parameters := nn.Parameters(m)
	o := nn.NewAdamW(parameters, 0.01)
	tp := tensor.NewTape()
	tp.SetDropout(true)
	var bits []uint64
	for step, b := range batches {
		bits = append(bits, math.Float64bits(trainStep(tp, m, parameters, o, b, step)))
	}
	return append(bits, weightBits(parameters)...)
}

// pretrainRun takes 5 steps of the family's own objective: XLNet's is over two streams.
func pretrainRun(t testing.TB, modelType string) []uint64 {
	c := smallConfig(t, modelType)
	m, err := NewLanguageModel(c)
	if err != nil {
		t.Fatal(err)
	}
	Initialise(m, c, 7)
	parameters := nn.Parameters(m)
	o := nn.NewAdamW(parameters, 0.01)
	tp := tensor.NewTape()
	tp.SetDropout(true)
	var bits []uint64
	for step, b := range smallBatches(t, c)[:5] {
		var targets, labels []int32
		for token := step % 3; token < b.Tokens(); token += 3 {
			targets, labels = append(targets, int32(token)), append(labels, b.IDs[token])
		}
		if modelType == "xlnet" {
			b.Hidden = laterHidden(b)
		}
		tp.Reset(5, uint32(step))
		bits = append(bits, math.Float64bits(tp.CrossEntropy(TokenLogits(tp, m, b, targets), labels)))
		nn.ZeroGrad(parameters)
		tp.Backward()
		o.Step(1e-3, 1)
	}
	return append(bits, weightBits(parameters)...)
}

// laterHidden hides from each token those that come after it in a made-up order, and itself.
func laterHidden(b *Batch) (hidden []bool) {
	for s := range b.Sequences() {
		n := int(b.Offsets[s+1] - b.Offsets[s])
		for i := range n {
			for j := range n {
				hidden = append(hidden, j*7%n >= i*7%n)
			}
		}
	}
	return hidden
}

func weightBits(parameters []nn.Parameter) (bits []uint64) {
	for _, p := range parameters {
		for _, x := range p.Data {
			bits = append(bits, uint64(math.Float32bits(x)))
		}
	}
	return bits
}

// eachRun runs check for training and pretraining of each family.
func eachRun(t *testing.T, check func(t *testing.T, run func() []uint64)) {
	for _, modelType := range architectures {
		t.Run(modelType+"/classifier", func(t *testing.T) { check(t, func() []uint64 { return trainRun(t, modelType) }) })
		t.Run(modelType+"/language model", func(t *testing.T) { check(t, func() []uint64 { return pretrainRun(t, modelType) }) })
	}
}

func TestTrainingIsTheSameBitsWithEveryInstructionSet(t *testing.T) {
	defer kernels.SetISA(kernels.ISA())
	eachRun(t, func(t *testing.T, run func() []uint64) {
		var want []uint64
		for _, isa := range kernels.ISAs() { // generic first
			if err := kernels.SetISA(isa); err != nil {
				t.Fatal(err)
			}
			got := run()
			if want == nil {
				want = got
			}
			if !slices.Equal(got, want) {
				t.Errorf("steps with %s differ from steps with %s", isa, kernels.ISAs()[0])
			}
		}
		t.Logf("%d losses and weights compared: %v", len(want), kernels.ISAs())
	})
}

func TestTrainingIsTheSameBitsOnAnyNumberOfWorkers(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	eachRun(t, func(t *testing.T, run func() []uint64) {
		var want []uint64
		for _, n := range []int{1, 2, 3, 8} {
			runtime.GOMAXPROCS(n)
			got := run()
			if want == nil {
				want = got
			}
			if !slices.Equal(got, want) {
				t.Errorf("steps on %d workers differ from steps on one", n)
			}
		}
	})
}

// TestInstructionSetMayChangeBetweenSteps: weights that one set packed are
// read by the next, and workers come and go.
func TestInstructionSetMayChangeBetweenSteps(t *testing.T) {
	defer kernels.SetISA(kernels.ISA())
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	logits := func(change bool) (all []float32) {
		m, batches := small(t, "bert")
		parameters := nn.Parameters(m)
		o := nn.NewAdamW(parameters, 0.01)
		tp := tensor.NewTape()
		tp.SetDropout(true)
		isas := kernels.ISAs()
		for step, b := range batches[:8] {
			if change {
				if err := kernels.SetISA(isas[step%len(isas)]); err != nil {
					t.Fatal(err)
				}
				runtime.GOMAXPROCS(1 + step%4)
			}
			all = append(all, float32(trainStep(tp, m, parameters, o, b, step)))
			all = append(all, Logits(tensor.NewInference(), m, b).Data...)
			if change { // the weights are packed now: another set goes on with them
				if err := kernels.SetISA(isas[(step+1)%len(isas)]); err != nil {
					t.Fatal(err)
				}
			}
			all = append(all, Logits(tensor.NewInference(), m, b).Data...)
		}
		return all
	}
	if want, got := logits(false), logits(true); !slices.Equal(want, got) {
		t.Error("a run that changes instruction set and workers gives other bits than one that does not")
	}
}

func TestTrainingLearns(t *testing.T) {
	for _, modelType := range architectures {
		t.Run(modelType, func(t *testing.T) {
			m, batches := small(t, modelType)
			parameters := nn.Parameters(m)
			o := nn.NewAdamW(parameters, 0.01)
			tp := tensor.NewTape()
			first := trainStep(tp, m, parameters, o, batches[0], 0)
			var last float64
			for range 40 {
				last = trainStep(tp, m, parameters, o, batches[0], 0)
			}
			if !(last < first/2) {
				t.Errorf("loss on one batch went from %v to %v in 40 steps", first, last)
			}
		})
	}
}

func TestLogitsAreTheSameBitsAloneAndInABatch(t *testing.T) {
	for _, modelType := range architectures {
		t.Run(modelType, func(t *testing.T) {
			m, batches := small(t, modelType)
			tp := tensor.NewInference()
			for _, b := range batches[:5] {
				tp.Reset(0, 0)
				together := slices.Clone(Logits(tp, m, b).Data)
				for s := range b.Sequences() {
					var one Batch
					one.Add(b.IDs[b.Offsets[s]:b.Offsets[s+1]], b.TypeIDs[b.Offsets[s]:b.Offsets[s+1]])
					tp.Reset(0, 0)
					alone := Logits(tp, m, &one).Data
					if !slices.Equal(alone, together[s*3:s*3+3]) {
						t.Errorf("sequence %d of %d tokens: %v alone, %v in a batch", s, one.Tokens(), alone, together[s*3:s*3+3])
					}
				}
			}
		})
	}
}

// TestLogitsDoNotDependOnWhatIsKept compares the short ways with the long one:
// no tape, a tape, all hidden states.
func TestLogitsDoNotDependOnWhatIsKept(t *testing.T) {
	for _, modelType := range architectures {
		t.Run(modelType, func(t *testing.T) {
			m, batches := small(t, modelType)
			b := batches[0]
			inference := slices.Clone(Logits(tensor.NewInference(), m, b).Data)
			if recorded := Logits(tensor.NewTape(), m, b).Data; !slices.Equal(recorded, inference) {
				t.Errorf("with a tape %v, without %v", recorded, inference)
			}
			tp := tensor.NewInference()
			out := m.Encode(tp, b, Want{HiddenStates: true, Only: m.Summary(b)})
			if len(out.HiddenStates) != 3 {
				t.Fatalf("%d hidden states, want the embeddings and 2 layers", len(out.HiddenStates))
			}
			if full := m.Classify(tp, out.LastHidden).Data; !slices.Equal(full, inference) {
				t.Errorf("from all hidden states %v, from the summary tokens alone %v", full, inference)
			}
		})
	}
}

// stepAllocations bounds the Go allocations of a training step of two layers:
// closures of the tape and of parallel loops, none of them for tensors.
const stepAllocations = 1100

func TestSteadyStateAllocatesNoTensors(t *testing.T) {
	for _, modelType := range architectures {
		t.Run(modelType, func(t *testing.T) { steadyState(t, modelType) })
	}
}

func steadyState(t *testing.T, modelType string) {
	m, batches := small(t, modelType)
	parameters := nn.Parameters(m)
	o := nn.NewAdamW(parameters, 0.01)
	tp := tensor.NewTape()
	tp.SetDropout(true)
	for step := range 4 {
		trainStep(tp, m, parameters, o, batches[0], step)
	}
	memory := tp.MemoryBytes()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n := testing.AllocsPerRun(10, func() { trainStep(tp, m, parameters, o, batches[0], 9) })
	runtime.ReadMemStats(&after)
	bytes := (after.TotalAlloc - before.TotalAlloc) / 11
	if n > stepAllocations {
		t.Errorf("%v allocations a step, bound %d", n, stepAllocations)
	}
	if bytes > 128<<10 {
		t.Errorf("%d bytes a step: more than closures need", bytes)
	}
	if tp.MemoryBytes() != memory {
		t.Errorf("the arena went from %d to %d bytes", memory, tp.MemoryBytes())
	}
	t.Logf("%v allocations, %d bytes a step; arena %d bytes", n, bytes, memory)
}

func benchmarkEncoder(b *testing.B, modelType string, hidden, layers, heads, intermediate int, training bool) {
	c, err := NewConfig(modelType, 30522, hidden, layers, heads, intermediate, 512)
	if err != nil {
		b.Fatal(err)
	}
	m, err := NewSequenceClassifier(c, 2)
	if err != nil {
		b.Fatal(err)
	}
	Initialise(m, c, 0)
	var batch Batch
	labels := make([]int32, 16)
	for s := range labels {
		ids := make([]int32, 128)
		for i := range ids {
			ids[i] = int32(1000 + (s*7919+i*104729)%29000)
		}
		batch.Add(ids, nil)
		labels[s] = int32(s % 2)
	}
	parameters := nn.Parameters(m)
	o := nn.NewAdamW(parameters, 0.01)
	tp := tensor.NewInference()
	if training {
		tp = tensor.NewTape()
		tp.SetDropout(true)
	}
	n := 0
	for b.Loop() {
		tp.Reset(0, uint32(n))
		n++
		logits := Logits(tp, m, &batch)
		if training {
			tp.CrossEntropy(logits, labels)
			nn.ZeroGrad(parameters)
			tp.Backward()
			_, scale := nn.ClipGradNorm(parameters, 1)
			o.Step(2e-5, scale)
		}
	}
	b.ReportMetric(float64(b.N*batch.Tokens())/b.Elapsed().Seconds(), "tokens/s")
}

// benchmarkFamilies measures each family at MiniLM's size, and BERT at a tiny one.
func benchmarkFamilies(b *testing.B, training bool) {
	b.Run("tiny", func(b *testing.B) { benchmarkEncoder(b, "bert", 128, 2, 2, 512, training) })
	for _, modelType := range architectures {
		b.Run(modelType, func(b *testing.B) { benchmarkEncoder(b, modelType, 384, 6, 12, 1536, training) })
	}
}

func BenchmarkTrain(b *testing.B) { benchmarkFamilies(b, true) }
func BenchmarkInfer(b *testing.B) { benchmarkFamilies(b, false) }
