package nn

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"godwit/kernels"
	"godwit/tensor"
)

// TestTablesOfWhichFewRowsAreReached: steps that go by rows give the bits of steps over the whole
// table, for every optimizer setting, also going on from a state, after a step in which the gradient reached all
// rows, and where the gradient is not finite.
func TestTablesOfWhichFewRowsAreReached(t *testing.T) {
	const rows, h = 3000, 40 // several pieces
	for name, o := range map[string]*Adam{
		"AdamW":          NewAdamW(nil, 0.1),
		"without decay":  NewAdamW(nil, 0),
		"Adam with L2":   {Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: 0.1},
		"Adam with none": NewAdam(nil),
	} {
		t.Run(name, func(t *testing.T) {
			table := Parameter{tensor.NewParameter(rows, h), "embeddings.weight"}
			InitNormal(table.Tensor, 1, 7, table.Name)
			table.Data[5] = float32(math.Copysign(0, -1))
			o.Parameters = []Parameter{table}
			w, m, v := slices.Clone(table.Data), make([]float32, rows*h), make([]float32, rows*h)
			r := rand.New(rand.NewPCG(1, 2))
			tape := tensor.NewTape()
			for step := 1; step <= 12; step++ {
				ids := make([]int32, 20)
				for i := range ids {
					ids[i] = int32(r.IntN(rows) % (100 * step)) // some come again
				}
				tape.Reset(0, uint32(step))
				x := tape.EmbeddingSum(tensor.Lookup{Table: table.Tensor, IDs: ids, Frozen: ids[0] + 1})
				tape.MeanSquaredError(x, make([]float32, len(x.Data)))
				if step == 8 { // used in another way as well: all rows have a gradient
					tape.MeanSquaredError(table.Tensor, make([]float32, rows*h))
				}
				ZeroGrad(o.Parameters)
				tape.Backward()
				if got, known := table.GradRows(); known == (step == 8) || known && len(got) > len(ids) {
					t.Fatalf("step %d: %d rows, known %v", step, len(got), known)
				}
				sum, squares := 0.0, 0.0
				for a := 0; a < rows*h; a += piece {
					squares += kernels.SumSquares(table.Grad[a:min(rows*h, a+piece)])
				}
				for i, g := range table.Grad {
					if sum += float64(g) * float64(g); g != 0 && step != 8 && !slices.Contains(ids, int32(i/h)) {
						t.Fatalf("step %d: row %d has the gradient of an earlier step", step, i/h)
					}
				}
				norm, scale := ClipGradNorm(o.Parameters, 0.1)
				if norm != math.Sqrt(squares) || math.Abs(norm*norm-sum) > 1e-6*sum {
					t.Errorf("step %d: norm %v, want %v", step, norm, math.Sqrt(squares))
				}
				if step == 12 {
					scale = float32(math.Inf(1)) // 0 · ∞ is no number
				}
				kernels.Adam(w, table.Grad, m, v, kernels.AdamParams{LearningRate: 0.01, Beta1: o.Beta1, Beta2: o.Beta2, Epsilon: o.Epsilon,
					WeightDecay: o.WeightDecay, Step: step, GradScale: scale, Decoupled: o.decoupled})
				o.Step(0.01, scale)
				if step == 5 { // as if from a file
					again := *o
					again.state, again.moving = nil, nil
					again.SetState(o.State())
					*o = again
				}
				for what, pair := range map[string][2][]float32{"weight": {table.Data, w}, "first moment": {o.state[0].FirstMoment, m}, "second moment": {o.state[0].SecondMoment, v}} {
					for i := range w {
						if math.Float32bits(pair[0][i]) != math.Float32bits(pair[1][i]) {
							t.Fatalf("step %d: %s %d is %v, of the whole table %v", step, what, i, pair[0][i], pair[1][i])
						}
					}
				}
			}
		})
	}
}

// BenchmarkAdamW is a step of a vocabulary's table of MiniLM's size of which a batch of
// short texts reaches 200 rows.
func BenchmarkAdamW(b *testing.B) {
	const rows, h = 30522, 384
	table := Parameter{tensor.NewParameter(rows, h), "embeddings.weight"}
	InitNormal(table.Tensor, 1, 7, table.Name)
	o := NewAdamW([]Parameter{table}, 0.01)
	tape := tensor.NewTape()
	ids := make([]int32, 200)
	for i := range ids {
		ids[i] = int32(i * 101)
	}
	for b.Loop() {
		tape.Reset(0, 0)
		x := tape.EmbeddingSum(tensor.Lookup{Table: table.Tensor, IDs: ids})
		tape.MeanSquaredError(x, make([]float32, len(x.Data)))
		ZeroGrad(o.Parameters)
		tape.Backward()
		_, scale := ClipGradNorm(o.Parameters, 1)
		o.Step(1e-5, scale)
	}
	b.ReportMetric(rows*h*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mparameters/s")
}
