package study

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"runtime"

	"godwit/experiments/machine"
	"godwit/experiments/train"
	"godwit/transformer/checkpoint"
)

// formatVersion goes into every stage's key. It is raised when the same
// settings would no longer give the same weights or scores.
const formatVersion = 3

// spec is everything that determines the outcome of a stage; its hash is the stage's key.
type spec struct {
	Version  int      `json:"version"`
	Kind     string   `json:"kind"`
	Start    string   `json:"start"`             // key of the stage before, or digest of the checkpoint
	Data     string   `json:"data"`              // digest of the examples of all splits
	Labels   []string `json:"labels,omitempty"`  // of the classifier
	Ask      []string `json:"ask,omitempty"`     // labels among which the test examples are classified
	AskDev   bool     `json:"ask_dev,omitempty"` // and the dev examples, where these are not all labels
	Settings any      `json:"settings"`
}

func (s spec) key() string {
	data, err := json.Marshal(s)
	if err != nil {
		panic(err) // a spec holds nothing that cannot be marshalled
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:12])
}

// record is the stage.json of a finished stage.
type record struct {
	Key  string `json:"key"`
	Name string `json:"name"`
	Spec spec   `json:"spec"`
	// Train is of the learning rate that was best on dev, Tried of all if there were several.
	Train    *train.Result         `json:"train,omitempty"`
	Tried    []tried               `json:"tried,omitempty"`
	Losses   []float64             `json:"losses,omitempty"` // of training steps, evenly picked; of pretraining, of epochs
	Pretrain *train.PretrainResult `json:"pretrain,omitempty"`
	Test     *train.Scores         `json:"test,omitempty"`
	// Gold and Predicted are the test examples' classes (numbers in Spec.Ask) or scores.
	Gold      []float64 `json:"gold,omitempty"`
	Predicted []float64 `json:"predicted,omitempty"`
	// Forecast is of stages that start from an intermediate dataset's model.
	Forecast *forecast `json:"forecast,omitempty"`
	Text     TextCount `json:"text"`
	Seconds  float64   `json:"seconds"`
	// Joules is the energy that the machine took meanwhile, divided by the number of
	// stages that ran at once; nil where it cannot be read.
	Joules  *float64        `json:"joules,omitempty"`
	Machine machine.Machine `json:"machine"`
}

// tried is a learning rate of a search.
type tried struct {
	LearningRate float64      `json:"learning_rate"`
	Dev          train.Scores `json:"dev"`
	Tokens       int          `json:"tokens"`
}

// TextCount says what the tokenizer made of a stage's examples.
type TextCount struct {
	Examples  int `json:"examples"`
	Tokens    int `json:"tokens"`
	Truncated int `json:"truncated"`
	Unknown   int `json:"unknown"` // tokens
}

// tokens returns how many passed through the model in training.
func (r *record) tokens() int {
	n := 0
	switch {
	case r.Pretrain != nil:
		n = r.Pretrain.Tokens
	case len(r.Tried) > 0:
		for _, t := range r.Tried {
			n += t.Tokens
		}
	case r.Train != nil:
		n = r.Train.Tokens
	}
	return n
}

// cache keeps finished stages, one directory each.
type cache struct{ dir string }

func (c cache) stages() string { return filepath.Join(c.dir, "stages") }

func (c cache) path(key string) string { return filepath.Join(c.stages(), key) }

// unfinished is where a stage is made; it becomes path when it is finished.
func (c cache) unfinished(key string) string { return filepath.Join(c.stages(), unfinishedPrefix+key) }

const unfinishedPrefix = ".unfinished-"

// model is the directory of a stage's model.
func (c cache) model(key string) string { return filepath.Join(c.path(key), "model") }

// find returns a finished stage, nil if there is none.
func (c cache) find(key string) (*record, error) {
	path := filepath.Join(c.path(key), "stage.json")
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var r record
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("%s: %w; remove its directory to run the stage again", path, err)
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("%s: %w; remove its directory to run the stage again", path, err)
	}
	return &r, nil
}

// check reports a record that no stage writes.
func (r *record) check() error {
	if r.Test == nil {
		return nil
	}
	if (r.Test.Classification == nil) == (r.Test.Regression == nil) {
		return errors.New("test: expected scores of a classification or of a regression")
	}
	if len(r.Gold) != len(r.Predicted) {
		return fmt.Errorf("predicted: found answers to %d test examples, expected %d as in gold", len(r.Predicted), len(r.Gold))
	}
	if r.Test.Regression != nil {
		return nil
	}
	for _, list := range [][]float64{r.Gold, r.Predicted} {
		for i, class := range list {
			if class != math.Trunc(class) || class < 0 || class >= float64(len(r.Spec.Ask)) {
				return fmt.Errorf("test example %d: found class %v, expected one of the %d asked for", i, class, len(r.Spec.Ask))
			}
		}
	}
	return nil
}

// run makes a stage in a directory of its own, which takes its place when it
// is finished. What a run that was stopped left there is found by the next one.
func (c cache) run(r record, make func(dir string, r *record) error) (*record, error) {
	dir := c.unfinished(r.Key)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if err := make(dir, &r); err != nil {
		os.Remove(dir) // if nothing was kept in it
		return nil, err
	}
	data, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return nil, err
	}
	if err := checkpoint.WriteFile(filepath.Join(dir, "stage.json"), append(data, '\n')); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(c.path(r.Key)); err != nil {
		return nil, err
	}
	if err := os.Rename(dir, c.path(r.Key)); err != nil {
		return nil, err
	}
	return &r, syncDirectory(c.stages())
}

// syncDirectory brings a rename to disk, where the system can.
func syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && runtime.GOOS != "windows" {
		return fmt.Errorf("%s: %w", dir, err)
	}
	return nil
}

// checkpointDigest hashes the files of a model directory that matter.
func checkpointDigest(dir string) (string, error) {
	h := sha256.New()
	found := false
	files, err := os.ReadDir(dir)
	if err != nil {
		return "", fmt.Errorf("%w: expected a model directory with config.json", err)
	}
	for _, e := range files {
		if !matters.MatchString(e.Name()) || e.IsDir() {
			continue
		}
		f, err := os.Open(filepath.Join(dir, e.Name()))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "file %s\n", e.Name())
		_, err = io.Copy(h, f)
		f.Close()
		if err != nil {
			return "", err
		}
		found = found || e.Name() == "config.json"
	}
	if !found {
		return "", fmt.Errorf("%s: expected a model directory with config.json", dir)
	}
	return hex.EncodeToString(h.Sum(nil)[:12]), nil
}

// matters matches the files of a model directory that determine what it computes.
var matters = regexp.MustCompile(`^(config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab)\.json$|^(vocab|merges)\.txt$|\.(safetensors|bin|model|index\.json)$`)
