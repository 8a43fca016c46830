// Package bench measures the machine that it runs on: the peak of fused
// multiply-adds, matrix products as a share of it, and encoders end to end.
package bench

import (
	"math"
	"runtime"
	"slices"
	"time"

	"godwit/experiments/train"
	"godwit/kernels"
	"godwit/tensor"
	"godwit/transformer"
)

// Product is the speed of a matrix product.
type Product struct {
	kernels.Shape
	Threads int     `json:"threads"`
	GFLOPS  float64 `json:"gflops"`
	Peak    float64 `json:"peak_gflops"` // measured right before
	Share   float64 `json:"share_of_peak"`
}

// Products measures all shapes on the given number of threads and calls report after each.
func Products(threads int, each time.Duration, report func(Product)) (geomean float64) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(threads))
	sum := 0.0
	for _, s := range kernels.EncoderShapes {
		p := Product{Shape: s, Threads: threads, Peak: kernels.PeakGFLOPS(threads), GFLOPS: kernels.MeasureShape(s, each)}
		if p.Peak > 0 {
			p.Share = p.GFLOPS / p.Peak
		}
		sum += math.Log(p.Share)
		report(p)
	}
	return math.Exp(sum / float64(len(kernels.EncoderShapes)))
}

// Size is an encoder of a known shape, with random weights.
type Size struct {
	Name                                string
	Layers, Hidden, Heads, Intermediate int
	Batch, Length                       int
}

// Sizes by name, at 128 tokens a sequence.
var Sizes = []Size{
	{"tiny", 2, 128, 2, 512, 16, 128},
	{"minilm", 6, 384, 12, 1536, 16, 128},
	{"base", 12, 768, 12, 3072, 8, 128},
}

// Encoder is the speed of an encoder with a classifier of two labels.
type Encoder struct {
	Size     string  `json:"size"`
	Mode     string  `json:"mode"` // train or infer
	Batch    int     `json:"batch"`
	Length   int     `json:"length"`
	Threads  int     `json:"threads"`
	TokensPS float64 `json:"tokens_per_second"` // of the median batch
	GFLOPS   float64 `json:"gflops"`
	Arena    int     `json:"arena_bytes,omitempty"`
}

// MeasureEncoder trains or infers for about the given time.
func MeasureEncoder(s Size, mode string, each time.Duration) (Encoder, error) {
	c := transformer.NewBertConfig(30522, s.Hidden, s.Layers, s.Heads, s.Intermediate)
	m := transformer.NewBertForSequenceClassification(c, 2)
	transformer.Initialise(m, c, 0)
	items := make([]train.Item, s.Batch)
	which := make([]int, s.Batch)
	for i := range items {
		items[i] = train.Item{IDs: make([]int32, s.Length), TypeIDs: make([]int32, s.Length), Label: int32(i % 2)}
		for j := range items[i].IDs {
			items[i].IDs[j] = int32(1000 + (i*7919+j*104729)%29000)
		}
		which[i] = i
	}
	e := Encoder{Size: s.Name, Mode: mode, Batch: s.Batch, Length: s.Length, Threads: kernels.Workers()}
	var step func() error
	if mode == "train" {
		t, err := train.NewTrainer(m, train.DefaultSettings(train.Classification), 1<<20)
		if err != nil {
			return e, err
		}
		step = func() error { _, err := t.Step(items, which); return err }
	} else {
		tape := tensor.NewInference()
		var batch transformer.Batch
		for _, it := range items {
			batch.Add(it.IDs, it.TypeIDs)
		}
		step = func() error { tape.Reset(0, 0); transformer.Logits(tape, m, &batch); return nil }
	}
	var times []float64
	begin := time.Now()
	for n := 0; n < 4 || time.Since(begin) < each; n++ {
		start := time.Now()
		if err := step(); err != nil {
			return e, err
		}
		if n > 0 { // the first fetches memory
			times = append(times, time.Since(start).Seconds())
		}
	}
	slices.Sort(times)
	median := times[len(times)/2]
	e.TokensPS = float64(s.Batch*s.Length) / median
	n, h := float64(s.Length), float64(s.Hidden)
	flops := float64(s.Layers) * (2*n*(4*h*h+2*h*float64(s.Intermediate)) + 4*n*n*h) * float64(s.Batch)
	if mode == "train" {
		flops *= 3
	}
	e.GFLOPS = flops / median / 1e9
	return e, nil
}
