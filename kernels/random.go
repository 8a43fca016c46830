package kernels

import "godwit/asm/generic"

// Philox4x32 returns the four random words that Philox4x32-10 gives a counter
// under a key (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC
// 2011). A word depends on nothing else, so that who computes it, and when, does
// not matter.
func Philox4x32(counter [4]uint32, key [2]uint32) [4]uint32 { return generic.Philox4x32(counter, key) }
