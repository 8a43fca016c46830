package generic

// Tile computes a block of C, rows × width:
//
//	C[i, j] (+)= Σ over p in increasing order of A[i·rs + p·cs] · B[p·width + j]
//
// as a chain of fused multiply-adds from 0. With accumulate the sum is added to
// C by one more rounding. Row i of C begins at c[i·ldc].
func Tile(rows, width, k int, a []float32, rs, cs int, b, c []float32, ldc int, accumulate bool) {
	var sums [64]float32
	for i := range rows {
		acc := sums[:width]
		clear(acc)
		for p := range k {
			x := a[i*rs+p*cs]
			for j, y := range b[p*width : (p+1)*width] {
				acc[j] = FMA(x, y, acc[j])
			}
		}
		out := c[i*ldc : i*ldc+width]
		for j, s := range acc {
			if accumulate {
				s = out[j] + s
			}
			out[j] = s
		}
	}
}

func Tile4x24(k int, a []float32, rs, cs int, b, c []float32, ldc int, accumulate bool) {
	Tile(4, 24, k, a, rs, cs, b, c, ldc, accumulate)
}

func Tile4x16(k int, a []float32, rs, cs int, b, c []float32, ldc int, accumulate bool) {
	Tile(4, 16, k, a, rs, cs, b, c, ldc, accumulate)
}

func Tile4x8(k int, a []float32, rs, cs int, b, c []float32, ldc int, accumulate bool) {
	Tile(4, 8, k, a, rs, cs, b, c, ldc, accumulate)
}

// PackRows copies k rows of width elements, lds apart in src, into dst one after another.
func PackRows(dst, src []float32, k, width, lds int) {
	for p := range k {
		copy(dst[p*width:(p+1)*width], src[p*lds:p*lds+width])
	}
}

// PackTranspose8 transposes 8 rows of k elements, lds apart in src, so that
// element p of row i goes to dst[p·ldd + i]. k is a multiple of 8.
func PackTranspose8(dst, src []float32, k, lds, ldd int) {
	for i := range 8 {
		for p := range k {
			dst[p*ldd+i] = src[i*lds+p]
		}
	}
}
