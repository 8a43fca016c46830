// Package dataset reads labelled texts from files, row by row, and cuts them
// into splits, samples and batches.
//
// Formats are told by the file name: .csv (quoted as RFC 4180 says), .tsv (no
// quoting: a double quote is a character) and .jsonl, each also with .gz or
// .zst behind it, and .parquet (columns of strings, numbers and booleans).
// Text is UTF-8; a byte order mark and CRLF line ends are tolerated. What a
// file has wrong is an error that names the file, the line, the column, what
// was found and what was expected.
//
// Files are read with little memory, whatever they claim to hold: a row has at
// most 64 MiB and 65,536 fields, a page of Parquet at most 128 MiB, and what
// is compressed unpacks to at most 128 times its size, or to 64 MiB.
package dataset

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Example is a text, or a pair of texts, with what is known about it.
type Example struct {
	Text    string
	Pair    string // the second text of a pair
	Label   string // a class or a score, as it stands in the file
	ID      string
	HasPair bool // whether a pair was asked for
	Line    int  // of the file, from 1, where the row begins; in Parquet the row
}

// Columns says which columns of a file to read: by the name in the header (the
// key in JSONL, the column in Parquet), or, but for JSONL, by number from 0.
// Only Text must be given; the others are not read where they are empty.
type Columns struct {
	Text, Pair, Label, ID string
}

// Options says how to read a file.
type Options struct {
	Columns
	// Header says whether the first row of CSV and TSV names the columns. If
	// nil, it does, unless all the columns asked for are numbers that do not
	// stand in the first row. JSONL and Parquet have no header.
	Header *bool
	// Limit is the most examples to read, 0 for all.
	Limit int
	// AllowEmptyText permits texts of nothing but white space. They are
	// errors otherwise.
	AllowEmptyText bool
	// LabelMap renames labels as they are read; several may get one name. A
	// label that is not in it is an error, or, with DropUnmapped, its example
	// is left out. If nil, labels stay as they are.
	LabelMap     map[string]string
	DropUnmapped bool
}

// Format is the form of a file's rows.
type Format string

// The formats that can be read.
const (
	CSV     Format = "csv"
	TSV     Format = "tsv"
	JSONL   Format = "jsonl"
	Parquet Format = "parquet"
)

// maxExamples is the most examples that Read returns: rows of a byte or two
// each take fifty times the memory that they take in a file.
const maxExamples = 1 << 24

// FormatOf tells the format of a file, and how it is packed, by its name.
func FormatOf(path string) (Format, Compression, error) {
	name := strings.ToLower(filepath.Base(path))
	how := Unpacked
	if base, ok := strings.CutSuffix(name, ".gz"); ok {
		name, how = base, Gzip
	} else if base, ok := strings.CutSuffix(name, ".zst"); ok {
		name, how = base, Zstd
	}
	switch filepath.Ext(name) {
	case ".csv":
		return CSV, how, nil
	case ".tsv":
		return TSV, how, nil
	case ".jsonl", ".ndjson":
		return JSONL, how, nil
	case ".parquet":
		if how == Unpacked {
			return Parquet, how, nil
		}
		return "", "", fmt.Errorf("%s: found a Parquet file packed with %s, expected it unpacked: Parquet is read from its end, and packs its own pages", path, how)
	}
	return "", "", fmt.Errorf("%s: the name does not tell the format: expected .csv, .tsv or .jsonl, or one of them with .gz or .zst, or .parquet", path)
}

// Read returns the examples of a file, of which it must not have more than
// 16,777,216; [Each] reads any number.
func Read(path string, opt Options) ([]Example, error) {
	var examples []Example
	err := Each(path, opt, func(e Example) error {
		if len(examples) == maxExamples {
			return rowError(path, e.Line, "", "found more than %d examples, expected no more, or a limit", maxExamples)
		}
		examples = append(examples, e)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return examples, nil
}

// Each calls yield for each example of a file, in order, as it is read. An
// error of yield ends the reading and is returned as it is.
func Each(path string, opt Options, yield func(Example) error) error {
	format, how, err := FormatOf(path)
	if err != nil {
		return err
	}
	if format == Parquet {
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		return EachFrom(file, path, format, opt, yield)
	}
	file, err := open(path, how)
	if err != nil {
		return err
	}
	defer file.Close()
	return EachFrom(file, path, format, opt, yield)
}

// EachFrom is [Each] for an open stream, such as standard input. The name
// stands for the file in errors. Parquet must also be an [io.ReaderAt] and an
// [io.Seeker], such as an open file.
func EachFrom(r io.Reader, name string, format Format, opt Options, yield func(Example) error) error {
	if opt.Text == "" {
		return fmt.Errorf("%s: no text column was given", name)
	}
	if opt.LabelMap != nil && opt.Label == "" {
		return fmt.Errorf("%s: a label map was given, expected a label column as well", name)
	}
	// The sink checks what all formats have in common.
	count, dropped := 0, 0
	sink := func(e Example) error {
		e.HasPair = opt.Pair != ""
		if err := check(e, name, opt); err != nil {
			return err
		}
		if opt.LabelMap != nil {
			label, ok := opt.LabelMap[e.Label]
			if !ok && opt.DropUnmapped {
				dropped++
				return nil
			}
			if !ok {
				return rowError(name, e.Line, opt.Label, "found the label %q, expected one that the label map renames: %s", clip(e.Label), quoted(slices.Sorted(maps.Keys(opt.LabelMap))))
			}
			e.Label = label
		}
		count++
		if err := yield(e); err != nil {
			return err
		}
		if opt.Limit > 0 && count == opt.Limit {
			return errLimit
		}
		return nil
	}
	err := eachExample(r, name, format, opt, sink)
	switch {
	case err == errLimit:
		return nil
	case err == nil && count == 0 && dropped > 0:
		return fmt.Errorf("%s: none of the labels of its %d rows is in the label map, expected some of %s", name, dropped, quoted(slices.Sorted(maps.Keys(opt.LabelMap))))
	case err == nil && count == 0:
		return fmt.Errorf("%s: found no rows, expected at least one", name)
	}
	return err
}

// eachExample passes the rows of a file in any format to yield.
func eachExample(r io.Reader, name string, format Format, opt Options, yield func(Example) error) error {
	if format == Parquet {
		return eachParquet(r, name, opt, yield)
	}
	text, err := skipMark(r)
	if err != nil {
		return fmt.Errorf("%s: reading: %w", name, err)
	}
	switch format {
	case CSV:
		return eachRow(newCSV(text, name), name, opt, yield)
	case TSV:
		return eachRow(newTSV(text, name), name, opt, yield)
	case JSONL:
		return eachObject(text, name, opt, yield)
	}
	return fmt.Errorf("%s: format is %q, expected csv, tsv, jsonl or parquet", name, format)
}

// errLimit ends the reading at Options.Limit.
var errLimit = errors.New("dataset: limit reached")

// check refuses examples without text or label where these were asked for.
func check(e Example, name string, opt Options) error {
	blank := func(s string) bool { return strings.TrimSpace(s) == "" }
	switch {
	case blank(e.Text) && !opt.AllowEmptyText:
		return rowError(name, e.Line, opt.Text, "found an empty text, expected one with words")
	case e.HasPair && blank(e.Pair) && !opt.AllowEmptyText:
		return rowError(name, e.Line, opt.Pair, "found an empty text, expected one with words")
	case opt.Label != "" && blank(e.Label):
		return rowError(name, e.Line, opt.Label, "found an empty label, expected a class or a score")
	}
	return nil
}

// rowError is an error in a row; column may be empty.
func rowError(name string, line int, column, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	if column != "" {
		err = fmt.Errorf("column %q: %w", column, err)
	}
	return fmt.Errorf("%s:%d: %w", name, line, err)
}

// quoted lists names for an error message, the first few of them.
func quoted(names []string) string {
	const most = 30
	shown := make([]string, 0, min(len(names), most))
	for _, n := range names[:min(len(names), most)] {
		shown = append(shown, fmt.Sprintf("%q", clip(n)))
	}
	list := strings.Join(shown, ", ")
	if len(names) > most {
		list += fmt.Sprintf(" and %d more", len(names)-most)
	}
	return list
}

// clip shortens what a file holds to what an error message bears.
func clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
