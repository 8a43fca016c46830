package avx2

import "godwit/asm/generic"

// relu8 is, for n a multiple of 8,
//
//	for i := range n {
//		dst[i] = x[i]
//		if x[i] < 0 {
//			dst[i] = 0
//		}
//	}
//
//go:noescape
func relu8(dst, x *float32, n int)

// reluGrad8 is, for n a multiple of 8,
//
//	for i := range n {
//		d := float32(0)
//		if x[i] > 0 {
//			d = dy[i]
//		}
//		dst[i] = d
//	}
//
//go:noescape
func reluGrad8(dst, dy, x *float32, n int)

// ReLU is generic.ReLU.
func ReLU(dst, x []float32) { unary(dst, x, relu8, generic.ReLU) }

// ReLUGrad is generic.ReLUGrad.
func ReLUGrad(dst, dy, x []float32) { binary(dst, dy, x, reluGrad8, generic.ReLUGrad) }
