package machine

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// powercap is where Linux shows the counters of the running average power
// limit (RAPL), one directory for each package of a CPU.
const powercap = "/sys/class/powercap"

// Energy measures what the CPUs' packages take, those of all programs, as far
// as the system lets it be read.
type Energy struct {
	system   fs.FS // powercap
	counters []counter
}

// counter counts microjoules and starts again from 0 after the last one.
type counter struct {
	path        string
	start, span uint64
}

// packages matches the counters of whole packages, not of parts of them.
var packages = regexp.MustCompile(`^intel-rapl:[0-9]+$`)

// StartEnergy begins to measure. [Energy.Joules] knows of the machine's counters, if any.
func StartEnergy() *Energy { return startEnergy(os.DirFS(powercap)) }

func startEnergy(system fs.FS) *Energy {
	e := &Energy{system: system}
	entries, err := fs.ReadDir(system, ".")
	if err != nil {
		return e
	}
	for _, entry := range entries {
		if !packages.MatchString(entry.Name()) {
			continue
		}
		c := counter{path: path.Join(entry.Name(), "energy_uj")}
		var ok bool
		if c.start, ok = number(system, c.path); !ok {
			return &Energy{} // one that may not be read makes the sum worthless
		}
		c.span, _ = number(system, path.Join(entry.Name(), "max_energy_range_uj"))
		e.counters = append(e.counters, c)
	}
	return e
}

// Joules returns the energy since the start; ok is false where the system does
// not tell. A counter that has come round more than once, which takes it many
// minutes, is not seen to have.
func (e *Energy) Joules() (joules float64, ok bool) {
	for _, c := range e.counters {
		now, ok := number(e.system, c.path)
		if !ok {
			return 0, false
		}
		if now < c.start {
			now += c.span
		}
		joules += float64(now-c.start) / 1e6
	}
	return joules, len(e.counters) > 0
}

// number reads a file that holds one.
func number(system fs.FS, name string) (uint64, bool) {
	text, err := fs.ReadFile(system, name)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil
}
