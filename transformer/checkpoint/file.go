// Package checkpoint reads and writes the files that hold the parameters of a
// model.
//
// The format is safetensors: eight bytes of length (little endian), a JSON
// header of that length that names each tensor with its type, its shape and
// its place, and then the elements, little endian, row-major. [Open] trusts
// nothing: whatever a header claims is checked against the file before a
// tensor is handed out, and an error names the file, the tensor, what was found and what was
// expected.
package checkpoint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unsafe"
)

// FileName is the file that a model directory keeps its parameters in.
const FileName = "model.safetensors"

// Info describes a tensor of a file.
type Info struct {
	Name  string
	DType DType
	Shape []int // empty for a scalar
}

// Elements returns the number of elements: the product of the shape.
func (i Info) Elements() int {
	n := 1
	for _, d := range i.Shape {
		n *= d
	}
	return n
}

// File is an open safetensors file. Its methods may be called from several
// goroutines at once, except for Close.
type File struct {
	path    string
	data    []byte // the whole file
	header  *header
	release func() error
}

// Open opens a safetensors file and checks its whole header: the length, the
// JSON, keys that come twice, types, shapes, and that the tensors fill the
// file without overlap or gap. The file is mapped into memory where the
// platform allows it, so it must not be cut short while it is open.
func Open(path string) (*File, error) {
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
		return nil, fmt.Errorf("%s: found a %s, expected a safetensors file", path, kind(stat.Mode()))
	}
	const prefix = 8
	if stat.Size() < prefix || stat.Size() > math.MaxInt {
		return nil, fmt.Errorf("%s: the file has %d bytes, expected at least %d for the header length", path, stat.Size(), prefix)
	}
	data, release, err := load(f, int(stat.Size()))
	if err != nil {
		return nil, err
	}
	head, err := parseHeader(data)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), release())
	}
	return &File{path: path, data: data, header: head, release: release}, nil
}

// OpenDirectory opens the parameters of a model directory, [FileName].
func OpenDirectory(dir string) (*File, error) {
	path := filepath.Join(dir, FileName)
	f, err := Open(path)
	if !errors.Is(err, os.ErrNotExist) {
		return f, err
	}
	if stat, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("model directory: %w", err)
	} else if !stat.IsDir() {
		return nil, fmt.Errorf("%s: found a file, expected a directory that holds %s", dir, FileName)
	}
	var others []string
	for _, pattern := range []string{"*.safetensors*", "*.bin", "*.bin.index.json", "*.h5", "*.msgpack", "*.onnx"} {
		found, _ := filepath.Glob(filepath.Join(escapeGlob(dir), pattern))
		for _, p := range found {
			others = append(others, filepath.Base(p))
		}
	}
	if len(others) == 0 {
		return nil, fmt.Errorf("%s: no parameters found: looked for %s", dir, FileName)
	}
	return nil, fmt.Errorf("%s: no parameters found that can be read: looked for %s, found %s", dir, FileName, strings.Join(others, ", "))
}

// escapeGlob quotes the characters of a path that filepath.Glob interprets.
// On Windows they cannot be quoted, and a backslash separates folders.
func escapeGlob(path string) string {
	if filepath.Separator == '\\' {
		return path
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

func kind(mode os.FileMode) string {
	if mode.IsDir() {
		return "directory"
	}
	return "special file"
}

// Path returns the path that the file was opened with.
func (f *File) Path() string { return f.path }

// Names returns the names of the tensors, sorted.
func (f *File) Names() []string {
	return slices.Sorted(maps.Keys(f.header.tensors))
}

// Metadata returns the strings stored with the file as a whole, nil where it
// has none.
func (f *File) Metadata() map[string]string { return maps.Clone(f.header.metadata) }

// Info describes the tensor of that name; ok is false where there is none.
func (f *File) Info(name string) (info Info, ok bool) {
	t, ok := f.header.tensors[name]
	if !ok {
		return Info{}, false
	}
	return Info{Name: t.name, DType: t.dtype, Shape: slices.Clone(t.shape)}, true
}

// Close unmaps the file. Slices that Float32 returned must not be used after.
func (f *File) Close() error {
	if f.data == nil {
		return nil
	}
	f.data = nil
	if err := f.release(); err != nil {
		return fmt.Errorf("%s: closing: %w", f.path, err)
	}
	return nil
}

// bytes returns the stored elements of a tensor, if its type is one of those.
func (f *File) bytes(name string, types ...DType) (entry, []byte, error) {
	t, ok := f.header.tensors[name]
	if !ok {
		return t, nil, fmt.Errorf("%s: there is no tensor %q", f.path, name)
	}
	if !slices.Contains(types, t.dtype) {
		return t, nil, fmt.Errorf("%s: tensor %q: dtype is %s, expected one of %v", f.path, name, t.dtype, types)
	}
	if f.data == nil {
		return t, nil, fmt.Errorf("%s: tensor %q: %w", f.path, name, os.ErrClosed)
	}
	return t, f.data[f.header.start+t.begin : f.header.start+t.end : f.header.start+t.end], nil
}

var floatTypes = []DType{F32, F16, BF16, F64}

// Float32 returns the elements of a tensor of type F32, F16, BF16 or F64, row
// by row.
//
// For F32 that is where possible a view of the mapped file: writing to it is
// a fault, and it ends with Close. Use [File.ReadFloat32] for a copy. F64 is
// rounded to nearest and may overflow to infinity.
func (f *File) Float32(name string) ([]float32, error) {
	t, raw, err := f.bytes(name, floatTypes...)
	if err != nil {
		return nil, err
	}
	if t.dtype == F32 {
		if view, ok := viewFloat32(raw); ok {
			return view, nil
		}
	}
	list := make([]float32, t.elements)
	convert(list, raw, t.dtype)
	return list, nil
}

// ReadFloat32 copies the elements of a tensor of type F32, F16, BF16 or F64
// to dst, whose length must be theirs.
func (f *File) ReadFloat32(name string, dst []float32) error {
	t, raw, err := f.bytes(name, floatTypes...)
	if err != nil {
		return err
	}
	if len(dst) != t.elements {
		return fmt.Errorf("%s: tensor %q: shape %v has %d elements, expected %d", f.path, name, t.shape, t.elements, len(dst))
	}
	convert(dst, raw, t.dtype)
	return nil
}

// Int64 returns the elements of a tensor of type I64, I32, U8 or BOOL (0 and
// 1), row by row, as a copy.
func (f *File) Int64(name string) ([]int64, error) {
	t, raw, err := f.bytes(name, I64, I32, U8, Bool)
	if err != nil {
		return nil, err
	}
	list := make([]int64, t.elements)
	for i := range list {
		switch t.dtype {
		case I64:
			list[i] = int64(binary.LittleEndian.Uint64(raw[8*i:]))
		case I32:
			list[i] = int64(int32(binary.LittleEndian.Uint32(raw[4*i:])))
		case Bool:
			if raw[i] > 1 {
				return nil, fmt.Errorf("%s: tensor %q: element %d is the byte %d, expected 0 or 1 for BOOL", f.path, name, i, raw[i])
			}
			list[i] = int64(raw[i])
		default:
			list[i] = int64(raw[i])
		}
	}
	return list, nil
}

// convert widens or rounds stored floating-point elements into dst.
func convert(dst []float32, raw []byte, dtype DType) {
	switch dtype {
	case F32:
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		}
	case F16:
		for i := range dst {
			dst[i] = float16(binary.LittleEndian.Uint16(raw[2*i:]))
		}
	case BF16:
		for i := range dst {
			dst[i] = bfloat16(binary.LittleEndian.Uint16(raw[2*i:]))
		}
	case F64:
		for i := range dst {
			dst[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(raw[8*i:])))
		}
	}
}

// viewFloat32 reinterprets stored F32 elements in place. It can where they
// are aligned and the machine is little-endian, as the file is.
func viewFloat32(raw []byte) ([]float32, bool) {
	if len(raw) == 0 {
		return []float32{}, true
	}
	if !hostIsLittleEndian || uintptr(unsafe.Pointer(&raw[0]))%4 != 0 {
		return nil, false
	}
	n := len(raw) / 4
	return unsafe.Slice((*float32)(unsafe.Pointer(&raw[0])), n), true
}

var hostIsLittleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1
