package machine

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"godwit/kernels"
)

func TestHere(t *testing.T) {
	m := Here()
	if m.CPU == "" || m.Platform == "" || m.Go == "" || m.Godwit == "" || m.InstructionSet != kernels.ISA() || m.Threads != kernels.Workers() {
		t.Errorf("%+v", m)
	}
}

// counters makes a directory as Linux shows it.
func counters(t *testing.T, values map[string]string) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("names with a colon cannot be made on Windows, and RAPL is read on Linux alone")
	}
	dir := t.TempDir()
	for name, text := range values {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestEnergy(t *testing.T) {
	dir := counters(t, map[string]string{
		"intel-rapl:0/energy_uj": "1000000\n", "intel-rapl:0/max_energy_range_uj": "9000000\n",
		"intel-rapl:1/energy_uj": "8000000\n", "intel-rapl:1/max_energy_range_uj": "9000000\n",
		"intel-rapl:0:0/energy_uj": "5\n", // part of a package
	})
	e := startEnergy(dir)
	write(t, filepath.Join(dir, "intel-rapl:0", "energy_uj"), "3500000\n") // 2.5 J
	write(t, filepath.Join(dir, "intel-rapl:1", "energy_uj"), "1000000\n") // came round: 2 J
	write(t, filepath.Join(dir, "intel-rapl:0:0", "energy_uj"), "900\n")
	if j, ok := e.Joules(); !ok || j != 4.5 {
		t.Errorf("%v J, %v, want 4.5", j, ok)
	}
	write(t, filepath.Join(dir, "intel-rapl:1", "energy_uj"), "no number")
	if j, ok := e.Joules(); ok {
		t.Errorf("%v J of a counter that cannot be read", j)
	}
	if _, ok := startEnergy(dir).Joules(); ok {
		t.Error("energy of a counter that cannot be read at the start")
	}
	if _, ok := startEnergy(filepath.Join(dir, "none")).Joules(); ok {
		t.Error("energy without counters")
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
