package kernels

import (
	"golang.org/x/sys/cpu"

	"godwit/asm/avx2"
	"godwit/asm/avx512"
)

var avx2Set = instructionSet{
	name: "avx2",
	tiles: tiles{rows: 4, lanes: 8, widths: [3]tileFunc{avx2.Tile4x8, avx2.Tile4x16, avx2.Tile4x24},
		packRows: avx2.PackRows, packTranspose8: avx2.PackTranspose8, peak: avx2.PeakFMA},
	vec: avx2Vector,
}

var avx512Set = instructionSet{
	name: "avx512",
	tiles: tiles{rows: 8, lanes: 16, widths: [3]tileFunc{avx512.Tile8x16, avx512.Tile8x32, avx512.Tile8x48},
		packRows: avx2.PackRows, packTranspose8: avx2.PackTranspose8, peak: avx512.PeakFMA},
	vec: avx2Vector,
}

func machineSets() []*instructionSet {
	var list []*instructionSet
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		list = append(list, &avx2Set)
		if cpu.X86.HasAVX512F {
			list = append(list, &avx512Set)
		}
	}
	return list
}
