// Package avx2 has the kernels for x86-64 with AVX2 and FMA. Each equals its
// twin of the same name in package generic bit for bit.
package avx2

// The tiles compute, for 4 rows and 24, 16 or 8 columns,
//
//	C[i, j] (+)= Σ over p in increasing order of A[i·rs + p·cs] · B[p·width + j]
//
// See generic.Tile.

//go:noescape
func Tile4x24(k int, a []float32, rs, cs int, b, c []float32, ldc int, accumulate bool)

//go:noescape
func Tile4x16(k int, a []float32, rs, cs int, b, c []float32, ldc int, accumulate bool)

//go:noescape
func Tile4x8(k int, a []float32, rs, cs int, b, c []float32, ldc int, accumulate bool)

// PackRows copies k rows of width elements, 4 or a multiple of 8, lds apart in src,
// into dst one after another. See generic.PackRows.
//
//go:noescape
func PackRows(dst, src []float32, k, width, lds int)

// PackTranspose8 transposes 8 rows of k elements, a multiple of 8. See generic.PackTranspose8.
//
//go:noescape
func PackTranspose8(dst, src []float32, k, lds, ldd int)

// PeakFMA runs 12·8·n independent fused multiply-adds.
func PeakFMA(n int)
