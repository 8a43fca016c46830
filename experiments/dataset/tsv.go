package dataset

import (
	"bufio"
	"bytes"
	"strings"
)

// tsvTable reads tab-separated fields. Nothing is quoted: a row is a line, and
// every character but the tab is part of a field.
type tsvTable struct{ lines lines }

func newTSV(r *bufio.Reader, name string) *tsvTable {
	return &tsvTable{lines{r: r, name: name}}
}

func (t *tsvTable) next() ([]string, int, error) {
	text, err := t.lines.next()
	if err != nil {
		return nil, 0, err
	}
	if n := bytes.Count(text, []byte{'\t'}) + 1; n > maxFields {
		return nil, 0, rowError(t.lines.name, t.lines.line, "", "found %d fields, expected at most %d", n, maxFields)
	}
	return strings.Split(string(text), "\t"), t.lines.line, nil
}
