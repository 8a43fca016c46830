package transformer

import (
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

// Config is a model's config.json of any family. Fields are named as BERT's
// keys; a family that calls one otherwise ([family].keys) is read and written with its own names.
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

	// XLNet alone.
	AttnType           string  `json:"attn_type"`
	BiData             bool    `json:"bi_data"`
	ClampLen           int     `json:"clamp_len"` // longer distances are taken for this one, if it is above 0
	SummaryType        string  `json:"summary_type"`
	SummaryUseProj     bool    `json:"summary_use_proj"`
	SummaryActivation  string  `json:"summary_activation"`
	SummaryLastDropout float64 `json:"summary_last_dropout"`

	// other holds the keys that godwit does not use, to be written back.
	other map[string]json.RawMessage
}

// NewConfig returns the configuration of an encoder of the given family and
// size, with the family's defaults for everything else. maxLength is the
// number of tokens that a sequence may have; XLNet has no such limit.
func NewConfig(modelType string, vocabSize, hiddenSize, layers, heads, intermediateSize, maxLength int) (*Config, error) {
	f, err := familyOf(modelType)
	if err != nil {
		return nil, err
	}
	c := f.defaults.Clone()
	c.ModelType = modelType
	c.VocabSize, c.HiddenSize, c.NumHiddenLayers, c.NumAttentionHeads, c.IntermediateSize = vocabSize, hiddenSize, layers, heads, intermediateSize
	c.MaxPositionEmbeddings = maxLength + c.firstPosition()
	if f.prefix == "roberta." {
		c.TypeVocabSize = 1
	}
	return c, c.Check()
}

// NewBertConfig is [NewConfig] for BERT with positions for 512 tokens.
func NewBertConfig(vocabSize, hiddenSize, layers, heads, intermediateSize int) *Config {
	c := families["bert"].defaults.Clone()
	c.ModelType = "bert"
	c.VocabSize, c.HiddenSize, c.NumHiddenLayers, c.NumAttentionHeads, c.IntermediateSize = vocabSize, hiddenSize, layers, heads, intermediateSize
	return c
}

func bertDefaults(pad, positions int, epsilon float64) Config {
	return Config{
		VocabSize: 30522, HiddenSize: 768, NumHiddenLayers: 12, NumAttentionHeads: 12, IntermediateSize: 3072,
		HiddenAct: "gelu", HiddenDropoutProb: 0.1, AttentionProbsDropoutProb: 0.1, MaxPositionEmbeddings: positions,
		TypeVocabSize: 2, InitializerRange: 0.02, LayerNormEps: epsilon, PadTokenID: &pad,
	}
}

// familyOf returns the family of a model_type.
func familyOf(modelType string) (*family, error) {
	if f := families[modelType]; f != nil {
		return f, nil
	}
	return nil, fmt.Errorf("model_type: found %q, expected one of %s", modelType, strings.Join(ModelTypes(), ", "))
}

// ModelTypes returns the families that godwit knows, sorted.
func ModelTypes() []string { return slices.Sorted(maps.Keys(families)) }

func (c *Config) family() *family { return families[c.ModelType] }

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
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(data, &keys); err != nil {
		if typ := new(json.UnmarshalTypeError); errors.As(err, &typ) {
			return nil, fmt.Errorf("not a JSON object: found %s", typ.Value)
		}
		return nil, fmt.Errorf("not a JSON object: %w", err)
	}
	var modelType string
	if err := json.Unmarshal(orNull(keys["model_type"]), &modelType); err != nil {
		return nil, fmt.Errorf("model_type: found %s, expected a string", keys["model_type"])
	}
	f, err := familyOf(modelType)
	if err != nil {
		return nil, err
	}
	activation := keys["summary_activation"]
	// Only the family's own keys are read, under Config's names; the rest is kept as it is.
	known := map[string]json.RawMessage{}
	names := map[string]string{} // Config's key → config.json's
	f.eachKey(func(own, theirs string) {
		names[own] = theirs
		if v, ok := keys[theirs]; ok {
			if string(v) != "null" || own == "pad_token_id" {
				known[own] = v
			}
			delete(keys, theirs)
		}
	})
	canonical, err := json.Marshal(known)
	if err != nil {
		return nil, err
	}
	c := f.defaults.Clone()
	c.other = keys
	if err := json.Unmarshal(canonical, c); err != nil {
		if typ := new(json.UnmarshalTypeError); errors.As(err, &typ) {
			return nil, fmt.Errorf("%s: found %s, expected %s", names[strings.SplitN(typ.Field, ".", 2)[0]], typ.Value, typ.Type)
		}
		return nil, err
	}
	if f.prefix == xlnetPrefix {
		c.AttentionProbsDropoutProb = c.HiddenDropoutProb // one rate for all of it
		if string(activation) == "null" {
			c.SummaryActivation = ""
		}
	}
	return c, c.Check()
}

func orNull(data json.RawMessage) json.RawMessage {
	if len(data) == 0 {
		return json.RawMessage(`""`)
	}
	return data
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

// noPositionLimit is how many tokens a sequence of a model without position
// embeddings may have: what the counters of attention's dropout leave room for.
const noPositionLimit = 1 << 16

// MaxLength returns the number of tokens that a sequence may have.
func (c *Config) MaxLength() int {
	if c.MaxPositionEmbeddings == 0 {
		return noPositionLimit
	}
	return c.MaxPositionEmbeddings - c.firstPosition()
}

// firstPosition is the position of a sequence's first token: RoBERTa counts
// from the padding token's id + 1.
func (c *Config) firstPosition() int {
	if c.family().prefix == "roberta." && c.PadTokenID != nil {
		return *c.PadTokenID + 1
	}
	return 0
}

// pad returns the id of the padding token, -1 if there is none.
func (c *Config) pad() int32 {
	if c.PadTokenID == nil || *c.PadTokenID < 0 || *c.PadTokenID >= c.VocabSize {
		return -1
	}
	return int32(*c.PadTokenID)
}

// Check reports the first value that no model can have.
func (c *Config) Check() error {
	f, err := familyOf(c.ModelType)
	if err != nil {
		return err
	}
	for _, v := range []struct {
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
		if (v.value < v.min || v.value > v.max) && f.has(v.key) {
			return fmt.Errorf("%s: found %d, expected a number from %d to %d", f.key(v.key), v.value, v.min, v.max)
		}
	}
	if c.HiddenSize%c.NumAttentionHeads != 0 {
		return fmt.Errorf("%s: found %d, expected a multiple of %s = %d", f.key("hidden_size"), c.HiddenSize, f.key("num_attention_heads"), c.NumAttentionHeads)
	}
	if n := c.parameters(); n > maxParameters {
		return fmt.Errorf("the sizes ask for %.3g parameters, expected at most %.3g", n, float64(maxParameters))
	}
	if c.PadTokenID != nil && f.prefix == "roberta." && (*c.PadTokenID < 0 || *c.PadTokenID+1 >= c.MaxPositionEmbeddings) {
		return fmt.Errorf("pad_token_id: found %d, expected 0 to max_position_embeddings - 2 = %d", *c.PadTokenID, c.MaxPositionEmbeddings-2)
	}
	if c.PadTokenID == nil && f.prefix == "roberta." {
		return errors.New("pad_token_id: found null, expected the id that positions are counted from")
	}
	if activations[c.HiddenAct] == nil {
		return fmt.Errorf("%s: found %q, expected one of %s", f.key("hidden_act"), c.HiddenAct, strings.Join(slices.Sorted(maps.Keys(activations)), ", "))
	}
	for _, v := range []struct {
		key      string
		value    float64
		min, max float64
	}{
		{"hidden_dropout_prob", c.HiddenDropoutProb, 0, 0.99},
		{"attention_probs_dropout_prob", c.AttentionProbsDropoutProb, 0, 0.99},
		{"classifier_dropout", c.classifierDropout(), 0, 0.99},
		{"summary_last_dropout", c.SummaryLastDropout, 0, 0.99},
		{"initializer_range", c.InitializerRange, 0, 1e3},
		{"layer_norm_eps", c.LayerNormEps, 0, 1},
	} {
		if !(v.value >= v.min && v.value <= v.max) || math.IsNaN(v.value) {
			return fmt.Errorf("%s: found %v, expected a number from %v to %v", f.key(v.key), v.value, v.min, v.max)
		}
	}
	// Variants of the architectures that godwit does not compute.
	for key, expected := range map[string]string{
		"position_embedding_type": `"absolute"`, "is_decoder": "false", "add_cross_attention": "false", "summary_proj_to_labels": "false",
	} {
		if p, ok := c.other[key]; ok && string(p) != expected && string(p) != "null" {
			return fmt.Errorf("%s: found %s, expected %s", key, p, expected)
		}
	}
	if f.prefix == xlnetPrefix {
		if err := c.checkXLNet(); err != nil {
			return err
		}
	}
	_, err = c.Labels()
	return err
}

// has reports whether the family has Config's key.
func (f *family) has(name string) (found bool) {
	f.eachKey(func(own, _ string) { found = found || own == name })
	return found
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

// Clone returns a copy that shares nothing that the methods or a parser change.
func (c *Config) Clone() *Config {
	d := *c
	if c.PadTokenID != nil {
		d.PadTokenID = new(*c.PadTokenID)
	}
	if c.ClassifierDropout != nil {
		d.ClassifierDropout = new(*c.ClassifierDropout)
	}
	return &d
}

// Save writes config.json into dir. Keys that godwit does not know are kept.
func (c *Config) Save(dir string) error {
	data, err := json.Marshal(c)
	if err != nil {
		return err
	}
	var known map[string]json.RawMessage
	if err := json.Unmarshal(data, &known); err != nil {
		return err
	}
	all := maps.Clone(c.other)
	if all == nil {
		all = map[string]json.RawMessage{}
	}
	for _, key := range []string{"torch_dtype", "dtype", "_name_or_path"} {
		delete(all, key) // they described the file that was read
	}
	c.family().eachKey(func(own, theirs string) {
		if v, ok := known[own]; ok {
			all[theirs] = v
		}
	})
	all["dtype"] = json.RawMessage(`"float32"`)
	if data, err = json.MarshalIndent(all, "", "  "); err != nil {
		return err
	}
	return checkpoint.WriteFile(filepath.Join(dir, "config.json"), append(data, '\n'))
}
