//go:build (darwin || linux) && (amd64 || arm64 || riscv64)

package checkpoint

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Opening reads what describes the tensors and not the tensors: of a sparse
// file of 64 GB, few pages.
func TestOpenReadsLittle(t *testing.T) {
	const size = 64 << 30
	n := strconv.Itoa(size / 4)
	header := `{"w":{"dtype":"F32","shape":[` + n + `],"data_offsets":[0,` + strconv.Itoa(size) + `]}}`
	pickle := pyState("w", pyTensor(pyStorage("FloatStorage", "0", size/4, pyNone), 0, []int{size / 4}, []int{1}))
	legacy := string(torchLegacy(pickle, []string{"0"}, string(binary.LittleEndian.AppendUint64(nil, size/4))))
	for name, head := range map[string]string{"safetensors": string(file(header)), "legacy": legacy} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), FileName)
			if err := os.WriteFile(path, []byte(head), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(path, int64(len(head))+size); err != nil {
				t.Fatal(err)
			}
			before := faults(t)
			f := open(t, path)
			info, ok := f.Info("w")
			if !ok || info.Elements() != size/4 {
				t.Errorf("info is %v, expected %d elements", info, size/4)
			}
			// The system may map 64 KiB for a fault.
			if read := (faults(t) - before) * (64 << 10); read > size/64 {
				t.Errorf("opening touched up to %d bytes of %d", read, size)
			}
		})
	}
	// Elements beyond the end are noticed without reading them, too.
	path := filepath.Join(t.TempDir(), FileName)
	if err := os.WriteFile(path, file(header), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "reach beyond the data section") {
		t.Errorf("error is %v, expected one that says that the file is too short", err)
	}
}

// faults counts the pages that the process got so far.
func faults(t *testing.T) int64 {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return u.Minflt + u.Majflt
}
