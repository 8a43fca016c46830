package checkpoint

import "math"

// float16 widens an IEEE 754 binary16 number. Every binary16 value is exact
// in float32, denormals included; the payload of a NaN is kept.
func float16(h uint16) float32 {
	sign := uint32(h>>15) << 31
	exponent := uint32(h>>10) & 0x1f
	fraction := uint32(h) & 0x3ff
	switch exponent {
	case 0: // zero or denormal: fraction · 2^-24, exact in float32
		magnitude := float32(fraction) * 0x1p-24
		return math.Float32frombits(sign | math.Float32bits(magnitude))
	case 0x1f: // infinity or NaN
		return math.Float32frombits(sign | 0xff<<23 | fraction<<13)
	}
	// The exponents are biased by 15 and by 127.
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}

// bfloat16 widens a bfloat16 number, which is the upper half of a float32.
func bfloat16(h uint16) float32 {
	return math.Float32frombits(uint32(h) << 16)
}

// Widest finite numbers: of binary16, and of bfloat16.
const (
	maxFloat16  = 65504
	maxBFloat16 = 0x1.fep127
)

// toFloat16 rounds to the nearest IEEE 754 binary16 number, to the even one of
// two as near. What lies beyond its range becomes infinity; a NaN stays one.
func toFloat16(f float32) uint16 {
	b := math.Float32bits(f)
	sign := uint16(b>>16) & 0x8000
	b &= 1<<31 - 1
	switch {
	case b > 0x7f800000: // NaN: quiet, with the upper bits of its payload
		return sign | 0x7e00 | uint16(b>>13)&0x3ff
	case b >= 0x47800000: // 2^16 and more, infinity
		return sign | 0x7c00
	case b < 0x38800000: // below 2^-14: a multiple of 2^-24
		// Adding 1/2 leaves just 24 bits below the point, and rounds to them.
		half := math.Float32bits(math.Float32frombits(b) + 0.5)
		return sign | uint16(half-math.Float32bits(0.5))
	}
	// 13 bits of the fraction are dropped. A carry goes into the exponent,
	// up to infinity.
	b += 0xfff + b>>13&1
	return sign | uint16((b>>13)-(127-15)<<10)
}

// toBFloat16 rounds to the nearest bfloat16 number, to the even one of two as
// near. What lies beyond its range becomes infinity; a NaN stays one.
func toBFloat16(f float32) uint16 {
	b := math.Float32bits(f)
	if b&(1<<31-1) > 0x7f800000 {
		return uint16(b>>16) | 0x40
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}
