package dataset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/parquet-go/parquet-go/format"
)

// maxPage is the most bytes of a page of Parquet, packed or unpacked.
// Writers aim at 1 MiB, but put up to a thousand rows in one whatever their
// length.
const maxPage = 128 << 20

// column reads the values of a column of a Parquet file, one by one.
type column struct {
	file   *parquetFile
	field  field
	budget *int64 // bytes that may still be unpacked

	// The chunk of the current row group.
	meta       *format.ColumnMetaData
	at, end    int64    // what is left of it in the file
	left       int64    // values that are left in it, nulls included
	dictionary []string // nil until there is one

	// The current page.
	inPage int    // values that are left in it, nulls included
	levels *runs  // 1 for a value, 0 for null; nil if all are values
	values values // those that are not null
}

// start begins with the column's chunk in a row group.
func (c *column) start(group *format.RowGroup) error {
	chunk := &group.Columns[c.field.leaf]
	m := &chunk.MetaData
	switch {
	case chunk.FilePath != "":
		return fmt.Errorf("the data are in another file (%q), expected them in this one", clip(chunk.FilePath))
	case chunk.CryptoMetadata.Value != nil || len(chunk.EncryptedColumnMetadata) > 0:
		return errors.New("the column is encrypted, expected a plain one")
	case m.Type != c.field.element.Type.V:
		return fmt.Errorf("found the type %s, expected %s as in the schema", m.Type, c.field.element.Type.V)
	case m.NumValues != group.NumRows:
		return fmt.Errorf("found %d values, expected one for each of the %d rows", m.NumValues, group.NumRows)
	}
	begin := m.DataPageOffset
	if m.DictionaryPageOffset > 0 {
		begin = min(begin, m.DictionaryPageOffset)
	}
	if begin < 4 || m.TotalCompressedSize < 0 || begin > c.file.data || m.TotalCompressedSize > c.file.data-begin {
		return fmt.Errorf("found %d bytes of data at byte %d, expected them between 4 and %d", m.TotalCompressedSize, begin, c.file.data)
	}
	c.meta, c.at, c.end, c.left = m, begin, begin+m.TotalCompressedSize, m.NumValues
	c.dictionary, c.inPage, c.levels, c.values = nil, 0, nil, nil
	return nil
}

// next returns the next value, or that it is null.
func (c *column) next() (value string, null bool, err error) {
	for c.inPage == 0 {
		if err := c.page(); err != nil {
			return "", false, err
		}
	}
	c.inPage--
	c.left--
	if c.levels != nil {
		level, err := c.levels.next()
		switch {
		case err != nil:
			return "", false, fmt.Errorf("definition levels: %w", unexpectedEnd(err))
		case level > 1:
			return "", false, fmt.Errorf("found the definition level %d, expected 0 or 1", level)
		case level == 0:
			return "", true, nil
		}
	}
	value, err = c.values.next()
	return value, false, err
}

// finish checks that the chunk ends where the rows do.
func (c *column) finish() error {
	if c.inPage > 0 || c.left > 0 {
		return fmt.Errorf("found %d more values than rows", int64(c.inPage)+c.left)
	}
	return nil
}

// page goes on to the next page of values.
func (c *column) page() error {
	header, err := c.header()
	if err != nil {
		return err
	}
	packed, unpacked := int64(header.CompressedPageSize), int64(header.UncompressedPageSize)
	switch {
	case packed < 0 || packed > c.end-c.at:
		return fmt.Errorf("a page has %d bytes, expected at most the %d that are left of the column", packed, c.end-c.at)
	case max(packed, unpacked) > maxPage || unpacked < 0:
		return fmt.Errorf("a page has %d bytes, %d unpacked, expected at most %d", packed, unpacked, maxPage)
	}
	if *c.budget -= unpacked; *c.budget < 0 {
		return c.overBudget()
	}
	data := make([]byte, packed)
	if _, err := c.file.r.ReadAt(data, c.at); err != nil && (err != io.EOF || packed > 0) {
		return unexpectedEnd(err)
	}
	c.at += packed
	// Not every writer gives a checksum.
	if sum := int32(crc32.ChecksumIEEE(data)); header.CRC != 0 && header.CRC != sum {
		return fmt.Errorf("a page is damaged: its checksum is %#x, expected %#x", uint32(sum), uint32(header.CRC))
	}
	switch {
	case header.Type == format.DictionaryPage && header.DictionaryPageHeader.Valid:
		return c.readDictionary(data, int(unpacked), &header.DictionaryPageHeader.V)
	case header.Type == format.DataPage && header.DataPageHeader.Valid:
		return c.readPage(data, int(unpacked), &header.DataPageHeader.V)
	case header.Type == format.DataPageV2 && header.DataPageHeaderV2.Valid:
		return c.readPageV2(data, int(unpacked), &header.DataPageHeaderV2.V)
	case header.Type == format.IndexPage:
		return nil
	}
	return fmt.Errorf("found a page of type %d, expected data or a dictionary", header.Type)
}

func (c *column) overBudget() error {
	return fmt.Errorf("%d bytes unpack to more than %d, expected at most %d times as many", c.file.size, max(unpackedFree, unpackedRatio*c.file.size), unpackedRatio)
}

// header reads the header of the next page. Its length is not told before.
func (c *column) header() (*format.PageHeader, error) {
	if c.at == c.end {
		return nil, fmt.Errorf("found no more pages, expected %d more values", c.left)
	}
	for length := int64(1 << 10); ; length *= 8 {
		length = min(length, c.end-c.at, maxFooter)
		b := make([]byte, length)
		if _, err := c.file.r.ReadAt(b, c.at); err != nil {
			return nil, unexpectedEnd(err)
		}
		header := new(format.PageHeader)
		n, err := decodeThrift(b, header)
		if err == io.EOF && length < min(c.end-c.at, maxFooter) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("the page header at byte %d is damaged: %w", c.at, unexpectedEnd(err))
		}
		c.at += int64(n)
		return header, nil
	}
}

func (c *column) readDictionary(data []byte, size int, header *format.DictionaryPageHeader) error {
	if c.dictionary != nil {
		return errors.New("found a second dictionary, expected one")
	}
	if header.Encoding != format.Plain && header.Encoding != format.PlainDictionary {
		return fmt.Errorf("found a dictionary encoded as %s, expected PLAIN", header.Encoding)
	}
	data, err := unpackPage(c.meta.Codec, data, size)
	if err != nil {
		return err
	}
	// Every entry takes a byte or more, but for booleans, which have none.
	n := int(header.NumValues)
	if n < 0 || n > len(data) {
		return fmt.Errorf("found a dictionary of %d values in %d bytes", n, len(data))
	}
	entries, err := newPlain(c.field, data)
	if err != nil {
		return err
	}
	c.dictionary = make([]string, 0, n)
	for range n {
		value, err := entries.next()
		if err != nil {
			return fmt.Errorf("dictionary: %w", unexpectedEnd(err))
		}
		c.dictionary = append(c.dictionary, value)
	}
	return nil
}

// readPage reads a data page of the first version: definition levels, with
// their length in four bytes before them, and values, packed as one.
func (c *column) readPage(data []byte, size int, header *format.DataPageHeader) error {
	data, err := unpackPage(c.meta.Codec, data, size)
	if err != nil {
		return err
	}
	c.levels = nil
	if c.field.optional {
		if header.DefinitionLevelEncoding != format.RLE {
			return fmt.Errorf("definition levels are encoded as %s, expected RLE", header.DefinitionLevelEncoding)
		}
		var levels []byte
		if levels, data, err = cutLength(data); err != nil {
			return fmt.Errorf("definition levels: %w", err)
		}
		c.levels = &runs{data: levels, width: 1}
	}
	return c.begin(int(header.NumValues), header.Encoding, data)
}

// readPageV2 reads a data page of the second version: levels, which are not
// packed, and values, which may be.
func (c *column) readPageV2(data []byte, size int, header *format.DataPageHeaderV2) error {
	repetition, definition := int(header.RepetitionLevelsByteLength), int(header.DefinitionLevelsByteLength)
	// Each is compared by itself, so that no sum overflows on 32 bits.
	if repetition < 0 || definition < 0 || repetition > len(data) || definition > len(data)-repetition || repetition+definition > size {
		return fmt.Errorf("levels have %d and %d bytes, expected at most the %d of the page", repetition, definition, len(data))
	}
	c.levels = nil
	if c.field.optional && definition > 0 {
		c.levels = &runs{data: data[repetition : repetition+definition], width: 1}
	} else if header.NumNulls != 0 {
		return fmt.Errorf("found %d nulls, expected none without definition levels", header.NumNulls)
	}
	data = data[repetition+definition:]
	if !header.IsCompressed.Valid || header.IsCompressed.V {
		var err error
		if data, err = unpackPage(c.meta.Codec, data, size-repetition-definition); err != nil {
			return err
		}
	}
	return c.begin(int(header.NumValues), header.Encoding, data)
}

// begin begins with the n values of a page, nulls included.
func (c *column) begin(n int, encoding format.Encoding, data []byte) (err error) {
	if n < 0 || int64(n) > c.left {
		return fmt.Errorf("a page has %d values, expected at most the %d that are left of the column", n, c.left)
	}
	c.inPage = n
	c.values, err = c.decode(n, encoding, data)
	return err
}

// cutLength parts the bytes whose number stands in the first four of data from
// those that follow.
func cutLength(data []byte) (first, rest []byte, err error) {
	if len(data) < 4 {
		return nil, nil, io.ErrUnexpectedEOF
	}
	n := binary.LittleEndian.Uint32(data)
	if data = data[4:]; uint64(n) > uint64(len(data)) {
		return nil, nil, fmt.Errorf("found a length of %d, expected at most %d: %w", n, len(data), io.ErrUnexpectedEOF)
	}
	return data[:n], data[n:], nil
}
