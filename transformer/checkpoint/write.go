package checkpoint

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// Tensor is a tensor to be written: as I64 where Int64 is not nil, as F32
// otherwise. The elements are row-major and as many as the shape says.
type Tensor struct {
	Name    string
	Shape   []int // empty for a scalar
	Float32 []float32
	Int64   []int64
}

func (t Tensor) dtype() DType {
	if t.Int64 != nil {
		return I64
	}
	return F32
}

func (t Tensor) len() int { return max(len(t.Float32), len(t.Int64)) }

// check demands what makes a tensor writable.
func (t Tensor) check() error {
	if t.Name == metadataKey {
		return fmt.Errorf("tensor %q: the name is reserved for metadata", t.Name)
	}
	if !utf8.ValidString(t.Name) {
		return fmt.Errorf("tensor %q: the name is not UTF-8", t.Name)
	}
	if t.Float32 != nil && t.Int64 != nil {
		return fmt.Errorf("tensor %q: has Float32 and Int64, expected one of them", t.Name)
	}
	for _, d := range t.Shape {
		if d < 0 {
			return fmt.Errorf("tensor %q: shape %v is negative", t.Name, t.Shape)
		}
	}
	if n, ok := product(t.Shape); !ok || n != t.len() {
		return fmt.Errorf("tensor %q: has %d elements, expected those of shape %v", t.Name, t.len(), t.Shape)
	}
	return nil
}

// Write writes a safetensors file. Metadata may be nil; Hugging Face's
// transformers expects it to have "format": "pt". The same arguments, in any
// order of the tensors, give the same bytes.
//
// The file appears whole or not at all: it is written beside path, flushed to
// the disk, and renamed. What stood at path before stays there if that fails.
// Every error names the file.
func Write(path string, metadata map[string]string, tensors []Tensor) error {
	// Eight-byte elements come first, so that everything is aligned.
	order := slices.Clone(tensors)
	slices.SortStableFunc(order, func(a, b Tensor) int {
		if d := b.dtype().Size() - a.dtype().Size(); d != 0 {
			return d
		}
		return strings.Compare(a.Name, b.Name)
	})
	head, err := encodeHeader(metadata, order)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	err = replaceFile(path, func(w io.Writer) error {
		if _, err := w.Write(head); err != nil {
			return err
		}
		for _, t := range order {
			if err := writeElements(w, t); err != nil {
				return fmt.Errorf("tensor %q: %w", t.Name, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// encodeHeader returns the length and the JSON of the header for tensors that
// lie one after the other in that order. It is padded with spaces to a
// multiple of eight bytes, which aligns the elements.
func encodeHeader(metadata map[string]string, tensors []Tensor) ([]byte, error) {
	type description struct {
		DType   DType  `json:"dtype"`
		Shape   []int  `json:"shape"`
		Offsets [2]int `json:"data_offsets"`
	}
	for key, value := range metadata {
		if !utf8.ValidString(key) || !utf8.ValidString(value) {
			return nil, fmt.Errorf("metadata %q: %q is not UTF-8", key, value)
		}
	}
	var b bytes.Buffer
	b.Write(make([]byte, 8)) // the length, known at the end
	b.WriteByte('{')
	member := func(key string, value any) error {
		if b.Len() > 9 {
			b.WriteByte(',')
		}
		for i, v := range []any{key, value} {
			if i == 1 {
				b.WriteByte(':')
			}
			text, err := json.Marshal(v)
			if err != nil {
				return err
			}
			b.Write(text)
		}
		return nil
	}
	if len(metadata) > 0 {
		if err := member(metadataKey, metadata); err != nil {
			return nil, err
		}
	}
	seen := make(map[string]bool, len(tensors))
	end := 0
	for _, t := range tensors {
		if err := t.check(); err != nil {
			return nil, err
		}
		if seen[t.Name] {
			return nil, fmt.Errorf("tensor %q: the name comes twice", t.Name)
		}
		seen[t.Name] = true
		begin := end
		end += t.len() * t.dtype().Size()
		shape := append([]int{}, t.Shape...) // a nil shape would become null
		if err := member(t.Name, description{t.dtype(), shape, [2]int{begin, end}}); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	for b.Len()%8 != 0 {
		b.WriteByte(' ')
	}
	if b.Len()-8 > maxHeader {
		return nil, fmt.Errorf("the header has %d bytes, expected at most %d", b.Len()-8, maxHeader)
	}
	binary.LittleEndian.PutUint64(b.Bytes(), uint64(b.Len()-8))
	return b.Bytes(), nil
}

// writeElements writes the elements of a tensor, little endian.
func writeElements(w io.Writer, t Tensor) error {
	if hostIsLittleEndian {
		var raw []byte
		if t.len() == 0 {
			return nil
		}
		if t.dtype() == I64 {
			raw = unsafe.Slice((*byte)(unsafe.Pointer(&t.Int64[0])), 8*len(t.Int64))
		} else {
			raw = unsafe.Slice((*byte)(unsafe.Pointer(&t.Float32[0])), 4*len(t.Float32))
		}
		_, err := w.Write(raw)
		return err
	}
	var word [8]byte
	for _, v := range t.Int64 {
		binary.LittleEndian.PutUint64(word[:], uint64(v))
		if _, err := w.Write(word[:8]); err != nil {
			return err
		}
	}
	for _, v := range t.Float32 {
		binary.LittleEndian.PutUint32(word[:], math.Float32bits(v))
		if _, err := w.Write(word[:4]); err != nil {
			return err
		}
	}
	return nil
}

// WriteFile writes a file as [Write] does: it appears whole or not at all, on the disk.
// Every error names the file.
func WriteFile(path string, data []byte) error {
	err := replaceFile(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// replaceFile writes a file beside path and, once it is whole and on the
// disk, renames it to path.
func replaceFile(path string, write func(io.Writer) error) (err error) {
	// Not os.CreateTemp, whose files only their owner may read.
	temporary := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+rand.Text()+".tmp")
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(temporary))
		}
	}()
	buffer := bufio.NewWriterSize(f, 1<<20)
	err = write(buffer)
	if err == nil {
		err = buffer.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(temporary, path)
	}
	return err
}
