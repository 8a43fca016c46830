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

// head matches names of parameters that come and go with the task.
var head = regexp.MustCompile(`^(classifier|cls|qa_outputs)\.|^(bert\.)?pooler\.`)

// buffer matches entries that are no parameters.
var buffer = regexp.MustCompile(`(^|\.)embeddings\.(position_ids|token_type_ids)$|^cls\.predictions\.decoder\.(weight|bias)$`)

// LoadSequenceClassifier reads a directory as Hugging Face publishes it. If
// the checkpoint has no classifier, or newHead is true, a new one for that
// number of labels is made from seed.
func LoadSequenceClassifier(dir string, labels int, newHead bool, seed uint64) (*BertForSequenceClassification, Report, error) {
	c, err := LoadConfig(dir)
	if err != nil {
		return nil, Report{}, err
	}
	m := NewBertForSequenceClassification(c, labels)
	report, err := load(dir, m, newHead, seed, c)
	return m, report, err
}

// LoadMaskedLM reads a directory as a masked language model.
func LoadMaskedLM(dir string, seed uint64) (*BertForMaskedLM, Report, error) {
	c, err := LoadConfig(dir)
	if err != nil {
		return nil, Report{}, err
	}
	m := NewBertForMaskedLM(c)
	report, err := load(dir, m, false, seed, c)
	return m, report, err
}

// CheckpointLabels returns the number of labels of the classifier in a
// directory, 0 if it has none.
func CheckpointLabels(dir string) (int, error) {
	f, err := checkpoint.OpenDirectory(dir)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if info, ok := f.Info("classifier.weight"); ok && len(info.Shape) == 2 {
		return info.Shape[0], nil
	}
	return 0, nil
}

func load(dir string, model any, newHead bool, seed uint64, c *Config) (Report, error) {
	var report Report
	f, err := checkpoint.OpenDirectory(dir)
	if err != nil {
		return report, err
	}
	defer f.Close()
	stored := map[string]string{} // the model's name of each entry of the file
	for _, name := range f.Names() {
		n := canonicalName(name)
		if other, ok := stored[n]; ok {
			return report, fmt.Errorf("%s: %s and %s are the same parameter", f.Path(), other, name)
		}
		stored[n] = name
	}
	var missing []string
	for _, p := range nn.Parameters(model) {
		name, ok := stored[p.Name]
		delete(stored, p.Name)
		if newHead && strings.HasPrefix(p.Name, "classifier.") {
			ok = false
		}
		if !ok {
			if !head.MatchString(p.Name) {
				missing = append(missing, p.Name)
				continue
			}
			initialise(p, c, seed)
			report.New = append(report.New, p.Name)
			continue
		}
		info, _ := f.Info(name)
		if !slices.Equal(info.Shape, p.Shape) {
			return report, fmt.Errorf("%s: %s: found shape %v, expected %v by config.json", f.Path(), name, info.Shape, p.Shape)
		}
		if err := f.ReadFloat32(name, p.Data); err != nil {
			return report, err
		}
		p.Changed()
	}
	if len(missing) > 0 {
		return report, fmt.Errorf("%s: %d parameters are missing: %s", f.Path(), len(missing), list(missing))
	}
	var spare []string
	for _, name := range f.Names() {
		n := canonicalName(name)
		switch _, left := stored[n]; {
		case !left || buffer.MatchString(n):
		case head.MatchString(n):
			report.Unused = append(report.Unused, name)
		default:
			spare = append(spare, name)
		}
	}
	if len(spare) > 0 {
		return report, fmt.Errorf("%s: %d entries are no parameters of a %s with %d layers: %s", f.Path(), len(spare), c.ModelType, c.NumHiddenLayers, list(spare))
	}
	return report, nil
}

func list(names []string) string {
	if len(names) > 8 {
		return strings.Join(names[:8], ", ") + fmt.Sprintf(" and %d more", len(names)-8)
	}
	return strings.Join(names, ", ")
}

// canonicalName gives the name of a parameter in today's checkpoints: with the
// prefix "bert.", and LayerNorm's gamma and beta as weight and bias.
func canonicalName(name string) string {
	if rest, ok := strings.CutSuffix(name, "LayerNorm.gamma"); ok {
		name = rest + "LayerNorm.weight"
	}
	if rest, ok := strings.CutSuffix(name, "LayerNorm.beta"); ok {
		name = rest + "LayerNorm.bias"
	}
	for _, part := range []string{"embeddings.", "encoder.", "pooler."} {
		if strings.HasPrefix(name, part) {
			return "bert." + name
		}
	}
	return name
}

// initialise gives a parameter the values that BERT starts from: weights
// normal with standard deviation initializer_range, biases 0, LayerNorm 1 and 0.
func initialise(p nn.Parameter, c *Config, seed uint64) {
	switch {
	case strings.HasSuffix(p.Name, "LayerNorm.weight"):
		for i := range p.Data {
			p.Data[i] = 1
		}
	case strings.HasSuffix(p.Name, "bias"):
		clear(p.Data)
	default:
		nn.InitNormal(p.Tensor, c.InitializerRange, seed, p.Name)
		if strings.HasSuffix(p.Name, "word_embeddings.weight") && c.PadTokenID != nil && *c.PadTokenID >= 0 && *c.PadTokenID < p.Rows() {
			clear(p.Row(*c.PadTokenID))
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
	case *BertForSequenceClassification:
		c.Architectures = []string{"BertForSequenceClassification"}
	case *BertForMaskedLM:
		c.Architectures = []string{"BertForMaskedLM"}
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
