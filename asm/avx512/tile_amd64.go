// Package avx512 has the matrix product's tiles for x86-64 with AVX-512F. The
// vector kernels of avx2 serve there as well.
package avx512

// The tiles compute, for 8 rows and 48, 32 or 16 columns,
//
//	C[i, j] (+)= Σ over p in increasing order of A[i·rs + p·cs] · B[p·width + j]
//
// See generic.Tile.

//go:noescape
func Tile8x48(k int, a []float32, rs, cs int, b, c []float32, ldc int, accumulate bool)

//go:noescape
func Tile8x32(k int, a []float32, rs, cs int, b, c []float32, ldc int, accumulate bool)

//go:noescape
func Tile8x16(k int, a []float32, rs, cs int, b, c []float32, ldc int, accumulate bool)

// PeakFMA runs 12·16·n independent fused multiply-adds.
func PeakFMA(n int)
