package avx2

import "godwit/asm/generic"

// dropout64 is, for x of whole groups of 64 elements,
//
//	for i := range 64 * groups {
//		n, h := 8*(group+i/64)+i%8, i%64/8
//		words := Philox4x32({low n, high n, c.Step, c.Site}, {c.Keys[0], c.Keys[1]})
//		dst[i] = x[i] * c.Scale
//		if words[h/2]>>(h%2*16)&0xffff < c.Threshold {
//			dst[i] = 0
//		}
//	}
//
//go:noescape
func dropout64(dst, x *float32, groups int, group uint64, c *generic.DropoutConstants)

// Dropout is generic.Dropout. The last group, when it is not whole, goes through a buffer.
func Dropout(dst, x []float32, group uint64, c generic.DropoutConstants) {
	const size = generic.DropoutGroup
	n := len(x) / size * size
	dst = dst[:len(x)]
	for i := 0; i < n; i += block {
		dropout64(&dst[i], &x[i], min(block, n-i)/size, group+uint64(i/size), &c)
	}
	if n < len(x) {
		var b [size]float32
		copy(b[:], x[n:])
		dropout64(&b[0], &b[0], 1, group+uint64(n/size), &c)
		copy(dst[n:], b[:])
	}
}
