package main

import (
	"encoding/json"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"godwit/experiments/dataset/synthetic"
	"godwit/transformer"
)

// TestEveryFamilyThroughEveryCommand: an encoder of each family is pretrained
// from nothing with a vocabulary of its own, looked into, fine-tuned, scored, used, and converted.
func TestEveryFamilyThroughEveryCommand(t *testing.T) {
	corpus := file(t, "corpus.txt", strings.Join(synthetic.Make(0).Unlabelled[:400], "\n"))
	data := table(t, 40, 1)
	for _, modelType := range transformer.ModelTypes() {
		t.Run(modelType, func(t *testing.T) {
			encoder, tuned, half := filepath.Join(t.TempDir(), "encoder"), filepath.Join(t.TempDir(), "tuned"), filepath.Join(t.TempDir(), "half")
			must(t, "", "pretrain", "--model-type", modelType, "--corpus", corpus, "--output", encoder, "--hidden-size", "16", "--layers", "1", "--heads", "2",
				"--intermediate-size", "32", "--max-length", "32", "--vocab-size", "500", "--max-steps", "4", "--json")
			var looked struct {
				ModelType string `json:"model_type"`
			}
			if err := json.Unmarshal([]byte(must(t, "", "inspect", encoder, "--json")), &looked); err != nil || looked.ModelType != modelType {
				t.Errorf("inspect: model type %q, error %v", looked.ModelType, err)
			}
			must(t, "", "train", "--model", encoder, "--task", "classification", "--train", data, "--epochs", "2", "--max-length", "16", "--output", tuned)
			if out := must(t, "", "eval", "--model", tuned, data, "--max-length", "16"); !strings.Contains(out, "accuracy") {
				t.Errorf("eval: %s", out)
			}
			if out := must(t, "a text\n", "tokenize", "--model", tuned); strings.TrimSpace(out) == "" {
				t.Error("tokenize gives nothing")
			}
			must(t, "", "convert", tuned, half, "--dtype", "float16")
			predict := func(dir string) prediction {
				var p prediction
				if err := json.Unmarshal([]byte(must(t, "a text\n", "predict", "--model", dir, "--logits")), &p); err != nil {
					t.Fatal(err)
				}
				return p
			}
			full, rounded := predict(tuned), predict(half)
			if len(full.Logits) != 2 || full.Label == "" {
				t.Fatalf("prediction %+v", full)
			}
			for i, x := range full.Logits {
				if d := math.Abs(float64(x - rounded.Logits[i])); !(d < 0.01) {
					t.Errorf("logit %d: %v, with float16 weights %v", i, x, rounded.Logits[i])
				}
			}
		})
	}
}
