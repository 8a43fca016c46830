package dataset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/parquet-go/parquet-go/format"
)

// The encodings of values in the pages of Parquet
// (https://parquet.apache.org/docs/file-format/data-pages/encodings).

// values gives the values of a page in order, as text. What it has wrong, its
// end included, is an error.
type values interface {
	next() (string, error)
}

// decode returns the values in data, of which there are at most n.
func (c *column) decode(n int, encoding format.Encoding, data []byte) (values, error) {
	physical := c.field.element.Type.V
	integers := physical == format.Int32 || physical == format.Int64
	numbers := integers || physical == format.Float || physical == format.Double
	switch {
	case encoding == format.Plain:
		return newPlain(c.field, data)
	case encoding == format.RLEDictionary || encoding == format.PlainDictionary:
		// The first byte is the width of the indices. A page of nulls may
		// lack it.
		if len(data) == 0 {
			data = []byte{0}
		}
		if data[0] > 32 {
			return nil, fmt.Errorf("found dictionary indices of %d bits, expected at most 32", data[0])
		}
		return &indexed{c.dictionary, runs{data: data[1:], width: uint(data[0])}}, nil
	case encoding == format.RLE && physical == format.Boolean:
		bits, _, err := cutLength(data)
		if err != nil {
			return nil, err
		}
		return &booleans{runs{data: bits, width: 1}}, nil
	case encoding == format.DeltaBinaryPacked && integers:
		d, err := newDeltas(data, n)
		return &deltaIntegers{d, c.field.text}, err
	case encoding == format.DeltaLengthByteArray && physical == format.ByteArray:
		lengths, data, err := newLengths(data, n)
		return &deltaLengths{lengths, data}, err
	case encoding == format.DeltaByteArray && physical == format.ByteArray:
		prefixes, data, err := newLengths(data, n)
		if err != nil {
			return nil, err
		}
		suffixes, data, err := newLengths(data, n)
		return &deltaStrings{column: c, prefixes: prefixes, suffixes: deltaLengths{suffixes, data}}, err
	case encoding == format.ByteStreamSplit && numbers:
		return &streams{width: c.field.width(), data: data, text: c.field.text}, nil
	}
	return nil, fmt.Errorf("found %s values encoded as %s, which that type does not have", physical, encoding)
}

// width returns the bytes of a number.
func (f field) width() int {
	if p := f.element.Type.V; p == format.Int32 || p == format.Float {
		return 4
	}
	return 8
}

// text writes a number, given by its bits, in the shortest way that tells it
// from others.
func (f field) text(bits uint64) string {
	switch f.element.Type.V {
	case format.Float:
		return strconv.FormatFloat(float64(math.Float32frombits(uint32(bits))), 'g', -1, 32)
	case format.Double:
		return strconv.FormatFloat(math.Float64frombits(bits), 'g', -1, 64)
	}
	unsigned := f.kind() == "an unsigned integer"
	switch {
	case f.element.Type.V == format.Int32 && unsigned:
		bits = uint64(uint32(bits))
	case f.element.Type.V == format.Int32:
		bits = uint64(int32(bits))
	}
	if unsigned {
		return strconv.FormatUint(bits, 10)
	}
	return strconv.FormatInt(int64(bits), 10)
}

// newPlain returns values that stand one after the other (PLAIN).
func newPlain(f field, data []byte) (values, error) {
	switch f.element.Type.V {
	case format.ByteArray:
		return &plainStrings{data}, nil
	case format.Boolean:
		// Bits in groups of eight are one long run.
		return &booleans{runs{data: data, width: 1, packed: 8 * len(data)}}, nil
	case format.Int32, format.Int64, format.Float, format.Double:
		return &plainNumbers{f.width(), data, f.text}, nil
	}
	return nil, fmt.Errorf("found values of type %s, expected strings, numbers or booleans", f.element.Type.V)
}

// plainStrings are strings, each behind its length in four bytes.
type plainStrings struct{ data []byte }

func (p *plainStrings) next() (string, error) {
	value, rest, err := cutLength(p.data)
	if err != nil {
		return "", err
	}
	p.data = rest
	return string(value), nil
}

// plainNumbers are numbers of the same width, the lowest byte first.
type plainNumbers struct {
	width int
	data  []byte
	text  func(bits uint64) string
}

func (p *plainNumbers) next() (string, error) {
	if len(p.data) < p.width {
		return "", io.ErrUnexpectedEOF
	}
	var b [8]byte
	copy(b[:], p.data[:p.width])
	p.data = p.data[p.width:]
	return p.text(binary.LittleEndian.Uint64(b[:])), nil
}

// streams are numbers of n bytes in n streams: the first bytes of all, then
// the second bytes, and so on (BYTE_STREAM_SPLIT).
type streams struct {
	width int
	data  []byte
	at    int
	text  func(bits uint64) string
}

func (s *streams) next() (string, error) {
	n := len(s.data) / s.width
	if s.at >= n {
		return "", io.ErrUnexpectedEOF
	}
	var b [8]byte
	for i := range s.width {
		b[i] = s.data[i*n+s.at]
	}
	s.at++
	return s.text(binary.LittleEndian.Uint64(b[:])), nil
}

// booleans are single bits.
type booleans struct{ bits runs }

func (b *booleans) next() (string, error) {
	bit, err := b.bits.next()
	return strconv.FormatBool(bit == 1), err
}

// indexed are values by their number in a dictionary.
type indexed struct {
	dictionary []string
	indices    runs
}

func (x *indexed) next() (string, error) {
	i, err := x.indices.next()
	if err != nil {
		return "", err
	}
	if uint64(i) >= uint64(len(x.dictionary)) {
		return "", fmt.Errorf("found the dictionary index %d, expected less than %d", i, len(x.dictionary))
	}
	return x.dictionary[i], nil
}

// runs are small unsigned numbers of width bits, in runs of equal ones and of
// ones that are packed bit by bit (RLE).
type runs struct {
	data  []byte
	width uint // up to 32
	// The current run: repeat times value, or packed numbers that begin at a
	// bit of data.
	repeat uint64
	value  uint32
	packed int
	bit    int
}

func (r *runs) next() (uint32, error) {
	for r.repeat == 0 && r.packed == 0 {
		if err := r.run(); err != nil {
			return 0, err
		}
	}
	if r.repeat > 0 {
		r.repeat--
		return r.value, nil
	}
	v, ok := bitsAt(r.data, r.bit, r.width)
	if !ok {
		return 0, io.ErrUnexpectedEOF
	}
	r.bit += int(r.width)
	if r.packed--; r.packed == 0 {
		r.data = r.data[min((r.bit+7)/8, len(r.data)):]
		r.bit = 0
	}
	return uint32(v), nil
}

// run reads the head of a run: its length, and in the lowest bit its kind.
func (r *runs) run() error {
	head, n := binary.Uvarint(r.data)
	if n <= 0 {
		return io.ErrUnexpectedEOF
	}
	r.data = r.data[n:]
	if head&1 == 1 {
		groups := head >> 1 // of eight
		if r.width > 0 && groups > uint64(len(r.data)) || groups > math.MaxInt32/8 {
			return fmt.Errorf("found a run of %d groups of eight in %d bytes: %w", groups, len(r.data), io.ErrUnexpectedEOF)
		}
		r.packed = int(8 * groups)
		return nil
	}
	var b [4]byte
	size := int(r.width+7) / 8
	if len(r.data) < size {
		return io.ErrUnexpectedEOF
	}
	copy(b[:], r.data[:size])
	r.data = r.data[size:]
	r.repeat, r.value = head>>1, binary.LittleEndian.Uint32(b[:])
	return nil
}

// bitsAt returns width bits of data, up to 64, from a bit on, the lowest
// first; false if data end before.
func bitsAt(data []byte, bit int, width uint) (v uint64, ok bool) {
	if width == 0 {
		return 0, true
	}
	last := (bit + int(width) - 1) / 8
	if last >= len(data) {
		return 0, false
	}
	shift := uint(bit % 8)
	first := bit / 8
	for i := first; i <= last; i++ {
		// Shifts of 64 and more give 0, as they should.
		if at := uint(i-first) * 8; at >= shift {
			v |= uint64(data[i]) << (at - shift)
		} else {
			v |= uint64(data[i]) >> (shift - at)
		}
	}
	if width < 64 {
		v &= 1<<width - 1
	}
	return v, true
}

// deltas are integers by their differences (DELTA_BINARY_PACKED): blocks with
// their least difference, of miniblocks in which what the differences are
// above that is packed in as few bits as it takes.
type deltas struct {
	data    []byte // from the current miniblock on
	perMini int    // integers of a miniblock
	minis   int    // miniblocks of a block
	left    int    // integers that are left
	value   int64  // the next one
	least   int64  // difference of the block
	widths  []byte // of the miniblocks that are left of the block
	at      int    // place in the miniblock
	started bool
}

func newDeltas(data []byte, most int) (*deltas, error) {
	broken := errors.New("the head of a block of integers is damaged")
	var head [4]uint64 // integers of a block, miniblocks of it, integers in all, the first
	for i := range head {
		v, n := binary.Uvarint(data)
		if n <= 0 {
			return nil, broken
		}
		head[i], data = v, data[n:]
	}
	block, minis, count := head[0], head[1], head[2]
	if block == 0 || block > 1<<16 || minis == 0 || block%minis != 0 || block/minis%8 != 0 {
		return nil, fmt.Errorf("found blocks of %d integers in %d parts, expected at most 65536 in parts of a multiple of eight", block, minis)
	}
	if count > uint64(most) {
		return nil, fmt.Errorf("found %d integers, expected at most %d", count, most)
	}
	return &deltas{data: data, perMini: int(block / minis), minis: int(minis), left: int(count), value: unzigzag(head[3])}, nil
}

// next returns the next integer. The sums may overflow, as the differences
// did.
func (d *deltas) next() (int64, error) {
	if d.left == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	if !d.started {
		d.started = true
		d.left--
		return d.value, nil
	}
	if len(d.widths) == 0 {
		least, n := binary.Uvarint(d.data)
		if n <= 0 || len(d.data)-n < d.minis {
			return 0, io.ErrUnexpectedEOF
		}
		d.least, d.widths, d.data = unzigzag(least), d.data[n:n+d.minis], d.data[n+d.minis:]
		d.at = 0
	}
	width := uint(d.widths[0])
	if width > 64 {
		return 0, fmt.Errorf("found differences of %d bits, expected at most 64", width)
	}
	more, ok := bitsAt(d.data, d.at*int(width), width)
	if !ok {
		return 0, io.ErrUnexpectedEOF
	}
	d.value += d.least + int64(more)
	d.left--
	if d.at++; d.at == d.perMini || d.left == 0 {
		// The last miniblock is filled up.
		d.data = d.data[min(d.perMini*int(width)/8, len(d.data)):]
		d.widths, d.at = d.widths[1:], 0
	}
	return d.value, nil
}

func unzigzag(v uint64) int64 { return int64(v>>1) ^ -int64(v&1) }

// newLengths returns lengths at the start of data, and what follows them. They
// are gone through once to find it.
func newLengths(data []byte, most int) (lengths *deltas, rest []byte, err error) {
	if lengths, err = newDeltas(data, most); err != nil {
		return nil, nil, err
	}
	through := *lengths
	for through.left > 0 {
		if _, err := through.next(); err != nil {
			return nil, nil, fmt.Errorf("lengths: %w", err)
		}
	}
	return lengths, through.data, nil
}

// deltaIntegers are integers as text.
type deltaIntegers struct {
	integers *deltas
	text     func(bits uint64) string
}

func (d *deltaIntegers) next() (string, error) {
	v, err := d.integers.next()
	return d.text(uint64(v)), err
}

// deltaLengths are strings behind the lengths of all (DELTA_LENGTH_BYTE_ARRAY).
type deltaLengths struct {
	lengths *deltas
	data    []byte
}

func (d *deltaLengths) bytes() ([]byte, error) {
	n, err := d.lengths.next()
	if err != nil {
		return nil, err
	}
	if n < 0 || n > int64(len(d.data)) {
		return nil, fmt.Errorf("found a length of %d, expected from 0 to %d", n, len(d.data))
	}
	value := d.data[:n]
	d.data = d.data[n:]
	return value, nil
}

func (d *deltaLengths) next() (string, error) {
	value, err := d.bytes()
	return string(value), err
}

// deltaStrings are strings by the length of what they begin with as the one
// before, and the rest (DELTA_BYTE_ARRAY).
type deltaStrings struct {
	column   *column
	prefixes *deltas
	suffixes deltaLengths
	last     string
}

func (d *deltaStrings) next() (string, error) {
	n, err := d.prefixes.next()
	if err != nil {
		return "", err
	}
	if n < 0 || n > int64(len(d.last)) {
		return "", fmt.Errorf("found a shared start of %d bytes, expected from 0 to %d", n, len(d.last))
	}
	suffix, err := d.suffixes.bytes()
	if err != nil {
		return "", err
	}
	// What is shared was not counted with the page.
	if *d.column.budget -= n; *d.column.budget < 0 {
		return "", d.column.overBudget()
	}
	d.last = d.last[:n] + string(suffix)
	return d.last, nil
}
