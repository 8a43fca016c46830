package generic

// DropoutGroup is how many elements take their random numbers together: eight
// counters of four words of two halves.
const DropoutGroup = 64

// DropoutConstants are what one call of Dropout needs, in the order in which the assembly reads them.
type DropoutConstants struct {
	Keys       [2 * PhiloxRounds]uint32 // both words of each round's key
	Step, Site uint32
	Threshold  uint32  // of the 16-bit numbers: below it an element is dropped
	Scale      float32 // of the others
}

// NewDropoutConstants prepares a call for a probability p of dropping.
func NewDropoutConstants(seed uint64, step, site uint32, p float32) DropoutConstants {
	c := DropoutConstants{Step: step, Site: site, Threshold: uint32(float64(p)*65536 + 0.5)}
	k0, k1 := uint32(seed), uint32(seed>>32)
	for r := range PhiloxRounds {
		c.Keys[2*r], c.Keys[2*r+1] = k0, k1
		k0 += philoxW0
		k1 += philoxW1
	}
	if c.Threshold >= 65536 {
		c.Threshold, c.Scale = 65536, 0
	} else {
		c.Scale = float32(65536 / (65536 - float64(c.Threshold)))
	}
	return c
}

// Dropout computes dst = +0 or x·Scale. x begins with group `group`. Element e of
// group g takes a 16-bit number of the counter {8g + e mod 8 in two words, Step,
// Site}: half h mod 2 of word h/2, with h = e/8. So eight counters side by side
// give a vector of eight elements from each of their eight halves.
func Dropout(dst, x []float32, group uint64, c DropoutConstants) {
	key := [2]uint32{c.Keys[0], c.Keys[1]}
	var words [8][4]uint32
	for i, v := range x {
		e := i % DropoutGroup
		if e == 0 {
			for l := range words {
				n := (group+uint64(i/DropoutGroup))*8 + uint64(l)
				words[l] = Philox4x32([4]uint32{uint32(n), uint32(n >> 32), c.Step, c.Site}, key)
			}
		}
		h := e / 8
		if words[e%8][h/2]>>(h%2*16)&0xffff < c.Threshold {
			dst[i] = 0
		} else {
			dst[i] = float32(v * c.Scale)
		}
	}
}
