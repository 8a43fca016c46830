package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"godwit/experiments/train"
	"godwit/transformer/checkpoint"
)

type convertCommand struct {
	Dir       string `arg:"" help:"Directory of a checkpoint: safetensors or PyTorch, whole or split." placeholder:"DIR"`
	Out       string `arg:"" help:"Directory to write." placeholder:"OUT"`
	DType     string `name:"dtype" default:"float32" enum:"float32,float16,bfloat16" help:"Type of the numbers: float32, float16 or bfloat16."`
	Overwrite bool   `help:"Replace the model in OUT. Files of OUT that are no part of a model stay."`
	JSON      bool   `help:"Print what was done as JSON on standard output."`
}

func (convertCommand) Help() string {
	return `Example: godwit convert checkpoints/bert-base converted/bert-base --dtype float16

Writes config.json, model.safetensors, the tokenizer's files as they are and a README.md. Parameters keep their names, but for LayerNorm's old gamma and beta, which become weight and bias. Buffers of integers are left out. A number that float16 cannot hold is an error.`
}

// tokenizerFiles are copied as they are.
var tokenizerFiles = []string{"tokenizer.json", "vocab.txt", "vocab.json", "merges.txt", "spiece.model", "sentencepiece.bpe.model",
	"tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"}

// conversion is what was done.
type conversion struct {
	Source     string            `json:"source"`
	Format     string            `json:"source_format"`
	Output     string            `json:"output"`
	DType      string            `json:"dtype"`
	Tensors    int               `json:"tensors"`
	Parameters int               `json:"parameters"`
	Before     int64             `json:"bytes_before"` // of the weights
	After      int64             `json:"bytes_after"`
	Renamed    map[string]string `json:"renamed,omitempty"` // new names by old
	LeftOut    []string          `json:"left_out,omitempty"`
	Copied     []string          `json:"copied,omitempty"`
	Notes      []string          `json:"notes,omitempty"`
}

func (c *convertCommand) Run(ctx context.Context) (err error) {
	existing, err := c.checkOut()
	if err != nil {
		return err
	}
	f, err := checkpoint.OpenDirectory(c.Dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	config, err := convertConfig(filepath.Join(c.Dir, "config.json"), c.DType)
	if err != nil {
		return err
	}
	temporary, remove, err := c.temporary(existing)
	if err != nil {
		return fmt.Errorf("output directory: %w", err)
	}
	defer func() { err = errors.Join(err, remove(err != nil)) }()
	done, err := c.write(ctx, f, temporary)
	if err != nil {
		return err
	}
	if err := checkpoint.WriteFile(filepath.Join(temporary, "config.json"), config); err != nil {
		return err
	}
	for _, name := range tokenizerFiles {
		switch err := copyFile(filepath.Join(temporary, name), filepath.Join(c.Dir, name)); {
		case err == nil:
			done.Copied = append(done.Copied, name)
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
	}
	if existing {
		err = c.replace(temporary, done)
	} else if err = train.WriteCard(temporary, c.card(done)); err == nil {
		err = os.Rename(temporary, filepath.Clean(c.Out))
	}
	if err != nil {
		return err
	}
	return c.report(done)
}

// temporary makes the directory that everything is written to first: inside
// OUT where there is one, which may be a file system of its own, and otherwise
// beside it, to become OUT as a whole. remove removes it, and after a failure
// the directories made for it.
func (c *convertCommand) temporary(existing bool) (dir string, remove func(failed bool) error, err error) {
	out := filepath.Clean(c.Out)
	parent, name := out, ".godwit."
	var made []string
	if !existing {
		parent, name = filepath.Dir(out), "."+filepath.Base(out)+"."
		if made, err = makeParents(parent); err != nil {
			return "", nil, err
		}
	}
	dir = filepath.Join(parent, name+rand.Text()+".tmp")
	remove = func(failed bool) error {
		err := os.RemoveAll(dir)
		if failed {
			for _, dir := range made {
				os.Remove(dir) // if it is empty
			}
		}
		return err
	}
	if err := os.Mkdir(dir, 0o777); err != nil {
		return "", nil, errors.Join(err, remove(true))
	}
	return dir, remove, nil
}

// checkOut demands an output directory that may be written, and reports
// whether there is one.
func (c *convertCommand) checkOut() (existing bool, err error) {
	out, err := os.Stat(c.Out)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("output directory: %w", err)
	}
	if !out.IsDir() {
		return false, usagef("%s: found a file, expected a directory to write", c.Out)
	}
	if in, err := os.Stat(c.Dir); err == nil && os.SameFile(in, out) {
		return false, usagef("%s: is the checkpoint itself: expected another directory to write", c.Out)
	}
	entries, err := os.ReadDir(c.Out)
	if err != nil {
		return false, fmt.Errorf("output directory: %w", err)
	}
	if len(entries) > 0 && !c.Overwrite {
		return false, usagef("%s: has %d files, expected an empty directory; --overwrite replaces the model in it", c.Out, len(entries))
	}
	return true, nil
}

// makeParents makes a directory with all above it, and returns those that were
// missing, the deepest first.
func makeParents(dir string) (made []string, err error) {
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(at); !errors.Is(err, fs.ErrNotExist) || at == filepath.Dir(at) {
			break
		}
		made = append(made, at)
	}
	return made, os.MkdirAll(dir, 0o777)
}

// convertConfig returns a config.json with another type of numbers.
func convertConfig(path, dtype string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var keys map[string]json.RawMessage
	if err = json.Unmarshal(data, &keys); err == nil && keys == nil {
		err = errors.New("found null")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: expected a JSON object: %w", path, err)
	}
	delete(keys, "torch_dtype") // the older name of dtype
	keys["dtype"] = json.RawMessage(`"` + dtype + `"`)
	if data, err = json.MarshalIndent(keys, "", "  "); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return append(data, '\n'), nil
}

// write writes model.safetensors into dir, tensor by tensor.
func (c *convertCommand) write(ctx context.Context, f *checkpoint.File, dir string) (*conversion, error) {
	dtype := map[string]checkpoint.DType{"float32": checkpoint.F32, "float16": checkpoint.F16, "bfloat16": checkpoint.BF16}[c.DType]
	done := &conversion{Source: c.Dir, Output: c.Out, DType: c.DType, Renamed: map[string]string{}}
	for _, p := range f.Parts() {
		done.Before += p.Bytes
		done.Format = p.Format
	}
	var tensors []checkpoint.Tensor
	sources := map[string]string{} // by new name
	for _, name := range f.Names() {
		info, _ := f.Info(name)
		if !isFloat(info.DType) {
			done.LeftOut = append(done.LeftOut, name)
			continue
		}
		renamed := modernName(name)
		if renamed != name {
			done.Renamed[name] = renamed
		}
		if other, ok := sources[renamed]; ok {
			return nil, fmt.Errorf("%s: %s and %s are the same parameter", f.Path(), other, name)
		}
		sources[renamed] = name
		done.Tensors++
		done.Parameters += info.Elements()
		tensors = append(tensors, checkpoint.Tensor{Name: renamed, Shape: info.Shape, DType: dtype, Read: func() ([]float32, error) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			list, err := f.Float32(name)
			if info.DType == checkpoint.F64 {
				err = errors.Join(err, checkFinite(list))
			}
			return list, err
		}})
	}
	path := filepath.Join(dir, checkpoint.FileName)
	if err := checkpoint.Write(path, map[string]string{"format": "pt"}, tensors); err != nil {
		return nil, fmt.Errorf("%s as %s: %w", f.Path(), c.DType, err)
	}
	stat, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	done.After = stat.Size()
	return done, nil
}

func isFloat(d checkpoint.DType) bool {
	return !slices.Contains([]checkpoint.DType{checkpoint.I64, checkpoint.I32, checkpoint.I16, checkpoint.I8,
		checkpoint.U64, checkpoint.U32, checkpoint.U16, checkpoint.U8, checkpoint.Bool}, d)
}

// checkFinite reports a number that float32 cannot hold.
func checkFinite(list []float32) error {
	for i, v := range list {
		if math.IsInf(float64(v), 0) {
			return fmt.Errorf("element %d is beyond float32", i)
		}
	}
	return nil
}

// modernName replaces the names that LayerNorm's parameters had in TensorFlow.
func modernName(name string) string {
	if rest, ok := strings.CutSuffix(name, ".gamma"); ok {
		return rest + ".weight"
	}
	if rest, ok := strings.CutSuffix(name, ".beta"); ok {
		return rest + ".bias"
	}
	return name
}

// copyFile copies a file, which may be a link as in Hugging Face's cache.
func copyFile(to, from string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	if stat, err := in.Stat(); err != nil || !stat.Mode().IsRegular() {
		return errors.Join(err, fmt.Errorf("%s: expected a file", from))
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if _, err := io.Copy(out, in); err != nil {
		return fmt.Errorf("copying %s: %w", from, err)
	}
	return out.Sync()
}

// replace moves the written files into OUT, each in one step. A tokenizer of
// the model that was there must not be taken for this one's.
func (c *convertCommand) replace(temporary string, done *conversion) error {
	for _, name := range append([]string{"config.json", checkpoint.FileName}, tokenizerFiles...) {
		path := filepath.Join(c.Out, name)
		err := os.Rename(filepath.Join(temporary, name), path)
		if errors.Is(err, fs.ErrNotExist) {
			if err = os.Remove(path); errors.Is(err, fs.ErrNotExist) {
				err = nil
			}
		}
		if err != nil {
			return fmt.Errorf("output directory: %w", err)
		}
	}
	err := train.WriteCard(c.Out, c.card(done))
	if errors.Is(err, train.ErrCardKept) {
		done.Notes = append(done.Notes, err.Error())
		return nil
	}
	return err
}

func (c *convertCommand) card(done *conversion) train.Card {
	card := train.Card{
		Title:     filepath.Base(filepath.Clean(c.Out)),
		Summary:   fmt.Sprintf("The weights of another checkpoint, rewritten by godwit as safetensors in %s.", c.DType),
		BaseModel: c.Dir,
		Command:   []string{"godwit", "convert", c.Dir, c.Out, "--dtype", c.DType},
		Data: []train.CardItem{
			{Name: "read", Value: fmt.Sprintf("%s, %d bytes", done.Format, done.Before)},
			{Name: "written", Value: fmt.Sprintf("%d tensors, %d numbers, %d bytes", done.Tensors, done.Parameters, done.After)},
		},
	}
	if len(done.LeftOut) > 0 {
		card.Notes = append(card.Notes, "Left out, being no parameters: "+strings.Join(done.LeftOut, ", ")+".")
	}
	if n := len(done.Renamed); n > 0 {
		card.Notes = append(card.Notes, fmt.Sprintf("%d parameters called gamma or beta are called weight or bias here.", n))
	}
	return card
}

func (c *convertCommand) report(done *conversion) error {
	if c.JSON {
		return printJSON(done)
	}
	fmt.Printf("%d tensors, %d numbers: %s, %d bytes → safetensors, %s, %d bytes\n", done.Tensors, done.Parameters, done.Format, done.Before, done.DType, done.After)
	if len(done.Renamed) > 0 {
		fmt.Printf("renamed from gamma and beta: %d\n", len(done.Renamed))
	}
	if len(done.LeftOut) > 0 {
		fmt.Printf("left out, being no parameters: %s\n", strings.Join(done.LeftOut, ", "))
	}
	if len(done.Copied) > 0 {
		fmt.Printf("copied: %s\n", strings.Join(done.Copied, ", "))
	}
	for _, note := range done.Notes {
		fmt.Println(note)
	}
	fmt.Printf("written to %s\n", c.Out)
	return nil
}
