package checkpoint

import (
	"bytes"
	"os"
	"runtime"
	"strings"
	"testing"
)

// frugal runs f and demands that its memory is bounded by the size of its input.
func frugal(t *testing.T, size int, f func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	// A token of one or two bytes may become an empty string, a dict, a map
	// entry, …: a constant for each byte, and what one decoder takes.
	if used, most := after.TotalAlloc-before.TotalAlloc, uint64(1<<20+512*size); used > most {
		t.Errorf("%d bytes took %d bytes of memory, expected at most %d", size, used, most)
	}
}

// fuzzFile opens bytes as a file in memory: no panic, little memory, and what
// opens can be read in full.
func fuzzFile(t *testing.T, content []byte) {
	if len(content) < 8 {
		return
	}
	var p *part
	var err error
	frugal(t, len(content), func() { p, err = parsed(content) })
	if err == nil {
		readAll(t, p)
	}
}

// FuzzPickle runs any pickle inside a good archive.
func FuzzPickle(f *testing.F) {
	storage := pyStorage("FloatStorage", "0", 6)
	f.Add([]byte(good()))
	f.Add([]byte(pyState("w", pyTensor(storage, 1, []int{5, 1}, []int{1, 9}), "v", pyGlobal("torch._utils", "_rebuild_parameter")+pyTuple(pyTensor(storage, 0, nil, nil), "\x88", ordered)+"R")))
	f.Add([]byte(protocol2 + ordered + "q\x00(" + pyText("w") + storage + "u}" + pyText("_metadata") + "h\x00sb."))
	f.Add([]byte(protocol2 + "}" + pyText("state_dict") + "}q\x00" + pyText("w") + "]h\x00ass."))
	f.Add([]byte("\x80\x04\x95\x04\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x01w\x8c\x0ccollections\x8c\x0bOrderedDict\x93)Ru."))
	f.Add([]byte(protocol2 + "cos\nsystem\n(" + pyText("true") + "tR."))
	f.Add([]byte(protocol2 + "}r\xff\xff\xff\xff."))
	f.Add([]byte(protocol2 + "\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01G\x3f\xf0\x00\x00\x00\x00\x00\x00\x86NK\x01\x87."))
	f.Fuzz(func(t *testing.T, pickle []byte) {
		fuzzFile(t, torchZip(string(pickle), "0", six))
		frugal(t, len(pickle), func() {
			_, next, err := runPickle(pickle, 0, nil)
			if err == nil && (next < 1 || next > len(pickle) || pickle[next-1] != opStop) {
				t.Errorf("the pickle ends at byte %d of %d", next, len(pickle))
			}
		})
	})
}

// FuzzZip lists any archive: the entries lie in it, one after the other.
func FuzzZip(f *testing.F) {
	f.Add(goodZip())
	f.Add(zipFile())
	f.Add(overlapping())
	f.Add(zipFile(zipMember{name: "data.pkl", data: good()}, zipMember{name: "data/0", data: six, size: number(1<<32 - 1), packed: number(1<<32 - 1)}))
	f.Add(wideZip())
	f.Fuzz(func(t *testing.T, content []byte) {
		frugal(t, len(content), func() {
			entries, err := readZip(content)
			if err != nil {
				return
			}
			end := 0
			for _, e := range entries {
				if e.begin < end || e.end < e.begin || e.end > len(content) {
					t.Errorf("entry %q has bytes %d to %d of %d, after one that ends at %d", e.name, e.begin, e.end, len(content), end)
				}
				end = e.end
			}
		})
		fuzzFile(t, content)
	})
}

// FuzzLegacy opens any file of the older torch format.
func FuzzLegacy(f *testing.F) {
	f.Add(goodLegacy())
	f.Add(torchLegacy(good(pyTuple(pyText("v"), pyInt(0), pyInt(6))), []string{"0"}, run(6, six)))
	f.Add(torchLegacy(good(pyNone), []string{"0", "0"}, run(-1, six)))
	f.Add([]byte(legacyHead))
	f.Fuzz(func(t *testing.T, content []byte) { fuzzFile(t, content) })
}

// FuzzIndex reads any index: files are names in the same folder.
func FuzzIndex(f *testing.F) {
	f.Add([]byte(`{"metadata":{"total_size":12},"weight_map":{"a":"1.safetensors","b":"2.safetensors"}}`))
	f.Add([]byte(`{"weight_map":{"a":"../1","a":1,"b":null}}`))
	f.Add([]byte(`{"x":[[[[[[{"y":1e999}]]]]]],"weight_map":{}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		frugal(t, len(text), func() {
			weights, err := parseIndex(text)
			if err != nil {
				return
			}
			for name, file := range weights {
				if file == "" || strings.ContainsAny(file, `/\:`) || file == ".." {
					t.Errorf("the file of %q is %q", name, file)
				}
			}
		})
	})
}

// FuzzOpen opens any bytes: no panic, and what opens can be read in full.
func FuzzOpen(f *testing.F) {
	f.Add([]byte{})
	f.Add(file("{}"))
	f.Add(file(`{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, make([]byte, 8)...))
	f.Add(file(`{"__metadata__":{"format":"pt"},"w":{"dtype":"F16","shape":[1,1],"data_offsets":[0,2]},"b":{"dtype":"BOOL","shape":[],"data_offsets":[2,3]}}`, 0, 1, 2))
	f.Add(file(`{"w":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}`, make([]byte, 8)...))
	f.Add(file(`{"a":{"dtype":"I64","shape":[0],"data_offsets":[0,0]},"b":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}`, make([]byte, 8)...))
	f.Add(bytes.Repeat([]byte{255}, 16))
	f.Add(goodZip())
	f.Add(goodLegacy())
	path := f.TempDir() + "/" + FileName
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		var opened *File
		var err error
		frugal(t, len(content), func() { opened, err = Open(path) })
		if err != nil {
			if !strings.Contains(err.Error(), path) {
				t.Errorf("error is %q, expected one with the path", err)
			}
			return
		}
		readAll(t, opened.parts[0])
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
	})
}
