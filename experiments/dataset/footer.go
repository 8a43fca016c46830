package dataset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// maxFooter is the longest footer of a Parquet file that is read, in bytes.
const maxFooter = 16 << 20

// parquetFile is an open Parquet file, its footer read.
type parquetFile struct {
	r    io.ReaderAt
	size int64 // of the file, in bytes
	data int64 // where the row groups end and the footer begins
	meta format.FileMetaData
}

// openParquet reads the footer, with which a file ends: the structure, its
// length in four bytes, and "PAR1".
func openParquet(r io.Reader) (*parquetFile, error) {
	at, random := r.(io.ReaderAt)
	seeker, seeks := r.(io.Seeker)
	if !random || !seeks {
		return nil, errors.New("Parquet is read from its end, expected a file and not a stream")
	}
	size, err := seeker.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, fmt.Errorf("Parquet is read from its end, expected a file and not a stream: %w", err)
	}
	const mark = "PAR1"
	if size == 0 {
		return nil, errors.New("the file is empty, expected rows")
	}
	var start [len(mark)]byte
	var end [4 + len(mark)]byte
	if size < int64(len(start)+len(end)) {
		return nil, fmt.Errorf("not a Parquet file: found %d bytes, expected at least %d", size, len(start)+len(end))
	}
	if _, err := at.ReadAt(start[:], 0); err != nil {
		return nil, err
	}
	if _, err := at.ReadAt(end[:], size-int64(len(end))); err != nil {
		return nil, unexpectedEnd(err)
	}
	switch {
	case string(start[:]) == "PARE" || string(end[4:]) == "PARE":
		return nil, errors.New("the file is encrypted, expected a plain one")
	case string(start[:]) != mark:
		return nil, fmt.Errorf("not a Parquet file: it begins with %q, expected %q", start, mark)
	case string(end[4:]) != mark:
		return nil, fmt.Errorf("the file is cut off or damaged: it ends with %q, expected %q", end[4:], mark)
	}
	length := int64(binary.LittleEndian.Uint32(end[:4]))
	if most := min(size-int64(len(start)+len(end)), maxFooter); length > most {
		return nil, fmt.Errorf("the footer has %d bytes, expected at most %d", length, most)
	}
	f := &parquetFile{r: at, size: size, data: size - int64(len(end)) - length}
	footer := make([]byte, length)
	if _, err := at.ReadAt(footer, f.data); err != nil {
		return nil, unexpectedEnd(err)
	}
	if n, err := decodeThrift(footer, &f.meta); err != nil {
		return nil, fmt.Errorf("the footer is damaged: %w", unexpectedEnd(err))
	} else if n != len(footer) {
		return nil, fmt.Errorf("the footer is damaged: found %d bytes, expected %d", len(footer), n)
	}
	if f.meta.EncryptionAlgorithm.Value != nil {
		return nil, errors.New("the file is encrypted, expected a plain one")
	}
	rows := int64(0)
	for g, group := range f.meta.RowGroups {
		if group.NumRows < 0 || rows+group.NumRows < rows {
			return nil, fmt.Errorf("row group %d: found %d rows, expected a possible number", g, group.NumRows)
		}
		rows += group.NumRows
	}
	if rows != f.meta.NumRows {
		return nil, fmt.Errorf("the footer states %d rows, but its row groups %d, expected the same", f.meta.NumRows, rows)
	}
	return f, nil
}

// decodeThrift decodes the structure at the start of b and returns its length;
// io.EOF if b ends before it does. The structure is looked through before it
// is decoded.
func decodeThrift(b []byte, structure any) (int, error) {
	l := look{b: b}
	if err := l.structure(maxThriftDepth); err != nil {
		return 0, err
	}
	var protocol thrift.CompactProtocol
	if err := thrift.Unmarshal(&protocol, b[:l.at], structure); err != nil {
		return 0, err
	}
	return l.at, nil
}
