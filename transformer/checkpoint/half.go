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
