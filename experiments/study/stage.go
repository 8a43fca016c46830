package study

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"godwit/experiments/dataset"
	"godwit/experiments/train"
	"godwit/transformer/checkpoint"
)

// formatVersion goes into every stage's key. It is raised when the same
// settings would no longer give the same weights.
const formatVersion = 2

// spec is everything that determines the outcome of a stage; its hash is the stage's key.
type spec struct {
	Version  int    `json:"version"`
	Kind     string `json:"kind"`  // "pretrain" or "finetune"
	Start    string `json:"start"` // key of the stage before, or digest of the checkpoint
	Data     string `json:"data"`  // digest of the examples of all splits
	Labels   []string
	Settings any `json:"settings"`
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
	Key      string                `json:"key"`
	Name     string                `json:"name"`
	Spec     spec                  `json:"spec"`
	Train    *train.Result         `json:"train,omitempty"`
	Pretrain *train.PretrainResult `json:"pretrain,omitempty"`
	Test     *train.Scores         `json:"test,omitempty"`
}

// cache keeps finished stages, one directory each.
type cache struct{ dir string }

func (c cache) path(key string) string { return filepath.Join(c.dir, "stages", key) }

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
	return &r, nil
}

// run makes a stage in a temporary directory, which takes its place when it is finished.
func (c cache) run(r record, make func(dir string, r *record) error) (*record, error) {
	if err := os.MkdirAll(filepath.Join(c.dir, "stages"), 0o755); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(filepath.Join(c.dir, "stages"), ".unfinished-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	if err := make(dir, &r); err != nil {
		return nil, err
	}
	data, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return nil, err
	}
	if err := checkpoint.WriteFile(filepath.Join(dir, "stage.json"), data); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(c.path(r.Key)); err != nil {
		return nil, err
	}
	return &r, os.Rename(dir, c.path(r.Key))
}

// splits are the examples of a dataset.
type splits struct{ Train, Dev, Test []dataset.Example }

// digest hashes every text, pair and label, split by split.
func (s *splits) digest() string {
	h := sha256.New()
	for i, split := range [][]dataset.Example{s.Train, s.Dev, s.Test} {
		fmt.Fprintf(h, "split %d: %d\n", i, len(split))
		for _, e := range split {
			hashStrings(h, e.Text, e.Pair, e.Label)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}

func hashStrings(h hash.Hash, parts ...string) {
	for _, p := range parts {
		fmt.Fprintf(h, "%d:", len(p))
		io.WriteString(h, p)
	}
}

// checkpointDigest hashes the files of a model directory that matter.
func checkpointDigest(dir string) (string, error) {
	h := sha256.New()
	found := false
	for _, name := range []string{"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"} {
		f, err := os.Open(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "file %s\n", name)
		_, err = io.Copy(h, f)
		f.Close()
		if err != nil {
			return "", err
		}
		found = true
	}
	if !found {
		return "", fmt.Errorf("%s: expected a model directory with config.json and model.safetensors", dir)
	}
	return hex.EncodeToString(h.Sum(nil)[:12]), nil
}
