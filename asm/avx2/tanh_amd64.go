package avx2

import "godwit/asm/generic"

// tanh8 is, for n a multiple of 8,
//
//	for i := range n {
//		dst[i] = tanh(x[i])
//	}
//
//go:noescape
func tanh8(dst, x *float32, n int)

// tanhGrad8 is, for n a multiple of 8,
//
//	for i := range n {
//		dst[i] = dy[i] * FMA(-y[i], y[i], 1)
//	}
//
//go:noescape
func tanhGrad8(dst, dy, y *float32, n int)

// Tanh is generic.Tanh.
func Tanh(dst, x []float32) { unary(dst, x, tanh8, generic.Tanh) }

// TanhGrad is generic.TanhGrad.
func TanhGrad(dst, dy, y []float32) { binary(dst, dy, y, tanhGrad8, generic.TanhGrad) }
