package checkpoint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// openIndex opens a checkpoint that is split over files of one folder: the
// index is JSON whose weight_map names the file of each tensor.
func openIndex(path string) (*File, error) {
	text, err := readIndex(path)
	if err != nil {
		return nil, err
	}
	weights, err := parseIndex(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f := &File{path: path, tensors: make(map[string]stored, len(weights))}
	if err := f.openShards(weights); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// openShards opens every file that the index names. What the index says of a
// tensor must be so; a tensor that it leaves out is found in its file.
func (f *File) openShards(weights map[string]string) error {
	shards := map[string]*part{}
	for _, name := range slices.Sorted(maps.Values(weights)) {
		if shards[name] != nil {
			continue
		}
		p, err := openPart(filepath.Join(filepath.Dir(f.path), name))
		if err != nil {
			return fmt.Errorf("%s: %w", f.path, err)
		}
		shards[name] = p
		f.parts = append(f.parts, p)
	}
	for _, name := range slices.Sorted(maps.Keys(weights)) {
		s, ok := shards[weights[name]].tensors[name]
		if !ok {
			return fmt.Errorf("%s: weight_map: tensor %q is said to be in %s, which does not have it", f.path, clip(name), weights[name])
		}
		f.tensors[name] = s
	}
	for _, p := range f.parts {
		for _, name := range slices.Sorted(maps.Keys(p.tensors)) {
			if weights[name] != "" {
				continue
			}
			if other, ok := f.tensors[name]; ok {
				return fmt.Errorf("%s: tensor %q is in %s and in %s, and weight_map does not say which it is", f.path, clip(name), other.part.path, p.path)
			}
			f.tensors[name] = p.tensors[name]
		}
	}
	return nil
}

// readIndex reads a file that is not longer than a header may be.
func readIndex(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	stat, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !stat.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: found a %s, expected the index of a checkpoint", path, kind(stat.Mode()))
	}
	if stat.Size() > min(maxHeader, math.MaxInt) {
		return nil, fmt.Errorf("%s: the index has %d bytes, expected at most %d", path, stat.Size(), maxHeader)
	}
	text := make([]byte, stat.Size())
	if _, err := io.ReadFull(f, text); err != nil {
		return nil, fmt.Errorf("%s: reading %d bytes: %w", path, len(text), err)
	}
	return text, nil
}

// parseIndex returns the weight_map: the file name of each tensor.
func parseIndex(text []byte) (map[string]string, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("index: found bytes that are not UTF-8, expected JSON in UTF-8")
	}
	d := decoder{json.NewDecoder(bytes.NewReader(text))}
	d.json.UseNumber()
	var weights map[string]string
	err := d.object("index", func(key string) error {
		if key != "weight_map" {
			var ignored json.RawMessage // the total size, and who wrote it
			if err := d.json.Decode(&ignored); err != nil {
				return fmt.Errorf("index: value of %q: bad JSON before byte %d: %w", clip(key), d.json.InputOffset(), err)
			}
			return nil
		}
		weights = map[string]string{}
		return d.object(key, func(name string) error {
			value, err := d.token(key + ": file of " + strconv.Quote(clip(name)))
			if err != nil {
				return err
			}
			file, ok := value.(string)
			if !ok {
				return fmt.Errorf("%s: file of %q is %v, expected a string", key, clip(name), describe(value))
			}
			if file == "" || file == "." || file == ".." || strings.ContainsAny(file, "/\\:\x00") {
				return fmt.Errorf("%s: file of %q is %q, expected the name of a file in the same folder", key, clip(name), clip(file))
			}
			weights[name] = file
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	if _, err := d.json.Token(); err != io.EOF {
		return nil, fmt.Errorf("index: something follows its JSON object at byte %d, expected only spaces", d.json.InputOffset())
	}
	if weights == nil {
		return nil, errors.New("index: weight_map is missing")
	}
	return weights, nil
}
