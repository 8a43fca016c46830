package study

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Pruned is what [Prune] removed.
type Pruned struct {
	Stages int   `json:"stages"` // that the plan does not have, and unfinished ones
	Models int   `json:"models"`
	Bytes  int64 `json:"bytes"`
}

// Prune removes from a study's directory the stages that its last plan does
// not have and what interrupted runs left, and the models that the policy does not keep: "all" keeps
// every one, "intermediate" those that other stages start from, "none" none. Scores stay.
func Prune(dir, keep string) (*Pruned, error) {
	unlock, err := lock(dir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	p, err := readPlan(dir)
	if err != nil {
		return nil, err
	}
	planned, needed := map[string]bool{}, map[string]bool{}
	for _, s := range p.Stages {
		planned[s.Key] = true
		for _, key := range s.After {
			needed[key] = true
		}
	}
	store := cache{dir}
	entries, err := os.ReadDir(store.stages())
	if err != nil {
		return nil, err
	}
	var out Pruned
	for _, e := range entries {
		if planned[e.Name()] {
			continue
		}
		if key, ok := strings.CutPrefix(e.Name(), unfinishedPrefix); ok && planned[key] {
			continue // goes on with the next run
		}
		if err := remove(filepath.Join(store.stages(), e.Name()), &out.Bytes); err != nil {
			return nil, err
		}
		out.Stages++
	}
	if keep == "all" {
		return &out, nil
	}
	if keep == "none" {
		needed = nil
	}
	models, err := prune(store, needed)
	if models != nil {
		out.Models, out.Bytes = models.Models, out.Bytes+models.Bytes
	}
	return &out, err
}

// prune removes the models of all stages but those to keep.
func prune(store cache, keep map[string]bool) (*Pruned, error) {
	entries, err := os.ReadDir(store.stages())
	if err != nil {
		return nil, err
	}
	var out Pruned
	for _, e := range entries {
		model := store.model(e.Name())
		if _, err := os.Stat(model); err != nil || keep[e.Name()] || strings.HasPrefix(e.Name(), unfinishedPrefix) {
			continue
		}
		if err := remove(model, &out.Bytes); err != nil {
			return &out, err
		}
		out.Models++
	}
	return &out, nil
}

// remove deletes a directory and adds the size of its files to bytes.
func remove(dir string, bytes *int64) error {
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			*bytes += info.Size()
		}
		return err
	})
	if err != nil {
		return err
	}
	return os.RemoveAll(dir)
}
