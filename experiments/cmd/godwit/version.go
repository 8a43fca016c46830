package main

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/klauspost/cpuid/v2"

	"godwit/kernels"
)

type versionCommand struct {
	JSON bool `help:"Print JSON."`
}

func (versionCommand) Help() string { return "Example: godwit version --json" }

func (c *versionCommand) Run() error {
	v := struct {
		Go        string   `json:"go"`
		Platform  string   `json:"platform"`
		CPU       string   `json:"cpu"`
		Threads   int      `json:"threads"`
		ISA       string   `json:"instruction_set"`
		Available []string `json:"available"`
		L1        int      `json:"l1_data_bytes"`
		L2        int      `json:"l2_bytes"`
		L3        int      `json:"l3_bytes"`
	}{runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, cpuid.CPU.BrandName, kernels.Workers(), kernels.ISA(), kernels.ISAs(),
		cpuid.CPU.Cache.L1D, cpuid.CPU.Cache.L2, cpuid.CPU.Cache.L3}
	if c.JSON {
		return printJSON(v)
	}
	fmt.Printf("godwit, %s on %s\n%s, %d threads\ninstruction set %s, the best of %s; GODWIT_ISA forces another\ncaches: L1 %d KiB, L2 %d KiB, L3 %d KiB\n",
		v.Go, v.Platform, v.CPU, v.Threads, v.ISA, strings.Join(v.Available, ", "), v.L1>>10, v.L2>>10, v.L3>>10)
	return nil
}
