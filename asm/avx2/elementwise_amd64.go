package avx2

import "godwit/asm/generic"

// add8 is, for n a multiple of 8,
//
//	for i := range n {
//		dst[i] = x[i] + y[i]
//	}
//
//go:noescape
func add8(dst, x, y *float32, n int)

// mul8 is, for n a multiple of 8,
//
//	for i := range n {
//		dst[i] = x[i] * y[i]
//	}
//
//go:noescape
func mul8(dst, x, y *float32, n int)

// scale8 is, for n a multiple of 8,
//
//	for i := range n {
//		dst[i] = alpha * x[i]
//	}
//
//go:noescape
func scale8(dst *float32, alpha float32, x *float32, n int)

// axpy8 is, for n a multiple of 8,
//
//	for i := range n {
//		dst[i] = FMA(alpha, x[i], dst[i])
//	}
//
//go:noescape
func axpy8(dst *float32, alpha float32, x *float32, n int)

// Add is generic.Add.
func Add(dst, x, y []float32) { binary(dst, x, y, add8, generic.Add) }

// Mul is generic.Mul.
func Mul(dst, x, y []float32) { binary(dst, x, y, mul8, generic.Mul) }

// Scale is generic.Scale.
func Scale(dst []float32, alpha float32, x []float32) {
	n := len(x) &^ 7
	dst = dst[:len(x)]
	for i := 0; i < n; i += block {
		scale8(&dst[i], alpha, &x[i], min(block, n-i))
	}
	generic.Scale(dst[n:], alpha, x[n:])
}

// Axpy is generic.Axpy.
func Axpy(dst []float32, alpha float32, x []float32) {
	n := len(x) &^ 7
	dst = dst[:len(x)]
	for i := 0; i < n; i += block {
		axpy8(&dst[i], alpha, &x[i], min(block, n-i))
	}
	generic.Axpy(dst[n:], alpha, x[n:])
}
