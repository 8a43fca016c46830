package checkpoint

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every container holds the weights of bert-odd: the reader must give each
// element within the rounding of the container's type.
func TestContainersGolden(t *testing.T) {
	exact, err := OpenDirectory(shared(t, "golden", "models", "bert-odd"))
	if err != nil {
		t.Fatal(err)
	}
	defer exact.Close()
	containers := shared(t, "golden", "containers")
	known := map[string]bool{}
	for _, c := range []struct {
		dir    string
		format string
		dtype  DType
		parts  int
		// The unit roundoff of the type, and half its least denormal.
		relative, absolute float64
		name               func(string) string // of a tensor in this container, "" if it has none
	}{
		{dir: "safetensors-f16", format: formatSafetensors, dtype: F16, parts: 1, relative: 0x1p-11, absolute: 0x1p-25},
		{dir: "safetensors-bf16", format: formatSafetensors, dtype: BF16, parts: 1, relative: 0x1p-8},
		{dir: "safetensors-sharded", format: formatSafetensors, dtype: F32, parts: 5},
		{dir: "safetensors-no-prefix", format: formatSafetensors, dtype: F32, parts: 1, name: func(name string) string {
			bare, _ := strings.CutPrefix(name, "bert.")
			if strings.HasPrefix(bare, "classifier.") {
				return ""
			}
			return bare
		}},
		{dir: "torch-zip", format: formatTorchZip, dtype: F32, parts: 1},
		{dir: "torch-zip-f16", format: formatTorchZip, dtype: F16, parts: 1, relative: 0x1p-11, absolute: 0x1p-25},
		{dir: "torch-zip-bf16", format: formatTorchZip, dtype: BF16, parts: 1, relative: 0x1p-8},
		{dir: "torch-legacy", format: formatTorchLegacy, dtype: F32, parts: 1},
		{dir: "torch-views", format: formatTorchZip, dtype: F32, parts: 1},
		{dir: "torch-parameters", format: formatTorchZip, dtype: F32, parts: 1},
		{dir: "torch-gamma-beta", format: formatTorchZip, dtype: F32, parts: 1, name: strings.NewReplacer("LayerNorm.weight", "LayerNorm.gamma", "LayerNorm.bias", "LayerNorm.beta").Replace},
	} {
		known[c.dir] = true
		t.Run(c.dir, func(t *testing.T) {
			f, err := OpenDirectory(filepath.Join(containers, c.dir))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if p := f.Parts(); len(p) != c.parts || p[0].Format != c.format || p[0].Bytes == 0 {
				t.Errorf("parts are %v, expected %d of %s", p, c.parts, c.format)
			}
			compared, elements := 0, 0
			for _, name := range exact.Names() {
				stored := name
				if c.name != nil {
					if stored = c.name(name); stored == "" {
						continue
					}
				}
				want, err := exact.Float32(name)
				if err != nil {
					t.Fatal(err)
				}
				if info, ok := f.Info(stored); !ok || info.DType != c.dtype || info.Elements() != len(want) {
					t.Fatalf("%s: found %v, expected %d elements of %s", stored, info, len(want), c.dtype)
				}
				got, err := f.Float32(stored)
				if err != nil {
					t.Fatal(err)
				}
				again := make([]float32, len(want))
				if err := f.ReadFloat32(stored, again); err != nil {
					t.Fatal(err)
				}
				for i := range want {
					g, w := float64(got[i]), float64(want[i])
					if !(math.Abs(g-w) <= max(c.relative*math.Abs(w), c.absolute)) || got[i] != again[i] {
						t.Fatalf("%s: element %d is %v and %v, expected %v", stored, i, g, again[i], w)
					}
				}
				compared, elements = compared+1, elements+len(want)
			}
			if compared != len(f.Names()) {
				t.Errorf("compared %d tensors of %d: %v", compared, len(f.Names()), f.Names())
			}
			t.Logf("%d tensors, %d elements", compared, elements)
		})
	}
	there, err := os.ReadDir(containers)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range there {
		if !known[d.Name()] {
			t.Errorf("the container %s is not tested", d.Name())
		}
	}
}
