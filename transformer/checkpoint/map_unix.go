//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package checkpoint

import (
	"fmt"
	"os"
	"syscall"
)

// load maps size bytes of f for reading. The mapping outlives f.
func load(f *os.File, size int) (data []byte, release func() error, err error) {
	data, err = syscall.Mmap(int(f.Fd()), 0, size, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: mapping %d bytes: %w", f.Name(), size, err)
	}
	return data, func() error { return syscall.Munmap(data) }, nil
}
