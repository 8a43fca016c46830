package avx2

import "godwit/asm/generic"

// silu8 is, for n a multiple of 8,
//
//	for i := range n {
//		s, _ := sigmoids(x[i])
//		dst[i] = x[i] * s
//	}
//
//go:noescape
func silu8(dst, x *float32, n int)

// siluGrad8 is, for n a multiple of 8,
//
//	for i := range n {
//		s, rest := sigmoids(x[i])
//		dst[i] = dy[i] * (s * FMA(x[i], rest, 1))
//	}
//
//go:noescape
func siluGrad8(dst, dy, x *float32, n int)

// SiLU is generic.SiLU.
func SiLU(dst, x []float32) { unary(dst, x, silu8, generic.SiLU) }

// SiLUGrad is generic.SiLUGrad.
func SiLUGrad(dst, dy, x []float32) { binary(dst, dy, x, siluGrad8, generic.SiLUGrad) }
