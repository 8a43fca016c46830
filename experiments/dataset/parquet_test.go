package dataset

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/encoding"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// writeParquet writes rows of the columns of a group, in the order of their
// names; a nil is null.
func writeParquet(t testing.TB, group parquet.Group, rows [][]any, options ...parquet.WriterOption) []byte {
	t.Helper()
	var b bytes.Buffer
	schema := parquet.NewSchema("table", group)
	w := parquet.NewGenericWriter[any](&b, append([]parquet.WriterOption{schema}, options...)...)
	for _, values := range rows {
		var row parquet.Row
		for i, v := range values {
			column, _ := schema.Lookup(schema.Columns()[i]...)
			level := 0
			if v != nil {
				level = column.MaxDefinitionLevel
			}
			row = append(row, parquet.ValueOf(v).Level(0, level, i))
		}
		if _, err := w.WriteRows([]parquet.Row{row}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func readParquet(content []byte, columns Columns) ([]Example, error) {
	var examples []Example
	err := EachFrom(bytes.NewReader(content), "f.parquet", Parquet, Options{Columns: columns}, func(e Example) error {
		examples = append(examples, e)
		return nil
	})
	return examples, err
}

// column values that are awkward for one encoding or another.
func textOf(i int) string {
	texts := []string{"a plain text", "é 😀 漢字", strings.Repeat("long ", 300), "a plain text again", "x", "the same", "the same"}
	return fmt.Sprint(texts[i%len(texts)], i/13)
}

// Every encoding and codec that the library writes, in both versions of pages,
// over several row groups and pages, with and without nulls, is read as it was
// written.
func TestParquetEncodings(t *testing.T) {
	integer := func(i int) int64 { return int64(i) * int64(i) * 12345678901 % (1 << 40) * int64(1-2*(i%2)) }
	kinds := []struct {
		name      string
		node      parquet.Node
		encodings []encoding.Encoding
		value     func(i int) any
		text      func(i int) string
	}{
		{"string", parquet.String(), []encoding.Encoding{&parquet.Plain, &parquet.RLEDictionary, &parquet.DeltaLengthByteArray, &parquet.DeltaByteArray},
			func(i int) any { return textOf(i) }, textOf},
		{"bytes", parquet.Leaf(parquet.ByteArrayType), []encoding.Encoding{&parquet.Plain},
			func(i int) any { return []byte(textOf(i)) }, textOf},
		{"enum", parquet.Enum(), []encoding.Encoding{&parquet.Plain},
			func(i int) any { return textOf(i) }, textOf},
		{"int32", parquet.Int(32), []encoding.Encoding{&parquet.Plain, &parquet.RLEDictionary, &parquet.DeltaBinaryPacked, &parquet.ByteStreamSplit},
			func(i int) any { return int32(integer(i)) }, func(i int) string { return fmt.Sprint(int32(integer(i))) }},
		{"int8", parquet.Int(8), []encoding.Encoding{&parquet.Plain, &parquet.DeltaBinaryPacked},
			func(i int) any { return int32(int8(i)) }, func(i int) string { return fmt.Sprint(int8(i)) }},
		{"uint32", parquet.Uint(32), []encoding.Encoding{&parquet.Plain, &parquet.DeltaBinaryPacked, &parquet.RLEDictionary},
			func(i int) any { return int32(uint32(integer(i))) }, func(i int) string { return fmt.Sprint(uint32(integer(i))) }},
		{"int64", parquet.Int(64), []encoding.Encoding{&parquet.Plain, &parquet.RLEDictionary, &parquet.DeltaBinaryPacked, &parquet.ByteStreamSplit},
			func(i int) any { return integer(i) << 20 }, func(i int) string { return fmt.Sprint(integer(i) << 20) }},
		{"uint64", parquet.Uint(64), []encoding.Encoding{&parquet.Plain, &parquet.DeltaBinaryPacked},
			func(i int) any { return int64(uint64(integer(i))) }, func(i int) string { return fmt.Sprint(uint64(integer(i))) }},
		{"float", parquet.Leaf(parquet.FloatType), []encoding.Encoding{&parquet.Plain, &parquet.RLEDictionary, &parquet.ByteStreamSplit},
			func(i int) any { return float32(i) / 10 }, func(i int) string { return fmt.Sprint(float32(i) / 10) }},
		{"double", parquet.Leaf(parquet.DoubleType), []encoding.Encoding{&parquet.Plain, &parquet.RLEDictionary, &parquet.ByteStreamSplit},
			func(i int) any { return float64(i) / 10 }, func(i int) string { return fmt.Sprint(float64(i) / 10) }},
		{"boolean", parquet.Leaf(parquet.BooleanType), []encoding.Encoding{&parquet.Plain, &parquet.RLE},
			func(i int) any { return i%3 == 0 }, func(i int) string { return fmt.Sprint(i%3 == 0) }},
	}
	codecs := []compress.Codec{&parquet.Uncompressed, &parquet.Snappy, &parquet.Gzip, &parquet.Zstd, &parquet.Brotli, &parquet.Lz4Raw}
	const rows = 700
	files := 0
	for _, k := range kinds {
		for _, enc := range k.encodings {
			for version := 1; version <= 2; version++ {
				for o, optional := range []bool{false, true} {
					// The codecs take turns.
					codec := codecs[files%len(codecs)]
					name := fmt.Sprintf("%s %s %s v%d optional %v", k.name, enc, codec, version, optional)
					node := parquet.Encoded(k.node, enc)
					if optional {
						node = parquet.Optional(node)
					}
					var table [][]any
					for i := range rows {
						table = append(table, []any{textOf(i), k.value(i)})
					}
					content := writeParquet(t, parquet.Group{"text": parquet.String(), "value": node}, table,
						parquet.Compression(codec), parquet.DataPageVersion(version), parquet.PageBufferSize(1500), parquet.MaxRowsPerRowGroup(300+int64(o)))
					examples, err := readParquet(content, Columns{Text: "text", Label: "value", ID: "1"})
					if err != nil || len(examples) != rows {
						t.Errorf("%s: read %d rows (%v), expected %d", name, len(examples), err, rows)
						continue
					}
					for i, e := range examples {
						if want := (Example{Text: textOf(i), Label: k.text(i), ID: k.text(i), Line: i + 1}); e != want {
							t.Errorf("%s: read %+v, expected %+v", name, e, want)
							break
						}
					}
					files++
				}
			}
		}
	}
	if files != 4*29 {
		t.Errorf("%d files were read, expected %d", files, 4*29)
	}
}

func TestParquetRows(t *testing.T) {
	text := parquet.String()
	label := parquet.Optional(parquet.Int(64))
	nested := parquet.List(text)
	for _, c := range []struct {
		name    string
		content []byte
		columns Columns
		want    []Example
		err     string
	}{
		{"columns by name", writeParquet(t, parquet.Group{"label": label, "text": text}, [][]any{{int64(3), "a"}, {int64(-4), "b"}}),
			Columns{Text: "text", Label: "label"}, []Example{{Text: "a", Label: "3", Line: 1}, {Text: "b", Label: "-4", Line: 2}}, ""},
		{"columns by number", writeParquet(t, parquet.Group{"label": label, "text": text}, [][]any{{int64(3), "a"}}),
			Columns{Text: "1", Label: "0"}, []Example{{Text: "a", Label: "3", Line: 1}}, ""},
		{"a name that is a number", writeParquet(t, parquet.Group{"0": text, "1": text}, [][]any{{"a", "b"}}),
			Columns{Text: "1", Pair: "0"}, []Example{{Text: "b", Pair: "a", HasPair: true, Line: 1}}, ""},
		{"NUL is a character", writeParquet(t, parquet.Group{"text": text}, [][]any{{"a\x00b"}}),
			Columns{Text: "text"}, []Example{{Text: "a\x00b", Line: 1}}, ""},
		{"no such column", writeParquet(t, parquet.Group{"text": text}, [][]any{{"a"}}),
			Columns{Text: "sentence"}, nil, `f.parquet: column "sentence": there is no such column: found "text"`},
		{"no such number", writeParquet(t, parquet.Group{"text": text}, [][]any{{"a"}}),
			Columns{Text: "3"}, nil, `f.parquet: column "3": there is no such column: found 1, numbered from 0`},
		{"null", writeParquet(t, parquet.Group{"label": label, "text": text}, [][]any{{int64(3), "a"}, {nil, "b"}}),
			Columns{Text: "text", Label: "label"}, nil, `f.parquet:2: column "label": found null, expected an integer`},
		{"numbers for text", writeParquet(t, parquet.Group{"label": label, "text": text}, [][]any{{int64(3), "a"}}),
			Columns{Text: "label"}, nil, `f.parquet: column "label": found a column of an integer (INT64), expected strings`},
		{"time", writeParquet(t, parquet.Group{"text": text, "time": parquet.Timestamp(parquet.Millisecond)}, [][]any{{"a", int64(5)}}),
			Columns{Text: "text", Label: "time"}, nil, `f.parquet: column "time": found a column of TIMESTAMP (INT64), expected strings, numbers or booleans`},
		{"fixed length", writeParquet(t, parquet.Group{"text": parquet.UUID()}, [][]any{{[]byte("0123456789abcdef")}}),
			Columns{Text: "text"}, nil, `f.parquet: column "text": found a column of UUID (FIXED_LEN_BYTE_ARRAY), expected strings`},
		{"list", writeParquet(t, parquet.Group{"list": nested, "text": text}, nil),
			Columns{Text: "text", Label: "list"}, nil, `f.parquet: column "list": found a nested column`},
		{"repeated", writeParquet(t, parquet.Group{"many": parquet.Repeated(text), "text": text}, nil),
			Columns{Text: "many"}, nil, `f.parquet: column "many": found a nested column`},
		{"struct", writeParquet(t, parquet.Group{"a": parquet.Group{"b": text}, "text": text}, nil),
			Columns{Text: "0"}, nil, `f.parquet: column "0": found a nested column`},
		{"nested beside", writeParquet(t, parquet.Group{"a": parquet.Group{"b": text, "c": text}, "text": text}, [][]any{{"b", "c", "a"}}),
			Columns{Text: "text"}, []Example{{Text: "a", Line: 1}}, ""},
		{"no rows", writeParquet(t, parquet.Group{"text": text}, nil),
			Columns{Text: "text"}, nil, "f.parquet: found no rows"},
		{"empty text", writeParquet(t, parquet.Group{"text": text}, [][]any{{"a"}, {" "}}),
			Columns{Text: "text"}, nil, `f.parquet:2: column "text": found an empty text`},
		{"not UTF-8", writeParquet(t, parquet.Group{"text": text}, [][]any{{"a\xff"}}),
			Columns{Text: "text"}, nil, `f.parquet:1: column "text": found bytes that are not UTF-8`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := readParquet(c.content, c.columns)
			switch {
			case c.err != "" && (err == nil || !strings.HasPrefix(err.Error(), c.err)):
				t.Errorf("error is %v, expected %s…", err, c.err)
			case c.err == "" && (err != nil || !reflect.DeepEqual(got, c.want)):
				t.Errorf("read %+v (%v), expected %+v", got, err, c.want)
			}
		})
	}
}

// Of a file that is cut off anywhere, or in which a byte is changed anywhere,
// either all is read as it was, or an error names the file: where a checksum
// covers the pages, no wrong value is ever read.
func TestParquetDamage(t *testing.T) {
	var rows [][]any
	for i := range 20 {
		rows = append(rows, []any{int64(i % 3), textOf(i)})
	}
	group := parquet.Group{"label": parquet.Optional(parquet.Encoded(parquet.Int(64), &parquet.RLEDictionary)), "text": parquet.String()}
	columns := Columns{Text: "text", Label: "label"}
	for _, codec := range []compress.Codec{&parquet.Uncompressed, &parquet.Snappy, &parquet.Zstd} {
		content := writeParquet(t, group, rows, parquet.Compression(codec))
		want, err := readParquet(content, columns)
		if err != nil || len(want) != len(rows) {
			t.Fatalf("read %d rows (%v), expected %d", len(want), err, len(rows))
		}
		for n := range content {
			if _, err := readParquet(content[:n], columns); err == nil || !strings.HasPrefix(err.Error(), "f.parquet: ") {
				t.Errorf("%s: cut to %d bytes of %d: error is %v, expected one that names the file", codec, n, len(content), err)
			}
		}
		refused := 0
		for n := range content {
			damaged := bytes.Clone(content)
			damaged[n] ^= 1 << (n % 8)
			if _, err := readParquet(damaged, columns); err != nil {
				refused++
				if !strings.HasPrefix(err.Error(), "f.parquet:") {
					t.Errorf("%s: byte %d changed: error is %v, expected one that names the file", codec, n, err)
				}
			}
		}
		if refused < len(content)/4 {
			t.Errorf("%s: only %d of %d changes were noticed", codec, refused, len(content))
		}
	}
}

// A file that claims to hold more than it does takes little memory.
func TestParquetClaims(t *testing.T) {
	build := func(header format.PageHeader, page []byte, codec format.CompressionCodec, rows int64, change func(*format.FileMetaData)) []byte {
		return buildParquet(t, header, [][]byte{page}, codec, rows, change)
	}
	plain, encoded := plainHeader, encodedHeader
	one := []byte("\x01\x00\x00\x00a")
	if got, err := readParquet(build(plain(1, 5), one, format.Uncompressed, 1, nil), Columns{Text: "text"}); err != nil || len(got) != 1 || got[0].Text != "a" {
		t.Fatalf("read %+v (%v), expected a", got, err)
	}
	zeros, err := parquet.Zstd.Encode(nil, make([]byte, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	uvarints := func(values ...uint64) (b []byte) {
		for _, v := range values {
			b = binary.AppendUvarint(b, v)
		}
		return b
	}
	for _, c := range []struct {
		name    string
		content []byte
		want    string
	}{
		{"rows", build(plain(1, 5), one, format.Uncompressed, 1<<40, nil), "found no more pages"},
		{"values", build(plain(math.MaxInt32, 5), one, format.Uncompressed, 1<<40, nil), "unexpected EOF"},
		{"more values than rows", build(plain(2, 5), one, format.Uncompressed, 1, nil), "a page has 2 values, expected at most the 1"},
		{"negative values", build(plain(-1, 5), one, format.Uncompressed, 1, nil), "a page has -1 values"},
		{"page size", build(plain(1, math.MaxInt32), one, format.Uncompressed, 1, nil), "expected at most 134217728"},
		{"negative page size", build(plain(1, -1), one, format.Uncompressed, 1, nil), "a page has 5 bytes, -1 unpacked"},
		{"snappy size", build(plain(1, 64<<20), []byte("\x80\x80\x80\x20a"), format.Snappy, 1, nil), "unexpected EOF"},
		{"snappy size beside the header's", build(plain(1, 5), []byte("\x80\x80\x80\x20a"), format.Snappy, 1, nil), "unpacks to 67108864 bytes, expected 5"},
		{"lz4 size", build(plain(1, 60<<20), []byte("\x10a"), format.Lz4Raw, 1, nil), "unexpected EOF"},
		{"lz4 damage", build(plain(1, 5), []byte("\xff\xff\xff\xff"), format.Lz4Raw, 1, nil), "unpacking a page with LZ4_RAW"},
		{"zstd bomb", build(plain(1, 5), zeros, format.Zstd, 1, nil), "a page unpacks to other than the 5 bytes"},
		{"zstd less", build(plain(1, 60<<20), zeros, format.Zstd, 1, nil), "a page unpacks to other than the 62914560 bytes"},
		{"old LZ4", build(plain(1, 5), one, format.Lz4, 1, nil), "in a form that was given up"},
		{"LZO", build(plain(1, 5), one, format.LZO, 1, nil), "packed with LZO"},
		{"unknown encoding", build(encoded(1, 5, 77), one, format.Uncompressed, 1, nil), "encoded as"},
		{"wrong encoding", build(encoded(1, 5, format.DeltaBinaryPacked), one, format.Uncompressed, 1, nil), "which that type does not have"},
		{"no dictionary", build(encoded(1, 3, format.RLEDictionary), []byte("\x01\x02\x00"), format.Uncompressed, 1, nil), "dictionary index 0, expected less than 0"},
		{"wide indices", build(encoded(1, 3, format.RLEDictionary), []byte("\x21\x02\x00"), format.Uncompressed, 1, nil), "indices of 33 bits"},
		{"string length", build(plain(1, 5), []byte("\xff\xff\xff\xffa"), format.Uncompressed, 1, nil), "found a length of 4294967295, expected at most 1"},
		{"delta count", build(encoded(1, 9, format.DeltaLengthByteArray), uvarints(128, 4, 1<<40), format.Uncompressed, 1, nil), "damaged"},
		{"delta count above the page's", build(encoded(1, 9, format.DeltaLengthByteArray), uvarints(128, 4, 1<<30, 0), format.Uncompressed, 1, nil), "found 1073741824 integers, expected at most 1"},
		{"delta blocks", build(encoded(1, 6, format.DeltaLengthByteArray), uvarints(1<<20, 4, 1, 0), format.Uncompressed, 1, nil), "found blocks of 1048576 integers"},
		{"footer rows", build(plain(1, 5), one, format.Uncompressed, 1, func(m *format.FileMetaData) { m.NumRows = 7 }), "states 7 rows, but its row groups 1"},
		{"negative rows", build(plain(1, 5), one, format.Uncompressed, 1, func(m *format.FileMetaData) { m.RowGroups[0].NumRows = -1 }), "found -1 rows"},
		{"chunk beyond the file", build(plain(1, 5), one, format.Uncompressed, 1, func(m *format.FileMetaData) { m.RowGroups[0].Columns[0].MetaData.TotalCompressedSize = 1 << 50 }), "expected them between 4 and"},
		{"chunk before the file", build(plain(1, 5), one, format.Uncompressed, 1, func(m *format.FileMetaData) { m.RowGroups[0].Columns[0].MetaData.DataPageOffset = -5 }), "expected them between 4 and"},
		{"other type", build(plain(1, 5), one, format.Uncompressed, 1, func(m *format.FileMetaData) { m.RowGroups[0].Columns[0].MetaData.Type = format.Int64 }), "found the type INT64, expected BYTE_ARRAY"},
		{"other file", build(plain(1, 5), one, format.Uncompressed, 1, func(m *format.FileMetaData) { m.RowGroups[0].Columns[0].FilePath = "b.parquet" }), `in another file ("b.parquet")`},
		{"children", build(plain(1, 5), one, format.Uncompressed, 1, func(m *format.FileMetaData) { m.Schema[0].NumChildren = null(int32(math.MaxInt32)) }), "schema is broken"},
		{"no children", build(plain(1, 5), one, format.Uncompressed, 1, func(m *format.FileMetaData) { m.Schema[0].NumChildren = null(int32(-3)) }), "schema is broken"},
		{"name twice", build(plain(1, 5), one, format.Uncompressed, 1, func(m *format.FileMetaData) {
			m.Schema[0].NumChildren = null(int32(2))
			m.Schema = append(m.Schema, textElement)
			m.RowGroups[0].Columns = append(m.RowGroups[0].Columns, m.RowGroups[0].Columns[0])
		}), "this name twice"},
		{"no columns", build(plain(1, 5), one, format.Uncompressed, 1, func(m *format.FileMetaData) { m.RowGroups[0].Columns = nil }), "row group 0: found 0 columns"},
		{"footer length", append([]byte("PAR1"), "\xff\xff\xff\xffPAR1"...), "the footer has 4294967295 bytes, expected at most 0"},
		{"footer list", wrap([]byte("PAR1"), []byte{0x29, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07}), "the footer is damaged: unexpected EOF"},
		{"footer depth", wrap([]byte("PAR1"), bytes.Repeat([]byte{0x1c}, 1<<20)), "nested to more than 32"},
		{"footer lists in lists", wrap([]byte("PAR1"), append([]byte{0x19}, bytes.Repeat([]byte{0x19}, 1<<20)...)), "nested to more than 32"},
		{"footer structures", wrap([]byte("PAR1"), append([]byte{0x29, 0xfc, 0x80, 0x80, 0x40}, make([]byte, 1<<20)...)), "more than 524288 structures"},
		{"encrypted", append([]byte("PARE"), "\x00\x00\x00\x00PARE"...), "the file is encrypted"},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := readParquet(c.content, Columns{Text: "text"})
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "f.parquet:") {
			t.Errorf("%s: error is %v, expected one with %q", c.name, err, c.want)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 32<<20+uint64(2*len(c.content)) {
			t.Errorf("%s: %d bytes took %d bytes of memory", c.name, len(c.content), used)
		}
	}
}

var textElement = format.SchemaElement{Name: "text", Type: null(format.ByteArray), RepetitionType: null(format.Required)}

// buildParquet makes a file of a column of strings with pages that all have the
// same header. A change may put anything in the footer.
func buildParquet(t testing.TB, header format.PageHeader, pages [][]byte, codec format.CompressionCodec, rows int64, change func(*format.FileMetaData)) []byte {
	var protocol thrift.CompactProtocol
	marshal := func(v any) []byte {
		b, err := thrift.Marshal(&protocol, v)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	data := []byte("PAR1")
	for _, page := range pages {
		header.CompressedPageSize = int32(len(page))
		data = append(append(data, marshal(&header)...), page...)
	}
	meta := format.FileMetaData{
		Version: 1,
		Schema:  []format.SchemaElement{{Name: "table", NumChildren: null(int32(1))}, textElement},
		NumRows: rows,
		RowGroups: []format.RowGroup{{NumRows: rows, Columns: []format.ColumnChunk{{MetaData: format.ColumnMetaData{
			Type: format.ByteArray, Encoding: []format.Encoding{format.Plain}, PathInSchema: []string{"text"}, Codec: codec,
			NumValues: rows, TotalCompressedSize: int64(len(data) - 4), DataPageOffset: 4,
		}}}}},
	}
	if change != nil {
		change(&meta)
	}
	return wrap(data, marshal(&meta))
}

func encodedHeader(values, size int32, e format.Encoding) format.PageHeader {
	return format.PageHeader{Type: format.DataPage, UncompressedPageSize: size,
		DataPageHeader: null(format.DataPageHeader{NumValues: values, Encoding: e, DefinitionLevelEncoding: format.RLE, RepetitionLevelEncoding: format.RLE})}
}

func plainHeader(values, size int32) format.PageHeader {
	return encodedHeader(values, size, format.Plain)
}

func null[T any](v T) thrift.Null[T] { return thrift.Null[T]{V: v, Valid: true} }

// wrap puts the end of a Parquet file behind its data.
func wrap(data, footer []byte) []byte {
	data = append(data, footer...)
	data = binary.LittleEndian.AppendUint32(data, uint32(len(footer)))
	return append(data, "PAR1"...)
}

// What is shared by strings, and what is in pages of a few bytes, does not
// unpack without end.
func TestParquetUnpacksToABound(t *testing.T) {
	const size, n = 256 << 10, 320 // 80 MiB
	value := bytes.Repeat([]byte("ab"), size/2)
	pack := func(page []byte) []byte {
		b, err := parquet.Zstd.Encode(nil, page)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	one := binary.LittleEndian.AppendUint32(nil, size)
	one = append(one, value...)
	var pages [][]byte
	for range n {
		pages = append(pages, pack(one))
	}
	offsets := make([]uint32, n+1)
	for i := range offsets {
		offsets[i] = uint32(i * size)
	}
	shared, err := parquet.DeltaByteArray.EncodeByteArray(nil, bytes.Repeat(value, n), offsets)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"many pages":    buildParquet(t, plainHeader(1, int32(len(one))), pages, format.Zstd, n, nil),
		"shared starts": buildParquet(t, encodedHeader(n, int32(len(shared)), format.DeltaByteArray), [][]byte{pack(shared)}, format.Zstd, n, nil),
	} {
		total := 0
		err := EachFrom(bytes.NewReader(content), "f.parquet", Parquet, Options{Columns: Columns{Text: "text"}}, func(e Example) error {
			if e.Text != string(value) {
				t.Errorf("%s: row %d is not what was written", name, e.Line)
			}
			total += len(e.Text)
			return nil
		})
		if err == nil || !strings.Contains(err.Error(), "unpack to more than 67108864") || total < unpackedFree/2 || total > unpackedFree {
			t.Errorf("%s: read %d bytes of text from %d (%v), expected an error after at most %d", name, total, len(content), err, unpackedFree)
		}
	}
}

func TestParquetFiles(t *testing.T) {
	content := writeParquet(t, parquet.Group{"text": parquet.String()}, [][]any{{"a"}})
	for _, c := range []struct{ file, content, want string }{
		{"a.parquet", "", "the file is empty"},
		{"a.parquet", "text\na\nb\n", "not a Parquet file"},
		{"a.parquet", "text\na\nb\nc,d\n", "not a Parquet file"},
		{"a.parquet.gz", string(content), "packed with gzip, expected it unpacked"},
		{"a.csv", string(content), "the file is Parquet, expected plain text or a name that ends in .parquet"},
	} {
		path := filepath.Join(t.TempDir(), c.file)
		if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path, Options{Columns: Columns{Text: "text"}}); err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), path) {
			t.Errorf("%s: error is %v, expected one with %q", c.file, err, c.want)
		}
	}
	stream := struct{ *bytes.Buffer }{bytes.NewBuffer(content)}
	if err := EachFrom(stream, "<stdin>", Parquet, Options{Columns: Columns{Text: "text"}}, nil); err == nil || !strings.Contains(err.Error(), "a file and not a stream") {
		t.Errorf("error is %v, expected that a stream is none", err)
	}
}

func FuzzParquet(f *testing.F) {
	group := parquet.Group{"label": parquet.Optional(parquet.Encoded(parquet.Int(64), &parquet.RLEDictionary)), "text": parquet.String()}
	rows := [][]any{{int64(3), "a"}, {int64(-4), "b"}, {nil, "c"}}
	for _, codec := range []compress.Codec{&parquet.Uncompressed, &parquet.Snappy, &parquet.Gzip, &parquet.Zstd, &parquet.Brotli, &parquet.Lz4Raw} {
		f.Add(writeParquet(f, group, rows, parquet.Compression(codec)))
		f.Add(writeParquet(f, group, rows[:2], parquet.Compression(codec), parquet.DataPageVersion(1)))
	}
	for _, e := range []encoding.Encoding{&parquet.DeltaByteArray, &parquet.DeltaLengthByteArray, &parquet.RLEDictionary} {
		f.Add(writeParquet(f, parquet.Group{"label": parquet.Encoded(parquet.Int(32), &parquet.DeltaBinaryPacked), "text": parquet.Encoded(parquet.String(), e)},
			[][]any{{int32(3), "abc"}, {int32(4), "abd"}}))
	}
	f.Add(writeParquet(f, parquet.Group{"label": parquet.Encoded(parquet.Leaf(parquet.DoubleType), &parquet.ByteStreamSplit), "text": parquet.String()}, [][]any{{1.5, "abc"}}))
	f.Fuzz(func(t *testing.T, content []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		n, bytesRead := 0, 0
		err := EachFrom(bytes.NewReader(content), "file", Parquet, Options{Columns: Columns{Text: "text", Label: "label"}, Limit: 1 << 16}, func(e Example) error {
			n++
			bytesRead += len(e.Text) + len(e.Label)
			if e.Line != n || strings.TrimSpace(e.Text) == "" || strings.TrimSpace(e.Label) == "" {
				t.Errorf("example %d is %+v", n, e)
			}
			return nil
		})
		runtime.ReadMemStats(&after)
		if err != nil && !strings.HasPrefix(err.Error(), "file:") {
			t.Errorf("error is %q, expected one that names the file", err)
		}
		if err == nil && n == 0 {
			t.Error("no examples and no error")
		}
		if used, most := after.TotalAlloc-before.TotalAlloc, uint64(2*maxPage+4096*len(content)+4*bytesRead); used > most {
			t.Errorf("%d bytes took %d bytes of memory, expected at most %d", len(content), used, most)
		}
	})
}
