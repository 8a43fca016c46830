package dataset

import (
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"godwit/experiments/internal/sharedtest"
)

func save(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if strings.HasSuffix(name, ".gz") {
		content = zipped(t, content)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func zipped(t testing.TB, content string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func is(b bool) *bool { return &b }

func TestRead(t *testing.T) {
	textLabel := Columns{Text: "text", Label: "label"}
	for _, c := range []struct {
		name, file, content string
		opt                 Options
		want                []Example
	}{
		{"csv", "a.csv", "label,text\nx,one\ny,two\n", Options{Columns: textLabel},
			[]Example{{Text: "one", Label: "x", Line: 2}, {Text: "two", Label: "y", Line: 3}}},
		{"csv without last line end", "a.csv", "label,text\nx,one", Options{Columns: textLabel},
			[]Example{{Text: "one", Label: "x", Line: 2}}},
		{"csv quoted over lines", "a.csv", "text,label\n\"a \"\"b\"\", c\r\nd\n\",x\ne,y\n", Options{Columns: textLabel},
			[]Example{{Text: "a \"b\", c\nd\n", Label: "x", Line: 2}, {Text: "e", Label: "y", Line: 5}}},
		{"csv quoted last field over lines", "a.csv", "label,text\nx,\"a\n\nb\"\ny,e\n\n\n", Options{Columns: textLabel},
			[]Example{{Text: "a\n\nb", Label: "x", Line: 2}, {Text: "e", Label: "y", Line: 5}}},
		{"csv with mark and CRLF", "a.CSV", "\ufefflabel,text\r\nx,one\r\n", Options{Columns: textLabel},
			[]Example{{Text: "one", Label: "x", Line: 2}}},
		{"csv with mark and a quoted header", "a.csv", "\ufeff\"label\",\"text\"\nx,one\n", Options{Columns: textLabel},
			[]Example{{Text: "one", Label: "x", Line: 2}}},
		{"csv without header", "a.csv", "a,b,0.5\nc,d,1\n", Options{Columns: Columns{Text: "0", Pair: "1", Label: "2"}},
			[]Example{{Text: "a", Pair: "b", HasPair: true, Label: "0.5", Line: 1}, {Text: "c", Pair: "d", HasPair: true, Label: "1", Line: 2}}},
		{"header that has numbers for names", "a.csv", "0,1\na,b\n", Options{Columns: Columns{Text: "1", Label: "0"}},
			[]Example{{Text: "b", Label: "a", Line: 2}}},
		{"no header, told", "a.csv", "0,1\na,b\n", Options{Columns: Columns{Text: "1", Label: "0"}, Header: is(false)},
			[]Example{{Text: "1", Label: "0", Line: 1}, {Text: "b", Label: "a", Line: 2}}},
		{"header, told, columns by number", "a.csv", "label,text\nx,one\n", Options{Columns: Columns{Text: "1", Label: "0"}, Header: is(true)},
			[]Example{{Text: "one", Label: "x", Line: 2}}},
		{"name and number", "a.csv", "label,text\nx,one\n", Options{Columns: Columns{Text: "text", Label: "0"}},
			[]Example{{Text: "one", Label: "x", Line: 2}}},
		{"tsv quotes are characters", "a.tsv", "label\ttext\nx\t\"one \"\" two\ny\t\"\n", Options{Columns: textLabel},
			[]Example{{Text: "\"one \"\" two", Label: "x", Line: 2}, {Text: "\"", Label: "y", Line: 3}}},
		{"tsv with CRLF and a lone CR", "a.tsv", "label\ttext\r\nx\tone\rtwo\r\n\r\n", Options{Columns: textLabel},
			[]Example{{Text: "one\rtwo", Label: "x", Line: 2}}},
		{"tsv gzipped", "a.tsv.gz", "\ufefflabel\ttext\nx\tone\n", Options{Columns: textLabel},
			[]Example{{Text: "one", Label: "x", Line: 2}}},
		{"tsv with an id", "a.tsv", "id\ttext\n7\tone\n", Options{Columns: Columns{Text: "text", ID: "id"}},
			[]Example{{Text: "one", ID: "7", Line: 2}}},
		{"jsonl", "a.jsonl", `{"text":"a\n\u00e9 \ud83d\ude00","label":"x","more":[{"deep":1}]}` + "\n" + ` {"label":"y","text":"b"} ` + "\r\n\n", Options{Columns: textLabel},
			[]Example{{Text: "a\né 😀", Label: "x", Line: 1}, {Text: "b", Label: "y", Line: 2}}},
		{"jsonl with scalar labels", "a.jsonl", `{"text":"a","label":1.50}` + "\n" + `{"text":"b","label":true}` + "\n" + `{"text":"c","label":-2e3}`, Options{Columns: textLabel},
			[]Example{{Text: "a", Label: "1.50", Line: 1}, {Text: "b", Label: "true", Line: 2}, {Text: "c", Label: "-2e3", Line: 3}}},
		{"jsonl gzipped", "a.jsonl.gz", `{"text":"a"}` + "\n", Options{Columns: Columns{Text: "text"}},
			[]Example{{Text: "a", Line: 1}}},
		{"limit", "a.tsv", "text\na\nb\n\n\nbroken\trow\n", Options{Columns: Columns{Text: "text"}, Limit: 2},
			[]Example{{Text: "a", Line: 2}, {Text: "b", Line: 3}}},
		{"empty text allowed", "a.tsv", "label\ttext\nx\t\ny\t \n", Options{Columns: textLabel, AllowEmptyText: true},
			[]Example{{Text: "", Label: "x", Line: 2}, {Text: " ", Label: "y", Line: 3}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Read(save(t, c.file, c.content), c.opt)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("read %+v, expected %+v", got, c.want)
			}
		})
	}
}

func TestBadRows(t *testing.T) {
	textLabel := Columns{Text: "text", Label: "label"}
	for _, c := range []struct {
		name, file, content string
		opt                 Options
		want                []string // parts of the error; "#" is the path
	}{
		{"empty csv", "a.csv", "", Options{Columns: textLabel}, []string{"#", "the file is empty"}},
		{"empty tsv", "a.tsv", "", Options{Columns: textLabel}, []string{"#", "the file is empty"}},
		{"empty jsonl", "a.jsonl", "", Options{Columns: textLabel}, []string{"#", "the file is empty"}},
		{"empty when unzipped", "a.csv.gz", "", Options{Columns: textLabel}, []string{"#", "the file is empty"}},
		{"only a mark", "a.tsv", "\ufeff", Options{Columns: textLabel}, []string{"#", "the file is empty"}},
		{"only line ends", "a.jsonl", "\n\n", Options{Columns: textLabel}, []string{"#", "found no rows"}},
		{"only a header", "a.csv", "text,label\n", Options{Columns: textLabel}, []string{"#", "found no rows"}},
		{"unknown format", "a.xlsx", "x", Options{Columns: textLabel}, []string{"#", "expected .csv, .tsv or .jsonl"}},
		{"no text column asked for", "a.csv", "text\n", Options{}, []string{"#", "no text column"}},

		{"no such column", "a.csv", "label,sentence\nx,one\n", Options{Columns: textLabel}, []string{"#:1:", `column "text"`, `"label", "sentence"`}},
		{"no such column in tsv", "a.tsv", "a\tb\nx\tone\n", Options{Columns: textLabel}, []string{"#:1:", `column "text"`, `"a", "b"`}},
		{"no such number", "a.csv", "x,one\n", Options{Columns: Columns{Text: "2"}}, []string{"#:1:", `column "2"`, "found 2, numbered from 0"}},
		{"no header", "a.csv", "x,one\n", Options{Columns: Columns{Text: "text"}, Header: is(false)}, []string{"#:1:", `column "text"`, "from 0 to 1"}},
		{"name twice", "a.csv", "text,text\nx,one\n", Options{Columns: Columns{Text: "text"}}, []string{"#:1:", `column "text"`, "twice"}},
		{"no such key", "a.jsonl", `{"text":"a","label":"b"}` + "\n" + `{"text":"a","class":"b"}`, Options{Columns: textLabel}, []string{"#:2:", `column "label"`, `"class", "text"`}},

		{"too few fields", "a.csv", "text,label\na,b\nc\n", Options{Columns: textLabel}, []string{"#:3:", "found 1 fields, expected 2"}},
		{"too many fields", "a.tsv", "text\tlabel\na\tb\tc\n", Options{Columns: textLabel}, []string{"#:2:", "found 3 fields, expected 2"}},
		{"bare quote", "a.csv", "text,label\na \"b\" c,d\n", Options{Columns: textLabel}, []string{"#:2:", "quote", "byte 3"}},
		{"quote after a field", "a.csv", "text,label\n\"a\"b,d\n", Options{Columns: textLabel}, []string{"#:2:", "quote"}},
		{"unterminated quote", "a.csv", "text,label\na,b\n\"c,d\ne,f\n", Options{Columns: textLabel}, []string{"#:3:", "never closed"}},
		{"empty row in csv", "a.csv", "text,label\na,b\n\n\nc,d\n", Options{Columns: textLabel}, []string{"#:3:", "empty row"}},
		{"empty row in csv after lines", "a.csv", "label,text\na,\"b\n\nc\"\r\n\r\nc,d\n", Options{Columns: textLabel}, []string{"#:5:", "empty row"}},
		{"empty first row in csv", "a.csv", "\ntext,label\na,b\n", Options{Columns: textLabel}, []string{"#:1:", "empty row"}},
		{"empty row in tsv", "a.tsv", "text\tlabel\na\tb\n\n\nc\td\n", Options{Columns: textLabel}, []string{"#:3:", "empty row"}},
		{"empty row in jsonl", "a.jsonl", `{"text":"a","label":"b"}` + "\n\n" + `{"text":"a","label":"b"}`, Options{Columns: textLabel}, []string{"#:2:", "empty row"}},
		{"white space in jsonl", "a.jsonl", "  \n", Options{Columns: textLabel}, []string{"#:1:", "broken JSON"}},

		{"cut JSON", "a.jsonl", `{"text":"a","label":"b"`, Options{Columns: textLabel}, []string{"#:1:", "broken JSON"}},
		{"cut JSON string", "a.jsonl", `{"text":"a`, Options{Columns: textLabel}, []string{"#:1:", "broken JSON"}},
		{"cut JSON key", "a.jsonl", `{"text"`, Options{Columns: textLabel}, []string{"#:1:", "broken JSON"}},
		{"JSON without comma", "a.jsonl", `{"text":"a" "label":"b"}`, Options{Columns: textLabel}, []string{"#:1:", "broken JSON"}},
		{"two objects", "a.jsonl", `{"text":"a","label":"b"}{}`, Options{Columns: textLabel}, []string{"#:1:", "something follows"}},
		{"JSON array", "a.jsonl", `["a","b"]`, Options{Columns: textLabel}, []string{"#:1:", "expected a JSON object"}},
		{"JSON null", "a.jsonl", `null`, Options{Columns: textLabel}, []string{"#:1:", "expected a JSON object"}},
		{"JSON key twice", "a.jsonl", `{"text":"a","label":"b","label":"c"}`, Options{Columns: textLabel}, []string{"#:1:", `"label" comes twice`}},
		{"JSON text is a number", "a.jsonl", `{"text":1,"label":"b"}`, Options{Columns: textLabel}, []string{"#:1:", `column "text"`, "found 1, expected a string"}},
		{"JSON text is null", "a.jsonl", `{"text":null,"label":"b"}`, Options{Columns: textLabel}, []string{"#:1:", `column "text"`, "found null, expected a string"}},
		{"JSON label is an array", "a.jsonl", `{"text":"a","label":["b"]}`, Options{Columns: textLabel}, []string{"#:1:", `column "label"`, `found ["b"]`, "a number or a boolean"}},

		{"empty label", "a.csv", "text,label\na,b\nc,\n", Options{Columns: textLabel}, []string{"#:3:", `column "label"`, "empty label"}},
		{"white label", "a.tsv", "text\tlabel\na\t \n", Options{Columns: textLabel}, []string{"#:2:", `column "label"`, "empty label"}},
		{"empty text", "a.jsonl", `{"text":"","label":"b"}`, Options{Columns: textLabel}, []string{"#:1:", `column "text"`, "empty text"}},
		{"white text", "a.csv", "text,label\n\"\n \u00a0\",b\n", Options{Columns: textLabel}, []string{"#:2:", `column "text"`, "empty text"}},
		{"empty pair", "a.csv", "text,label\na,\n", Options{Columns: Columns{Text: "text", Pair: "label"}}, []string{"#:2:", `column "label"`, "empty text"}},
		{"empty label where text may be empty", "a.csv", "text,label\n,\n", Options{Columns: textLabel, AllowEmptyText: true}, []string{"#:2:", `column "label"`, "empty label"}},

		{"bytes in csv", "a.csv", "text,label\na\xff,b\n", Options{Columns: textLabel}, []string{"#:2:", `column "text"`, "not UTF-8"}},
		{"bytes in csv header", "a.csv", "text\xff,label\na,b\n", Options{Columns: textLabel}, []string{"#:1:", "not UTF-8"}},
		{"bytes in tsv", "a.tsv", "text\tlabel\na\tb\xc3\n", Options{Columns: textLabel}, []string{"#:2:", `column "label"`, "not UTF-8"}},
		{"bytes in jsonl", "a.jsonl", "{\"text\":\"\xe9\",\"label\":\"b\"}", Options{Columns: textLabel}, []string{"#:1:", "not UTF-8"}},
		{"UTF-16", "a.tsv", "\xff\xfet\x00e\x00x\x00t\x00\n\x00", Options{Columns: textLabel}, []string{"#:1:", "not UTF-8"}},
		{"too many fields to hold", "a.tsv", strings.Repeat("\t", 1<<16), Options{Columns: Columns{Text: "0"}}, []string{"#:1:", "found 65537 fields, expected at most 65536"}},
		{"too many csv fields to hold", "a.csv", strings.Repeat(",", 1<<16), Options{Columns: Columns{Text: "0"}}, []string{"#:1:", "65536 fields"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := save(t, c.file, c.content)
			examples, err := Read(path, c.opt)
			if err == nil {
				t.Fatalf("read %+v, expected an error", examples)
			}
			for _, want := range c.want {
				if want = strings.Replace(want, "#", path, 1); !strings.Contains(err.Error(), want) {
					t.Errorf("error is %q, expected one with %q", err, want)
				}
			}
		})
	}
}

func TestBadGzip(t *testing.T) {
	good := zipped(t, "text\n"+strings.Repeat("some words\n", 100000))
	flipped := []byte(good)
	flipped[len(good)-6] ^= 1 // the checksum
	for _, c := range []struct{ name, file, content, want string }{
		{"empty", "a.tsv.gz", "", "the file is empty"},
		{"not gzipped", "a.tsv.gz", "text\na\n", "not a gzip file"},
		{"one byte", "a.tsv.gz", "\x1f", "not a gzip file"},
		{"truncated", "a.tsv.gz", good[:len(good)/2], "unexpected EOF"},
		{"truncated csv", "a.csv.gz", good[:len(good)/2], "unexpected EOF"},
		{"checksum", "a.tsv.gz", string(flipped), "checksum"},
		{"garbage behind", "a.tsv.gz", good + "garbage, ten bytes or more", "invalid header"},
		{"gzipped without .gz", "a.tsv", good, "the file is gzipped"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), c.file)
			if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Read(path, Options{Columns: Columns{Text: "text"}})
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("error is %v, expected one with %q and the path", err, c.want)
			}
		})
	}
	// The pieces of a file that was zipped in pieces are one file.
	path := filepath.Join(t.TempDir(), "a.tsv.gz")
	if err := os.WriteFile(path, []byte(zipped(t, "text\na\nb")+zipped(t, "c\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Read(path, Options{Columns: Columns{Text: "text"}})
	if err != nil || len(got) != 2 || got[1].Text != "bc" {
		t.Errorf("read %+v (%v), expected a and bc", got, err)
	}
}

func TestNoFile(t *testing.T) {
	opt := Options{Columns: Columns{Text: "text"}}
	path := filepath.Join(t.TempDir(), "missing.csv")
	if _, err := Read(path, opt); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("error is %v, expected that %s does not exist", err, path)
	}
	path = filepath.Join(t.TempDir(), "directory.csv")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path, opt); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error is %v, expected one that names %s", err, path)
	}
}

func TestEach(t *testing.T) {
	path := save(t, "a.csv", "text\na\nb\nc\n")
	opt := Options{Columns: Columns{Text: "text"}}
	stop := errors.New("stop")
	var seen []string
	err := Each(path, opt, func(e Example) error {
		seen = append(seen, e.Text)
		if e.Text == "b" {
			return stop
		}
		return nil
	})
	if err != stop || !reflect.DeepEqual(seen, []string{"a", "b"}) {
		t.Errorf("error is %v after %v, expected %v after a and b", err, seen, stop)
	}

	// A stream that fails, and one that gives a byte at a time.
	for _, format := range []Format{CSV, TSV, JSONL} {
		broken := errors.New("broken pipe")
		err := EachFrom(iotest.ErrReader(broken), "<stdin>", format, opt, func(Example) error { return nil })
		if !errors.Is(err, broken) || !strings.Contains(err.Error(), "<stdin>") {
			t.Errorf("%s: error is %v, expected %v", format, err, broken)
		}
		content := "text\na\nb\n"
		if format == JSONL {
			content = "{\"text\":\"a\"}\n{\"text\":\"b\"}"
		}
		n := 0
		err = EachFrom(iotest.OneByteReader(strings.NewReader(content)), "<stdin>", format, opt, func(Example) error { n++; return nil })
		if err != nil || n != 2 {
			t.Errorf("%s: read %d rows (%v), expected 2", format, n, err)
		}
	}
	if err := EachFrom(strings.NewReader("x"), "<stdin>", "xml", opt, nil); err == nil || !strings.Contains(err.Error(), `"xml"`) {
		t.Errorf("error is %v, expected one that names the format", err)
	}
}

// Rows up to 64 MiB are read, longer ones refused.
func TestLongRows(t *testing.T) {
	opt := Options{Columns: Columns{Text: "text"}}
	for _, c := range []struct {
		format        Format
		before, after string
	}{
		{CSV, "text\n", "\n"}, {CSV, "text\n\"", "\"\n"}, {TSV, "text\n", "\n"}, {JSONL, `{"text":"`, "\"}\n"},
	} {
		row := func(n int) *strings.Reader { return strings.NewReader(c.before + strings.Repeat("a", n) + c.after) }
		length := 0
		err := EachFrom(row(maxRow-20), "f", c.format, opt, func(e Example) error { length = len(e.Text); return nil })
		if err != nil || length != maxRow-20 {
			t.Errorf("%s: read a text of %d bytes (%v), expected %d", c.format, length, err, maxRow-20)
		}
		err = EachFrom(row(maxRow+1), "f", c.format, opt, func(e Example) error { return nil })
		if err == nil || !strings.Contains(err.Error(), "67108864 bytes") {
			t.Errorf("%s: error is %.200v, expected that the row is too long", c.format, err)
		}
	}
}

// The data sets beside the repository have the rows and labels that their
// README states.
func TestRealFiles(t *testing.T) {
	textLabel := Columns{Text: "text", Label: "label"}
	languages := []string{"en", "de", "fr", "es", "zh"}
	type set struct {
		folder    string
		suffix    string
		columns   Columns
		rows      map[string]int
		labels    int     // 0 for scores
		low, high float64 // of scores
	}
	sets := []set{
		{"classification/20newsgroups", ".jsonl.gz", textLabel, map[string]int{"train": 11128, "test": 7414}, 20, 0, 0},
		{"classification/trec6", ".tsv", textLabel, map[string]int{"train": 5452, "test": 500}, 6, 0, 0},
		{"classification/ohsumed", ".jsonl.gz", textLabel, map[string]int{"train": 3357, "test": 4043}, 23, 0, 0},
		{"sentiment/imdb", ".jsonl.gz", textLabel, map[string]int{"train": 25000, "test": 25000}, 2, 0, 0},
		{"sentiment/cr", ".tsv", textLabel, map[string]int{"train": 3012, "dev": 376, "test": 377}, 2, 0, 0},
		{"sentiment/chnsenticorp", ".csv", Columns{Text: "review", Label: "label"}, map[string]int{"train": 6212, "dev": 776, "test": 777}, 2, 0, 0},
		{"similarity/sick", ".tsv", Columns{Text: "sentence_A", Pair: "sentence_B", Label: "relatedness_score", ID: "pair_ID"}, map[string]int{"train": 4500, "dev": 500, "test": 4927}, 0, 1, 5},
		{"similarity/biosses", ".tsv", Columns{Text: "sentence1", Pair: "sentence2", Label: "score", ID: "id"}, map[string]int{"train": 64, "dev": 16, "test": 20}, 0, 0, 4},
	}
	for _, language := range languages {
		sets = append(sets,
			set{"classification/sib200/" + language, ".tsv", Columns{Text: "text", Label: "category", ID: "index_id"}, map[string]int{"train": 701, "dev": 99, "test": 204}, 7, 0, 0},
			set{"similarity/stsb/" + language, ".csv", Columns{Text: "0", Pair: "1", Label: "2"}, map[string]int{"train": 5749, "dev": 1500, "test": 1379}, 0, 0, 5})
		if language != "zh" {
			sets = append(sets, set{"sentiment/tweets/" + language, ".tsv", textLabel, map[string]int{"train": 1839, "dev": 324, "test": 870}, 3, 0, 0})
		}
	}
	files, rows := 0, 0
	for _, s := range sets {
		for split, want := range s.rows {
			path := sharedtest.Dir(t, "data", filepath.FromSlash(s.folder), split+s.suffix)
			examples, err := Read(path, Options{Columns: s.columns})
			if err != nil {
				t.Error(err)
				continue
			}
			files++
			rows += len(examples)
			if len(examples) != want {
				t.Errorf("%s: read %d rows, expected %d", path, len(examples), want)
			}
			if s.labels > 0 {
				if n := LabelsOf(examples).Len(); n != s.labels {
					t.Errorf("%s: found %d labels, expected %d", path, n, s.labels)
				}
				continue
			}
			scores, err := Scores(path, examples)
			if err != nil {
				t.Error(err)
			}
			for i, v := range scores {
				if v < s.low || v > s.high {
					t.Errorf("%s:%d: score %v, expected from %v to %v", path, examples[i].Line, v, s.low, s.high)
				}
			}
		}
	}
	t.Logf("%d files, %d rows", files, rows)
}
