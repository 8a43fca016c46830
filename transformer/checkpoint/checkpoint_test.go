package checkpoint

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// shared returns the path of reference files, which are kept beside the
// repository or where $GODWIT_SHARED says.
func shared(t testing.TB, elements ...string) string {
	t.Helper()
	roots := []string{os.Getenv("GODWIT_SHARED")}
	if roots[0] == "" {
		dir, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		roots = nil
		for ; filepath.Dir(dir) != dir; dir = filepath.Dir(dir) {
			roots = append(roots, filepath.Join(filepath.Dir(dir), "shared"))
		}
	}
	for _, root := range roots {
		path := filepath.Join(append([]string{root}, elements...)...)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	t.Skipf("not checked: %s is not there (set GODWIT_SHARED to the folder that has it)", filepath.Join(elements...))
	return ""
}

// file puts a length and a data section around the JSON of a header.
func file(header string, data ...byte) []byte {
	text := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(text, header...), data...)
}

func save(t testing.TB, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), FileName)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t testing.TB, path string) *File {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func TestBadFiles(t *testing.T) {
	eight := make([]byte, 8)
	good := `{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`
	two := func(a, b string) []byte {
		return file(`{"a":{"dtype":"U8","shape":[4],"data_offsets":`+a+`},"b":{"dtype":"U8","shape":[4],"data_offsets":`+b+`}}`, eight...)
	}
	for _, c := range []struct {
		name    string
		content []byte
		want    []string // parts of the error, beside the path
	}{
		{"empty", nil, []string{"0 bytes", "expected at least 8"}},
		{"seven bytes", eight[:7], []string{"7 bytes", "expected at least 8"}},
		{"huge header length", bytes.Repeat([]byte{255}, 20), []string{"header length is 18446744073709551615"}},
		{"negative header length", append(binary.LittleEndian.AppendUint64(nil, 1<<63), good...), []string{"header length is 9223372036854775808"}},
		{"header beyond the file", file(good)[:20], []string{"header length is 54", "12 bytes follow", "truncated"}},
		{"no header", file(""), []string{"expected a JSON object"}},
		{"header starts with a space", file(" " + good), []string{"expected a JSON object"}},
		{"other file", []byte("GIF89a, a picture for one"), []string{"header length", "is this a safetensors file?"}},
		{"array", file("[]"), []string{"expected a JSON object"}},
		{"half JSON", file(good[:30]), []string{`tensor "w"`, "bad JSON"}},
		{"missing comma", file(`{"w":{"dtype":"F32" "shape":[2]}}`), []string{"bad JSON"}},
		{"text after", file(good+"{}", eight...), []string{"something follows"}},
		{"not UTF-8", file("{\"\xff\":{}}"), []string{"not UTF-8"}},
		{"truncated data", file(good, eight[:7]...), []string{`tensor "w"`, "[0, 8]", "has 7 bytes"}},
		{"spare data", file(good, make([]byte, 9)...), []string{"end at byte 8", "expected 9"}},
		{"data without tensors", file("{}", 1), []string{"end at byte 0", "expected 1"}},
		{"same tensor twice", file(`{"w":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"w":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}`, eight...), []string{`"w" comes twice`}},
		{"same tensor twice, escaped", file(`{"w":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"\u0077":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}`, eight...), []string{`"w" comes twice`}},
		{"same key twice", file(`{"w":{"dtype":"U8","dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, eight...), []string{`tensor "w"`, `"dtype" comes twice`}},
		{"metadata twice", file(`{"__metadata__":{},"__metadata__":{}}`), []string{`"__metadata__" comes twice`}},
		{"metadata key twice", file(`{"__metadata__":{"a":"b","a":"c"}}`), []string{"__metadata__", `"a" comes twice`}},
		{"metadata of another type", file(`{"__metadata__":"x"}`), []string{"__metadata__", "expected an object"}},
		{"metadata number", file(`{"__metadata__":{"a":1}}`), []string{`"a" is the number 1`, "expected a string"}},
		{"tensor of another type", file(`{"w":[]}`), []string{`tensor "w"`, "an array", "expected an object"}},
		{"null tensor", file(`{"w":null}`), []string{`tensor "w"`, "null", "expected an object"}},
		{"unknown key", file(`{"w":{"device":"cpu"}}`), []string{`tensor "w"`, `"device"`, "expected dtype, shape and data_offsets"}},
		{"no dtype", file(`{"w":{"shape":[2],"data_offsets":[0,8]}}`, eight...), []string{`tensor "w"`, "dtype is missing"}},
		{"no shape", file(`{"w":{"dtype":"F32","data_offsets":[0,8]}}`, eight...), []string{`tensor "w"`, "shape is missing"}},
		{"no offsets", file(`{"w":{"dtype":"F32","shape":[2]}}`, eight...), []string{`tensor "w"`, "data_offsets are missing"}},
		{"unknown dtype", file(`{"w":{"dtype":"F33","shape":[2],"data_offsets":[0,8]}}`, eight...), []string{`tensor "w"`, `dtype is "F33"`, "BF16", "F32"}},
		{"dtype number", file(`{"w":{"dtype":32,"shape":[2],"data_offsets":[0,8]}}`, eight...), []string{`tensor "w"`, "dtype is the number 32"}},
		{"negative shape", file(`{"w":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}`, eight...), []string{`tensor "w"`, "shape", "-2"}},
		{"fractional shape", file(`{"w":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}`, eight...), []string{`tensor "w"`, "shape", "2.0"}},
		{"shape of strings", file(`{"w":{"dtype":"F32","shape":["2"],"data_offsets":[0,8]}}`, eight...), []string{`tensor "w"`, "shape", `the string "2"`}},
		{"shape number", file(`{"w":{"dtype":"F32","shape":2,"data_offsets":[0,8]}}`, eight...), []string{`tensor "w"`, "shape", "expected an array"}},
		{"nested shape", file(`{"w":{"dtype":"F32","shape":[[2]],"data_offsets":[0,8]}}`, eight...), []string{`tensor "w"`, "shape", "an array"}},
		{"shape beyond int", file(`{"w":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,8]}}`, eight...), []string{`tensor "w"`, "99999999999999999999"}},
		{"shape overflows", file(`{"w":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`), []string{`tensor "w"`, "overflows"}},
		{"size overflows", file(`{"w":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}}`), []string{`tensor "w"`, "overflows"}},
		{"one offset", file(`{"w":{"dtype":"F32","shape":[2],"data_offsets":[8]}}`, eight...), []string{`tensor "w"`, "data_offsets [8]", "expected 2"}},
		{"negative offset", file(`{"w":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}`, eight...), []string{`tensor "w"`, "data_offsets", "-8"}},
		{"offsets reversed", file(`{"w":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}`, eight...), []string{`tensor "w"`, "end before they begin"}},
		{"offsets beyond the file", file(`{"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}`, eight...), []string{`tensor "w"`, "[0, 16]", "beyond the data section, which has 8 bytes"}},
		{"size of another dtype", file(`{"w":{"dtype":"F64","shape":[2],"data_offsets":[0,8]}}`, eight...), []string{`tensor "w"`, "hold 8 bytes", "expected 16 for F64 of shape [2]"}},
		{"overlap", two("[0,4]", "[3,7]"), []string{`tensor "b"`, `overlap tensor "a"`}},
		{"same place", two("[0,4]", "[0,4]"), []string{`tensor "b"`, `overlap tensor "a"`}},
		{"gap", file(`{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}`, eight...), []string{`tensor "b"`, "gap of 1 bytes"}},
		{"gap in front", file(`{"a":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}`, eight...), []string{`tensor "a"`, "gap of 4 bytes"}},
		{"deep nesting", file(`{"w":` + strings.Repeat("[", 100000)), []string{`tensor "w"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := save(t, c.content)
			f, err := Open(path)
			if err == nil {
				f.Close()
				t.Fatal("opened, expected an error")
			}
			for _, want := range append(c.want, path) {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error is %q, expected one with %q", err, want)
				}
			}
			if len(err.Error()) > 600 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		})
	}
}

// Every cut of a good file is noticed.
func TestTruncated(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	err := Write(path, map[string]string{"format": "pt"}, []Tensor{
		{Name: "w", Shape: []int{2, 3}, Float32: make([]float32, 6)},
		{Name: "i", Shape: []int{2}, Int64: make([]int64, 2)},
	})
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		if f, err := Open(save(t, whole[:n])); err == nil {
			f.Close()
			t.Errorf("opened the first %d of %d bytes, expected an error", n, len(whole))
		}
	}
}

func TestOpenNoFile(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing.safetensors")
	if _, err := Open(missing); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), missing) {
		t.Errorf("error is %v, expected one that says that %s does not exist", err, missing)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "found a directory") {
		t.Errorf("error is %v, expected one that says that %s is a directory", err, dir)
	}
}

func TestOpenDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "model [1]*")
	wants := func(parts ...string) {
		t.Helper()
		f, err := OpenDirectory(dir)
		if err == nil {
			f.Close()
			t.Fatal("opened, expected an error")
		}
		for _, part := range parts {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("error is %q, expected one with %q", err, part)
			}
		}
	}
	wants("model directory", "model [1]*")
	if runtime.GOOS == "windows" {
		dir = t.TempDir() // no * in names there
	} else if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	wants(dir, "looked for model.safetensors")
	if err := os.WriteFile(filepath.Join(dir, "tf_model.h5"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wants("looked for model.safetensors", "pytorch_model.bin.index.json", "found tf_model.h5")
	if err := Write(filepath.Join(dir, FileName), nil, nil); err != nil {
		t.Fatal(err)
	}
	f, err := OpenDirectory(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, FileName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wants(filepath.Join(dir, FileName), "0 bytes")
	dir = filepath.Join(dir, FileName)
	wants(dir)
}

func TestReadTypes(t *testing.T) {
	var data []byte
	data = binary.LittleEndian.AppendUint64(data, math.Float64bits(0.1))
	data = binary.LittleEndian.AppendUint64(data, math.Float64bits(-1e300))
	data = binary.LittleEndian.AppendUint64(data, 1<<63) // the least I64
	data = binary.LittleEndian.AppendUint32(data, math.Float32bits(1.5))
	data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(math.Inf(-1))))
	data = binary.LittleEndian.AppendUint32(data, 1<<32-7) // -7
	data = binary.LittleEndian.AppendUint16(data, 0x3555)  // near 1/3
	data = binary.LittleEndian.AppendUint16(data, 0x8001)  // the least denormal
	data = binary.LittleEndian.AppendUint16(data, 0xbfc0)  // -1.5
	data = append(data, 200, 0, 1, 1, 9)
	f := open(t, save(t, file(`{"__metadata__":{"format":"pt","é":"<&>"},
		"f64":{"dtype":"F64","shape":[2],"data_offsets":[0,16]},
		"i64":{"dtype":"I64","shape":[],"data_offsets":[16,24]},
		"f32":{"dtype":"F32","shape":[1,2],"data_offsets":[24,32]},
		"i32":{"dtype":"I32","shape":[1],"data_offsets":[32,36]},
		"f16":{"dtype":"F16","shape":[2],"data_offsets":[36,40]},
		"bf16":{"dtype":"BF16","shape":[1],"data_offsets":[40,42]},
		"u8":{"dtype":"U8","shape":[1],"data_offsets":[42,43]},
		"bool":{"dtype":"BOOL","shape":[3],"data_offsets":[43,46]},
		"false":{"dtype":"BOOL","shape":[1],"data_offsets":[46,47]},
		"none":{"dtype":"F32","shape":[3,0,5],"data_offsets":[47,47]}
		}   `, data...)))
	for name, want := range map[string][]float32{
		"f64":  {0.1, float32(math.Inf(-1))},
		"f32":  {1.5, float32(math.Inf(-1))},
		"f16":  {1365.0 / 4096, -0x1p-24},
		"bf16": {-1.5},
		"none": {},
	} {
		got, err := f.Float32(name)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: read %v (%v), expected %v", name, got, err, want)
		}
		dst := make([]float32, len(want))
		if err := f.ReadFloat32(name, dst); err != nil || !slices.Equal(dst, want) {
			t.Errorf("%s: copied %v (%v), expected %v", name, dst, err, want)
		}
	}
	for name, want := range map[string][]int64{
		"i64": {math.MinInt64}, "i32": {-7}, "u8": {200}, "bool": {0, 1, 1},
	} {
		if got, err := f.Int64(name); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: read %v (%v), expected %v", name, got, err, want)
		}
	}
	info, ok := f.Info("f32")
	if want := (Info{"f32", F32, []int{1, 2}}); !ok || !reflect.DeepEqual(info, want) || info.Elements() != 2 {
		t.Errorf("info is %v, expected %v", info, want)
	}
	if info, ok := f.Info("none"); !ok || info.Elements() != 0 {
		t.Errorf("info is %v, expected no elements", info)
	}
	if info, ok := f.Info("i64"); !ok || len(info.Shape) != 0 || info.Elements() != 1 {
		t.Errorf("info is %v, expected a scalar", info)
	}
	if _, ok := f.Info("absent"); ok {
		t.Error("info of an absent tensor")
	}
	if got, want := f.Metadata(), map[string]string{"format": "pt", "é": "<&>"}; !reflect.DeepEqual(got, want) {
		t.Errorf("metadata are %v, expected %v", got, want)
	}
	if names := f.Names(); !slices.IsSorted(names) || len(names) != 10 {
		t.Errorf("names are %v, expected 10, sorted", names)
	}

	for _, c := range []struct {
		err  error
		want []string
	}{
		{second(f.Float32("absent")), []string{`no tensor "absent"`}},
		{second(f.Float32("i64")), []string{`tensor "i64"`, "dtype is I64", "BF16"}},
		{second(f.Int64("f32")), []string{`tensor "f32"`, "dtype is F32", "I64"}},
		{second(f.Int64("false")), []string{`tensor "false"`, "the byte 9", "expected 0 or 1"}},
		{f.ReadFloat32("f32", make([]float32, 3)), []string{`tensor "f32"`, "[1 2] has 2 elements, expected 3"}},
		{f.ReadFloat32("absent", nil), []string{`no tensor "absent"`}},
	} {
		for _, want := range append(c.want, f.Path()) {
			if c.err == nil || !strings.Contains(c.err.Error(), want) {
				t.Errorf("error is %v, expected one with %q", c.err, want)
			}
		}
	}
}

func second[T any](_ T, err error) error { return err }

// Elements that are not aligned in the file are still read.
func TestUnaligned(t *testing.T) {
	for shift := range 8 {
		data := binary.LittleEndian.AppendUint32(nil, math.Float32bits(-2.25))
		f := open(t, save(t, file(`{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`+strings.Repeat(" ", shift), data...)))
		if got, err := f.Float32("w"); err != nil || !slices.Equal(got, []float32{-2.25}) {
			t.Errorf("shift %d: read %v (%v)", shift, got, err)
		}
	}
}

func TestClosed(t *testing.T) {
	path := save(t, file(`{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 0, 0, 0, 0))
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := f.Float32("w"); !errors.Is(err, os.ErrClosed) {
		t.Errorf("error is %v, expected that the file is closed", err)
	}
}

// float16 is compared with the definition of the format over all numbers.
func TestHalf(t *testing.T) {
	for bits := range 1 << 16 {
		h := uint16(bits)
		sign := math.Copysign(1, -float64(h>>15)+0.5)
		exponent, fraction := int(h>>10&0x1f), float64(h&0x3ff)
		var want float64
		switch {
		case exponent == 0x1f && fraction == 0:
			want = math.Inf(int(sign))
		case exponent == 0x1f:
			want = math.NaN()
		case exponent == 0:
			want = sign * math.Ldexp(fraction/1024, -14)
		default:
			want = sign * math.Ldexp(1+fraction/1024, exponent-15)
		}
		got := float16(h)
		same := float64(got) == want && math.Signbit(float64(got)) == (sign < 0)
		if !same && !(math.IsNaN(float64(got)) && math.IsNaN(want)) {
			t.Errorf("%#04x is %v, expected %v", h, got, want)
		}
		if b := math.Float32bits(bfloat16(h)); b != uint32(h)<<16 {
			t.Errorf("bfloat16 %#04x has bits %#08x", h, b)
		}
	}
}

func TestWriteAndRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	tensors := []Tensor{
		{Name: "z", Shape: []int{2, 2}, Float32: []float32{1, -0.5, float32(math.Inf(1)), math.SmallestNonzeroFloat32}},
		{Name: "a <&> \" \\ é \u2028", Shape: []int{3}, Int64: []int64{math.MinInt64, -1, math.MaxInt64}},
		{Name: "scalar", Float32: []float32{7}},
		{Name: "no elements", Shape: []int{0, 4}},
		{Name: "no integers", Shape: []int{0}, Int64: []int64{}},
	}
	metadata := map[string]string{"format": "pt", "note": "<é>"}
	if err := Write(path, metadata, tensors); err != nil {
		t.Fatal(err)
	}
	f := open(t, path)
	if got := f.Metadata(); !reflect.DeepEqual(got, metadata) {
		t.Errorf("metadata are %v, expected %v", got, metadata)
	}
	if n := len(f.Names()); n != len(tensors) {
		t.Errorf("found %d tensors, expected %d", n, len(tensors))
	}
	for _, want := range tensors {
		info, _ := f.Info(want.Name)
		if info.DType != want.dtype() || !slices.Equal(info.Shape, want.Shape) {
			t.Errorf("info is %v, expected %s of shape %v", info, want.dtype(), want.Shape)
		}
		if want.dtype() == I64 {
			if got, err := f.Int64(want.Name); err != nil || !slices.Equal(got, want.Int64) {
				t.Errorf("%s: read %v (%v), expected %v", want.Name, got, err, want.Int64)
			}
		} else if got, err := f.Float32(want.Name); err != nil || !slices.Equal(got, want.Float32) {
			t.Errorf("%s: read %v (%v), expected %v", want.Name, got, err, want.Float32)
		}
	}

	// The order of the tensors does not show, and nothing is left beside.
	first, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(tensors)
	again := filepath.Join(filepath.Dir(path), "again.safetensors")
	if err := Write(again, metadata, tensors); err != nil {
		t.Fatal(err)
	}
	if second, err := os.ReadFile(again); err != nil || !bytes.Equal(first, second) {
		t.Errorf("another order of tensors gave another file (%v)", err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 2 {
		t.Errorf("the directory has %v (%v), expected the two files", left, err)
	}
}

func TestWriteErrors(t *testing.T) {
	one := []float32{1}
	for _, c := range []struct {
		name     string
		metadata map[string]string
		tensors  []Tensor
		want     string
	}{
		{"too few elements", nil, []Tensor{{Name: "w", Shape: []int{2}, Float32: one}}, `tensor "w": has 1 elements`},
		{"negative", nil, []Tensor{{Name: "w", Shape: []int{-1, -1}, Float32: one}}, "negative"},
		{"overflow", nil, []Tensor{{Name: "w", Shape: []int{math.MaxInt, 2}, Float32: one}}, `tensor "w"`},
		{"two types", nil, []Tensor{{Name: "w", Float32: one, Int64: []int64{1}}}, "expected one of them"},
		{"twice", nil, []Tensor{{Name: "w", Float32: one}, {Name: "w", Float32: one}}, "comes twice"},
		{"reserved", nil, []Tensor{{Name: "__metadata__", Float32: one}}, "reserved"},
		{"name", nil, []Tensor{{Name: "\xff", Float32: one}}, "not UTF-8"},
		{"metadata", map[string]string{"a": "\xff"}, nil, "not UTF-8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), FileName)
			err := Write(path, c.metadata, c.tensors)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("error is %v, expected one with %q and the path", err, c.want)
			}
			if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 0 {
				t.Errorf("the directory has %v, expected nothing", left)
			}
		})
	}
	missing := filepath.Join(t.TempDir(), "missing", FileName)
	if err := Write(missing, nil, nil); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), missing) {
		t.Errorf("error is %v, expected that %s does not exist", err, missing)
	}
	// A directory that stands in the way stays, and nothing is left beside.
	dir := t.TempDir()
	path := filepath.Join(dir, FileName)
	if err := os.MkdirAll(filepath.Join(path, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, nil, nil); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error is %v, expected one that names %s", err, path)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("the directory has %v, expected one entry", left)
	}
}

// A write that fails half way keeps the file that was there.
func TestWriteFailure(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, FileName)
	if err := os.WriteFile(path, []byte("before"), 0o600); err != nil {
		t.Fatal(err)
	}
	full := errors.New("no space left")
	err := replaceFile(path, func(w io.Writer) error {
		if _, err := w.Write([]byte("half")); err != nil {
			t.Error(err)
		}
		return full
	})
	if !errors.Is(err, full) {
		t.Errorf("error is %v, expected %v", err, full)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "before" {
		t.Errorf("the file has %q (%v), expected what was there before", text, err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("the directory has %v, expected one file", left)
	}
}

// Every safetensors file beside the repository opens, and its tensors can be
// read.
func TestRealFiles(t *testing.T) {
	files := 0
	for _, folder := range []string{"golden", "checkpoints"} {
		err := filepath.WalkDir(shared(t, folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".safetensors" {
				return err
			}
			f, err := Open(path)
			if err != nil {
				t.Error(err)
				return nil
			}
			defer f.Close()
			files++
			for _, name := range f.Names() {
				info, _ := f.Info(name)
				var n int
				switch info.DType {
				case I64, I32, U8, Bool:
					var list []int64
					list, err = f.Int64(name)
					n = len(list)
				default:
					var list []float32
					list, err = f.Float32(name)
					n = len(list)
				}
				if err != nil || n != info.Elements() {
					t.Errorf("%s: %s: read %d elements (%v), expected %d", path, name, n, err, info.Elements())
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d files", files)
}
