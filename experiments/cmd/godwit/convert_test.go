package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"godwit/experiments/internal/sharedtest"
	"godwit/transformer"
	"godwit/transformer/checkpoint"
)

// weights reads all floating-point tensors of a directory.
func weights(t testing.TB, dir string) map[string][]float32 {
	t.Helper()
	f, err := checkpoint.OpenDirectory(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all := map[string][]float32{}
	for _, name := range f.Names() {
		if info, _ := f.Info(name); isFloat(info.DType) {
			list := make([]float32, info.Elements())
			if err := f.ReadFloat32(name, list); err != nil {
				t.Fatal(err)
			}
			all[name] = list
		}
	}
	return all
}

// oldModel is a tiny model as TensorFlow's names have it, with buffers.
func oldModel(t testing.TB) string {
	t.Helper()
	dir := tinyModel(t)
	f, err := checkpoint.OpenDirectory(dir)
	if err != nil {
		t.Fatal(err)
	}
	tensors := []checkpoint.Tensor{{Name: "bert.embeddings.position_ids", Shape: []int{1, 48}, Int64: make([]int64, 48)}}
	rename := strings.NewReplacer("LayerNorm.weight", "LayerNorm.gamma", "LayerNorm.bias", "LayerNorm.beta")
	for _, name := range f.Names() {
		info, _ := f.Info(name)
		list := make([]float32, info.Elements())
		if err := f.ReadFloat32(name, list); err != nil {
			t.Fatal(err)
		}
		tensors = append(tensors, checkpoint.Tensor{Name: rename.Replace(name), Shape: info.Shape, Float32: list})
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := checkpoint.Write(filepath.Join(dir, checkpoint.FileName), nil, tensors); err != nil {
		t.Fatal(err)
	}
	return dir
}

// files lists a directory.
func files(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, elements ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(elements...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestConvert(t *testing.T) {
	model := oldModel(t)
	write(t, filepath.Join(model, "vocab.txt"), "[PAD]\r\nnot touched")
	before := weights(t, model)
	for dtype, unit := range map[string]float64{"float32": 0, "float16": 0x1p-11, "bfloat16": 0x1p-8} {
		out := filepath.Join(t.TempDir(), "new", "deeper", dtype)
		text := must(t, "", "convert", model, out, "--dtype", dtype)
		for _, want := range []string{dtype, "left out, being no parameters: bert.embeddings.position_ids", "renamed from gamma and beta: 12", "vocab.txt", out} {
			if !strings.Contains(text, want) {
				t.Errorf("the report has no %q:\n%s", want, text)
			}
		}
		after := weights(t, out)
		if len(after) != len(before) {
			t.Errorf("%d tensors became %d", len(before), len(after))
		}
		for name, list := range before {
			got := after[modernName(name)]
			if len(got) != len(list) {
				t.Fatalf("%s: %d elements, expected %d", name, len(got), len(list))
			}
			for i := range got {
				if d := math.Abs(float64(got[i]) - float64(list[i])); !(d <= max(unit*math.Abs(float64(list[i])), 0x1p-25)) {
					t.Fatalf("%s: element %d is %v, expected %v", name, i, got[i], list[i])
				}
			}
		}
		for _, name := range []string{"vocab.txt", "tokenizer.json", "tokenizer_config.json"} {
			if read(t, model, name) != read(t, out, name) {
				t.Errorf("%s is not the same", name)
			}
		}
		var config, old map[string]any
		for _, c := range []struct {
			dir string
			to  *map[string]any
		}{{model, &old}, {out, &config}} {
			if err := json.Unmarshal([]byte(read(t, c.dir, "config.json")), c.to); err != nil {
				t.Fatal(err)
			}
		}
		if config["dtype"] != dtype {
			t.Errorf("config.json has dtype %v, expected %s", config["dtype"], dtype)
		}
		old["dtype"] = dtype
		if fmt.Sprint(old) != fmt.Sprint(config) {
			t.Errorf("config.json is %v, expected %v", config, old)
		}
		if card := read(t, out, "README.md"); !strings.HasPrefix(card, "---\nlibrary_name: transformers\n") || !strings.Contains(card, dtype) || !strings.Contains(card, "position_ids") {
			t.Errorf("the card is\n%s", card)
		}
		// Nothing else, neither in it nor beside it.
		want := []string{"README.md", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "vocab.txt"}
		if got := files(t, out); !slices.Equal(slices.DeleteFunc(got, func(n string) bool { return n == "special_tokens_map.json" }), want) {
			t.Errorf("the directory has %v, expected %v", got, want)
		}
		if got := files(t, filepath.Dir(out)); len(got) != 1 {
			t.Errorf("beside it is %v", got)
		}
	}
}

// What was converted loads, and does what the original does.
func TestConvertGolden(t *testing.T) {
	exact := weights(t, sharedtest.Dir(t, "golden", "models", "bert-odd"))
	for _, container := range files(t, sharedtest.Dir(t, "golden", "containers")) {
		out := filepath.Join(t.TempDir(), container)
		var done conversion
		if err := json.Unmarshal([]byte(must(t, "", "convert", sharedtest.Dir(t, "golden", "containers", container), out, "--json")), &done); err != nil {
			t.Fatal(err)
		}
		got := weights(t, out)
		if done.Tensors != len(got) || done.DType != "float32" || done.After <= 4*int64(done.Parameters) || done.Before <= 2*int64(done.Parameters) {
			t.Errorf("%s: the report is %+v of %d tensors", container, done, len(got))
		}
		unit := 0.0
		switch {
		case strings.HasSuffix(container, "bf16"):
			unit = 0x1p-8
		case strings.HasSuffix(container, "f16"):
			unit = 0x1p-11
		}
		for name, list := range got {
			want := exact[name]
			if want == nil {
				want = exact["bert."+name]
			}
			if len(list) != len(want) {
				t.Fatalf("%s: %s: %d elements, expected %d", container, name, len(list), len(want))
			}
			for i := range list {
				if d := math.Abs(float64(list[i]) - float64(want[i])); !(d <= max(unit*math.Abs(float64(want[i])), unit*0x1p-14)) {
					t.Fatalf("%s: %s: element %d is %v, expected %v", container, name, i, list[i], want[i])
				}
			}
		}
		if _, report, err := transformer.LoadSequenceClassifier(out, 3, false, 0); err != nil {
			t.Errorf("%s: %v", container, err)
		} else if container != "safetensors-no-prefix" && len(report.New)+len(report.Unused) > 0 {
			t.Errorf("%s: loading reports %+v", container, report)
		}
	}
}

// A second conversion changes nothing, and half precision survives the way by
// another type that holds it.
func TestConvertAgain(t *testing.T) {
	model, dir := tinyModel(t), t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	must(t, "", "convert", model, path("half"), "--dtype", "float16")
	must(t, "", "convert", path("half"), path("single"), "--dtype", "float32")
	must(t, "", "convert", path("single"), path("again"), "--dtype", "float16")
	if read(t, path("half"), "model.safetensors") != read(t, path("again"), "model.safetensors") {
		t.Error("float16 became something else by way of float32")
	}
	must(t, "", "convert", model, path("same"))
	if !maps.EqualFunc(weights(t, model), weights(t, path("same")), slices.Equal) {
		t.Error("float32 became something else")
	}
}

func TestConvertOverwrites(t *testing.T) {
	model, out := tinyModel(t), filepath.Join(t.TempDir(), "out")
	must(t, "", "convert", model, out)
	// A full directory is refused, and stays.
	write(t, filepath.Join(out, "notes.txt"), "mine")
	write(t, filepath.Join(out, "spiece.model"), "of another model")
	_, errs, status := godwit(t, "", "convert", model, out, "--dtype", "float16")
	if status != exitUsage || !strings.Contains(errs, "--overwrite") || !strings.Contains(errs, out) {
		t.Errorf("status %d, %q: expected a word about --overwrite", status, errs)
	}
	if !strings.Contains(read(t, out, "config.json"), "float32") {
		t.Error("the refused conversion changed config.json")
	}
	must(t, "", "convert", model, out, "--dtype", "float16", "--overwrite")
	if read(t, out, "notes.txt") != "mine" || !strings.Contains(read(t, out, "config.json"), "float16") || !strings.Contains(read(t, out, "README.md"), "float16") {
		t.Error("the conversion did not replace the model, or what is no part of it")
	}
	if slices.Contains(files(t, out), "spiece.model") {
		t.Error("the tokenizer of another model is left")
	}
	// Someone's own README.md is kept.
	write(t, filepath.Join(out, "README.md"), "my own words")
	text := must(t, "", "convert", model, out, "--dtype", "bfloat16", "--overwrite")
	if read(t, out, "README.md") != "my own words" || !strings.Contains(text, "README.md") || !strings.Contains(text, "left as it is") {
		t.Errorf("README.md was replaced, or nothing said:\n%s", text)
	}
	if got := files(t, filepath.Dir(out)); len(got) != 1 {
		t.Errorf("beside the output is %v", got)
	}
	// An empty directory is as good as none, by way of a link too.
	empty, link := t.TempDir(), filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(empty, link); err != nil {
		link = empty // not every system lets everyone make one
	}
	must(t, "", "convert", model, link)
	if got := files(t, empty); !slices.Contains(got, "model.safetensors") || slices.ContainsFunc(got, func(n string) bool { return n[0] == '.' }) {
		t.Errorf("the directory has %v", got)
	}
}

func TestConvertErrors(t *testing.T) {
	big := tinyModel(t)
	all := weights(t, big)
	f, err := checkpoint.OpenDirectory(big)
	if err != nil {
		t.Fatal(err)
	}
	var tensors []checkpoint.Tensor
	for _, name := range f.Names() {
		info, _ := f.Info(name)
		tensors = append(tensors, checkpoint.Tensor{Name: name, Shape: info.Shape, Float32: all[name]})
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	tensors[len(tensors)-1].Float32[0] = 1e5
	if err := checkpoint.Write(filepath.Join(big, checkpoint.FileName), nil, tensors); err != nil {
		t.Fatal(err)
	}
	last := tensors[len(tensors)-1].Name

	twice := tinyModel(t)
	if err := checkpoint.Write(filepath.Join(twice, checkpoint.FileName), nil, []checkpoint.Tensor{
		{Name: "LayerNorm.gamma", Shape: []int{1}, Float32: []float32{1}}, {Name: "LayerNorm.weight", Shape: []int{1}, Float32: []float32{1}}}); err != nil {
		t.Fatal(err)
	}
	double := t.TempDir()
	write(t, filepath.Join(double, "config.json"), "{}")
	header := `{"w":{"dtype":"F64","shape":[2],"data_offsets":[0,16]}}`
	write(t, filepath.Join(double, "model.safetensors"), string(binary.LittleEndian.AppendUint64(nil, uint64(len(header))))+header+
		string(binary.LittleEndian.AppendUint64(make([]byte, 8), math.Float64bits(1e300))))
	hostile := t.TempDir()
	write(t, filepath.Join(hostile, "config.json"), "{}")
	write(t, filepath.Join(hostile, "pytorch_model.bin"), "\x80\x02\x8a\x01\x00cos\nsystem\n(X\x04\x00\x00\x00truetR.")
	noConfig, badConfig, nullConfig := tinyModel(t), tinyModel(t), tinyModel(t)
	if err := os.Remove(filepath.Join(noConfig, "config.json")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(badConfig, "config.json"), "{")
	write(t, filepath.Join(nullConfig, "config.json"), "null")
	folder := tinyModel(t)
	if err := os.Mkdir(filepath.Join(folder, "merges.txt"), 0o755); err != nil {
		t.Fatal(err)
	}
	plain := file(t, "plain", "text")
	good := tinyModel(t)
	for _, c := range []struct {
		name, dir string
		out       string // by default one that is not there
		args      []string
		status    int
		want      []string
	}{
		{"too large for float16", big, "", []string{"--dtype", "float16"}, exitFailed, []string{last, "element 0 is 100000", "65504 for F16"}},
		{"too large for float32", double, "", nil, exitFailed, []string{`tensor "w"`, "element 1 is beyond float32"}},
		{"into an empty directory", big, t.TempDir(), []string{"--dtype", "float16"}, exitFailed, []string{last}},
		{"two names of one", twice, "", nil, exitFailed, []string{"LayerNorm.gamma and LayerNorm.weight are the same parameter"}},
		{"hostile", hostile, "", nil, exitFailed, []string{"pytorch_model.bin", `"os.system"`}},
		{"no config", noConfig, "", nil, exitFailed, []string{"config.json"}},
		{"bad config", badConfig, "", nil, exitFailed, []string{"config.json", "JSON object"}},
		{"null config", nullConfig, "", nil, exitFailed, []string{"config.json", "found null"}},
		{"no checkpoint", t.TempDir(), "", nil, exitFailed, []string{"no parameters found"}},
		{"a folder among the files", folder, "", nil, exitFailed, []string{"merges.txt", "expected a file"}},
		{"no directory", filepath.Join(good, "missing"), "", nil, exitFailed, []string{"missing"}},
		{"onto itself", good, good, []string{"--overwrite"}, exitUsage, []string{"the checkpoint itself"}},
		{"onto a file", good, plain, nil, exitUsage, []string{"found a file"}},
		{"into a file", good, filepath.Join(plain, "x"), nil, exitFailed, []string{"output directory"}},
		{"other type", good, "", []string{"--dtype", "int8"}, exitUsage, []string{"int8"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			parent := t.TempDir()
			if c.out == "" {
				c.out = filepath.Join(parent, "a", "b")
			}
			before := files(t, good)
			_, errs, status := godwit(t, "", append([]string{"convert", c.dir, c.out}, c.args...)...)
			if status != c.status {
				t.Errorf("status %d, expected %d: %s", status, c.status, errs)
			}
			for _, want := range c.want {
				if !strings.Contains(errs, want) {
					t.Errorf("error is %q, expected one with %q", errs, want)
				}
			}
			if left := files(t, parent); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			if c.name == "into an empty directory" && len(files(t, c.out)) > 0 {
				t.Errorf("left behind: %v", files(t, c.out))
			}
			if after := files(t, good); !slices.Equal(before, after) {
				t.Errorf("the checkpoint has %v, expected %v", after, before)
			}
		})
	}
}
