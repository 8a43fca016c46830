// Package kernels has numerical routines over []float32: matrix products,
// attention, softmax, normalisation, activations and optimizers. It chooses
// the instruction set, blocks and packs, and owns the worker pool.
//
// Results are the same bits with every instruction set and any number of workers.
package kernels

import (
	"fmt"
	"os"
	"strings"

	"godwit/asm/generic"
)

// tileFunc computes one block of C; see generic.Tile.
type tileFunc func(k int, a []float32, rs, cs int, b, c []float32, ldc int, accumulate bool)

// tiles is the matrix product's part of an instruction set.
type tiles struct {
	rows, lanes    int         // rows of a tile, columns of a vector
	widths         [3]tileFunc // tiles of 1, 2 and 3 vectors
	packRows       func(dst, src []float32, k, width, lds int)
	packTranspose8 func(dst, src []float32, k, lds, ldd int)
	peak           func(n int) // n steps of 12 fused multiply-adds of a vector; nil without one
}

// instructionSet is a name with all kernels of it.
type instructionSet struct {
	name  string
	tiles tiles
	vec   vectorKernels
}

var genericSet = instructionSet{
	name: "generic",
	tiles: tiles{rows: 4, lanes: 8, widths: [3]tileFunc{generic.Tile4x8, generic.Tile4x16, generic.Tile4x24},
		packRows: generic.PackRows, packTranspose8: generic.PackTranspose8},
	vec: genericVector,
}

// current is what the kernels run on.
var current = chooseISA()

// sets lists what this machine can run, best last.
func sets() []*instructionSet { return append([]*instructionSet{&genericSet}, machineSets()...) }

func chooseISA() *instructionSet {
	all := sets()
	if name := os.Getenv("GODWIT_ISA"); name != "" {
		s, err := findISA(name)
		if err != nil {
			fmt.Fprintf(os.Stderr, "godwit: GODWIT_ISA: %v\n", err)
			os.Exit(2)
		}
		return s
	}
	return all[len(all)-1]
}

func findISA(name string) (*instructionSet, error) {
	for _, s := range sets() {
		if s.name == name {
			return s, nil
		}
	}
	return nil, fmt.Errorf("instruction set %q: this machine has %s", name, strings.Join(ISAs(), ", "))
}

// ISA returns the name of the instruction set in use.
func ISA() string { return current.name }

// ISAs returns the names of those that this machine can run, the best last.
func ISAs() []string {
	var names []string
	for _, s := range sets() {
		names = append(names, s.name)
	}
	return names
}

// SetISA changes the instruction set. It must not be called while kernels run,
// and matrices that were packed before must be packed again.
func SetISA(name string) error {
	s, err := findISA(name)
	if err == nil {
		current = s
	}
	return err
}
