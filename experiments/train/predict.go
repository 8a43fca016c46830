package train

import (
	"context"
	"math"
	"slices"

	"godwit/experiments/metric"
	"godwit/tensor"
	"godwit/transformer"
)

// predictTokens is the size of batches in inference. Results do not depend on it.
const predictTokens = 4096

// Predict returns the logits of each item, in the order of the items.
func Predict(ctx context.Context, model transformer.SequenceClassifier, items []Item) ([][]float32, error) {
	out := make([][]float32, len(items))
	err := inBatches(ctx, model, items, func(tp *tensor.Tape, b *transformer.Batch, which []int) {
		logits := transformer.Logits(tp, model, b)
		for row, i := range which {
			out[i] = slices.Clone(logits.Row(row))
		}
	})
	return out, err
}

// Features are what a model makes of a text.
type Features struct {
	Summary []float64 // the head's input, [H]
	Mean    []float64 // mean of the last hidden states of its tokens, [H]
	Logits  []float32
}

// Extract returns the features of each item, in the order of the items.
func Extract(ctx context.Context, model transformer.SequenceClassifier, items []Item) ([]Features, error) {
	out := make([]Features, len(items))
	err := inBatches(ctx, model, items, func(tp *tensor.Tape, b *transformer.Batch, which []int) {
		hidden := model.Encode(tp, b, transformer.Want{}).LastHidden
		summary := tp.Gather(hidden, model.Summary(b))
		logits := model.Classify(tp, summary)
		for row, i := range which {
			f := Features{Logits: slices.Clone(logits.Row(row)), Mean: make([]float64, len(summary.Row(row)))}
			for _, x := range summary.Row(row) {
				f.Summary = append(f.Summary, float64(x))
			}
			from, to := int(b.Offsets[row]), int(b.Offsets[row+1])
			for token := from; token < to; token++ {
				for k, x := range hidden.Row(token) {
					f.Mean[k] += float64(x) / float64(to-from)
				}
			}
			out[i] = f
		}
	})
	return out, err
}

// inBatches calls use for all items, the longest first, in batches of about
// predictTokens tokens; which are the numbers of a batch's items.
func inBatches(ctx context.Context, model transformer.SequenceClassifier, items []Item, use func(tp *tensor.Tape, b *transformer.Batch, which []int)) error {
	order := make([]int, len(items))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return len(items[b].IDs) - len(items[a].IDs) })
	tape := tensor.NewInference()
	var batch transformer.Batch
	for len(order) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, tokens := 0, 0
		for n < len(order) && (n == 0 || tokens+len(items[order[n]].IDs) <= predictTokens) {
			tokens += len(items[order[n]].IDs)
			n++
		}
		fill(&batch, items, order[:n])
		if err := batch.Check(model.Configuration()); err != nil {
			return err
		}
		tape.Reset(0, 0)
		use(tape, &batch, order[:n])
		order = order[n:]
	}
	return nil
}

// Probabilities returns the softmax of logits, in float64.
func Probabilities(logits []float32) []float64 {
	m := slices.Max(logits)
	p := make([]float64, len(logits))
	sum := 0.0
	for i, x := range logits {
		p[i] = math.Exp(float64(x) - float64(m))
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

// Argmax returns the first index of the largest logit.
func Argmax(logits []float32) int {
	best := 0
	for i, x := range logits {
		if x > logits[best] {
			best = i
		}
	}
	return best
}

// Scores holds what Evaluate measured; one of the fields is set, by task.
type Scores struct {
	Classification *metric.ClassificationScores `json:"classification,omitempty"`
	Regression     *metric.RegressionScores     `json:"regression,omitempty"`
}

// Main returns the score by which checkpoints are chosen and arms compared:
// accuracy, or the Pearson correlation (0 where it is undefined).
func (s Scores) Main() float64 {
	if s.Regression != nil {
		if r := float64(s.Regression.Pearson); !math.IsNaN(r) {
			return r
		}
		return 0
	}
	return s.Classification.Accuracy
}

// MainName names the score that Main returns.
func (s Scores) MainName() string {
	if s.Regression != nil {
		return "pearson"
	}
	return "accuracy"
}

// Evaluate predicts items and compares with their labels or scores.
func Evaluate(ctx context.Context, model transformer.SequenceClassifier, task Task, items []Item) (Scores, [][]float32, error) {
	logits, err := Predict(ctx, model, items)
	if err != nil {
		return Scores{}, nil, err
	}
	scores, err := Score(task, items, logits)
	return scores, logits, err
}

// Score compares logits, [labels] for each item, with the items' labels or scores.
func Score(task Task, items []Item, logits [][]float32) (Scores, error) {
	if task == Regression {
		want, got := make([]float64, len(items)), make([]float64, len(items))
		for i, it := range items {
			want[i], got[i] = float64(it.Score), float64(logits[i][0])
		}
		s, err := metric.Regression(want, got)
		return Scores{Regression: &s}, err
	}
	want, got := make([]int, len(items)), make([]int, len(items))
	for i, it := range items {
		want[i], got[i] = int(it.Label), Argmax(logits[i])
	}
	labels := 1
	if len(logits) > 0 {
		labels = len(logits[0])
	}
	s, err := metric.Classification(want, got, labels)
	return Scores{Classification: &s}, err
}
