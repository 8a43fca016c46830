package checkpoint

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Every finite number of the narrow types, and all that lies between two of
// them: the nearest is taken, of two as near the one whose last bit is 0.
func TestRounding(t *testing.T) {
	for _, c := range []struct {
		name     string
		narrow   func(float32) uint16
		widen    func(uint16) float32
		infinity uint16
		last     float64 // where infinity would be, were it a number
	}{
		{"F16", toFloat16, float16, 0x7c00, 65536},
		{"BF16", toBFloat16, bfloat16, 0x7f80, 0x1p128},
	} {
		t.Run(c.name, func(t *testing.T) {
			failed := 0
			check := func(v float32, want uint16) {
				for _, sign := range []uint16{0, 0x8000} {
					x := v
					if sign != 0 {
						x = -v
					}
					if got := c.narrow(x); got != want|sign && failed < 10 {
						failed++
						t.Errorf("%v became %#04x, expected %#04x", x, got, want|sign)
					}
				}
			}
			for h := uint16(0); h < c.infinity; h++ {
				v := c.widen(h)
				next := float64(c.widen(h + 1))
				if h+1 == c.infinity {
					next = c.last
				}
				check(v, h)
				middle := (float64(v) + next) / 2
				even := h + h&1
				if m := float32(middle); float64(m) == middle {
					check(m, even)
					check(math.Nextafter32(m, 0), h)
					check(math.Nextafter32(m, float32(math.Inf(1))), h+1)
				} else if v != 0 { // bfloat16's least numbers are those of float32
					t.Fatalf("the middle %v of %v and %v is no float32", middle, v, next)
				}
			}
			check(float32(math.Inf(1)), c.infinity)
			check(math.MaxFloat32, c.infinity)
			check(math.SmallestNonzeroFloat32, 0)
			for _, nan := range []uint32{0x7f800001, 0x7fc00000, 0xffffffff, 0xff800001, 0x7fbfffff} {
				v := math.Float32frombits(nan)
				if got := c.widen(c.narrow(v)); got == got || math.Signbit(float64(got)) != math.Signbit(float64(v)) {
					t.Errorf("NaN %#08x became %v", nan, got)
				}
			}
		})
	}
}

func TestWriteNarrow(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, FileName)
	numbers := make([]float32, 10000) // more than one chunk
	for i := range numbers {
		numbers[i] = float32(i)/3 - 1000
	}
	numbers[7], numbers[8] = float32(math.Inf(1)), float32(math.NaN())
	shape := []int{100, 100}
	if err := Write(path, nil, []Tensor{
		{Name: "f32", Shape: shape, Float32: numbers},
		{Name: "f16", Shape: shape, Float32: numbers, DType: F16},
		{Name: "bf16", Shape: shape, Float32: numbers, DType: BF16},
		{Name: "read", Shape: shape, Read: func() ([]float32, error) { return numbers, nil }, DType: F32},
		{Name: "odd", Shape: []int{3}, Read: func() ([]float32, error) { return numbers[:3], nil }, DType: F16},
		{Name: "i64", Shape: []int{1}, Int64: []int64{-1}, DType: I64},
	}); err != nil {
		t.Fatal(err)
	}
	f := open(t, path)
	for name, c := range map[string]struct {
		dtype    DType
		relative float64
	}{"f32": {F32, 0}, "read": {F32, 0}, "f16": {F16, 0x1p-11}, "bf16": {BF16, 0x1p-8}} {
		if info, _ := f.Info(name); info.DType != c.dtype || !slices.Equal(info.Shape, shape) {
			t.Errorf("%s: info is %v, expected %s of %v", name, info, c.dtype, shape)
		}
		got, err := f.Float32(name)
		if err != nil {
			t.Fatal(err)
		}
		for i, g := range got {
			w := numbers[i]
			if g != w && !(math.Abs(float64(g)-float64(w)) <= c.relative*math.Abs(float64(w))) && !(g != g && w != w) {
				t.Fatalf("%s: element %d is %v, expected %v", name, i, g, w)
			}
		}
	}
	// Wide elements come first, so that all of them are aligned.
	for name, tensor := range f.tensors {
		if tensor.begin%tensor.dtype.Size() != 0 {
			t.Errorf("%s starts at byte %d, expected a multiple of %d", name, tensor.begin, tensor.dtype.Size())
		}
	}
}

func TestWriteNarrowErrors(t *testing.T) {
	unreadable := errors.New("unreadable")
	one := []float32{1}
	for _, c := range []struct {
		name   string
		tensor Tensor
		want   []string
	}{
		{"overflow of F16", Tensor{Name: "w", Shape: []int{3}, Float32: []float32{1, 65519, 65520}, DType: F16}, []string{`tensor "w"`, "element 2 is 65520", "at most 65504 for F16"}},
		{"negative overflow", Tensor{Name: "w", Shape: []int{1}, Float32: []float32{-1e6}, DType: F16}, []string{`tensor "w"`, "element 0 is -1e+06"}},
		{"overflow in the second chunk", Tensor{Name: "w", Shape: []int{5000}, Float32: append(make([]float32, 4999), 1e9), DType: F16}, []string{`tensor "w"`, "element 4999 is 1e+09"}},
		{"overflow of BF16", Tensor{Name: "w", Shape: []int{1}, Float32: []float32{math.MaxFloat32}, DType: BF16}, []string{`tensor "w"`, "for BF16"}},
		{"other type", Tensor{Name: "w", Shape: []int{1}, Float32: one, DType: F64}, []string{`tensor "w"`, "dtype is F64", "expected F32, F16 or BF16"}},
		{"integers as numbers", Tensor{Name: "w", Shape: []int{1}, Int64: []int64{1}, DType: F16}, []string{`tensor "w"`, "dtype is F16"}},
		{"two sources", Tensor{Name: "w", Shape: []int{1}, Float32: one, Read: func() ([]float32, error) { return one, nil }}, []string{`tensor "w"`, "expected one of them"}},
		{"unreadable", Tensor{Name: "w", Shape: []int{1}, Read: func() ([]float32, error) { return nil, unreadable }}, []string{`tensor "w"`, "unreadable"}},
		{"too few read", Tensor{Name: "w", Shape: []int{2}, Read: func() ([]float32, error) { return one, nil }}, []string{`tensor "w"`, "1 elements", "[2]"}},
		{"too many read", Tensor{Name: "w", Read: func() ([]float32, error) { return make([]float32, 2), nil }}, []string{`tensor "w"`, "2 elements"}},
		{"nothing read", Tensor{Name: "w", Shape: []int{1}}, []string{`tensor "w"`, "0 elements"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), FileName)
			err := Write(path, nil, []Tensor{c.tensor})
			if err == nil {
				t.Fatal("written, expected an error")
			}
			for _, want := range append(c.want, path) {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error is %q, expected one with %q", err, want)
				}
			}
			if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 0 {
				t.Errorf("the directory has %v, expected nothing", left)
			}
		})
	}
}

// What is stored narrow is written so again bit by bit.
func TestNarrowRoundTrip(t *testing.T) {
	for _, dir := range []string{"safetensors-f16", "safetensors-bf16", "torch-zip-f16"} {
		f, err := OpenDirectory(shared(t, "golden", "containers", dir))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		var list []Tensor
		for _, name := range f.Names() {
			info, _ := f.Info(name)
			list = append(list, Tensor{Name: name, Shape: info.Shape, DType: info.DType, Read: func() ([]float32, error) { return f.Float32(name) }})
		}
		path := filepath.Join(t.TempDir(), FileName)
		if err := Write(path, nil, list); err != nil {
			t.Fatal(err)
		}
		again := open(t, path)
		for _, name := range f.Names() {
			a, b := f.tensors[name], again.tensors[name]
			if a.dtype != b.dtype || !bytes.Equal(a.raw(), b.raw()) {
				t.Errorf("%s: %s: written again it differs", dir, name)
			}
		}
	}
}

func TestWriteFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.json")
	for _, text := range []string{"{}", "[]"} {
		if err := WriteFile(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("the file has %q (%v), expected %q", got, err, text)
		}
	}
	if err := WriteFile(filepath.Join(path, "b"), nil); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error is %v, expected one with the path", err)
	}
}
