package avx2

import "godwit/asm/generic"

// exp8 is, for n a multiple of 8,
//
//	for i := range n {
//		dst[i] = exp(x[i])
//	}
//
//go:noescape
func exp8(dst, x *float32, n int)

// Exp is generic.Exp.
func Exp(dst, x []float32) { unary(dst, x, exp8, generic.Exp) }
