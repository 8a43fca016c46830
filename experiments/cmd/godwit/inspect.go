package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"

	"godwit/transformer"
	"godwit/transformer/checkpoint"
	"godwit/transformer/tokenizer"
)

type inspectCommand struct {
	Dir  string `arg:"" help:"Directory of a checkpoint." placeholder:"DIR"`
	Task string `enum:"classification,regression,pretraining," default:"" help:"Say what the checkpoint lacks and has to spare for only this task: classification, regression or pretraining." placeholder:"TASK"`
	JSON bool   `help:"Print all of it as JSON on standard output."`
}

func (inspectCommand) Help() string {
	return `Example: godwit inspect checkpoints/minilm --task classification

Reads config.json, what describes the weights and the tokenizer, not the weights.`
}

// inspection is what a model directory holds.
type inspection struct {
	Directory     string   `json:"directory"`
	ModelType     string   `json:"model_type"`
	Architectures []string `json:"architectures"`
	DType         string   `json:"dtype,omitempty"` // by config.json

	Sizes     *modelSizes        `json:"sizes,omitempty"`
	Labels    []string           `json:"labels,omitempty"`
	Files     []inspectedFile    `json:"files"`
	Stored    []inspectedType    `json:"stored"`
	Numbers   int                `json:"parameters"` // tied ones once, buffers left out
	Modules   []inspectedModule  `json:"modules"`
	Tied      map[string]string  `json:"tied,omitempty"`
	Buffers   []string           `json:"buffers,omitempty"`
	Tokenizer *inspectedTokens   `json:"tokenizer,omitempty"`
	MaxLength int                `json:"max_length,omitempty"` // tokens that model and tokenizer take
	Tasks     map[string]taskFit `json:"tasks,omitempty"`
	// Problems is why godwit would refuse the directory, or a part of it.
	Problems []string `json:"problems,omitempty"`
}

type modelSizes struct {
	Layers       int    `json:"layers"`
	Hidden       int    `json:"hidden_size"`
	Heads        int    `json:"heads"`
	Intermediate int    `json:"intermediate_size"`
	Vocabulary   int    `json:"vocab_size"`
	Types        int    `json:"type_vocab_size"`
	MaxLength    int    `json:"max_length"`
	Activation   string `json:"activation"`
}

type inspectedFile struct {
	Name   string `json:"name"`
	Format string `json:"format"`
	Bytes  int64  `json:"bytes"`
}

// inspectedType sums up the tensors of one type of elements, tied ones once.
type inspectedType struct {
	DType    checkpoint.DType `json:"dtype"`
	Tensors  int              `json:"tensors"`
	Elements int              `json:"elements"`
	Bytes    int              `json:"bytes"`
}

// inspectedModule is a module, or those of the same name in all layers.
type inspectedModule struct {
	Name    string            `json:"name"`  // with * for the number of a layer
	Count   int               `json:"count"` // of layers
	Tensors []inspectedTensor `json:"tensors"`
	Numbers int               `json:"parameters"` // of all layers
	Share   float64           `json:"share"`      // of all parameters, 0 to 1
}

// inspectedTensor is a tensor, or those of the same name and shape in all layers.
type inspectedTensor struct {
	Name  string           `json:"name"`
	DType checkpoint.DType `json:"dtype"`
	Shape []int            `json:"shape"`
	Count int              `json:"count"`
}

type inspectedTokens struct {
	Kind       string         `json:"kind"`
	File       string         `json:"file"`
	Vocabulary int            `json:"vocab_size"`
	MaxLength  int            `json:"max_length,omitempty"`
	Special    []specialToken `json:"special"`
}

type specialToken struct {
	Role  string `json:"role"`
	Token string `json:"token"`
	ID    int32  `json:"id"`
}

// taskFit is what loading for a task would find.
type taskFit struct {
	New     []string `json:"new"`    // parameters that would be initialised
	Unused  []string `json:"unused"` // parameters that would be left
	Problem string   `json:"problem,omitempty"`
}

func (c *inspectCommand) Run() error {
	in, err := inspect(c.Dir)
	if err != nil {
		return err
	}
	if c.Task != "" {
		in.Tasks = map[string]taskFit{c.Task: in.fit(c.Task)}
	} else {
		in.Tasks = map[string]taskFit{}
		for _, task := range tasks {
			in.Tasks[task] = in.fit(task)
		}
	}
	if c.JSON {
		return printJSON(in)
	}
	return in.print(os.Stdout)
}

var tasks = []string{"classification", "regression", "pretraining"}

// inspect reads a directory. Only what is needed to say anything must be in
// order, config.json and the weights' description; the rest may be a problem.
func inspect(dir string) (*inspection, error) {
	in := &inspection{Directory: dir}
	if err := in.readConfig(filepath.Join(dir, "config.json")); err != nil {
		return nil, err
	}
	f, err := checkpoint.OpenDirectory(dir)
	if err != nil {
		return nil, err
	}
	in.readWeights(f)
	if err := f.Close(); err != nil {
		return nil, err
	}
	config, err := transformer.LoadConfig(dir)
	if err != nil {
		in.Problems = append(in.Problems, err.Error())
	} else {
		in.Sizes = &modelSizes{Layers: config.NumHiddenLayers, Hidden: config.HiddenSize, Heads: config.NumAttentionHeads, Intermediate: config.IntermediateSize,
			Vocabulary: config.VocabSize, Types: config.TypeVocabSize, MaxLength: config.MaxLength(), Activation: config.HiddenAct}
		in.Labels, _ = config.Labels() // checked with the config
		in.MaxLength = config.MaxLength()
	}
	tok, err := tokenizer.Load(dir)
	if err != nil {
		in.Problems = append(in.Problems, err.Error())
		return in, nil
	}
	in.readTokenizer(tok)
	if config != nil {
		if err := checkVocabulary(dir, tok, config); err != nil {
			in.Problems = append(in.Problems, err.Error())
		}
	}
	return in, nil
}

// readConfig reads what every config.json has, of known families and others.
func (in *inspection) readConfig(path string) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: not found: expected a Hugging Face model directory", path)
	}
	if err != nil {
		return err
	}
	var keys struct {
		ModelType     any   `json:"model_type"`
		Architectures []any `json:"architectures"`
		DType         any   `json:"dtype"`
		TorchDType    any   `json:"torch_dtype"`
	}
	if err := json.Unmarshal(data, &keys); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	in.ModelType, _ = keys.ModelType.(string)
	in.Architectures = []string{}
	for _, a := range keys.Architectures {
		if name, ok := a.(string); ok {
			in.Architectures = append(in.Architectures, name)
		}
	}
	for _, dtype := range []any{keys.TorchDType, keys.DType} {
		if name, ok := dtype.(string); ok {
			in.DType = name
		}
	}
	return nil
}

// readWeights sums up what the file says of its tensors.
func (in *inspection) readWeights(f *checkpoint.File) {
	for _, p := range f.Parts() {
		in.Files = append(in.Files, inspectedFile{filepath.Base(p.Path), p.Format, p.Bytes})
	}
	in.Tied = f.Tied()
	types := map[checkpoint.DType]*inspectedType{}
	modules := map[string]*inspectedModule{}
	layers := map[string]map[string]bool{} // numbers of layers by module
	for _, name := range f.Names() {
		if in.Tied[name] != "" {
			continue // its elements are another's
		}
		info, _ := f.Info(name)
		if types[info.DType] == nil {
			types[info.DType] = &inspectedType{DType: info.DType}
		}
		t := types[info.DType]
		t.Tensors, t.Elements, t.Bytes = t.Tensors+1, t.Elements+info.Elements(), t.Bytes+info.Elements()*info.DType.Size()
		if !isFloat(info.DType) {
			in.Buffers = append(in.Buffers, name)
			continue
		}
		module, last, numbers := fold(name)
		m := modules[module]
		if m == nil {
			m = &inspectedModule{Name: module}
			modules[module], layers[module] = m, map[string]bool{}
		}
		layers[module][numbers] = true
		m.add(inspectedTensor{last, info.DType, append([]int{}, info.Shape...), 1})
		m.Numbers += info.Elements()
		in.Numbers += info.Elements()
	}
	for name, m := range modules {
		m.Count = len(layers[name])
		m.Share = float64(m.Numbers) / max(1, float64(in.Numbers))
		in.Modules = append(in.Modules, *m)
	}
	// Embeddings come before layers, layers before heads, as in a model.
	slices.SortFunc(in.Modules, func(a, b inspectedModule) int {
		return cmp.Or(cmp.Compare(place(a.Name), place(b.Name)), strings.Compare(a.Name, b.Name))
	})
	for _, t := range types {
		in.Stored = append(in.Stored, *t)
	}
	slices.SortFunc(in.Stored, func(a, b inspectedType) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), strings.Compare(string(a.DType), string(b.DType)))
	})
}

// add counts a tensor with those of the same name and shape in other layers.
func (m *inspectedModule) add(t inspectedTensor) {
	for i, other := range m.Tensors {
		if other.Name == t.Name && other.DType == t.DType && slices.Equal(other.Shape, t.Shape) {
			m.Tensors[i].Count++
			return
		}
	}
	m.Tensors = append(m.Tensors, t)
}

// fold splits the name of a tensor into its module, with * for numbers, and
// its own name, and returns the numbers.
func fold(name string) (module, last, numbers string) {
	parts := strings.Split(name, ".")
	for i, part := range parts[:len(parts)-1] {
		if _, err := strconv.Atoi(part); err == nil {
			numbers += part + "."
			parts[i] = "*"
		}
	}
	return strings.Join(parts[:len(parts)-1], "."), parts[len(parts)-1], numbers
}

// place orders the parts of an encoder.
func place(module string) int {
	switch {
	case strings.Contains(module, "embedding"):
		return 0
	case strings.Contains(module, "*"):
		return 1
	}
	return 2
}

func (in *inspection) readTokenizer(tok *tokenizer.Tokenizer) {
	t := &inspectedTokens{Vocabulary: tok.VocabSize(), MaxLength: tok.ModelMaxLength()}
	t.Kind, t.File = tokenizerKind(in.Directory)
	for _, s := range []struct {
		role string
		id   int32
	}{{"pad", tok.Pad()}, {"unk", tok.Unk()}, {"cls", tok.CLS()}, {"sep", tok.SEP()}, {"mask", tok.Mask()}} {
		if s.id >= 0 {
			t.Special = append(t.Special, specialToken{s.role, tok.Token(s.id), s.id})
		}
	}
	in.Tokenizer = t
	if t.MaxLength > 0 && (in.MaxLength == 0 || t.MaxLength < in.MaxLength) {
		in.MaxLength = t.MaxLength
	}
}

// tokenizerKind tells the algorithm of a tokenizer that was loaded by the file
// it was loaded from.
func tokenizerKind(dir string) (kind, file string) {
	if data, err := os.ReadFile(filepath.Join(dir, "tokenizer.json")); err == nil {
		var t struct{ Model struct{ Type string } }
		if err := json.Unmarshal(data, &t); err != nil || t.Model.Type == "" {
			t.Model.Type = "unnamed"
		}
		return t.Model.Type, "tokenizer.json"
	}
	for _, classic := range [][2]string{{"WordPiece", "vocab.txt"}, {"BPE", "vocab.json"}, {"Unigram", "spiece.model"}, {"Unigram", "sentencepiece.bpe.model"}} {
		if _, err := os.Stat(filepath.Join(dir, classic[1])); err == nil {
			return classic[0], classic[1]
		}
	}
	return "unnamed", ""
}

// fit asks what loading the directory for a task would find.
func (in *inspection) fit(task string) taskFit {
	fit := taskFit{New: []string{}, Unused: []string{}}
	if in.Sizes == nil {
		fit.Problem = "config.json is not one that godwit reads"
		return fit
	}
	labels, head, err := in.labels(task)
	if err != nil {
		fit.Problem = err.Error()
		return fit
	}
	report, err := transformer.Inspect(in.Directory, labels)
	if err != nil {
		fit.Problem = err.Error()
	}
	fit.New = append(append(fit.New, head...), report.New...)
	fit.Unused = append(fit.Unused, report.Unused...)
	return fit
}

// labels returns with how many labels the checkpoint is to be read for a task,
// 0 for a language model, and the parameters of its layer for another number
// of labels, which would be new.
func (in *inspection) labels(task string) (labels int, replaced []string, err error) {
	if task == "pretraining" {
		return 0, nil, nil
	}
	config, err := transformer.LoadConfig(in.Directory)
	if err != nil {
		return 0, nil, err
	}
	stored, err := transformer.CheckpointLabels(in.Directory)
	if err != nil {
		return 0, nil, err
	}
	if fits := task == "regression" && stored == 1 || task == "classification" && stored > 1; fits {
		return stored, nil, nil
	}
	if stored == 0 {
		return 1, nil, nil // the shapes of a layer that is not there play no part
	}
	layer := transformer.LabelLayer(config)
	for _, m := range in.Modules {
		if m.Name+"." != layer {
			continue
		}
		for _, t := range m.Tensors {
			replaced = append(replaced, layer+t.Name)
		}
	}
	return stored, replaced, nil
}

// print writes the inspection for people.
func (in *inspection) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(key, format string, args ...any) {
		fmt.Fprintf(w, "%s\t"+format+"\n", append([]any{key}, args...)...)
	}
	row("architecture", "%s", listOf(append([]string{cmp.Or(in.ModelType, "no model_type")}, in.Architectures...), 12))
	if s := in.Sizes; s != nil {
		types := ""
		if s.Types > 0 {
			types = fmt.Sprintf("%d segment types, ", s.Types)
		}
		row("sizes", "%d layers, hidden %d, %d heads, intermediate %d, vocabulary %d, %s%s", s.Layers, s.Hidden, s.Heads, s.Intermediate, s.Vocabulary, types, s.Activation)
	}
	if len(in.Labels) > 0 {
		row("labels", "%s", listOf(in.Labels, 12))
	}
	bytes := int64(0)
	for _, f := range in.Files {
		bytes += f.Bytes
		row("file", "%s, %s, %s", visible(f.Name), f.Format, size(f.Bytes))
	}
	if len(in.Files) > 1 {
		row("files", "%d, %s", len(in.Files), size(bytes))
	}
	for _, t := range in.Stored {
		row("stored", "%s: %d tensors, %d numbers, %s", t.DType, t.Tensors, t.Elements, size(int64(t.Bytes)))
	}
	row("parameters", "%d", in.Numbers)
	if t := in.Tokenizer; t != nil {
		row("tokenizer", "%s of %s, %d tokens", visible(t.Kind), t.File, t.Vocabulary)
		var special []string
		for _, s := range t.Special {
			special = append(special, fmt.Sprintf("%s %s %d", s.Role, visible(s.Token), s.ID))
		}
		row("special tokens", "%s", strings.Join(special, ", "))
	}
	if in.MaxLength > 0 {
		row("longest text", "%d tokens", in.MaxLength)
	}
	if err := w.Flush(); err != nil {
		return err
	}

	fmt.Fprintf(w, "\nmodule\ttensors\tlayers\tparameters\tshare\n")
	for _, m := range in.Modules {
		var tensors []string
		for _, t := range m.Tensors {
			text := fmt.Sprintf("%s %v", visible(t.Name), t.Shape)
			if t.Count != m.Count {
				text += fmt.Sprintf(" (%d)", t.Count)
			}
			tensors = append(tensors, text)
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%.2f %%\n", cmp.Or(visible(m.Name), "(none)"), strings.Join(tensors, ", "), m.Count, m.Numbers, 100*m.Share)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(in.Tied)) {
		fmt.Fprintf(out, "tied: %s = %s\n", visible(name), visible(in.Tied[name]))
	}
	if len(in.Buffers) > 0 {
		fmt.Fprintf(out, "no parameters: %s\n", listOf(in.Buffers, 12))
	}
	for _, task := range tasks {
		fit, ok := in.Tasks[task]
		if !ok {
			continue
		}
		fmt.Fprintf(out, "\nfor %s\n", task)
		if fit.Problem != "" {
			fmt.Fprintf(out, "  problem: %s\n", fit.Problem)
			continue
		}
		fmt.Fprintf(out, "  new:      %s\n", cmp.Or(listOf(fit.New, 12), "nothing"))
		fmt.Fprintf(out, "  not used: %s\n", cmp.Or(listOf(fit.Unused, 12), "nothing"))
	}
	for i, p := range in.Problems {
		if i == 0 {
			fmt.Fprintln(out)
		}
		fmt.Fprintf(out, "problem: %s\n", p)
	}
	return nil
}

// listOf shows at most n of the names.
func listOf(names []string, n int) string {
	var shown []string
	for _, name := range names[:min(n, len(names))] {
		shown = append(shown, visible(name))
	}
	if len(names) > n {
		return strings.Join(shown, ", ") + fmt.Sprintf(" and %d more", len(names)-n)
	}
	return strings.Join(shown, ", ")
}

// visible quotes a name of a file that would do more to a terminal than show.
func visible(name string) string {
	for _, r := range name {
		if !unicode.IsPrint(r) {
			return strconv.Quote(name)
		}
	}
	return name
}

// size writes a number of bytes in decimal units.
func size(bytes int64) string {
	for _, unit := range []struct {
		name  string
		bytes float64
	}{{"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}} {
		if float64(bytes) >= unit.bytes {
			return fmt.Sprintf("%.1f %s", float64(bytes)/unit.bytes, unit.name)
		}
	}
	return fmt.Sprintf("%d bytes", bytes)
}
