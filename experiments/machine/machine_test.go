package machine

import (
	"testing"
	"testing/fstest"

	"godwit/kernels"
)

func TestHere(t *testing.T) {
	m := Here()
	if m.CPU == "" || m.Platform == "" || m.Go == "" || m.Godwit == "" || m.InstructionSet != kernels.ISA() || m.Threads != kernels.Workers() {
		t.Errorf("%+v", m)
	}
}

func TestEnergy(t *testing.T) {
	system := fstest.MapFS{}
	write := func(name, text string) { system[name] = &fstest.MapFile{Data: []byte(text)} }
	write("intel-rapl:0/energy_uj", "1000000\n")
	write("intel-rapl:0/max_energy_range_uj", "9000000\n")
	write("intel-rapl:1/energy_uj", "8000000\n")
	write("intel-rapl:1/max_energy_range_uj", "9000000\n")
	write("intel-rapl:0:0/energy_uj", "5\n") // part of a package
	e := startEnergy(system)
	write("intel-rapl:0/energy_uj", "3500000\n") // 2.5 J
	write("intel-rapl:1/energy_uj", "1000000\n") // came round: 2 J
	write("intel-rapl:0:0/energy_uj", "900\n")
	if j, ok := e.Joules(); !ok || j != 4.5 {
		t.Errorf("%v J, %v, want 4.5", j, ok)
	}
	write("intel-rapl:1/energy_uj", "no number")
	if j, ok := e.Joules(); ok {
		t.Errorf("%v J of a counter that cannot be read", j)
	}
	if _, ok := startEnergy(system).Joules(); ok {
		t.Error("energy of a counter that cannot be read at the start")
	}
	if _, ok := startEnergy(fstest.MapFS{}).Joules(); ok {
		t.Error("energy without counters")
	}
}
