package checkpoint

import (
	"fmt"
	"os"
	"syscall"
	"unsafe"
)

// load maps size bytes of f for reading. The mapping outlives f.
func load(f *os.File, size int) (data []byte, release func() error, err error) {
	fail := func(err error) ([]byte, func() error, error) {
		return nil, nil, fmt.Errorf("%s: mapping %d bytes: %w", f.Name(), size, err)
	}
	mapping, err := syscall.CreateFileMapping(syscall.Handle(f.Fd()), nil, syscall.PAGE_READONLY, 0, 0, nil)
	if err != nil {
		return fail(os.NewSyscallError("CreateFileMapping", err))
	}
	defer syscall.CloseHandle(mapping) // the view keeps what it needs
	address, err := syscall.MapViewOfFile(mapping, syscall.FILE_MAP_READ, 0, 0, uintptr(size))
	if err != nil {
		return fail(os.NewSyscallError("MapViewOfFile", err))
	}
	// The address is no Go memory, so that a conversion by way of a pointer to it is safe.
	data = unsafe.Slice(*(**byte)(unsafe.Pointer(&address)), size)
	return data, func() error { return syscall.UnmapViewOfFile(address) }, nil
}
