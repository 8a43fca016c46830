package dataset

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"
	"github.com/pierrec/lz4/v4"
)

// unpackPage unpacks a page of Parquet to exactly size bytes.
func unpackPage(codec format.CompressionCodec, data []byte, size int) ([]byte, error) {
	// An empty page need not even have what a codec begins with.
	if size == 0 && len(data) == 0 {
		return nil, nil
	}
	var unpacked []byte
	var err error
	switch codec {
	case format.Uncompressed:
		unpacked = data
	case format.Snappy:
		var n int
		if n, err = snappy.DecodedLen(data); err == nil && n != size {
			return nil, fmt.Errorf("a page unpacks to %d bytes, expected %d", n, size)
		}
		// Three bytes make 64 at best; no room is made for less.
		if err == nil && n/32 > len(data) {
			err = io.ErrUnexpectedEOF
		}
		if err == nil {
			unpacked, err = snappy.Decode(nil, data)
		}
	case format.Lz4Raw:
		// A byte makes 255 at best.
		if size/256 > len(data) {
			err = io.ErrUnexpectedEOF
			break
		}
		var n int
		unpacked = make([]byte, size)
		if n, err = lz4.UncompressBlock(data, unpacked); err == nil {
			unpacked = unpacked[:n]
		}
	case format.Gzip:
		var r io.Reader
		if r, err = gzip.NewReader(bytes.NewReader(data)); err == nil {
			unpacked, err = readAtMost(r, size)
		}
	case format.Brotli:
		unpacked, err = readAtMost(brotli.NewReader(bytes.NewReader(data)), size)
	case format.Zstd:
		var d *zstd.Decoder
		d, err = zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxPage))
		if err == nil {
			unpacked, err = readAtMost(d, size)
			d.Close()
		}
	case format.Lz4:
		return nil, errors.New("pages are packed with LZ4 in a form that was given up, expected LZ4_RAW, SNAPPY, GZIP, ZSTD or BROTLI")
	default:
		return nil, fmt.Errorf("pages are packed with %s, expected SNAPPY, GZIP, ZSTD, BROTLI or LZ4_RAW", codec)
	}
	if err != nil {
		return nil, fmt.Errorf("unpacking a page with %s: %w", codec, unexpectedEnd(err))
	}
	if len(unpacked) != size {
		return nil, fmt.Errorf("a page unpacks to other than the %d bytes that its header states", size)
	}
	return unpacked, nil
}

// readAtMost reads all of r, but at most a byte more than size. Room is made
// as the bytes come.
func readAtMost(r io.Reader, size int) ([]byte, error) {
	return io.ReadAll(io.LimitReader(r, int64(size)+1))
}
