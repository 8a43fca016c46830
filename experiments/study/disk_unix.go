//go:build linux || darwin

package study

import "golang.org/x/sys/unix"

// freeBytes returns how much may still be written below a directory.
func freeBytes(dir string) (uint64, bool) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, false
	}
	return s.Bavail * uint64(s.Bsize), true
}
