package train

import (
	"context"
	"math"
	"slices"
	"testing"

	"godwit/tensor"
	"godwit/transformer"
)

// TestExtract: the logits are those of Predict, and the features those of each text alone.
func TestExtract(t *testing.T) {
	model, items, _, _ := smallTask(t)
	logits, err := Predict(context.Background(), model, items)
	if err != nil {
		t.Fatal(err)
	}
	features, err := Extract(context.Background(), model, items)
	if err != nil {
		t.Fatal(err)
	}
	tape := tensor.NewInference()
	for i, f := range features {
		if !slices.Equal(f.Logits, logits[i]) {
			t.Fatalf("item %d: logits %v, want %v", i, f.Logits, logits[i])
		}
		var b transformer.Batch
		b.Add(items[i].IDs, items[i].TypeIDs)
		tape.Reset(0, 0)
		hidden := model.Encode(tape, &b, transformer.Want{}).LastHidden
		for k := range f.Mean {
			mean := 0.0
			for token := range items[i].IDs {
				mean += float64(hidden.Row(token)[k]) / float64(len(items[i].IDs))
			}
			if math.Abs(f.Mean[k]-mean) > 1e-12 || f.Summary[k] != float64(hidden.Row(0)[k]) { // a BERT's first token
				t.Fatalf("item %d, feature %d: mean %v and summary %v, want %v and %v", i, k, f.Mean[k], f.Summary[k], mean, hidden.Row(0)[k])
			}
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Extract(ctx, model, items); err == nil {
		t.Error("no error of a context that is done")
	}
}
