package dataset

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"
)

// Parquet keeps a table column by column: row groups hold a chunk of each
// column, a chunk is a list of pages, and a footer says where they are
// (https://parquet.apache.org/docs/file-format). The structures of the footer
// and of the page headers are read by the library. Pages are decoded here, a
// value at a time: the library believes the sizes and counts of a file, so
// that a few hostile bytes could take all memory.

// eachParquet passes the rows of a Parquet file to yield as examples.
func eachParquet(r io.Reader, name string, opt Options, yield func(Example) error) error {
	file, err := openParquet(r)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	fields, err := file.fields()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	// Pages unpack to no more than a whole file may.
	budget := max(unpackedFree, unpackedRatio*file.size)
	var columns []*column
	for i, asked := range opt.list() {
		if asked == "" {
			columns = append(columns, nil)
			continue
		}
		f, err := find(fields, asked)
		if err == nil {
			err = f.readable(i < 2)
		}
		if err != nil {
			return fmt.Errorf("%s: column %q: %w", name, asked, err)
		}
		columns = append(columns, &column{file: file, field: f, budget: &budget})
	}

	row := 0
	for g := range file.meta.RowGroups {
		group := &file.meta.RowGroups[g]
		for i, c := range columns {
			if c == nil {
				continue
			}
			if err := c.start(group); err != nil {
				return fmt.Errorf("%s: row group %d: column %q: %w", name, g, opt.list()[i], err)
			}
		}
		for range group.NumRows {
			row++
			e := Example{Line: row}
			for i, to := range []*string{&e.Text, &e.Pair, &e.Label, &e.ID} {
				c := columns[i]
				if c == nil {
					continue
				}
				value, null, err := c.next()
				switch {
				case err != nil:
					return rowError(name, row, opt.list()[i], "%w", unexpectedEnd(err))
				case null:
					return rowError(name, row, opt.list()[i], "found null, expected %s", c.field.kind())
				case !utf8.ValidString(value):
					return rowError(name, row, opt.list()[i], "found bytes that are not UTF-8 (%q), expected text in UTF-8", clip(value))
				}
				*to = value
			}
			if err := yield(e); err != nil {
				return err
			}
		}
		for i, c := range columns {
			if c != nil {
				if err := c.finish(); err != nil {
					return fmt.Errorf("%s: row group %d: column %q: %w", name, g, opt.list()[i], unexpectedEnd(err))
				}
			}
		}
	}
	return nil
}

// unexpectedEnd names the end of the input for what it is where more of it was
// needed.
func unexpectedEnd(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// field is a column at the top of the schema.
type field struct {
	name     string
	element  *format.SchemaElement
	nested   bool
	optional bool // whether it may be null
	leaf     int  // its place, or that of the first column within it, in a row group
}

// fields returns the columns at the top of the schema.
func (f *parquetFile) fields() ([]field, error) {
	schema := f.meta.Schema
	cut := errors.New("the schema is broken: found fewer columns than it announces")
	if len(schema) == 0 {
		return nil, cut
	}
	children := func(i int) int { return int(max(schema[i].NumChildren.V, 0)) }
	var fields []field
	at, leaf := 1, 0
	for range children(0) {
		if at >= len(schema) {
			return nil, cut
		}
		if len(fields) == maxFields {
			return nil, fmt.Errorf("found more than %d columns, expected at most so many", maxFields)
		}
		e := &schema[at]
		// An element without children that has no type is an empty group.
		top := field{
			name:     e.Name,
			element:  e,
			nested:   children(at) > 0 || !e.Type.Valid || e.RepetitionType.V == format.Repeated,
			optional: e.RepetitionType.V == format.Optional,
			leaf:     leaf,
		}
		for open := 1; open > 0; at++ {
			if at >= len(schema) || children(at) > len(schema) {
				return nil, cut
			}
			if children(at) == 0 && schema[at].Type.Valid {
				leaf++
			}
			open += children(at) - 1
		}
		fields = append(fields, top)
	}
	if at != len(schema) {
		return nil, fmt.Errorf("the schema is broken: found %d elements, expected %d", len(schema), at)
	}
	for g, group := range f.meta.RowGroups {
		if len(group.Columns) != leaf {
			return nil, fmt.Errorf("row group %d: found %d columns, expected the %d of the schema", g, len(group.Columns), leaf)
		}
	}
	return fields, nil
}

// find returns the field of a column that was asked for by name or number.
func find(fields []field, asked string) (field, error) {
	named := func(f field) bool { return f.name == asked }
	if i := slices.IndexFunc(fields, named); i >= 0 {
		if slices.ContainsFunc(fields[i+1:], named) {
			return field{}, errors.New("the file has this name twice, expected once")
		}
		return fields[i], nil
	}
	if n, ok := number(asked); ok {
		if n < len(fields) {
			return fields[n], nil
		}
		return field{}, fmt.Errorf("there is no such column: found %d, numbered from 0", len(fields))
	}
	var names []string
	for _, f := range fields {
		names = append(names, f.name)
	}
	return field{}, fmt.Errorf("there is no such column: found %s", quoted(names))
}

// kind names what the values of a field are.
func (f field) kind() string {
	e := f.element
	if t := e.LogicalType.Value; t != nil {
		switch t := t.(type) {
		case *format.StringType, *format.EnumType, *format.JsonType:
			return "a string"
		case *format.IntType:
			if t.IsSigned {
				return "an integer"
			}
			return "an unsigned integer"
		}
		// The library writes a type with its settings behind it in brackets.
		kind, _, _ := strings.Cut(t.String(), "(")
		return kind
	}
	if e.ConvertedType.Valid {
		switch e.ConvertedType.V {
		case deprecated.UTF8, deprecated.Enum, deprecated.Json:
			return "a string"
		case deprecated.Int8, deprecated.Int16, deprecated.Int32, deprecated.Int64:
			return "an integer"
		case deprecated.Uint8, deprecated.Uint16, deprecated.Uint32, deprecated.Uint64:
			return "an unsigned integer"
		}
		return fmt.Sprintf("values of the converted type %d", e.ConvertedType.V)
	}
	switch e.Type.V {
	case format.ByteArray:
		return "a string"
	case format.Int32, format.Int64:
		return "an integer"
	case format.Float, format.Double:
		return "a number"
	case format.Boolean:
		return "a boolean"
	}
	return e.Type.V.String()
}

// readable says what is wrong with a field that cannot be read, as a text or
// as a label or id.
func (f field) readable(text bool) error {
	if f.nested {
		return errors.New("found a nested column (a list, map or struct), expected a flat one")
	}
	kind, physical := f.kind(), f.element.Type.V
	ok := false
	switch kind {
	case "a string":
		ok = physical == format.ByteArray
	case "an integer", "an unsigned integer":
		ok = !text && (physical == format.Int32 || physical == format.Int64)
	case "a number":
		ok = !text && (physical == format.Float || physical == format.Double)
	case "a boolean":
		ok = !text && physical == format.Boolean
	}
	switch {
	case ok:
		return nil
	case text:
		return fmt.Errorf("found a column of %s (%s), expected strings", kind, physical)
	}
	return fmt.Errorf("found a column of %s (%s), expected strings, numbers or booleans", kind, physical)
}
