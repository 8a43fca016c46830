package generic

// Philox4x32-10, a counter-based generator (Salmon et al., SC 2011): ten
// rounds of multiplications mix the counter under the key.
const (
	philoxM0, philoxM1 = 0xD2511F53, 0xCD9E8D57
	philoxW0, philoxW1 = 0x9E3779B9, 0xBB67AE85
	PhiloxRounds       = 10
)

// Philox4x32 returns the four random words of a counter.
func Philox4x32(counter [4]uint32, key [2]uint32) [4]uint32 {
	c, k := counter, key
	for range PhiloxRounds {
		p0, p1 := uint64(philoxM0)*uint64(c[0]), uint64(philoxM1)*uint64(c[2])
		c = [4]uint32{uint32(p1>>32) ^ c[1] ^ k[0], uint32(p1), uint32(p0>>32) ^ c[3] ^ k[1], uint32(p0)}
		k[0] += philoxW0
		k[1] += philoxW1
	}
	return c
}

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

// Dropout computes dst = 0 or x·Scale. Element e of group g takes a 16-bit
// number of the counter 8g + e mod 8: half h mod 2 of word h/2, with h = e/8.
func Dropout(dst, x []float32, group uint64, c *DropoutConstants) {
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
