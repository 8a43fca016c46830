package avx2

import "godwit/asm/generic"

// gelu8 is, for n a multiple of 8,
//
//	for i := range n {
//		cdf, _ := normal(x[i])
//		dst[i] = x[i] * cdf
//	}
//
//go:noescape
func gelu8(dst, x *float32, n int)

// geluGrad8 is, for n a multiple of 8,
//
//	for i := range n {
//		cdf, e := normal(x[i])
//		dst[i] = dy[i] * FMA(x[i]*invSqrt2Pi, e, cdf)
//	}
//
//go:noescape
func geluGrad8(dst, dy, x *float32, n int)

// geluTanh8 is, for n a multiple of 8,
//
//	for i := range n {
//		t := tanh((x[i] * geluA) * FMA(geluB, x[i]*x[i], 1))
//		dst[i] = (x[i] * 0.5) * (1 + t)
//	}
//
//go:noescape
func geluTanh8(dst, x *float32, n int)

// geluTanhGrad8 is, for n a multiple of 8,
//
//	for i := range n {
//		v := min(max(x[i], -geluTanhHigh), geluTanhHigh)
//		t := tanh((v * geluA) * FMA(geluB, v*v, 1))
//		slope := (v * geluA) * FMA(geluB3, v*v, 1)
//		dst[i] = dy[i] * (FMA(FMA(-t, t, 1), slope, 1+t) * 0.5)
//	}
//
//go:noescape
func geluTanhGrad8(dst, dy, x *float32, n int)

// GELU is generic.GELU.
func GELU(dst, x []float32) { unary(dst, x, gelu8, generic.GELU) }

// GELUGrad is generic.GELUGrad.
func GELUGrad(dst, dy, x []float32) { binary(dst, dy, x, geluGrad8, generic.GELUGrad) }

// GELUTanh is generic.GELUTanh.
func GELUTanh(dst, x []float32) { unary(dst, x, geluTanh8, generic.GELUTanh) }

// GELUTanhGrad is generic.GELUTanhGrad.
func GELUTanhGrad(dst, dy, x []float32) { binary(dst, dy, x, geluTanhGrad8, generic.GELUTanhGrad) }
