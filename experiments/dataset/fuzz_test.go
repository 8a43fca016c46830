package dataset

import (
	"bytes"
	"encoding/csv"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"
)

// fuzzFormat reads any bytes in one format: no panic, memory bounded by the
// length of the input, and what is read is what was asked for.
func fuzzFormat(t *testing.T, content []byte, format Format, columns Columns) []Example {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var examples []Example
	err := EachFrom(bytes.NewReader(content), "file", format, Options{Columns: columns}, func(e Example) error {
		examples = append(examples, e)
		return nil
	})
	runtime.ReadMemStats(&after)
	// Rows of a few bytes each cost an Example and what a decoder takes.
	if used, most := after.TotalAlloc-before.TotalAlloc, uint64(1<<20+4096*len(content)); used > most {
		t.Errorf("%d bytes took %d bytes of memory, expected at most %d", len(content), used, most)
	}
	if err != nil && !strings.HasPrefix(err.Error(), "file:") {
		t.Errorf("error is %q, expected one that names the file", err)
	}
	if err == nil && len(examples) == 0 {
		t.Error("no examples and no error")
	}
	lines := bytes.Count(content, []byte("\n")) + 1
	line := 0
	for _, e := range examples {
		switch {
		case e.Line <= line || e.Line > lines:
			t.Errorf("an example of line %d follows one of line %d, in %d lines", e.Line, line, lines)
		case strings.TrimSpace(e.Text) == "" || strings.TrimSpace(e.Label) == "":
			t.Errorf("an empty text or label in %+v", e)
		case !utf8.ValidString(e.Text + e.Label):
			t.Errorf("text or label of %+v is not UTF-8", e)
		}
		line = e.Line
	}
	return examples
}

func FuzzCSV(f *testing.F) {
	f.Add([]byte("a,b\nc,d\n"))
	f.Add([]byte("\ufeffa,\"b \"\"c\"\"\r\nd\"\r\n\r\n"))
	f.Add([]byte("a,b\n\n\nc,d"))
	f.Add([]byte("a,\"b"))
	f.Add([]byte("a,b\nc\n"))
	f.Add([]byte("a,b\"\n\xff,\"\"\""))
	f.Fuzz(func(t *testing.T, content []byte) {
		examples := fuzzFormat(t, content, CSV, Columns{Text: "0", Label: "1"})
		// What was read survives being written and read again.
		var b bytes.Buffer
		b.WriteString("\ufeff") // so that a text that begins with one keeps it
		w := csv.NewWriter(&b)
		for _, e := range examples {
			if err := w.Write([]string{e.Text, e.Label}); err != nil {
				t.Fatal(err)
			}
		}
		w.Flush()
		if len(examples) == 0 {
			return
		}
		i := 0
		header := false
		opt := Options{Columns: Columns{Text: "0", Label: "1"}, Header: &header}
		err := EachFrom(&b, "file", CSV, opt, func(e Example) error {
			// A carriage return before a line feed is one line end.
			unify := strings.NewReplacer("\r\n", "\n")
			if unify.Replace(e.Text) != unify.Replace(examples[i].Text) || unify.Replace(e.Label) != unify.Replace(examples[i].Label) {
				t.Errorf("read %+v again, expected %+v", e, examples[i])
			}
			i++
			return nil
		})
		if err != nil || i != len(examples) {
			t.Errorf("read %d examples again (%v), expected %d", i, err, len(examples))
		}
	})
}

func FuzzTSV(f *testing.F) {
	f.Add([]byte("a\tb\nc\td\n"))
	f.Add([]byte("\ufeffa\t\"b\r\nc\td\r\n\r\n"))
	f.Add([]byte("a\tb\n\n\nc\td"))
	f.Add([]byte("a\tb\nc\n"))
	f.Add([]byte("0\t1\nc\t\xff\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		for _, e := range fuzzFormat(t, content, TSV, Columns{Text: "0", Label: "1"}) {
			if !bytes.Contains(content, []byte(e.Text+"\t"+e.Label)) {
				t.Errorf("%+v is not in the file", e)
			}
		}
	})
}

func FuzzJSONL(f *testing.F) {
	f.Add([]byte(`{"text":"a","label":"b"}` + "\n" + `{"text":"a\u00e9\ud800","label":1.5,"x":[{}]}`))
	f.Add([]byte(`{"text":"a","label":true}` + "\r\n\n"))
	f.Add([]byte(`{"text":"a","text":"b"}`))
	f.Add([]byte(`{"text":{"a":[1,2`))
	f.Add([]byte("\ufeff{}"))
	f.Add([]byte(`[[[[[[`))
	f.Fuzz(func(t *testing.T, content []byte) {
		fuzzFormat(t, content, JSONL, Columns{Text: "text", Label: "label"})
	})
}
