package dataset

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

const (
	// maxRow is the longest row that is read, in bytes.
	maxRow = 64 << 20
	// maxFields is the most fields of a row. It bounds the memory that a row
	// of nothing but separators takes.
	maxFields = 1 << 16
)

// source is an open file, unpacked if it is compressed.
type source struct {
	io.Reader
	file     *os.File
	unpacker *unpacker // nil for a file that is not compressed
}

func (s *source) Close() error {
	if s.unpacker != nil {
		s.unpacker.close()
	}
	return s.file.Close()
}

// magics are the bytes that packed files and others begin with.
var magics = []struct{ start, found, extension string }{
	{"\x1f\x8b", "gzipped", ".gz"},
	{"\x28\xb5\x2f\xfd", "packed with zstd", ".zst"},
	{"PAR1", "Parquet", ".parquet"},
}

func open(path string, how Compression) (*source, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	buffer := bufio.NewReaderSize(file, 1<<16)
	s := &source{Reader: buffer, file: file}
	start, err := buffer.Peek(4)
	switch {
	case err == io.EOF && len(start) == 0:
		err = fmt.Errorf("%s: the file is empty, expected rows", path)
	case err != nil && err != io.EOF:
		// A directory, for one, fails when it is read; the error names it.
	case how != Unpacked:
		if s.unpacker, err = newUnpacker(buffer, how); err != nil {
			err = fmt.Errorf("%s: not a %s file: %w", path, how, err)
		} else {
			s.Reader = s.unpacker
		}
	default:
		err = nil
		for _, m := range magics {
			if strings.HasPrefix(string(start), m.start) {
				err = fmt.Errorf("%s: the file is %s, expected plain text or a name that ends in %s", path, m.found, m.extension)
			}
		}
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// skipMark skips a byte order mark.
func skipMark(r io.Reader) (*bufio.Reader, error) {
	buffer := bufio.NewReaderSize(r, 1<<16)
	const mark = "\ufeff"
	start, err := buffer.Peek(len(mark))
	if err != nil && err != io.EOF {
		return nil, err
	}
	if string(start) == mark {
		if _, err := buffer.Discard(len(mark)); err != nil {
			return nil, err
		}
	}
	return buffer, nil
}

// lines reads lines. Empty ones are errors, except at the end of the file.
type lines struct {
	r    *bufio.Reader
	name string
	line int // number of the last line read
	long []byte
}

// next returns the next line without its end, valid until the next call, and
// io.EOF after the last.
func (l *lines) next() ([]byte, error) {
	empty := 0 // number of the first of the empty lines passed
	for {
		text, err := l.read()
		if err != nil {
			return nil, err
		}
		switch {
		case len(text) > 0 && empty > 0:
			return nil, rowError(l.name, empty, "", "found an empty row, expected none before the end of the file")
		case len(text) > 0:
			return text, nil
		case empty == 0:
			empty = l.line
		}
	}
}

func (l *lines) read() ([]byte, error) {
	l.line++
	l.long = l.long[:0]
	for {
		part, err := l.r.ReadSlice('\n')
		if len(l.long)+len(part) > maxRow {
			return nil, rowError(l.name, l.line, "", "found a row longer than %d bytes, expected a shorter one", maxRow)
		}
		switch {
		case err == bufio.ErrBufferFull:
			l.long = append(l.long, part...)
			continue
		case err == io.EOF && len(l.long)+len(part) == 0:
			return nil, io.EOF
		case err != nil && err != io.EOF:
			return nil, fmt.Errorf("%s:%d: reading: %w", l.name, l.line, err)
		}
		if len(l.long) > 0 {
			part = append(l.long, part...)
			l.long = part
		}
		part = bytes.TrimSuffix(part, []byte("\n"))
		return bytes.TrimSuffix(part, []byte("\r")), nil
	}
}
