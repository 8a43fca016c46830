// Package dataset reads labelled texts from files, row by row, and cuts them
// into splits, samples and batches.
//
// Formats are told by the file name: .csv (quoted as RFC 4180 says), .tsv (no
// quoting: a double quote is a character) and .jsonl, each also with .gz
// behind it. Text is UTF-8; a byte order mark and CRLF line ends are
// tolerated. What a file has wrong is an error that names the file, the line,
// the column, what was found and what was expected.
package dataset

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// Example is a text, or a pair of texts, with what is known about it.
type Example struct {
	Text    string
	Pair    string // the second text of a pair
	Label   string // a class or a score, as it stands in the file
	ID      string
	HasPair bool // whether a pair was asked for
	Line    int  // of the file, from 1, where the row begins
}

// Columns says which columns of a file to read: by the name in the header (the
// key in JSONL), or by number from 0. Only Text must be given; the others are
// not read where they are empty.
type Columns struct {
	Text, Pair, Label, ID string
}

// Options says how to read a file.
type Options struct {
	Columns
	// Header says whether the first row of CSV and TSV names the columns. If
	// nil, it does, unless all the columns asked for are numbers that do not
	// stand in the first row. JSONL has no header.
	Header *bool
	// Limit is the most examples to read, 0 for all.
	Limit int
	// AllowEmptyText permits texts of nothing but white space. They are
	// errors otherwise.
	AllowEmptyText bool
}

// Format is the form of a file's rows.
type Format string

// The formats that can be read.
const (
	CSV   Format = "csv"
	TSV   Format = "tsv"
	JSONL Format = "jsonl"
)

// FormatOf tells the format of a file, and whether it is gzipped, by its name.
func FormatOf(path string) (format Format, gzipped bool, err error) {
	name := strings.ToLower(filepath.Base(path))
	name, gzipped = strings.CutSuffix(name, ".gz")
	switch filepath.Ext(name) {
	case ".csv":
		return CSV, gzipped, nil
	case ".tsv":
		return TSV, gzipped, nil
	case ".jsonl", ".ndjson":
		return JSONL, gzipped, nil
	}
	return "", false, fmt.Errorf("%s: the name does not tell the format: expected .csv, .tsv or .jsonl, or one of them with .gz", path)
}

// Read returns the examples of a file.
func Read(path string, opt Options) ([]Example, error) {
	var examples []Example
	err := Each(path, opt, func(e Example) error {
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
	format, gzipped, err := FormatOf(path)
	if err != nil {
		return err
	}
	file, err := open(path, gzipped)
	if err != nil {
		return err
	}
	defer file.Close()
	return EachFrom(file, path, format, opt, yield)
}

// EachFrom is [Each] for an open stream, such as standard input. The name
// stands for the file in errors.
func EachFrom(r io.Reader, name string, format Format, opt Options, yield func(Example) error) error {
	if opt.Text == "" {
		return fmt.Errorf("%s: no text column was given", name)
	}
	text, err := skipMark(r)
	if err != nil {
		return fmt.Errorf("%s: reading: %w", name, err)
	}
	// The sink checks what all formats have in common.
	count := 0
	sink := func(e Example) error {
		e.HasPair = opt.Pair != ""
		if err := check(e, name, opt); err != nil {
			return err
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
	switch format {
	case CSV:
		err = eachRow(newCSV(text, name), name, opt, sink)
	case TSV:
		err = eachRow(newTSV(text, name), name, opt, sink)
	case JSONL:
		err = eachObject(text, name, opt, sink)
	default:
		return fmt.Errorf("%s: format is %q, expected csv, tsv or jsonl", name, format)
	}
	switch {
	case err == errLimit:
		return nil
	case err == nil && count == 0:
		return fmt.Errorf("%s: found no rows, expected at least one", name)
	}
	return err
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
	message := fmt.Sprintf(format, args...)
	if column != "" {
		message = fmt.Sprintf("column %q: %s", column, message)
	}
	return fmt.Errorf("%s:%d: %s", name, line, message)
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
