package transformer

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"godwit/nn"
	"godwit/transformer/checkpoint"
)

// Report says what loading a checkpoint did beside copying weights.
type Report struct {
	// New lists parameters that the checkpoint lacks and that were initialised: a new head, a missing pooler.
	New []string
	// Unused lists parameters of the checkpoint that belong to a head that the model does not have.
	Unused []string
}

// LoadSequenceClassifier reads a directory as Hugging Face publishes it, of
// any family. If the checkpoint has no layer for the labels, or newHead is
// true, a new one for that number of labels is made from seed.
func LoadSequenceClassifier(dir string, labels int, newHead bool, seed uint64) (SequenceClassifier, Report, error) {
	c, f, err := open(dir)
	if err != nil {
		return nil, Report{}, err
	}
	defer f.Close()
	m := c.family().classifier(c, labels)
	report, err := load(f, m, newHead, seed, c)
	return m, report, err
}

// LoadLanguageModel reads a directory as an encoder with the head that its
// family is pretrained with.
func LoadLanguageModel(dir string, seed uint64) (LanguageModel, Report, error) {
	c, f, err := open(dir)
	if err != nil {
		return nil, Report{}, err
	}
	defer f.Close()
	if err := checkTied(f, c); err != nil {
		return nil, Report{}, err
	}
	m := c.family().languageModel(c)
	report, err := load(f, m, false, seed, c)
	return m, report, err
}

// open reads config.json and finds the weights, whose names and shapes must be
// those of the encoder before a model of that size is made.
func open(dir string) (*Config, *checkpoint.File, error) {
	c, err := LoadConfig(dir)
	if err != nil {
		return nil, nil, err
	}
	f, err := checkpoint.OpenDirectory(dir)
	if err != nil {
		return nil, nil, err
	}
	if err := checkSize(f, c); err != nil {
		f.Close()
		return nil, nil, err
	}
	return c, f, nil
}

// checkSize reports a config.json that asks for a much larger model than the
// file holds, before memory for it is taken.
func checkSize(f *checkpoint.File, c *Config) error {
	stored := 0.0
	for _, name := range f.Names() {
		n := 1.0
		info, _ := f.Info(name)
		for _, d := range info.Shape {
			n *= float64(d)
		}
		stored += n
	}
	if n := c.parameters(); n > 2*stored+1e6 {
		return fmt.Errorf("%s: holds %.3g numbers, config.json asks for %.3g parameters", f.Path(), stored, n)
	}
	return nil
}

// CheckpointLabels returns the number of labels of the classifier in a
// directory, 0 if it has none.
func CheckpointLabels(dir string) (int, error) {
	c, err := LoadConfig(dir)
	if err != nil {
		return 0, err
	}
	f, err := checkpoint.OpenDirectory(dir)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if info, ok := f.Info(LabelLayer(c) + "weight"); ok && len(info.Shape) == 2 {
		return info.Shape[0], nil
	}
	return 0, nil
}

// LabelLayer returns how the names of the layer with one row a label begin.
func LabelLayer(c *Config) string { return c.family().labels }

// matching says where the parameters of a model are in a checkpoint.
type matching struct {
	stored map[string]string // entry of the file by parameter
	Report
}

// match finds the model's parameters among the entries of the file. A missing
// head is made anew, a spare one left; anything else is an error.
func match(f *checkpoint.File, parameters []nn.Parameter, newHead bool, c *Config) (matching, error) {
	family := c.family()
	m := matching{stored: map[string]string{}}
	for _, name := range f.Names() {
		n := family.canonicalName(name)
		if other, ok := m.stored[n]; ok {
			return m, fmt.Errorf("%s: %s and %s are the same parameter", f.Path(), other, name)
		}
		m.stored[n] = name
	}
	var missing []string
	wanted := map[string]bool{}
	for _, p := range parameters {
		wanted[p.Name] = true
		name, ok := m.stored[p.Name]
		if newHead && strings.HasPrefix(p.Name, family.labels) {
			ok = false
			delete(m.stored, p.Name)
		}
		if !ok {
			if !family.isHead(p.Name) {
				missing = append(missing, p.Name)
			}
			m.New = append(m.New, p.Name)
			continue
		}
		if info, _ := f.Info(name); !slices.Equal(info.Shape, p.Shape) {
			return m, fmt.Errorf("%s: %s: found shape %v, expected %v by config.json", f.Path(), name, info.Shape, p.Shape)
		}
	}
	if len(missing) > 0 {
		return m, fmt.Errorf("%s: %d parameters are missing: %s", f.Path(), len(missing), list(missing))
	}
	var spare []string
	for _, name := range f.Names() {
		n := family.canonicalName(name)
		_, tied := family.original(n)
		switch {
		case wanted[n] || tied || buffer.MatchString(n):
		case family.isHead(n):
			m.Unused = append(m.Unused, name)
		default:
			spare = append(spare, name)
		}
	}
	if len(spare) > 0 {
		return m, fmt.Errorf("%s: %d entries are no parameters of a %s with %d layers: %s", f.Path(), len(spare), c.ModelType, c.NumHiddenLayers, list(spare))
	}
	return m, nil
}

func load(f *checkpoint.File, model any, newHead bool, seed uint64, c *Config) (Report, error) {
	parameters := nn.Parameters(model)
	m, err := match(f, parameters, newHead, c)
	if err != nil {
		return m.Report, err
	}
	for _, p := range parameters {
		name, ok := m.stored[p.Name]
		if !ok {
			initialise(p, c, seed)
			continue
		}
		if err := f.ReadFloat32(name, p.Data); err != nil {
			return m.Report, err
		}
		p.Changed()
	}
	return m.Report, nil
}

// checkTied reports an output embedding that is not the input embedding:
// godwit's language models have one for both.
func checkTied(f *checkpoint.File, c *Config) error {
	family := c.family()
	byName := map[string]string{}
	for _, name := range f.Names() {
		byName[family.canonicalName(name)] = name
	}
	for n, name := range byName {
		original, ok := family.original(n)
		if !ok || byName[original] == "" {
			continue
		}
		a, err := f.Float32(name)
		if err != nil {
			return err
		}
		b, err := f.Float32(byName[original])
		if err != nil {
			return err
		}
		if !slices.Equal(a, b) {
			return fmt.Errorf("%s: %s differs from %s: expected tied weights", f.Path(), name, byName[original])
		}
	}
	return nil
}

// Inspect says what a directory's checkpoint lacks and has to spare for a
// task, from names and shapes alone. labels is that of the sequence classifier,
// or 0 for a language model. A classifier for another number of labels counts as lacking.
func Inspect(dir string, labels int) (Report, error) {
	c, f, err := open(dir)
	if err != nil {
		return Report{}, err
	}
	defer f.Close()
	var model any
	if labels > 0 {
		model = c.family().classifier(c, labels)
	} else {
		model = c.family().languageModel(c)
	}
	info, ok := f.Info(LabelLayer(c) + "weight")
	newHead := labels > 0 && ok && len(info.Shape) == 2 && info.Shape[0] != labels
	m, err := match(f, nn.Parameters(model), newHead, c)
	return m.Report, err
}

func list(names []string) string {
	if len(names) > 8 {
		return strings.Join(names[:8], ", ") + fmt.Sprintf(" and %d more", len(names)-8)
	}
	return strings.Join(names, ", ")
}

// normWeight matches the weights of LayerNorm in all families.
var normWeight = regexp.MustCompile(`(LayerNorm|layer_norm)\.weight$`)

// initialise gives a parameter the values that its family starts from: normal
// with standard deviation initializer_range, biases 0, LayerNorm 1 and 0, and 0 for the embedding of padding.
func initialise(p nn.Parameter, c *Config, seed uint64) {
	switch {
	case normWeight.MatchString(p.Name):
		for i := range p.Data {
			p.Data[i] = 1
		}
	case p.Name == "bias" || strings.HasSuffix(p.Name, ".bias"):
		clear(p.Data)
	default:
		nn.InitNormal(p.Tensor, c.InitializerRange, seed, p.Name)
		padded := strings.HasSuffix(p.Name, ".word_embeddings.weight") || strings.HasSuffix(p.Name, ".position_embeddings.weight") && c.firstPosition() > 0
		if padded && c.pad() >= 0 {
			clear(p.Row(int(c.pad())))
		}
	}
	p.Changed()
}

// Initialise gives every parameter of a model its starting value, determined by seed.
func Initialise(model any, c *Config, seed uint64) {
	for _, p := range nn.Parameters(model) {
		initialise(p, c, seed)
	}
}

// Save writes config.json and model.safetensors into dir, each in one step;
// transformers loads the directory. The directory is made if it is not there.
func Save(dir string, model any, c *Config) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	c = c.Clone()
	switch model.(type) {
	case SequenceClassifier:
		c.Architectures = []string{c.family().architecture + "ForSequenceClassification"}
	case LanguageModel:
		c.Architectures = []string{c.family().architecture + c.family().lmSuffix}
	}
	var tensors []checkpoint.Tensor
	for _, p := range nn.Parameters(model) {
		tensors = append(tensors, checkpoint.Tensor{Name: p.Name, Shape: p.Shape, Float32: p.Data})
	}
	if err := checkpoint.Write(filepath.Join(dir, "model.safetensors"), map[string]string{"format": "pt"}, tensors); err != nil {
		return err
	}
	return c.Save(dir)
}

// SameLabels reports whether the directory has a classifier for just these
// classes, in this order, or with no names for that number of labels: then
// training goes on from it, otherwise it needs a new one.
func SameLabels(dir string, c *Config, names []string, labels int) bool {
	n, err := CheckpointLabels(dir)
	if err != nil || n != labels {
		return false
	}
	have, err := c.Labels()
	return err == nil && (names == nil || slices.Equal(have, names))
}
