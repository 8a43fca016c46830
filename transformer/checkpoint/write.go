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
)

// Tensor is a tensor to be written. The elements are row-major and as many as
// the shape says.
type Tensor struct {
	Name  string
	Shape []int // empty for a scalar

	// Either numbers, or integers that are written as I64.
	Float32 []float32
	Int64   []int64

	// Read gives the numbers in place of Float32. It is called when they are
	// written, so that a model need not be in memory.
	Read func() ([]float32, error)
	// DType is the type that numbers are rounded to: F32, which is meant by
	// "" too, F16 or BF16. They are rounded to nearest, and to even.
	DType DType
}

func (t Tensor) dtype() DType {
	switch {
	case t.Int64 != nil:
		return I64
	case t.DType == "":
		return F32
	}
	return t.DType
}

// len returns the number of elements by the shape, which check found right.
func (t Tensor) len() int {
	n, _ := product(t.Shape)
	return n
}

// check demands what makes a tensor writable.
func (t Tensor) check() error {
	if t.Name == metadataKey {
		return fmt.Errorf("tensor %q: the name is reserved for metadata", t.Name)
	}
	if !utf8.ValidString(t.Name) {
		return fmt.Errorf("tensor %q: the name is not UTF-8", t.Name)
	}
	if t.Float32 != nil && t.Int64 != nil || t.Read != nil && (t.Float32 != nil || t.Int64 != nil) {
		return fmt.Errorf("tensor %q: has two of Float32, Int64 and Read, expected one of them", t.Name)
	}
	if d := t.dtype(); d != F32 && d != F16 && d != BF16 && t.Int64 == nil || t.Int64 != nil && t.DType != "" && t.DType != I64 {
		return fmt.Errorf("tensor %q: dtype is %s, expected F32, F16 or BF16, or I64 for integers", t.Name, t.DType)
	}
	for _, d := range t.Shape {
		if d < 0 {
			return fmt.Errorf("tensor %q: shape %v is negative", t.Name, t.Shape)
		}
	}
	elements, ok := product(t.Shape)
	if _, fits := product([]int{elements, t.dtype().Size()}); !ok || !fits {
		return fmt.Errorf("tensor %q: the size of shape %v in %s overflows", t.Name, t.Shape, t.dtype())
	}
	if t.Read != nil {
		return nil // counted when they are read
	}
	return t.checkLen(max(len(t.Float32), len(t.Int64)))
}

func (t Tensor) checkLen(found int) error {
	if found != t.len() {
		return fmt.Errorf("tensor %q: has %d elements, expected those of shape %v", t.Name, found, t.Shape)
	}
	return nil
}

// Write writes a safetensors file, tensor by tensor. A number that is finite
// and not so in the type it is written in is an error that names the tensor.
// Metadata may be nil; Hugging Face's
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
			if err := t.write(w); err != nil {
				return err
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

// write writes the elements of a tensor, little endian.
func (t Tensor) write(w io.Writer) error {
	numbers := t.Float32
	if t.Read != nil {
		var err error
		if numbers, err = t.Read(); err != nil {
			return fmt.Errorf("tensor %q: %w", t.Name, err)
		}
		if err := t.checkLen(len(numbers)); err != nil {
			return err
		}
	}
	const chunk = 1 << 12
	buffer := make([]byte, 0, 8*chunk)
	for from := 0; from < t.len(); from += chunk {
		to := min(from+chunk, t.len())
		buffer = buffer[:0]
		if t.Int64 != nil {
			for _, v := range t.Int64[from:to] {
				buffer = binary.LittleEndian.AppendUint64(buffer, uint64(v))
			}
		} else if i := encode(&buffer, numbers[from:to], t.dtype()); i >= 0 {
			return fmt.Errorf("tensor %q: element %d is %v, expected at most %v for %s", t.Name, from+i, numbers[from+i], largest[t.dtype()], t.dtype())
		}
		if _, err := w.Write(buffer); err != nil {
			return fmt.Errorf("tensor %q: %w", t.Name, err)
		}
	}
	return nil
}

// largest finite number of the types that are narrower than float32.
var largest = map[DType]float64{F16: maxFloat16, BF16: maxBFloat16}

// encode appends numbers to buffer, rounded to a type. It returns the index of
// the first finite number that became infinite, -1 if there is none.
func encode(buffer *[]byte, numbers []float32, dtype DType) int {
	const infinite16, infiniteB16, magnitude = 0x7c00, 0x7f80, 1<<15 - 1
	b := *buffer
	overflow := -1
	for i, v := range numbers {
		switch dtype {
		case F32:
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		case F16:
			h := toFloat16(v)
			if h&magnitude == infinite16 && !math.IsInf(float64(v), 0) && overflow < 0 {
				overflow = i
			}
			b = binary.LittleEndian.AppendUint16(b, h)
		case BF16:
			h := toBFloat16(v)
			if h&magnitude == infiniteB16 && !math.IsInf(float64(v), 0) && overflow < 0 {
				overflow = i
			}
			b = binary.LittleEndian.AppendUint16(b, h)
		}
	}
	*buffer = b
	return overflow
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
