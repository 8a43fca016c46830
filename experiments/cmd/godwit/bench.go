package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/klauspost/cpuid/v2"

	"godwit/experiments/bench"
	"godwit/kernels"
)

type benchCommand struct {
	Only    string   `enum:"all,products,encoders" default:"all" help:"all, products or encoders."`
	Sizes   []string `default:"tiny,minilm,base" help:"Encoders to measure: tiny, minilm, base."`
	Seconds float64  `default:"5" help:"Time for each encoder; a matrix product takes a twentieth of it."`
	JSON    bool     `help:"Print JSON."`
}

func (benchCommand) Help() string {
	return "Example: godwit bench --only encoders --sizes minilm --json"
}

// benchReport is what --json prints.
type benchReport struct {
	CPU      string             `json:"cpu"`
	ISA      string             `json:"instruction_set"`
	Threads  int                `json:"threads"`
	Peak     map[string]float64 `json:"peak_gflops"` // by threads
	Products []bench.Product    `json:"products,omitempty"`
	Geomean  map[string]float64 `json:"geomean_share_of_peak,omitempty"` // by threads
	Encoders []bench.Encoder    `json:"encoders,omitempty"`
}

func (c *benchCommand) Run(ctx context.Context) error {
	for _, name := range c.Sizes {
		if !slices.ContainsFunc(bench.Sizes, func(s bench.Size) bool { return s.Name == name }) {
			return usagef("--sizes: found %q, expected tiny, minilm or base", name)
		}
	}
	if !(c.Seconds > 0) {
		return usagef("--seconds: found %v, expected more than 0", c.Seconds)
	}
	each := time.Duration(c.Seconds * float64(time.Second))
	r := benchReport{CPU: cpuid.CPU.BrandName, ISA: kernels.ISA(), Threads: kernels.Workers(), Peak: map[string]float64{}, Geomean: map[string]float64{}}
	print := func(format string, args ...any) {
		out := os.Stdout
		if c.JSON {
			out = os.Stderr
		}
		fmt.Fprintf(out, format, args...)
	}
	print("%s, %s, %d threads, %s\n", r.CPU, r.ISA, r.Threads, runtime.Version())
	counts := slices.Compact([]int{1, r.Threads})
	for _, threads := range counts {
		if err := ctx.Err(); err != nil {
			return err
		}
		peak := kernels.PeakGFLOPS(threads)
		r.Peak[fmt.Sprint(threads)] = peak
		print("peak on %d threads: %.1f GFLOP/s\n", threads, peak)
		if c.Only == "encoders" {
			continue
		}
		share := bench.Products(threads, each/20, func(p bench.Product) {
			r.Products = append(r.Products, p)
			print("%-8s %s %4d × %4d × %4d × %2d  %2d threads  %7.1f GFLOP/s  %5.1f %% of peak\n", p.Use, p.Form, p.M, p.N, p.K, p.Batch, threads, p.GFLOPS, 100*p.Share)
		})
		r.Geomean[fmt.Sprint(threads)] = share
		print("geometric mean on %d threads: %.1f %% of peak\n", threads, 100*share)
	}
	if c.Only != "products" {
		for _, s := range bench.Sizes {
			if !slices.Contains(c.Sizes, s.Name) {
				continue
			}
			for _, mode := range []string{"infer", "train"} {
				if err := ctx.Err(); err != nil {
					return err
				}
				e, err := bench.MeasureEncoder(s, mode, each)
				if err != nil {
					return err
				}
				r.Encoders = append(r.Encoders, e)
				print("%-7s %-5s %2d × %d tokens  %8.0f tokens/s  %6.1f GFLOP/s\n", s.Name, mode, s.Batch, s.Length, e.TokensPS, e.GFLOPS)
			}
		}
	}
	if c.JSON {
		return printJSON(r)
	}
	return nil
}
