package checkpoint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
)

// The formats of a file that holds tensors.
const (
	formatSafetensors = "safetensors"
	formatTorchZip    = "PyTorch zip"
	formatTorchLegacy = "PyTorch legacy"
)

// part is one open file of a checkpoint.
type part struct {
	path     string
	format   string
	data     []byte // the whole file; nil once closed
	size     int
	release  func() error
	metadata map[string]string
	tensors  map[string]stored
}

// openPart maps a file and checks all that describes its tensors.
func openPart(path string) (*part, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	stat, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !stat.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: found a %s, expected a file of tensors", path, kind(stat.Mode()))
	}
	const prefix = 8
	if stat.Size() < prefix || stat.Size() > math.MaxInt {
		return nil, fmt.Errorf("%s: the file has %d bytes, expected at least %d for the header length", path, stat.Size(), prefix)
	}
	p := &part{path: path, size: int(stat.Size())}
	if p.data, p.release, err = load(f, int(stat.Size())); err != nil {
		return nil, err
	}
	if err := p.parse(); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), p.close())
	}
	return p, nil
}

// parse tells the format by the content and reads it.
func (p *part) parse() (err error) {
	switch p.format = detect(p.path, p.data); p.format {
	case formatTorchZip:
		p.tensors, err = parseTorchZip(p)
	case formatTorchLegacy:
		p.tensors, err = parseTorchLegacy(p)
	case formatSafetensors:
		var h *header
		if h, err = parseHeader(p.data); err == nil {
			p.metadata, p.tensors = h.metadata, h.stored(p)
		}
	default:
		err = errors.New("found a tar archive: the format of PyTorch before 0.1.10 is not read; load it with PyTorch and save it again")
	}
	return err
}

// detect tells the format of a file of at least eight bytes by its content,
// and by its name where it looks like none; "" is a tar archive.
func detect(path string, data []byte) string {
	const tarMagic = 257 // where a tar archive has "ustar"
	switch {
	case binary.LittleEndian.Uint64(data) <= maxHeader && len(data) > 8 && data[8] == '{':
		return formatSafetensors
	case string(data[:4]) == zipLocal || string(data[:4]) == zipEnd:
		return formatTorchZip
	case data[0] == opProto && data[1] >= 2 && data[1] <= 5:
		return formatTorchLegacy
	case len(data) > tarMagic+5 && string(data[tarMagic:tarMagic+5]) == "ustar":
		return ""
	}
	switch filepath.Ext(path) {
	case ".bin", ".pt", ".pth":
		return formatTorchLegacy
	}
	return formatSafetensors
}

func (p *part) close() error {
	if p.data == nil {
		return nil
	}
	p.data = nil
	if err := p.release(); err != nil {
		return fmt.Errorf("%s: closing: %w", p.path, err)
	}
	return nil
}

func kind(mode os.FileMode) string {
	if mode.IsDir() {
		return "directory"
	}
	return "special file"
}
