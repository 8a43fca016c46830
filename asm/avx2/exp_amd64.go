package avx2

import "godwit/asm/generic"

//go:noescape
func exp8(dst, x *float32, n int)

//go:noescape
func tanh8(dst, x *float32, n int)

//go:noescape
func gelu8(dst, x *float32, n int)

//go:noescape
func geluTanh8(dst, x *float32, n int)

//go:noescape
func geluGrad8(dst, dy, x *float32, n int)

//go:noescape
func geluTanhGrad8(dst, dy, x *float32, n int)

//go:noescape
func expSub16(dst, x *float32, n int, m, scale float32, lanes *[16]float32)

// unary runs a kernel of 8 elements at a time, and the definition on what is left.
func unary(dst, x []float32, kernel func(dst, x *float32, n int), rest func(dst, x []float32)) {
	n := len(x) &^ 7
	dst = dst[:len(x)]
	if n > 0 {
		kernel(&dst[0], &x[0], n)
	}
	if n < len(x) {
		rest(dst[n:], x[n:])
	}
}

func binary(dst, dy, x []float32, kernel func(dst, dy, x *float32, n int), rest func(dst, dy, x []float32)) {
	n := len(x) &^ 7
	dst, dy = dst[:len(x)], dy[:len(x)]
	if n > 0 {
		kernel(&dst[0], &dy[0], &x[0], n)
	}
	if n < len(x) {
		rest(dst[n:], dy[n:], x[n:])
	}
}

// Exp is generic.Exp.
func Exp(dst, x []float32) { unary(dst, x, exp8, generic.Exp) }

// Tanh is generic.Tanh.
func Tanh(dst, x []float32) { unary(dst, x, tanh8, generic.Tanh) }

// GELU is generic.GELU.
func GELU(dst, x []float32) { unary(dst, x, gelu8, generic.GELU) }

// GELUTanh is generic.GELUTanh.
func GELUTanh(dst, x []float32) { unary(dst, x, geluTanh8, generic.GELUTanh) }

// GELUGrad is generic.GELUGrad.
func GELUGrad(dst, dy, x []float32) { binary(dst, dy, x, geluGrad8, generic.GELUGrad) }

// GELUTanhGrad is generic.GELUTanhGrad.
func GELUTanhGrad(dst, dy, x []float32) { binary(dst, dy, x, geluTanhGrad8, generic.GELUTanhGrad) }

// ExpSub is generic.ExpSub. The last elements go through a buffer, so that
// nothing beyond the slices is read or written.
func ExpSub(dst, x []float32, m, scale float32) float32 {
	var lanes [16]float32
	n := len(x) &^ 15
	dst = dst[:len(x)]
	if n > 0 {
		expSub16(&dst[0], &x[0], n, m, scale, &lanes)
	}
	if n < len(x) {
		var b, sums [16]float32
		copy(b[:], x[n:])
		expSub16(&b[0], &b[0], 16, m, scale, &sums)
		for i, e := range b[:copy(dst[n:], b[:])] {
			lanes[i] += e
		}
	}
	return generic.Fold(&lanes)
}
