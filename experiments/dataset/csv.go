package dataset

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
)

// csvTable reads CSV as RFC 4180 says. A line end in a quoted field is read
// as a single line feed.
type csvTable struct {
	reader *csv.Reader
	name   string
	after  int // number of the line after the last row
}

func newCSV(r *bufio.Reader, name string) *csvTable {
	reader := csv.NewReader(&guard{r: r})
	reader.FieldsPerRecord = -1 // the number is checked with a better message
	reader.ReuseRecord = true
	return &csvTable{reader, name, 1}
}

func (t *csvTable) next() ([]string, int, error) {
	fields, err := t.reader.Read()
	if err != nil {
		return nil, 0, t.explain(err)
	}
	line, _ := t.reader.FieldPos(0)
	// The library skips empty lines; here they are errors, except at the end
	// of the file, as in the other formats.
	if line > t.after {
		return nil, 0, rowError(t.name, t.after, "", "found an empty row, expected none before the end of the file")
	}
	last := len(fields) - 1
	end, _ := t.reader.FieldPos(last)
	t.after = end + strings.Count(fields[last], "\n") + 1
	return fields, line, nil
}

func (t *csvTable) explain(err error) error {
	var syntax *csv.ParseError
	var size *sizeError
	switch {
	case err == io.EOF:
		return err
	case errors.As(err, &size):
		return rowError(t.name, t.after, "", "%v", size)
	case errors.As(err, &syntax) && errors.Is(err, csv.ErrQuote):
		return rowError(t.name, syntax.StartLine, "",
			"malformed row: a quote within or after a field, or one that is never closed, at line %d, byte %d; expected fields with quotes to be quoted, and their quotes doubled", syntax.Line, syntax.Column)
	case errors.As(err, &syntax) && errors.Is(err, csv.ErrBareQuote):
		return rowError(t.name, syntax.StartLine, "",
			"malformed row: a quote in a field that is not quoted, at line %d, byte %d; expected fields with quotes to be quoted, and their quotes doubled", syntax.Line, syntax.Column)
	case errors.As(err, &syntax):
		return rowError(t.name, syntax.StartLine, "", "malformed row: %v", syntax.Err)
	}
	return fmt.Errorf("%s:%d: reading: %w", t.name, t.after, err)
}

// guard passes CSV through and bounds the size of a row, which the library
// would read into memory whatever it is. Outside of quoted fields, which begin
// and end at every quote (a doubled one ends and begins one), a line feed ends
// a row and a comma a field.
type guard struct {
	r      io.Reader
	quoted bool
	bytes  int // of the row so far
	fields int // of the row so far, less one
}

func (g *guard) Read(p []byte) (int, error) {
	n, err := g.r.Read(p)
	for i, c := range p[:n] {
		g.bytes++
		switch {
		case c == '"':
			g.quoted = !g.quoted
		case g.quoted:
		case c == '\n':
			g.bytes, g.fields = 0, 0
		case c == ',':
			g.fields++
		}
		if g.bytes > maxRow || g.fields >= maxFields {
			return i, &sizeError{}
		}
	}
	return n, err
}

// sizeError says that a row is too long to be read.
type sizeError struct{}

func (*sizeError) Error() string {
	return fmt.Sprintf("found a row of more than %d bytes or %d fields, expected a shorter one (is a quote never closed?)", maxRow, maxFields)
}
