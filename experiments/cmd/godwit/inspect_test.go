package main

import (
	"encoding/binary"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"godwit/experiments/internal/sharedtest"
	"godwit/transformer/checkpoint"
)

func inspected(t testing.TB, args ...string) inspection {
	t.Helper()
	var in inspection
	if err := json.Unmarshal([]byte(must(t, "", append([]string{"inspect", "--json"}, args...)...)), &in); err != nil {
		t.Fatal(err)
	}
	return in
}

func TestInspect(t *testing.T) {
	model := oldModel(t)
	in := inspected(t, model)
	sum := 0
	for _, list := range weights(t, model) {
		sum += len(list)
	}
	if in.ModelType != "bert" || !slices.Equal(in.Architectures, []string{"BertForMaskedLM"}) || in.Numbers != sum || len(in.Problems) > 0 {
		t.Errorf("found %s %v of %d numbers, problems %v; expected bert of %d", in.ModelType, in.Architectures, in.Numbers, in.Problems, sum)
	}
	if s := in.Sizes; s == nil || s.Layers != 2 || s.Hidden != 32 || s.Heads != 2 || s.Intermediate != 64 || s.MaxLength != 48 {
		t.Errorf("sizes are %+v", s)
	}
	if !slices.Equal(in.Buffers, []string{"bert.embeddings.position_ids"}) {
		t.Errorf("buffers are %v", in.Buffers)
	}
	total, share := 0, 0.0
	for _, m := range in.Modules {
		total, share = total+m.Numbers, share+m.Share
		if m.Name == "bert.encoder.layer.*.attention.self.query" {
			if m.Count != 2 || m.Numbers != 2*(32*32+32) || len(m.Tensors) != 2 || !slices.Equal(m.Tensors[1].Shape, []int{32, 32}) || m.Tensors[1].Count != 2 {
				t.Errorf("the query is %+v", m)
			}
		}
	}
	if total != sum || share < 0.999 || share > 1.001 || !strings.Contains(in.Modules[0].Name, "embeddings") {
		t.Errorf("the modules have %d numbers and a share of %v, expected all, embeddings first: %+v", total, share, in.Modules)
	}
	if k := in.Tokenizer; k == nil || k.Kind != "WordPiece" || k.File != "tokenizer.json" || k.Vocabulary != in.Sizes.Vocabulary || len(k.Special) != 5 || k.Special[0].Token != "[PAD]" {
		t.Errorf("the tokenizer is %+v", k)
	}
	if in.MaxLength != 48 {
		t.Errorf("the longest text has %d tokens, expected 48", in.MaxLength)
	}
	stored := map[checkpoint.DType]int{}
	for _, s := range in.Stored {
		stored[s.DType] = s.Elements
	}
	if want := map[checkpoint.DType]int{checkpoint.F32: sum, checkpoint.I64: 48}; !maps.Equal(stored, want) {
		t.Errorf("stored are %v, expected %v", stored, want)
	}
	if len(in.Files) != 1 || in.Files[0].Name != "model.safetensors" || in.Files[0].Format != "safetensors" || in.Files[0].Bytes < int64(4*sum) {
		t.Errorf("files are %+v", in.Files)
	}

	// A language model lacks a classifier for a task, and nothing for its own.
	for _, task := range []string{"classification", "regression"} {
		fit := in.Tasks[task]
		if fit.Problem != "" || !slices.Contains(fit.New, "classifier.weight") || !slices.ContainsFunc(fit.Unused, func(n string) bool { return strings.HasPrefix(n, "cls.") }) {
			t.Errorf("for %s: %+v", task, fit)
		}
	}
	if fit := in.Tasks["pretraining"]; fit.Problem != "" || len(fit.New)+len(fit.Unused) > 0 {
		t.Errorf("for pretraining: %+v", fit)
	}
	if one := inspected(t, model, "--task", "regression"); len(one.Tasks) != 1 || one.Tasks["regression"].New == nil {
		t.Errorf("for regression alone: %+v", one.Tasks)
	}

	text := must(t, "", "inspect", model)
	for _, want := range []string{"bert, BertForMaskedLM", "2 layers, hidden 32", "model.safetensors, safetensors", "F32: ", "WordPiece of tokenizer.json", "cls [CLS]", "48 tokens",
		"bert.encoder.layer.*.attention.self.query", "weight [32 32]", " %", "no parameters: bert.embeddings.position_ids", "for classification", "classifier.weight", "for pretraining"} {
		if !strings.Contains(text, want) {
			t.Errorf("the text has no %q:\n%s", want, text)
		}
	}
}

// Every container shows the same model.
func TestInspectGolden(t *testing.T) {
	for _, container := range files(t, sharedtest.Dir(t, "golden", "containers")) {
		in := inspected(t, sharedtest.Dir(t, "golden", "containers", container))
		numbers, parts := 87307, 1
		switch container {
		case "safetensors-no-prefix":
			numbers -= 123
		case "safetensors-sharded":
			parts = 5
		}
		if in.Numbers != numbers || len(in.Files) != parts || len(in.Tied) > 0 || in.Sizes == nil || len(in.Problems) != 1 {
			t.Errorf("%s: %d parameters in %d files, tied %v, problems %v", container, in.Numbers, len(in.Files), in.Tied, in.Problems)
		}
		fit := in.Tasks["classification"]
		if fit.Problem != "" || len(fit.Unused) > 0 || (len(fit.New) > 0) != (container == "safetensors-no-prefix") {
			t.Errorf("%s: for classification %+v", container, fit)
		}
		// Three labels are not the one of a regression.
		fit = in.Tasks["regression"]
		if fit.Problem != "" || !slices.Equal(slices.Sorted(slices.Values(fit.New)), []string{"classifier.bias", "classifier.weight"}) {
			t.Errorf("%s: for regression %+v", container, fit)
		}
	}
}

// Weights are not read: a sparse file of 64 GB would not fit into memory.
func TestInspectReadsLittle(t *testing.T) {
	if strconv.IntSize < 64 {
		t.Skip("not checked: a file of 64 GB has no place in 32 bits of addresses")
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "config.json"), `{"model_type":"gpt2","architectures":["GPT2Model",7],"torch_dtype":"float32"}`)
	shape := []int64{1 << 17, 1 << 17}
	bytes := 4 * shape[0] * shape[1]
	header, err := json.Marshal(map[string]any{
		"wte\x1b[2J.weight": map[string]any{"dtype": "F32", "shape": shape, "data_offsets": []int64{0, bytes}},
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "model.safetensors")
	write(t, path, string(binary.LittleEndian.AppendUint64(nil, uint64(len(header))))+string(header))
	if err := os.Truncate(path, 8+int64(len(header))+bytes); err != nil {
		t.Fatal(err)
	}
	in := inspected(t, dir)
	if int64(in.Numbers) != shape[0]*shape[1] || in.ModelType != "gpt2" || in.DType != "float32" || in.Sizes != nil {
		t.Errorf("found %s of %d numbers, sizes %+v", in.ModelType, in.Numbers, in.Sizes)
	}
	// What godwit cannot use is said, and the rest shown.
	if len(in.Problems) != 2 || !strings.Contains(in.Problems[0], "gpt2") || !strings.Contains(in.Problems[1], "tokenizer") || in.Tasks["pretraining"].Problem == "" {
		t.Errorf("problems are %q, for pretraining %+v", in.Problems, in.Tasks["pretraining"])
	}
	if text := must(t, "", "inspect", dir); strings.Contains(text, "\x1b") || !strings.Contains(text, `wte\x1b[2J`) || !strings.Contains(text, "problem: ") {
		t.Errorf("the text is %q", text)
	}
}

func TestInspectErrors(t *testing.T) {
	noWeights, badWeights, badConfig := t.TempDir(), t.TempDir(), tinyModel(t)
	write(t, filepath.Join(noWeights, "config.json"), "{}")
	write(t, filepath.Join(badWeights, "config.json"), "{}")
	write(t, filepath.Join(badWeights, "pytorch_model.bin"), "PK\x03\x04 and no more")
	write(t, filepath.Join(badConfig, "config.json"), "[")
	for _, c := range []struct {
		args   []string
		status int
		want   []string
	}{
		{[]string{filepath.Join(noWeights, "missing")}, exitFailed, []string{"missing", "config.json", "not found"}},
		{[]string{noWeights}, exitFailed, []string{noWeights, "no parameters found"}},
		{[]string{badWeights}, exitFailed, []string{"pytorch_model.bin", "zip"}},
		{[]string{badConfig}, exitFailed, []string{"config.json"}},
		{[]string{badConfig, "--task", "poetry"}, exitUsage, []string{"poetry"}},
		{nil, exitUsage, []string{"<dir>"}},
	} {
		_, errs, status := godwit(t, "", append([]string{"inspect"}, c.args...)...)
		if status != c.status {
			t.Errorf("inspect %v: status %d, expected %d", c.args, status, c.status)
		}
		for _, want := range c.want {
			if !strings.Contains(errs, want) {
				t.Errorf("inspect %v: error is %q, expected one with %q", c.args, errs, want)
			}
		}
	}
}

// Two names of one storage count once, and are said.
func TestInspectTied(t *testing.T) {
	text := func(s string) string { return "X" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(s)))) + s }
	dir := t.TempDir()
	write(t, filepath.Join(dir, "config.json"), `{"model_type":"bert"}`)
	write(t, filepath.Join(dir, "pytorch_model.bin"), "\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}."+ // magic number, protocol, system
		"\x80\x02}("+text("embedding")+"ctorch._utils\n_rebuild_tensor_v2\n(("+text("storage")+"ctorch\nFloatStorage\n"+text("0")+text("cpu")+"K\x02NtQ"+
		"K\x00K\x02\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtRq\x00"+text("output")+"h\x00u."+
		"\x80\x02]"+text("0")+"a."+"\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x3f\x00\x00\x00\x40")
	in := inspected(t, dir)
	if in.Numbers != 2 || !maps.Equal(in.Tied, map[string]string{"output": "embedding"}) || in.Files[0].Format != "PyTorch legacy" {
		t.Errorf("%d parameters in %+v, tied %v", in.Numbers, in.Files, in.Tied)
	}
	// It is no BERT of the usual size, whatever config.json says.
	if fit := in.Tasks["pretraining"]; !strings.Contains(fit.Problem, "pytorch_model.bin") {
		t.Errorf("for pretraining: %+v", fit)
	}
	for _, want := range []string{"tied: output = embedding", "problem: ", "2 numbers"} {
		if out := must(t, "", "inspect", dir); !strings.Contains(out, want) {
			t.Errorf("the text has no %q:\n%s", want, out)
		}
	}
	// Both are written, so that every loader finds what it looks for.
	converted := filepath.Join(t.TempDir(), "out")
	must(t, "", "convert", dir, converted)
	if got := weights(t, converted); len(got) != 2 || !slices.Equal(got["output"], []float32{1, 2}) || !slices.Equal(got["embedding"], []float32{1, 2}) {
		t.Errorf("converted are %v", got)
	}
}

func TestTokenizerKind(t *testing.T) {
	for _, c := range []struct{ file, text, kind string }{
		{"sentencepiece.bpe.model", "", "Unigram"},
		{"spiece.model", "", "Unigram"},
		{"vocab.json", "{}", "BPE"},
		{"vocab.txt", "", "WordPiece"},
		{"tokenizer.json", `{"model":{"type":"BPE"}}`, "BPE"},
		{"tokenizer.json", `{"model":{}}`, "unnamed"},
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, c.file), c.text)
		if kind, file := tokenizerKind(dir); kind != c.kind || file != c.file {
			t.Errorf("%s %s: found %s of %s, expected %s", c.file, c.text, kind, file, c.kind)
		}
	}
	if kind, file := tokenizerKind(t.TempDir()); kind != "unnamed" || file != "" {
		t.Errorf("an empty directory has %s of %q", kind, file)
	}
}
