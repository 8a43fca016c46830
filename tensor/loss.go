package tensor

import (
	"math"

	"godwit/kernels"
)

// IgnoredLabel marks a row that CrossEntropy leaves out.
const IgnoredLabel = -100

// CrossEntropy returns the mean over rows of -log softmax(logits)[label], for
// logits [N, classes]. Rows with IgnoredLabel do not count; if none counts the
// loss is 0 and has no gradient.
func (tp *Tape) CrossEntropy(logits *Tensor, labels []int32) float64 {
	n, classes := logits.Rows(), logits.Cols()
	mustMatch("CrossEntropy", len(labels) == n, "logits %v, %d labels", logits.Shape, len(labels))
	counted := 0
	for i, l := range labels {
		if l != IgnoredLabel {
			mustMatch("CrossEntropy", l >= 0 && int(l) < classes, "label %d of row %d, logits %v", l, i, logits.Shape)
			counted++
		}
	}
	if counted == 0 {
		return 0
	}
	p := tp.New(n, classes)
	losses := make([]float64, n)
	kernels.Parallel(n, func(i, _ int) {
		if labels[i] == IgnoredLabel {
			return
		}
		x := logits.Row(i)
		m, sum := kernels.Softmax(p.Row(i), x, 1)
		losses[i] = math.Log(float64(sum)) - (float64(x[labels[i]]) - float64(m))
	})
	if tp.recording {
		tp.record(nil, func() {
			scale := float32(1 / float64(counted))
			kernels.Parallel(n, func(i, _ int) {
				row := p.Row(i)
				if labels[i] == IgnoredLabel {
					clear(row)
					return
				}
				row[labels[i]]--
				kernels.Scale(row, scale, row)
			})
			tp.addGradient(logits, p.Data)
		})
	}
	total := 0.0
	for _, l := range losses {
		total += l
	}
	return total / float64(counted)
}

// MeanSquaredError returns the mean of (prediction - target)² over all elements.
func (tp *Tape) MeanSquaredError(prediction *Tensor, targets []float32) float64 {
	n := len(targets)
	mustMatch("MeanSquaredError", len(prediction.Data) == n, "prediction %v, %d targets", prediction.Shape, n)
	total := 0.0
	for i, y := range prediction.Data {
		d := float64(y) - float64(targets[i])
		total += d * d
	}
	if tp.recording {
		tp.record(nil, func() {
			g := tp.arena.Alloc(n)
			for i, y := range prediction.Data {
				g[i] = float32(2 * (float64(y) - float64(targets[i])) / float64(n))
			}
			tp.addGradient(prediction, g)
			tp.arena.Free(g)
		})
	}
	return total / float64(n)
}
