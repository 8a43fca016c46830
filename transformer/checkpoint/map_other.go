//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows)

package checkpoint

import (
	"fmt"
	"io"
	"os"
)

// load reads size bytes of f, where the platform has no mapping that the
// standard library reaches.
func load(f *os.File, size int) (data []byte, release func() error, err error) {
	data = make([]byte, size)
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, nil, fmt.Errorf("%s: reading %d bytes: %w", f.Name(), size, err)
	}
	return data, func() error { return nil }, nil
}
