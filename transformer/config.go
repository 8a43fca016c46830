package transformer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"godwit/tensor"
	"godwit/transformer/checkpoint"
)

// Config is a model's config.json; fields are named as its keys are.
type Config struct {
	ModelType                 string            `json:"model_type"`
	Architectures             []string          `json:"architectures,omitempty"`
	VocabSize                 int               `json:"vocab_size"`
	HiddenSize                int               `json:"hidden_size"`
	NumHiddenLayers           int               `json:"num_hidden_layers"`
	NumAttentionHeads         int               `json:"num_attention_heads"`
	IntermediateSize          int               `json:"intermediate_size"`
	HiddenAct                 string            `json:"hidden_act"`
	HiddenDropoutProb         float64           `json:"hidden_dropout_prob"`
	AttentionProbsDropoutProb float64           `json:"attention_probs_dropout_prob"`
	ClassifierDropout         *float64          `json:"classifier_dropout"`
	MaxPositionEmbeddings     int               `json:"max_position_embeddings"`
	TypeVocabSize             int               `json:"type_vocab_size"`
	InitializerRange          float64           `json:"initializer_range"`
	LayerNormEps              float64           `json:"layer_norm_eps"`
	PadTokenID                *int              `json:"pad_token_id"`
	ID2Label                  map[string]string `json:"id2label,omitempty"`
	Label2ID                  map[string]int    `json:"label2id,omitempty"`
	ProblemType               string            `json:"problem_type,omitempty"`

	// other holds the keys that godwit does not use, to be written back.
	other map[string]json.RawMessage
}

// NewBertConfig returns the configuration of a BERT of the given size, with
// the values of bert-base-uncased for everything else.
func NewBertConfig(vocabSize, hiddenSize, layers, heads, intermediateSize int) *Config {
	c := defaultBertConfig()
	c.ModelType = "bert"
	c.VocabSize, c.HiddenSize, c.NumHiddenLayers, c.NumAttentionHeads, c.IntermediateSize = vocabSize, hiddenSize, layers, heads, intermediateSize
	return c
}

// defaultBertConfig has the values that Hugging Face takes for missing keys.
func defaultBertConfig() *Config {
	pad := 0
	return &Config{
		VocabSize: 30522, HiddenSize: 768, NumHiddenLayers: 12, NumAttentionHeads: 12, IntermediateSize: 3072,
		HiddenAct: "gelu", HiddenDropoutProb: 0.1, AttentionProbsDropoutProb: 0.1, MaxPositionEmbeddings: 512,
		TypeVocabSize: 2, InitializerRange: 0.02, LayerNormEps: 1e-12, PadTokenID: &pad,
	}
}

// LoadConfig reads and checks the config.json of a directory.
func LoadConfig(dir string) (*Config, error) {
	path := filepath.Join(dir, "config.json")
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: not found: expected a Hugging Face model directory", path)
	}
	if err != nil {
		return nil, err
	}
	c, err := ParseConfig(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// ParseConfig reads and checks a config.json.
func ParseConfig(data []byte) (*Config, error) {
	c := defaultBertConfig()
	if err := json.Unmarshal(data, c); err != nil {
		if typ := new(json.UnmarshalTypeError); errors.As(err, &typ) {
			if typ.Field == "" {
				return nil, fmt.Errorf("not a JSON object: found %s", typ.Value)
			}
			return nil, fmt.Errorf("%s: found %s, expected %s", typ.Field, typ.Value, typ.Type)
		}
		return nil, fmt.Errorf("not a JSON object: %w", err)
	}
	if err := json.Unmarshal(data, &c.other); err != nil {
		return nil, err
	}
	known, err := json.Marshal(&Config{ID2Label: map[string]string{"": ""}, Label2ID: map[string]int{"": 0}, ProblemType: "x", Architectures: []string{""}})
	if err != nil {
		return nil, err
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(known, &keys); err != nil {
		return nil, err
	}
	for k := range keys {
		delete(c.other, k)
	}
	return c, c.Check()
}

// Activations by hidden_act. gelu_fast is another way of writing gelu_new.
var activations = map[string]*tensor.Activation{
	"gelu":              tensor.GELU,
	"gelu_new":          tensor.GELUTanh,
	"gelu_fast":         tensor.GELUTanh,
	"gelu_pytorch_tanh": tensor.GELUTanh,
	"relu":              tensor.ReLU,
	"silu":              tensor.SiLU,
	"swish":             tensor.SiLU,
	"tanh":              tensor.Tanh,
}

// maxParameters bounds the size of a model that a config.json may ask for.
const maxParameters = 1 << 36

// Check reports the first value that no model can have.
func (c *Config) Check() error {
	if c.ModelType != "bert" {
		return fmt.Errorf("model_type: found %q, expected \"bert\"", c.ModelType)
	}
	for _, f := range []struct {
		key      string
		value    int
		min, max int
	}{
		{"vocab_size", c.VocabSize, 1, 1 << 28},
		{"hidden_size", c.HiddenSize, 1, 1 << 20},
		{"num_hidden_layers", c.NumHiddenLayers, 0, 1 << 12},
		{"num_attention_heads", c.NumAttentionHeads, 1, 1 << 16},
		{"intermediate_size", c.IntermediateSize, 1, 1 << 24},
		{"max_position_embeddings", c.MaxPositionEmbeddings, 1, 1 << 24},
		{"type_vocab_size", c.TypeVocabSize, 1, 1 << 20},
	} {
		if f.value < f.min || f.value > f.max {
			return fmt.Errorf("%s: found %d, expected a number from %d to %d", f.key, f.value, f.min, f.max)
		}
	}
	if c.HiddenSize%c.NumAttentionHeads != 0 {
		return fmt.Errorf("hidden_size: found %d, expected a multiple of num_attention_heads = %d", c.HiddenSize, c.NumAttentionHeads)
	}
	if n := c.parameters(); n > maxParameters {
		return fmt.Errorf("the sizes ask for %.3g parameters, expected at most %.3g", n, float64(maxParameters))
	}
	if activations[c.HiddenAct] == nil {
		return fmt.Errorf("hidden_act: found %q, expected one of %s", c.HiddenAct, strings.Join(slices.Sorted(maps.Keys(activations)), ", "))
	}
	for _, f := range []struct {
		key      string
		value    float64
		min, max float64
	}{
		{"hidden_dropout_prob", c.HiddenDropoutProb, 0, 0.99},
		{"attention_probs_dropout_prob", c.AttentionProbsDropoutProb, 0, 0.99},
		{"classifier_dropout", c.classifierDropout(), 0, 0.99},
		{"initializer_range", c.InitializerRange, 0, 1e3},
		{"layer_norm_eps", c.LayerNormEps, 0, 1},
	} {
		if !(f.value >= f.min && f.value <= f.max) || math.IsNaN(f.value) {
			return fmt.Errorf("%s: found %v, expected a number from %v to %v", f.key, f.value, f.min, f.max)
		}
	}
	if p, ok := c.other["position_embedding_type"]; ok && !bytes.Equal(p, []byte(`"absolute"`)) && !bytes.Equal(p, []byte("null")) {
		return fmt.Errorf("position_embedding_type: found %s, expected \"absolute\"", p)
	}
	_, err := c.Labels()
	return err
}

// parameters estimates the number of parameters; float64, so that it cannot overflow.
func (c *Config) parameters() float64 {
	h := float64(c.HiddenSize)
	return h*(float64(c.VocabSize)+float64(c.MaxPositionEmbeddings)+float64(c.TypeVocabSize)) +
		float64(c.NumHiddenLayers)*h*(4*h+2*float64(c.IntermediateSize))
}

func (c *Config) classifierDropout() float64 {
	if c.ClassifierDropout != nil {
		return *c.ClassifierDropout
	}
	return c.HiddenDropoutProb
}

// Labels returns the names of the classes in the order of their ids, nil if the config names none.
func (c *Config) Labels() ([]string, error) {
	if len(c.ID2Label) == 0 {
		return nil, nil
	}
	names := make([]string, len(c.ID2Label))
	seen := make([]bool, len(names))
	for key, name := range c.ID2Label {
		id, err := strconv.Atoi(key)
		if err != nil || id < 0 || id >= len(names) || seen[id] {
			return nil, fmt.Errorf("id2label: found id %q, expected 0 to %d, each once", key, len(names)-1)
		}
		names[id], seen[id] = name, true
	}
	return names, nil
}

// SetLabels names the classes: id i is called names[i].
func (c *Config) SetLabels(names []string) {
	c.ID2Label, c.Label2ID = map[string]string{}, map[string]int{}
	for i, name := range names {
		c.ID2Label[strconv.Itoa(i)] = name
		c.Label2ID[name] = i
	}
}

// Clone returns a copy that shares nothing that the methods change.
func (c *Config) Clone() *Config {
	d := *c
	return &d
}

// Save writes config.json into dir. Keys that godwit does not know are kept.
func (c *Config) Save(dir string) error {
	known, err := json.Marshal(c)
	if err != nil {
		return err
	}
	all := maps.Clone(c.other)
	if all == nil {
		all = map[string]json.RawMessage{}
	}
	for _, key := range []string{"torch_dtype", "dtype", "_name_or_path"} {
		delete(all, key) // they described the file that was read
	}
	if err := json.Unmarshal(known, &all); err != nil {
		return err
	}
	all["dtype"] = json.RawMessage(`"float32"`)
	data, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return checkpoint.WriteFile(filepath.Join(dir, "config.json"), append(data, '\n'))
}
