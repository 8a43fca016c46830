package dataset

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"unicode/utf8"
)

// table reads rows of fields.
type table interface {
	// next returns the fields of the next row, never none, and the line that
	// it begins on; io.EOF after the last.
	next() (fields []string, line int, err error)
}

// eachRow passes the rows of a table to yield as examples.
func eachRow(t table, name string, opt Options, yield func(Example) error) error {
	first, line, err := t.next()
	if err == io.EOF {
		return fmt.Errorf("%s: the file is empty, expected rows", name)
	}
	if err != nil {
		return err
	}
	first = slices.Clone(first) // a table may reuse it
	header := hasHeader(first, opt)
	at, err := locate(first, header, name, line, opt.Columns)
	if err != nil {
		return err
	}
	width := len(first)
	fields := first
	if header {
		fields, line, err = t.next()
	}
	for ; err == nil; fields, line, err = t.next() {
		if len(fields) != width {
			return rowError(name, line, "", "found %d fields, expected %d as in the first row", len(fields), width)
		}
		for i, f := range fields {
			if !utf8.ValidString(f) {
				column := strconv.Itoa(i)
				if header {
					column = first[i]
				}
				return rowError(name, line, column, "found bytes that are not UTF-8 (%q), expected text in UTF-8", clip(f))
			}
		}
		e := Example{Line: line}
		for i, value := range []*string{&e.Text, &e.Pair, &e.Label, &e.ID} {
			if at[i] >= 0 {
				*value = fields[at[i]]
			}
		}
		if err := yield(e); err != nil {
			return err
		}
	}
	if err == io.EOF {
		return nil
	}
	return err
}

// list returns the columns in the order of an Example's fields.
func (c Columns) list() []string { return []string{c.Text, c.Pair, c.Label, c.ID} }

// hasHeader tells whether the first row names the columns.
func hasHeader(first []string, opt Options) bool {
	if opt.Header != nil {
		return *opt.Header
	}
	named := true // all columns stand in the first row
	for _, column := range opt.list() {
		if column == "" {
			continue
		}
		if _, ok := number(column); !ok {
			return true
		}
		named = named && slices.Contains(first, column)
	}
	return named
}

// locate returns the place of each of the columns in a row, -1 for one that
// was not asked for.
func locate(first []string, header bool, name string, line int, columns Columns) ([]int, error) {
	if header {
		for i, f := range first {
			if !utf8.ValidString(f) {
				return nil, rowError(name, line, "", "the name of column %d is not UTF-8 (%q)", i, clip(f))
			}
		}
	}
	at := make([]int, 0, 4)
	for _, column := range columns.list() {
		if column == "" {
			at = append(at, -1)
			continue
		}
		place := -1
		if header {
			place = slices.Index(first, column)
			if place >= 0 && slices.Contains(first[place+1:], column) {
				return nil, rowError(name, line, column, "the header has this name twice, expected once: %s", quoted(first))
			}
		}
		if n, ok := number(column); place < 0 && ok {
			if n >= len(first) {
				return nil, rowError(name, line, column, "there is no such column: found %d, numbered from 0", len(first))
			}
			place = n
		}
		if place < 0 && header {
			return nil, rowError(name, line, column, "there is no such column: found %s", quoted(first))
		}
		if place < 0 {
			return nil, rowError(name, line, column, "the file has no header: expected a column number from 0 to %d", len(first)-1)
		}
		at = append(at, place)
	}
	return at, nil
}

// number reads a column number: decimal digits, and no more of them than any
// row has fields.
func number(column string) (int, bool) {
	n, err := strconv.ParseUint(column, 10, 31)
	return int(n), err == nil
}
