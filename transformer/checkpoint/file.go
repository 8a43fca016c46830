// Package checkpoint reads and writes the files that hold the parameters of a
// model.
//
// Three formats are read, each told by its content. Safetensors: eight bytes
// of length (little endian), a JSON header of that length that names each
// tensor with its type, its shape and its place, and then the elements, little
// endian, row-major. The two of PyTorch, a zip archive and an older one: a
// pickle that describes views of storages, and the storages. A checkpoint may
// be split over files, with an index. Safetensors is what [Write] writes.
//
// [Open] trusts nothing: whatever a file claims is checked against its content
// before a tensor is handed out, a pickle builds tensors and calls nothing,
// memory is bounded by the size of the file, and an error names the file, the
// place, what was found and what was expected. The elements are mapped, not
// read, until they are asked for.
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
	"syscall"
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

// File is an open checkpoint: one file, or several with an index. Its methods
// may be called from several goroutines at once, except for Close.
type File struct {
	path     string
	metadata map[string]string
	tensors  map[string]stored
	parts    []*part
}

// Part is a file of a checkpoint.
type Part struct {
	Path   string
	Format string // "safetensors", "PyTorch zip" or "PyTorch legacy"
	Bytes  int64
}

// Open opens a file of safetensors or of torch.save, and checks everything in
// it that describes tensors. Of safetensors: the length, the JSON, keys that
// come twice, types, shapes, and that the tensors fill the file without
// overlap or gap. Of PyTorch: the archive, every instruction of the pickle,
// and that all views lie within their storages.
//
// The file is mapped into memory where the platform allows it, so it must not
// be cut short while it is open.
func Open(path string) (*File, error) {
	p, err := openPart(path)
	if err != nil {
		return nil, err
	}
	return &File{path: path, metadata: p.metadata, tensors: p.tensors, parts: []*part{p}}, nil
}

// directoryFiles are the files that a model directory may keep its parameters
// in, in the order in which they are looked for.
var directoryFiles = []struct {
	name string
	open func(path string) (*File, error)
}{
	{FileName, Open},
	{FileName + ".index.json", openIndex},
	{"pytorch_model.bin", Open},
	{"pytorch_model.bin.index.json", openIndex},
}

// OpenDirectory opens the parameters of a model directory: model.safetensors,
// model.safetensors.index.json, pytorch_model.bin or
// pytorch_model.bin.index.json, whichever is found first.
func OpenDirectory(dir string) (*File, error) {
	var names []string
	for _, file := range directoryFiles {
		path := filepath.Join(dir, file.name)
		if _, err := os.Stat(path); err == nil || !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			return file.open(path)
		}
		names = append(names, file.name)
	}
	looked := strings.Join(names, ", ")
	if stat, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("model directory: %w", err)
	} else if !stat.IsDir() {
		return nil, fmt.Errorf("%s: found a file, expected a directory that holds %s", dir, looked)
	}
	var others []string
	for _, pattern := range []string{"*.safetensors*", "*.bin", "*.bin.index.json", "*.h5", "*.msgpack", "*.onnx"} {
		found, _ := filepath.Glob(filepath.Join(escapeGlob(dir), pattern))
		for _, p := range found {
			others = append(others, filepath.Base(p))
		}
	}
	if len(others) == 0 {
		return nil, fmt.Errorf("%s: no parameters found: looked for %s", dir, looked)
	}
	return nil, fmt.Errorf("%s: no parameters found that can be read: looked for %s, found %s", dir, looked, strings.Join(others, ", "))
}

// escapeGlob quotes the characters of a path that filepath.Glob interprets.
// On Windows they cannot be quoted, and a backslash separates folders.
func escapeGlob(path string) string {
	if filepath.Separator == '\\' {
		return path
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// Path returns the path that the checkpoint was opened with: of a split one,
// its index.
func (f *File) Path() string { return f.path }

// Parts returns the files that hold the tensors.
func (f *File) Parts() []Part {
	list := make([]Part, len(f.parts))
	for i, p := range f.parts {
		list[i] = Part{Path: p.path, Format: p.format, Bytes: int64(p.size)}
	}
	return list
}

// Names returns the names of the tensors, sorted. Tied weights, which share
// their elements, each have theirs.
func (f *File) Names() []string {
	return slices.Sorted(maps.Keys(f.tensors))
}

// Metadata returns the strings stored with a safetensors file as a whole, nil
// where it has none.
func (f *File) Metadata() map[string]string { return maps.Clone(f.metadata) }

// Info describes the tensor of that name; ok is false where there is none.
func (f *File) Info(name string) (info Info, ok bool) {
	t, ok := f.tensors[name]
	if !ok {
		return Info{}, false
	}
	return Info{Name: t.name, DType: t.dtype, Shape: slices.Clone(t.shape)}, true
}

// Tied returns the tensors that are the very elements of another one, which
// is named: the first by name.
func (f *File) Tied() map[string]string {
	type place struct {
		part  *part
		begin int
		view  string
	}
	first, tied := map[place]string{}, map[string]string{}
	for _, name := range f.Names() {
		t := f.tensors[name]
		if t.elements == 0 {
			continue
		}
		p := place{t.part, t.begin, fmt.Sprint(t.dtype, t.shape, t.strides)}
		if other, ok := first[p]; ok {
			tied[name] = other
		} else {
			first[p] = name
		}
	}
	return tied
}

// Close unmaps the files. Slices that Float32 returned must not be used after.
func (f *File) Close() error {
	var errs []error
	for _, p := range f.parts {
		errs = append(errs, p.close())
	}
	return errors.Join(errs...)
}

// elements returns the stored elements of a tensor, if its type is one of those.
func (f *File) elements(name string, types ...DType) (stored, []byte, error) {
	t, ok := f.tensors[name]
	if !ok {
		return t, nil, fmt.Errorf("%s: there is no tensor %q", f.path, name)
	}
	if !slices.Contains(types, t.dtype) {
		return t, nil, fmt.Errorf("%s: tensor %q: dtype is %s, expected one of %v", t.part.path, name, t.dtype, types)
	}
	if t.part.data == nil {
		return t, nil, fmt.Errorf("%s: tensor %q: %w", t.part.path, name, os.ErrClosed)
	}
	return t, t.raw(), nil
}

var floatTypes = []DType{F32, F16, BF16, F64}

// Float32 returns the elements of a tensor of type F32, F16, BF16 or F64, row
// by row.
//
// For F32 that is where possible a view of the mapped file: writing to it is
// a fault, and it ends with Close. Use [File.ReadFloat32] for a copy. F64 is
// rounded to nearest and may overflow to infinity.
func (f *File) Float32(name string) ([]float32, error) {
	t, raw, err := f.elements(name, floatTypes...)
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
	t, raw, err := f.elements(name, floatTypes...)
	if err != nil {
		return err
	}
	if len(dst) != t.elements {
		return fmt.Errorf("%s: tensor %q: shape %v has %d elements, expected %d", t.part.path, name, t.shape, t.elements, len(dst))
	}
	convert(dst, raw, t.dtype)
	return nil
}

// Int64 returns the elements of a tensor of an integer type of up to 64 bits
// with sign, or of BOOL (0 and 1), row by row, as a copy.
func (f *File) Int64(name string) ([]int64, error) {
	t, raw, err := f.elements(name, I64, I32, I16, I8, U32, U16, U8, Bool)
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
		case I16:
			list[i] = int64(int16(binary.LittleEndian.Uint16(raw[2*i:])))
		case I8:
			list[i] = int64(int8(raw[i]))
		case U32:
			list[i] = int64(binary.LittleEndian.Uint32(raw[4*i:]))
		case U16:
			list[i] = int64(binary.LittleEndian.Uint16(raw[2*i:]))
		case Bool:
			if raw[i] > 1 {
				return nil, fmt.Errorf("%s: tensor %q: element %d is the byte %d, expected 0 or 1 for BOOL", t.part.path, name, i, raw[i])
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
