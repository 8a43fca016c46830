package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"godwit/experiments/dataset/synthetic"
	"godwit/kernels"
	"godwit/nn"
	"godwit/transformer"
	"godwit/transformer/checkpoint"
	"godwit/transformer/tokenizer"
)

// godwit runs a command line with the given standard input.
func godwit(t testing.TB, stdin string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	dir := t.TempDir()
	open := func(name, text string) *os.File {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	in, out, errs := open("in", stdin), open("out", ""), open("err", "")
	i, o, e := os.Stdin, os.Stdout, os.Stderr
	os.Stdin, os.Stdout, os.Stderr = in, out, errs
	status = run(args)
	os.Stdin, os.Stdout, os.Stderr = i, o, e
	read := func(f *os.File) string {
		f.Seek(0, io.SeekStart)
		data, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		return string(data)
	}
	in.Close()
	return read(out), read(errs), status
}

// must runs a command line that is to succeed.
func must(t testing.TB, stdin string, args ...string) string {
	t.Helper()
	out, errs, status := godwit(t, stdin, args...)
	if status != 0 {
		t.Fatalf("godwit %s: status %d\n%s", strings.Join(args, " "), status, errs)
	}
	return out
}

// tinyModel writes an encoder without a head, with a vocabulary of the synthetic corpora.
func tinyModel(t testing.TB) string {
	t.Helper()
	vocab := synthetic.Make(0).Vocabulary(600)
	c := transformer.NewBertConfig(len(vocab), 32, 2, 2, 64)
	c.MaxPositionEmbeddings = 48
	m := transformer.NewBertForMaskedLM(c)
	transformer.Initialise(m, c, 1)
	dir := filepath.Join(t.TempDir(), "model")
	if err := transformer.Save(dir, m, c); err != nil {
		t.Fatal(err)
	}
	tok, err := tokenizer.NewWordPiece(vocab, tokenizer.WordPieceOptions{Lowercase: true, ChineseChars: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := tok.Save(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

func file(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// table writes examples of two classes told by their words.
func table(t testing.TB, n int, seed uint64) string {
	t.Helper()
	words := synthetic.Make(0).Vocabulary(600)[80:]
	r := rand.New(rand.NewPCG(seed, 1))
	var b strings.Builder
	b.WriteString("label\ttext\n")
	for i := range n {
		fmt.Fprintf(&b, "%s\t%s %s %s\n", []string{"no", "yes"}[i%2], words[r.IntN(20)+40*(i%2)], words[200+r.IntN(50)], words[r.IntN(20)+40*(i%2)])
	}
	return file(t, "data.tsv", b.String())
}

func TestTrainEvalPredict(t *testing.T) {
	model, data, test := tinyModel(t), table(t, 160, 1), table(t, 60, 2)
	out := filepath.Join(t.TempDir(), "out")
	args := []string{"train", "--model", model, "--task", "classification", "--train", data, "--test", test, "--text-column", "text", "--label-column", "label",
		"--epochs", "6", "--learning-rate", "3e-3", "--max-length", "16", "--output", out, "--json"}
	var m trainMetrics
	if err := json.Unmarshal([]byte(must(t, "", args...)), &m); err != nil {
		t.Fatal(err)
	}
	if m.Test == nil || m.Test.Classification.Accuracy < 0.9 {
		t.Errorf("test scores %+v of two classes told by their words", m.Test)
	}
	if len(m.New) != 4 || !m.Completed || m.Train.BestDev == nil || m.Memory == 0 || m.TokensPS <= 0 {
		t.Errorf("metrics %+v: want a new pooler and classifier, a best dev score, speed and memory", m)
	}
	for _, name := range []string{"config.json", "model.safetensors", "tokenizer.json", "vocab.txt", "metrics.json", "README.md"} {
		if info, err := os.Stat(filepath.Join(out, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}

	var e struct {
		Scores struct {
			Classification struct{ Accuracy float64 }
		}
	}
	if err := json.Unmarshal([]byte(must(t, "", "eval", "--model", out, test, "--text-column", "text", "--label-column", "label", "--max-length", "16", "--json")), &e); err != nil {
		t.Fatal(err)
	}
	if e.Scores.Classification.Accuracy != m.Test.Classification.Accuracy {
		t.Errorf("eval finds accuracy %v, train %v", e.Scores.Classification.Accuracy, m.Test.Classification.Accuracy)
	}

	lines := strings.Split(strings.TrimSpace(must(t, "one text\nanother, longer text\n", "predict", "--model", out, "--logits")), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines of predictions for 2 of input", len(lines))
	}
	for _, l := range lines {
		var p prediction
		if err := json.Unmarshal([]byte(l), &p); err != nil {
			t.Fatal(err)
		}
		if sum := p.Probabilities["no"] + p.Probabilities["yes"]; sum < 0.999999 || sum > 1.000001 || len(p.Logits) != 2 || p.Label != "no" && p.Label != "yes" {
			t.Errorf("prediction %s", l)
		}
	}
	if fromTable := must(t, "", "predict", "--model", out, test, "--text-column", "text"); strings.Count(fromTable, "\n") != 60 {
		t.Errorf("%d predictions for a table of 60", strings.Count(fromTable, "\n"))
	}

	// The same run again gives the same file, on one core and with plain Go as well.
	first, err := os.ReadFile(filepath.Join(out, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer kernels.SetISA(kernels.ISA())
	if err := kernels.SetISA("generic"); err != nil {
		t.Fatal(err)
	}
	must(t, "", args...)
	again, err := os.ReadFile(filepath.Join(out, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, again) {
		t.Error("the same training run wrote another model.safetensors")
	}
}

func TestRegressionOnPairs(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	words := synthetic.Make(0).Vocabulary(600)[80:]
	var b strings.Builder
	for range 80 {
		fmt.Fprintf(&b, "%s %s,\"%s, %s\",%.1f\n", words[r.IntN(20)], words[r.IntN(20)], words[r.IntN(20)], words[r.IntN(20)], r.Float64()*5)
	}
	data, out := file(t, "pairs.csv", b.String()), filepath.Join(t.TempDir(), "out")
	text := must(t, "", "train", "--model", tinyModel(t), "--task", "regression", "--train", data, "--test", data, "--text-column", "0", "--text-pair-column", "1",
		"--label-column", "2", "--epochs", "2", "--max-length", "16", "--output", out)
	if !strings.Contains(text, "pearson") {
		t.Errorf("no correlation in %q", text)
	}
	if p := must(t, "one\ttwo\n", "predict", "--model", out, "--text-pair-column", "tab"); !strings.Contains(p, `"score"`) {
		t.Errorf("prediction %q", p)
	}
	must(t, "", "eval", "--model", out, data, "--text-column", "0", "--text-pair-column", "1", "--label-column", "2")
}

func TestTokenizeJSON(t *testing.T) {
	model := tinyModel(t)
	out := must(t, `{"text":"é a.","pair":"b","max_length":6,"truncation":"longest_first"}`+"\n"+`{"text":"a","add_special_tokens":false}`+"\n", "tokenize", "--model", model, "--json")
	want := `{"ids":[2,15,7,6,3,9],"type_ids":[0,0,0,0,0,1],"offsets":[[0,0],[0,1],[2,3],[3,4],[0,0],[0,1]],"special_tokens_mask":[1,0,0,0,1,0],"sequence_ids":[null,0,0,0,null,1],"tokens":["[CLS]","e","a",".","[SEP]","b"]}`
	lines := strings.Split(out, "\n")
	var got, expected tokenizeResponse
	if err := json.Unmarshal([]byte(lines[0]), &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &expected); err != nil {
		t.Fatal(err)
	}
	// Six tokens fit: three special ones, two of the text, one of the pair.
	if fmt.Sprint(got.Tokens) != "[[CLS] e a [SEP] b [SEP]]" || fmt.Sprint(got.Offsets) != "[[0 0] [0 1] [2 3] [0 0] [0 1] [0 0]]" || fmt.Sprint(got.TypeIDs) != "[0 0 0 0 1 1]" {
		t.Errorf("%s", lines[0])
	}
	if !strings.Contains(lines[1], `"tokens":["a"]`) || !strings.Contains(lines[1], `"special_tokens_mask":[0]`) {
		t.Errorf("%s", lines[1])
	}
	if human := must(t, "a b\n", "tokenize", "--model", model); !strings.Contains(human, "[CLS]") {
		t.Errorf("%q", human)
	}
}

func TestTraceAndReplay(t *testing.T) {
	model, dir := tinyModel(t), t.TempDir()
	m := transformer.NewBertForSequenceClassification(mustConfig(t, model), 2)
	var params []checkpoint.Tensor
	for _, p := range nn.Parameters(m) {
		nn.InitNormal(p.Tensor, 0.1, 1, p.Name)
		params = append(params, checkpoint.Tensor{Name: "param." + p.Name, Shape: p.Shape, Float32: p.Data})
	}
	inputs := func(prefix string) []checkpoint.Tensor {
		return []checkpoint.Tensor{
			{Name: prefix + "input_ids", Shape: []int{2, 4}, Int64: []int64{2, 9, 10, 3, 2, 11, 3, 0}},
			{Name: prefix + "attention_mask", Shape: []int{2, 4}, Int64: []int64{1, 1, 1, 1, 1, 1, 1, 0}},
			{Name: prefix + "token_type_ids", Shape: []int{2, 4}, Int64: make([]int64, 8)},
			{Name: prefix + "labels", Shape: []int{2}, Int64: []int64{0, 1}},
		}
	}
	in, out := filepath.Join(dir, "in.safetensors"), filepath.Join(dir, "out.safetensors")
	if err := checkpoint.Write(in, nil, append(inputs(""), params...)); err != nil {
		t.Fatal(err)
	}
	must(t, "", "trace", "--model", model, "--input", in, "--output", out, "--gradients")
	f, err := checkpoint.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for name, shape := range map[string]string{"hidden_states.0": "[2 4 32]", "hidden_states.2": "[2 4 32]", "pooler_output": "[2 32]", "logits": "[2 2]", "loss": "[1]", "grad.classifier.weight": "[2 32]"} {
		if info, ok := f.Info(name); !ok || fmt.Sprint(info.Shape) != shape {
			t.Errorf("%s: %+v, want shape %s", name, info, shape)
		}
	}
	// Without weights for the head there are hidden states and no logits made up.
	if err := checkpoint.Write(in, nil, inputs("")); err != nil {
		t.Fatal(err)
	}
	must(t, "", "trace", "--model", model, "--input", in, "--output", out)
	g, err := checkpoint.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if _, ok := g.Info("logits"); ok {
		t.Error("logits of a head that nothing has weights for")
	}
	if _, errs, status := godwit(t, "", "trace", "--model", model, "--input", in, "--output", out, "--gradients"); status != 1 || !strings.Contains(errs, "classifier") {
		t.Errorf("gradients without a head: status %d, %s", status, errs)
	}

	settings := file(t, "t.json", `{"steps":2,"warmup":1,"lr":0.01,"weight_decay":0.1,"betas":[0.9,0.999],"eps":1e-8,"clip":1.0,"no_decay_suffixes":["bias"]}`)
	if err := checkpoint.Write(in, nil, append(append(inputs("step0."), inputs("step1.")...), params...)); err != nil {
		t.Fatal(err)
	}
	must(t, "", "replay", "--model", model, "--batches", in, "--settings", settings, "--output", out)
	h, err := checkpoint.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	losses, err := h.Float32("loss")
	if err != nil || len(losses) != 2 || losses[0] <= 0 {
		t.Errorf("losses %v, %v", losses, err)
	}
	if _, ok := h.Info("final.bert.pooler.dense.weight"); !ok {
		t.Error("no final weights")
	}
}

func mustConfig(t *testing.T, dir string) *transformer.Config {
	t.Helper()
	c, err := transformer.LoadConfig(dir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestStudyOfFilesRunsNoStageTwice(t *testing.T) {
	model, big, small, dir := tinyModel(t), table(t, 80, 1), table(t, 40, 2), t.TempDir()
	config := fmt.Sprintf(`{"name":"s","seeds":[1,2],"output":%q,"models":[{"name":"m","path":%q}],"tasks":[{"name":"sentiment","kind":"classification",
		"intermediates":[{"name":"big","train":%q,"training":{"epochs":1,"max_length":16}}],
		"targets":[{"setting":"domain","name":"small","train":%q,"test":%q,"training":{"epochs":1,"max_length":16}}]}]}`, dir, model, big, small, big)
	path := file(t, "s.json", config)
	_, errs, status := godwit(t, "", "study", "--config", path)
	if status != 0 || !strings.Contains(errs, "6 stages, 6 of them run now") {
		t.Fatalf("status %d: %s", status, errs)
	}
	if page, err := os.ReadFile(filepath.Join(dir, "report.html")); err != nil || !bytes.Contains(page, []byte("small")) {
		t.Errorf("the report: %v", err)
	}
	if out := must(t, "", "report", dir); !strings.Contains(out, "report.html") {
		t.Errorf("report: %s", out)
	}
	first, err := os.ReadFile(filepath.Join(dir, "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	table, errs, _ := godwit(t, "", "study", "--config", path)
	if !strings.Contains(errs, "6 stages, 0 of them run now") || !strings.Contains(table, "gain") || !strings.Contains(table, "2 seeds") {
		t.Errorf("repeated: %s%s", errs, table)
	}
	second, err := os.ReadFile(filepath.Join(dir, "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, second) {
		t.Error("results.json changed when the study was repeated")
	}
	if err := os.WriteFile(path, []byte(strings.Replace(config, `"seeds":[1,2]`, `"seeds":[1,2,3]`, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, errs, _ = godwit(t, "", "study", "--config", path); !strings.Contains(errs, "9 stages, 3 of them run now") {
		t.Errorf("with one more seed: %s", errs)
	}
	// The directory alone is enough to go on, and it says what was found.
	out, errs, status := godwit(t, "", "study", "--resume", "--output", dir)
	if status != 0 || !strings.Contains(errs, "9 stages, 0 of them run now") || !strings.Contains(out, "against direct fine-tuning on the same seeds") {
		t.Errorf("resumed: status %d: %s%s", status, errs, out)
	}
	for _, args := range [][]string{{"study", "--resume", "--output", t.TempDir()}, {"study", "--resume", "--config", path, "--output", t.TempDir()}} {
		if _, errs, status := godwit(t, "", args...); status != exitFailed || !strings.Contains(errs, "plan.json") {
			t.Errorf("nothing to resume: status %d: %s", status, errs)
		}
	}
}

func TestWrapped(t *testing.T) {
	if got, want := wrapped("one  two three überlang four", 9), "one two\nthree\nüberlang\nfour"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestBadInput(t *testing.T) {
	model, data := tinyModel(t), table(t, 20, 1)
	train := func(path string, more ...string) []string {
		return append([]string{"train", "--model", model, "--task", "classification", "--train", path, "--max-length", "16", "--epochs", "1", "--output", filepath.Join(t.TempDir(), "o")}, more...)
	}
	notADirectory := file(t, "file", "x")
	truncated := filepath.Join(t.TempDir(), "truncated")
	if err := os.CopyFS(truncated, os.DirFS(model)); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(truncated, "model.safetensors"), 1000); err != nil {
		t.Fatal(err)
	}
	smallVocabulary := filepath.Join(t.TempDir(), "vocabulary")
	if err := os.CopyFS(smallVocabulary, os.DirFS(model)); err != nil {
		t.Fatal(err)
	}
	config, err := os.ReadFile(filepath.Join(model, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(smallVocabulary, "config.json"), regexp.MustCompile(`"vocab_size": \d+`).ReplaceAll(config, []byte(`"vocab_size": 99`)), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{train(filepath.Join(t.TempDir(), "none.tsv")), 1, "none.tsv"},
		{train(file(t, "e.tsv", "")), 1, "e.tsv"},
		{train(file(t, "c.tsv", "a\tb\nx\ty\n")), 1, "text"},
		{train(file(t, "r.tsv", "label\ttext\nyes\tgood\nno\n")), 1, ":3:"},
		{train(file(t, "t.tsv", "label\ttext\nyes\tgood\nno\t\n")), 1, ":3:"},
		{train(file(t, "1.tsv", "label\ttext\nyes\tgood\nyes\tfine\n"), "--keep", "last"), 1, "two classes"},
		{train(data, "--dev", file(t, "d.tsv", "label\ttext\nyes\tgood\nmaybe\tso\n")), 1, "maybe"},
		{append(train(file(t, "s.tsv", "label\ttext\n1.5\tgood\nNaN\tbad\n"), "--keep", "last"), "--task", "regression"), 1, "NaN"},
		{train(data, "--max-length", "64"), 2, "positions for 48"},
		{train(data, "--epochs", "0"), 2, "epochs"},
		{train(data, "--learning-rate=-1"), 2, "learning_rate"},
		{train(data, "--output", filepath.Join(notADirectory, "o")), 1, "output directory"},
		{train(data, "--model", truncated), 1, "model.safetensors"},
		{train(data, "--model", smallVocabulary), 1, "embedding 99"},
		{train(data, "--model", t.TempDir()), 1, "config.json"},
		{train(data, "--task", "parsing"), 2, "parsing"},
		{[]string{"fly"}, 2, "fly"},
		{[]string{"eval", "--model", model, data}, 1, "no classifier"},
		{[]string{"bench", "--sizes", "huge"}, 2, "huge"},
		{[]string{"tokenize", "--model", t.TempDir()}, 1, "no tokenizer"},
		{[]string{"study", "--config", file(t, "u.json", `{"name":"x","modles":[]}`)}, 1, "modles"},
		{[]string{"study", "--config", file(t, "n.json", `{"name":"x","models":[{"name":"m","path":"p"}],"tasks":[{"name":"t","kind":"parsing"}]}`)}, 1, "tasks[0].kind"},
	} {
		_, errs, status := godwit(t, "", c.args...)
		if status != c.status || !strings.Contains(errs, c.says) || strings.Contains(errs, "goroutine") {
			t.Errorf("godwit %s: status %d, %q; want status %d and %q", strings.Join(c.args, " "), status, errs, c.status, c.says)
		}
	}
	for _, line := range []string{`{"pair":"x"}`, `{"text":1}`, `nonsense`, `{"text":"a","truncation":"never"}`, `{"text":"a","max_length":0}`} {
		if _, errs, status := godwit(t, line+"\n", "tokenize", "--model", model, "--json"); status != 1 || !strings.Contains(errs, "standard input, line 1") {
			t.Errorf("tokenize of %s: status %d, %q", line, status, errs)
		}
	}
}

func TestHelpHasExamples(t *testing.T) {
	for _, name := range []string{"study", "train", "eval", "predict", "tokenize", "pretrain", "inspect", "convert", "report", "serve", "trace", "replay", "bench", "version"} {
		parser, err := newParser(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		parser.Stdout, parser.Stderr, parser.Exit = &b, &b, func(int) { panic("exit") }
		func() {
			defer func() { recover() }()
			parser.Parse([]string{name, "--help"})
		}()
		if !strings.Contains(b.String(), "Example: ") {
			t.Errorf("godwit %s --help has no example: %s", name, b.String())
		}
	}
}

// TestInterrupt stops a training run by a signal: what it saved before must be a whole model.
func TestInterrupt(t *testing.T) {
	model, data, out := tinyModel(t), table(t, 400, 1), filepath.Join(t.TempDir(), "out")
	go func() { // after the first checkpoint
		for range 2000 {
			time.Sleep(5 * time.Millisecond)
			if _, err := os.Stat(filepath.Join(out, "tokenizer.json")); err == nil {
				break
			}
		}
		if p, err := os.FindProcess(os.Getpid()); err == nil {
			p.Signal(syscall.SIGTERM)
		}
	}()
	_, errs, status := godwit(t, "", "train", "--model", model, "--task", "classification", "--train", data, "--max-length", "16", "--epochs", "100000", "--output", out)
	if status != 1 || !strings.Contains(errs, "interrupted") || !strings.Contains(errs, "holds the checkpoint of epoch") {
		t.Fatalf("status %d: %s", status, errs[max(0, len(errs)-300):])
	}
	must(t, "a text\n", "predict", "--model", out, "--max-length", "16")
	if left, _ := filepath.Glob(filepath.Join(out, ".godwit-*")); len(left) > 0 {
		t.Errorf("temporary files are left: %q", left)
	}
}
