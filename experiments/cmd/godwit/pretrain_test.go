package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"godwit/experiments/dataset/synthetic"
	"godwit/experiments/train"
	"godwit/transformer"
	"godwit/transformer/tokenizer"
)

// corpusFile writes texts of the synthetic corpora, four to a document.
func corpusFile(t testing.TB, texts int) string {
	t.Helper()
	var b strings.Builder
	for i, text := range synthetic.Make(0).Unlabelled[:texts] {
		if i > 0 && i%4 == 0 {
			b.WriteByte('\n')
		}
		b.WriteString(text + "\n")
	}
	return file(t, "corpus.txt", b.String())
}

// tokenizerDirectory writes a small tokenizer.
func tokenizerDirectory(t testing.TB) string {
	t.Helper()
	tok, err := tokenizer.NewWordPiece(synthetic.Make(0).Vocabulary(600), tokenizer.WordPieceOptions{Lowercase: true, ChineseChars: true})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := tok.Save(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// pretrainArgs is a run of a few seconds at most.
func pretrainArgs(modelType, corpus, output string, more ...string) []string {
	return append([]string{"pretrain", "--model-type", modelType, "--corpus", corpus, "--output", output, "--hidden-size", "16", "--layers", "1", "--heads", "2",
		"--intermediate-size", "32", "--max-length", "32", "--batch-tokens", "512"}, more...)
}

func readFile(t testing.TB, path ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestPretrain makes an encoder of each family with a vocabulary of its own,
// goes on from it, and fine-tunes it.
func TestPretrain(t *testing.T) {
	corpus, data := corpusFile(t, 400), table(t, 60, 1)
	for _, modelType := range transformer.ModelTypes() {
		out := t.TempDir()
		for _, stale := range []string{"vocab.txt", "merges.txt", "spiece.model"} { // of a model that was here before
			if err := os.WriteFile(filepath.Join(out, stale), []byte("stale"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		args := pretrainArgs(modelType, corpus, out, "--vocab-size", "400", "--epochs", "2", "--json")
		var m pretrainMetrics
		if err := json.Unmarshal([]byte(must(t, "", args...)), &m); err != nil {
			t.Fatal(err)
		}
		if !m.Completed || m.Settings.ModelType != modelType || len(m.Train.Epochs) != 2 || m.Train.Epochs[0].Dev == nil || m.TokensPS <= 0 || m.Vocabulary > 400 ||
			m.Train.Loss >= m.Train.Epochs[0].Train.Loss || m.Data["dev"].Sequences == 0 || m.Train.Dev.UnigramPerplexity <= 1 {
			t.Errorf("%s: metrics %+v", modelType, m)
		}
		for _, name := range []string{"config.json", "model.safetensors", "tokenizer.json", "metrics.json", "README.md"} {
			if info, err := os.Stat(filepath.Join(out, name)); err != nil || info.Size() == 0 {
				t.Errorf("%s: %s: %v", modelType, name, err)
			}
		}
		for _, stale := range []string{"vocab.txt", "merges.txt", "spiece.model"} {
			if data, err := os.ReadFile(filepath.Join(out, stale)); err == nil && string(data) == "stale" {
				t.Errorf("%s: %s of the model before is left", modelType, stale)
			}
		}
		if _, err := os.Stat(filepath.Join(out, stateFile)); err == nil {
			t.Errorf("%s: the state of the finished run is left", modelType)
		}
		config := mustConfig(t, out)
		tok, err := tokenizer.Load(out)
		if err != nil {
			t.Fatal(err)
		}
		if config.ModelType != modelType || config.VocabSize != tok.VocabSize() || config.PadTokenID == nil || *config.PadTokenID != int(tok.Pad()) || config.MaxLength() < 32 {
			t.Errorf("%s: config %+v", modelType, config)
		}
		further := filepath.Join(t.TempDir(), "further")
		must(t, "", "pretrain", "--model", out, "--corpus", corpus, "--output", further, "--epochs", "1", "--learning-rate", "1e-4", "--lines")
		if bytes.Equal(readFile(t, out, "model.safetensors"), readFile(t, further, "model.safetensors")) {
			t.Errorf("%s: pretraining further changed nothing", modelType)
		}
		must(t, "", "train", "--model", further, "--task", "classification", "--train", data, "--text-column", "text", "--label-column", "label", "--epochs", "1",
			"--max-length", "16", "--output", filepath.Join(t.TempDir(), "tuned"))
	}
}

// TestCommandInChild is no test: [TestKilledPretraining] runs it as a process of its own.
func TestCommandInChild(t *testing.T) {
	if args := os.Getenv("GODWIT_TEST_ARGS"); args != "" {
		os.Exit(run(strings.Split(args, "\n")))
	}
}

// TestKilledPretraining kills runs at several steps, without warning, in
// whatever they are doing: the last one ends with the bits of an undisturbed run.
func TestKilledPretraining(t *testing.T) {
	corpus, tok := corpusFile(t, 300), tokenizerDirectory(t)
	args := func(output string) []string {
		return pretrainArgs("roberta", corpus, output, "--tokenizer", tok, "--epochs", "10", "--checkpoint-every", "1")
	}
	whole, parts := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "parts")
	must(t, "", append(args(whole), "--checkpoint-every", "0")...)
	state := filepath.Join(parts, stateFile)
	for _, stop := range []int{1, 6, 17} {
		child := exec.Command(os.Args[0], "-test.run=^TestCommandInChild$")
		child.Env = append(os.Environ(), "GODWIT_TEST_ARGS="+strings.Join(args(parts), "\n"))
		var errs bytes.Buffer
		child.Stderr = &errs
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- child.Wait() }()
		var err error
		for reached := false; !reached; {
			select {
			case err = <-ended:
				t.Fatalf("ended before step %d: %v\n%s", stop, err, errs.String())
			case <-time.After(time.Millisecond):
			}
			// While the file is replaced there may be an error; then it is looked at again.
			if u, _ := train.FindRun(state, nil); u != nil && u.Step >= stop {
				reached = true
			}
		}
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		<-ended
		u, err := train.FindRun(state, nil)
		if err != nil || u == nil || u.Step < stop || u.Step == u.Steps {
			t.Fatalf("killed from step %d on: state %+v, %v", stop, u, err)
		}
	}
	if err := os.WriteFile(filepath.Join(parts, "."+stateFile+".ABC.tmp"), []byte("left by a kill"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, errs, status := godwit(t, "", append(args(parts), "--resume")...)
	if status != 0 || !strings.Contains(errs, "going on with the unfinished run") {
		t.Fatalf("status %d: %s", status, errs)
	}
	if !bytes.Equal(readFile(t, whole, "model.safetensors"), readFile(t, parts, "model.safetensors")) {
		t.Error("a run that was killed three times ends with other weights")
	}
	if left, _ := filepath.Glob(filepath.Join(parts, ".*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// TestInterruptedPretraining stops a run by a signal and lets it go on.
func TestInterruptedPretraining(t *testing.T) {
	corpus, tok := corpusFile(t, 300), tokenizerDirectory(t)
	out := filepath.Join(t.TempDir(), "out")
	state := filepath.Join(out, stateFile)
	args := pretrainArgs("bert", corpus, out, "--tokenizer", tok, "--epochs", "100000", "--checkpoint-every", "3")
	go func() {
		for range 5000 {
			time.Sleep(2 * time.Millisecond)
			if u, _ := train.FindRun(state, nil); u != nil && u.Step > 3 {
				break
			}
		}
		if p, err := os.FindProcess(os.Getpid()); err == nil {
			p.Signal(syscall.SIGTERM)
		}
	}()
	_, errs, status := godwit(t, "", args...)
	if status != 1 || !strings.Contains(errs, "interrupted") || !strings.Contains(errs, "the same command goes on from there") {
		t.Fatalf("status %d: %s", status, errs[max(0, len(errs)-300):])
	}
	_, errs, status = godwit(t, "", append(args, "--learning-rate", "5e-4", "--seed", "1")...)
	if status != 1 || !strings.Contains(errs, "unfinished run with another learning_rate, seed") || !strings.Contains(errs, "--fresh") {
		t.Errorf("other settings: status %d: %s", status, errs)
	}
	fresh := pretrainArgs("bert", corpus, out, "--tokenizer", tok, "--max-steps", "2", "--fresh")
	if _, errs, status = godwit(t, "", fresh...); status != 0 || strings.Contains(errs, "unfinished") {
		t.Errorf("begun anew: status %d: %s", status, errs)
	}
	if _, errs, status = godwit(t, "", append(fresh[:len(fresh)-1], "--resume")...); status != 1 || !strings.Contains(errs, "no unfinished run") {
		t.Errorf("nothing to resume: status %d: %s", status, errs)
	}
}

func TestPretrainBadInput(t *testing.T) {
	corpus, tok, model := corpusFile(t, 60), tokenizerDirectory(t), tinyModel(t)
	small := filepath.Join(t.TempDir(), "small")
	if err := os.CopyFS(small, os.DirFS(model)); err != nil {
		t.Fatal(err)
	}
	larger, err := tokenizer.NewWordPiece(append(synthetic.Make(0).Vocabulary(600), "[more]"), tokenizer.WordPieceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := larger.Save(small); err != nil {
		t.Fatal(err)
	}
	damaged := t.TempDir()
	if err := os.WriteFile(filepath.Join(damaged, stateFile), []byte("no state"), 0o644); err != nil {
		t.Fatal(err)
	}
	args := func(corpus string, more ...string) []string {
		return pretrainArgs("bert", corpus, filepath.Join(t.TempDir(), "o"), append([]string{"--tokenizer", tok, "--max-steps", "1"}, more...)...)
	}
	long := file(t, "long.txt", strings.Repeat("x", 10<<20)+"\n"+strings.Repeat("a b ", 5000))
	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{args(file(t, "empty.txt", "")), 1, "found no text"},
		{args(file(t, "blank.txt", "\n\n")), 1, "found no text"},
		{args(filepath.Join(t.TempDir(), "none.txt")), 1, "none.txt"},
		{args(file(t, "bytes.txt", "ok\n\xff\xfe\n")), 1, "bytes.txt:2"},
		{args(file(t, "rows.csv", "a,b\n1,2\n")), 1, `"text"`},
		{args(file(t, "rows.jsonl", `{"text":"a"}`+"\n"+`{"texte":"b"}`+"\n"), "--text-column", "text"), 1, "rows.jsonl:2"},
		{args(long), 0, ""},
		{args(corpus, "--dev", file(t, "dev.txt", "")), 1, "dev.txt"},
		{args(corpus, "--output", filepath.Join(corpus, "o")), 1, "output directory"},
		{args(corpus, "--output", damaged), 1, "--fresh"},
		{args(corpus, "--tokenizer", t.TempDir()), 1, "no tokenizer"},
		{args(corpus, "--heads", "3"), 2, "hidden_size"},
		{args(corpus, "--layers=-1"), 2, "num_hidden_layers"},
		{args(corpus, "--max-length", "2"), 1, "max_length"},
		{args(corpus, "--epochs", "0"), 2, "epochs"},
		{args(corpus, "--learning-rate", "NaN"), 2, "learning_rate"},
		{args(corpus, "--dev-ratio", "0.9"), 2, "--dev-ratio"},
		{args(corpus, "--checkpoint-every=-1"), 2, "--checkpoint-every"},
		{args(corpus, "--masking", "sometimes"), 2, "sometimes"},
		{args(corpus, "--model-type", "gpt2"), 2, "gpt2"},
		{args(corpus, "--resume"), 1, "no unfinished run"},
		{args(corpus, "--resume", "--fresh"), 2, "--resume and --fresh"},
		{args(corpus, "--model", model), 2, "--model"},
		{args(corpus, "--model-type", "xlnet", "--whole-word"), 2, "whole_word"},
		{[]string{"pretrain", "--corpus", corpus, "--output", t.TempDir()}, 2, "--model-type"},
		{[]string{"pretrain", "--model", model, "--corpus", corpus, "--output", t.TempDir(), "--max-length", "100"}, 2, "positions for 48"},
		{[]string{"pretrain", "--model", small, "--corpus", corpus, "--output", t.TempDir()}, 1, "the tokenizer has"},
		{[]string{"pretrain", "--model", t.TempDir(), "--corpus", corpus, "--output", t.TempDir()}, 1, "config.json"},
		{[]string{"pretrain", "--model-type", "bert", "--output", t.TempDir()}, 2, "--corpus"},
	} {
		_, errs, status := godwit(t, "", c.args...)
		if status != c.status || !strings.Contains(errs, c.says) || strings.Contains(errs, "goroutine") {
			t.Errorf("godwit %s: status %d, %q; want status %d and %q", strings.Join(c.args, " "), status, errs, c.status, c.says)
		}
	}
}

// TestPretrainTakesSeveralFiles: --corpus takes one file or more.
func TestPretrainTakesSeveralFiles(t *testing.T) {
	a, b := file(t, "a.txt", "red green\n"), file(t, "b,c.txt", strings.Repeat("blue\n", 30))
	tok := tokenizerDirectory(t)
	for _, corpus := range [][]string{{"--corpus", a, b}, {"--corpus", a, "--corpus", b}} {
		out := filepath.Join(t.TempDir(), "o")
		var m pretrainMetrics
		args := append([]string{"pretrain", "--model-type", "bert", "--tokenizer", tok, "--output", out, "--hidden-size", "8", "--layers", "1", "--max-steps", "1", "--max-length", "16", "--json"}, corpus...)
		if err := json.Unmarshal([]byte(must(t, "", args...)), &m); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(m.Settings.Corpus) != fmt.Sprint([]string{a, b}) {
			t.Errorf("corpus %q", m.Settings.Corpus)
		}
	}
}
