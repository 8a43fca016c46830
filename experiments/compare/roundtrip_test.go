package compare

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"godwit/nn"
	"godwit/tensor"
	"godwit/transformer"
	"godwit/transformer/checkpoint"
)

// python returns a Python that has transformers: $GODWIT_PYTHON, or python3.
func python(t *testing.T) string {
	t.Helper()
	path := os.Getenv("GODWIT_PYTHON")
	if path == "" {
		path = "python3"
	}
	if out, err := exec.Command(path, "-c", "import torch, transformers, safetensors").CombinedOutput(); err != nil {
		t.Skipf("not checked: that transformers loads what godwit saves, and the other way: %s: %v %s (set GODWIT_PYTHON to a Python with torch and transformers)", path, err, lastLine(out))
	}
	return path
}

func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}

// TestRoundTripThroughTransformers trains a step, saves, lets transformers load
// and save, and loads that: the logits must be the same throughout.
func TestRoundTripThroughTransformers(t *testing.T) {
	interpreter := python(t)
	const rows, cols, labels, bound = 3, 7, 3, 1e-5
	root := t.TempDir()
	var dirs []string
	for _, modelType := range transformer.ModelTypes() {
		for _, head := range []string{"classification", "lm"} {
			c, err := transformer.NewConfig(modelType, 60, 24, 2, 3, 40, 32)
			if err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(root, modelType+"-"+head)
			dirs = append(dirs, dir)
			batch := checkpointBatch(t, dir, modelType, rows, cols)
			var model any
			logits := func(tp *tensor.Tape, b *transformer.Batch) *tensor.Tensor { return nil }
			if head == "lm" {
				m, err := transformer.NewLanguageModel(c)
				if err != nil {
					t.Fatal(err)
				}
				model = m
				logits = func(tp *tensor.Tape, b *transformer.Batch) *tensor.Tensor {
					return transformer.TokenLogits(tp, m, b, nil)
				}
			} else {
				c.SetLabels([]string{"a", "b", "c"})
				m, err := transformer.NewSequenceClassifier(c, labels)
				if err != nil {
					t.Fatal(err)
				}
				model = m
				logits = func(tp *tensor.Tape, b *transformer.Batch) *tensor.Tensor { return transformer.Logits(tp, m, b) }
			}
			transformer.Initialise(model, c, 7)
			parameters := nn.Parameters(model)
			tp := tensor.NewTape()
			y := logits(tp, batch)
			target := make([]int32, y.Rows())
			for i := range target {
				target[i] = int32(i % y.Cols())
			}
			tp.CrossEntropy(y, target)
			tp.Backward()
			nn.NewAdamW(parameters, 0.01).Step(0.05, 1)
			if err := transformer.Save(filepath.Join(dir, "godwit"), model, c); err != nil {
				t.Fatal(err)
			}
		}
	}
	out, err := exec.Command(interpreter, append([]string{filepath.Join("testdata", "roundtrip.py")}, dirs...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			want := floats(t, open(t, filepath.Join(dir, "logits.safetensors")), "logits")
			head := Classification
			if strings.HasSuffix(dir, "-lm") {
				head = Pretraining
			}
			if largest(want) < 0.1 {
				t.Errorf("logits up to %.3g: too small to compare", largest(want))
			}
			in := filepath.Join(dir, "in.safetensors")
			batch := open(t, in)
			mask, err := batch.Int64("attention_mask")
			if err != nil {
				t.Fatal(err)
			}
			if head == Classification {
				mask = nil
			}
			for _, by := range []string{"godwit", "transformers"} {
				traced := filepath.Join(t.TempDir(), "out.safetensors")
				if _, err := Trace(TraceOptions{Model: filepath.Join(dir, by), Input: in, Output: traced, Head: head}); err != nil {
					t.Fatal(err)
				}
				if d := maxDifference(t, "logits", floats(t, open(t, traced), "logits"), want, mask); !(d <= bound) {
					t.Errorf("saved by %s: logits off by %.3g, bound %g", by, d, bound)
				} else {
					t.Logf("saved by %s: logits within %.2g of %.2g", by, d, largest(want))
				}
			}
		})
	}
}

// checkpointBatch writes a padded batch to dir/in.safetensors and returns it
// without padding: XLNet's is padded on the left.
func checkpointBatch(t *testing.T, dir, modelType string, rows, cols int) *transformer.Batch {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	var batch transformer.Batch
	ids, mask, types := make([]int64, rows*cols), make([]int64, rows*cols), make([]int64, rows*cols)
	for r := range rows {
		n := cols - r
		first := 0
		if modelType == "xlnet" {
			first = cols - n
		}
		var rowIDs, rowTypes []int32
		for i := range n {
			at := r*cols + first + i
			ids[at], mask[at] = int64(10+(7*r+11*i)%50), 1
			if i > n/2 && (modelType == "bert" || modelType == "xlnet") {
				types[at] = 1
			}
			rowIDs, rowTypes = append(rowIDs, int32(ids[at])), append(rowTypes, int32(types[at]))
		}
		batch.Add(rowIDs, rowTypes)
	}
	shape := []int{rows, cols}
	err := checkpoint.Write(filepath.Join(dir, "in.safetensors"), map[string]string{"format": "pt"}, []checkpoint.Tensor{
		{Name: "input_ids", Shape: shape, Int64: ids}, {Name: "attention_mask", Shape: shape, Int64: mask}, {Name: "token_type_ids", Shape: shape, Int64: types},
	})
	if err != nil {
		t.Fatal(fmt.Errorf("batch: %w", err))
	}
	return &batch
}
