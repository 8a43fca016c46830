package dataset

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// Compression is how the bytes of a file are packed.
type Compression string

// The kinds of compression that can be read.
const (
	Unpacked Compression = ""
	Gzip     Compression = "gzip"
	Zstd     Compression = "zstd"
)

// What is unpacked from a file, compressed as a whole or in the pages of
// Parquet, may be unpackedFree bytes, or unpackedRatio times the bytes it was
// read from if these are more: texts are rarely packed to less than a
// twentieth, but a few kilobytes can be made to unpack to many gigabytes.
const (
	unpackedFree  = 64 << 20
	unpackedRatio = 128
	// maxWindow is the most bytes that zstd may keep to refer back to; its
	// command line writes no more unless told to.
	maxWindow = 128 << 20
)

// unpacker reads a file that is compressed, and refuses one that unpacks to
// far more than texts do.
type unpacker struct {
	packed   *bufio.Reader
	taken    int64 // bytes read from the file
	unpacked io.Reader
	given    int64 // bytes that these unpacked to
	zstd     *zstd.Decoder
}

func newUnpacker(file *bufio.Reader, how Compression) (*unpacker, error) {
	u := &unpacker{packed: file}
	var err error
	switch how {
	case Gzip:
		u.unpacked, err = gzip.NewReader(counted{u})
	case Zstd:
		// One goroutine: a file that is abandoned leaves none behind.
		u.zstd, err = zstd.NewReader(counted{u}, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		u.unpacked = u.zstd
	}
	return u, err
}

func (u *unpacker) Read(p []byte) (int, error) {
	n, err := u.unpacked.Read(p)
	u.given += int64(n)
	if most := max(unpackedFree, unpackedRatio*u.taken); u.given > most {
		return 0, fmt.Errorf("%d bytes unpack to more than %d, expected at most %d times as many", u.taken, most, unpackedRatio)
	}
	return n, err
}

func (u *unpacker) close() {
	if u.zstd != nil {
		u.zstd.Close()
	}
}

// counted counts the bytes that are taken from the file. It also reads single
// bytes, so that no decompressor puts a buffer of its own between.
type counted struct{ u *unpacker }

func (c counted) Read(p []byte) (int, error) {
	n, err := c.u.packed.Read(p)
	c.u.taken += int64(n)
	return n, err
}

func (c counted) ReadByte() (byte, error) {
	b, err := c.u.packed.ReadByte()
	if err == nil {
		c.u.taken++
	}
	return b, err
}
