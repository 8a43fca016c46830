package dataset

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"

	"godwit/experiments/internal/sharedtest"
)

// pack compresses with zstd.
func pack(t testing.TB, content string) string {
	t.Helper()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// write writes bytes as they are.
func write(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestZstd(t *testing.T) {
	opt := Options{Columns: Columns{Text: "text"}}
	for file, content := range map[string]string{
		"a.csv.zst": "text\none\n", "a.TSV.ZST": "\ufefftext\r\none\r\n", "a.jsonl.zst": `{"text":"one"}`, "a.ndjson.zst": `{"text":"one"}`,
	} {
		got, err := Read(write(t, file, pack(t, content)), opt)
		if err != nil || len(got) != 1 || got[0].Text != "one" {
			t.Errorf("%s: read %+v (%v), expected one", file, got, err)
		}
	}
	// The frames of a file that was packed in pieces are one file.
	got, err := Read(write(t, "a.tsv.zst", pack(t, "text\na\nb")+pack(t, "c\n")), opt)
	if err != nil || len(got) != 2 || got[1].Text != "bc" {
		t.Errorf("read %+v (%v), expected a and bc", got, err)
	}

	good := pack(t, "text\n"+strings.Repeat("some words\n", 100000))
	flipped := []byte(good)
	flipped[len(good)-2] ^= 1 // the checksum
	for _, c := range []struct{ name, file, content, want string }{
		{"empty", "a.tsv.zst", "", "the file is empty"},
		{"empty when unpacked", "a.tsv.zst", pack(t, ""), "the file is empty"},
		{"not packed", "a.tsv.zst", "text\na\n", "invalid input"},
		{"gzipped", "a.tsv.zst", zipped(t, "text\na\n"), "invalid input"},
		{"checksum", "a.tsv.zst", string(flipped), "CRC check failed"},
		{"garbage behind", "a.tsv.zst", good + "garbage, ten bytes or more", "invalid input"},
		{"packed without .zst", "a.tsv", good, "the file is packed with zstd"},
		{"wide window", "a.tsv.zst", "\x28\xb5\x2f\xfd\x00\xf8\x01\x00\x00", "window"},
	} {
		path := write(t, c.file, c.content)
		if _, err := Read(path, opt); err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), path) {
			t.Errorf("%s: error is %v, expected one with %q and the path", c.name, err, c.want)
		}
	}
}

// A packed file that is cut off anywhere is an error, even where a row ends.
func TestCutPackedFiles(t *testing.T) {
	content := "text\n" + strings.Repeat("some words\n", 10)
	for file, packed := range map[string]string{"a.tsv.gz": zipped(t, content), "a.tsv.zst": pack(t, content)} {
		for n := range len(packed) {
			path := write(t, file, packed[:n])
			if _, err := Read(path, Options{Columns: Columns{Text: "text"}}); err == nil || !strings.HasPrefix(err.Error(), path) {
				t.Errorf("%s: cut to %d of %d bytes: error is %v, expected one that names the file", file, n, len(packed), err)
			}
		}
	}
}

// A file that is cut off in its text is an error where the format can tell: in
// a quoted field, in an object, and in a row that lacks fields then.
func TestCutTexts(t *testing.T) {
	for _, c := range []struct {
		file, content string
		whole         func(cut string) bool // whether what is left is a table of its own
	}{
		{"a.csv", "text,label\n\"a, \"\"b\"\"\",x\n", func(cut string) bool { return strings.HasPrefix(cut, "text,label\n\"a, \"\"b\"\"\",x") }},
		{"a.jsonl", `{"text":"a","label":"b"}` + "\n" + `{"text":"c","label":"d"}`, func(cut string) bool {
			return strings.HasSuffix(cut, "}") || strings.HasSuffix(cut, "}\n")
		}},
		{"a.tsv", "text\tlabel\na\tb\nc\td\n", func(cut string) bool {
			_, rows, _ := strings.Cut(cut, "\n")
			rows = strings.TrimSuffix(rows, "\n")
			_, label, _ := strings.Cut(rows[strings.LastIndexByte(rows, '\n')+1:], "\t")
			return label != ""
		}},
	} {
		for n := range len(c.content) {
			cut := c.content[:n]
			path := write(t, c.file, cut)
			_, err := Read(path, Options{Columns: Columns{Text: "text", Label: "label"}})
			if c.whole(cut) {
				if err != nil {
					t.Errorf("%s: %q: %v", c.file, cut, err)
				}
			} else if err == nil || !strings.HasPrefix(err.Error(), path) {
				t.Errorf("%s: %q: error is %v, expected one that names the file", c.file, cut, err)
			}
		}
	}
}

// A few kilobytes do not unpack to gigabytes, and texts that repeat themselves
// are read.
func TestBombs(t *testing.T) {
	row := strings.Repeat("a", 1<<20-1) + "\n"
	var gz bytes.Buffer
	zipper := gzip.NewWriter(&gz)
	var zst bytes.Buffer
	packer, err := zstd.NewWriter(&zst, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		if i == 0 {
			row = "text\n" + row
		} else if i == 1 {
			row = row[len("text\n"):]
		}
		if _, err := zipper.Write([]byte(row)); err != nil {
			t.Fatal(err)
		}
		if _, err := packer.Write([]byte(row)); err != nil {
			t.Fatal(err)
		}
	}
	if err := zipper.Close(); err != nil {
		t.Fatal(err)
	}
	if err := packer.Close(); err != nil {
		t.Fatal(err)
	}
	for file, content := range map[string]string{"a.tsv.gz": gz.String(), "a.csv.zst": zst.String()} {
		rows := 0
		path := write(t, file, content)
		err := Each(path, Options{Columns: Columns{Text: "text"}}, func(Example) error { rows++; return nil })
		if err == nil || !strings.Contains(err.Error(), "unpack to more than") || !strings.HasPrefix(err.Error(), path+":") || rows < 60 || rows > 64 {
			t.Errorf("%s: read %d MiB of %d bytes (%v), expected an error after 64", file, rows, len(content), err)
		}
	}
}

// Real files give the same examples from every format and compression.
func TestRepackedRealFiles(t *testing.T) {
	columns := Columns{Text: "text", Label: "label"}
	path := sharedtest.Dir(t, "data", "classification", "trec6", "train.tsv")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want, err := Read(path, Options{Columns: columns})
	if err != nil {
		t.Fatal(err)
	}
	type row struct {
		Label string `parquet:"label,dict,zstd"`
		Text  string `parquet:"text,delta,snappy"`
	}
	var rows []row
	for _, e := range want {
		rows = append(rows, row{e.Label, e.Text})
	}
	var b bytes.Buffer
	if err := parquet.Write(&b, rows); err != nil {
		t.Fatal(err)
	}
	for _, again := range []string{
		write(t, "a.tsv.zst", pack(t, string(content))),
		save(t, "a.tsv.gz", string(content)),
		write(t, "a.parquet", b.String()),
	} {
		got, err := Read(again, Options{Columns: columns})
		if err != nil {
			t.Error(err)
			continue
		}
		for i := range got {
			if filepath.Ext(again) == ".parquet" {
				got[i].Line++ // there is no header
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: read %d examples that are not the %d of %s", again, len(got), len(want), path)
		}
	}
}

func FuzzZstd(f *testing.F) {
	f.Add([]byte(pack(f, "text\na\nb\n")))
	f.Add([]byte(pack(f, "text\n"+strings.Repeat("abcdef\n", 3000))))
	f.Add([]byte(pack(f, "text\na") + pack(f, "b\n")))
	f.Add([]byte("\x28\xb5\x2f\xfd\x00\xf8\x01\x00\x00"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(dir, "a.tsv.zst")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		total := 0
		err := Each(path, Options{Columns: Columns{Text: "0"}}, func(e Example) error {
			total += len(e.Text)
			return nil
		})
		if err != nil && !strings.HasPrefix(err.Error(), path) {
			t.Errorf("error is %q, expected one that names the file", err)
		}
		if most := max(unpackedFree, unpackedRatio*len(content)); total > most {
			t.Errorf("%d bytes unpack to %d of text, expected at most %d", len(content), total, most)
		}
	})
}
