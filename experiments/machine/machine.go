// Package machine tells of the computer that a program runs on, and of the
// energy that it takes.
package machine

import (
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/klauspost/cpuid/v2"

	"godwit/kernels"
)

// Machine is what a figure's reader should know of where it was measured.
type Machine struct {
	CPU            string `json:"cpu"`
	InstructionSet string `json:"instruction_set"` // of godwit's kernels
	Threads        int    `json:"threads"`
	Platform       string `json:"platform"` // operating system and architecture, as Go names them
	Go             string `json:"go"`
	Godwit         string `json:"godwit"` // revision
}

// Here describes this machine and program.
func Here() Machine {
	m := Machine{
		CPU: cpuid.CPU.BrandName, InstructionSet: kernels.ISA(), Threads: kernels.Workers(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH, Go: strings.TrimPrefix(runtime.Version(), "go"), Godwit: revision(),
	}
	if m.CPU == "" {
		m.CPU = "unknown"
	}
	return m
}

// revision is the version of the program, as far as its build knows it.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown version"
	}
	version, changed := info.Main.Version, ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			version = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = ", changed since"
		}
	}
	if version == "" {
		version = "unknown version"
	}
	return version + changed
}
