package generic

import (
	"math"
	"slices"
	"testing"
)

// TestPhilox has the known answers of Random123 (kat_vectors, philox4x32 10).
func TestPhilox(t *testing.T) {
	const f = 0xffffffff
	for _, c := range []struct {
		counter [4]uint32
		key     [2]uint32
		want    [4]uint32
	}{
		{[4]uint32{}, [2]uint32{}, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{[4]uint32{f, f, f, f}, [2]uint32{f, f}, [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{[4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, [2]uint32{0xa4093822, 0x299f31d0}, [4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	} {
		if got := Philox4x32(c.counter, c.key); got != c.want {
			t.Errorf("Philox4x32(%x, %x) = %x, expected %x", c.counter, c.key, got, c.want)
		}
	}
}

func ones(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = 1
	}
	return x
}

// TestDropoutRate: the share of dropped elements is p, within five standard
// deviations, and the mean stays 1.
func TestDropoutRate(t *testing.T) {
	const n = 1 << 18
	for _, p := range []float32{0, 0.1, 0.3, 0.5, 0.9, 1} {
		c := NewDropoutConstants(42, 3, 4, p)
		y := make([]float32, n)
		Dropout(y, ones(n), 0, c)
		zeros := 0
		for i, v := range y {
			switch v {
			case 0:
				zeros++
			case c.Scale:
			default:
				t.Fatalf("p = %v: element %d is %v, neither 0 nor %v", p, i, v, c.Scale)
			}
		}
		exact := float64(c.Threshold) / 65536
		if math.Abs(exact-float64(p)) > 0x1p-17 {
			t.Errorf("p = %v is realised as %v", p, exact)
		}
		if d := math.Abs(float64(zeros)/n - exact); d > 5*math.Sqrt(exact*(1-exact)/n) {
			t.Errorf("p = %v: %d of %d dropped", p, zeros, n)
		}
		if p < 1 && math.Abs(float64(c.Scale)*(1-exact)-1) > 1e-6 {
			t.Errorf("p = %v: scale %v", p, c.Scale)
		}
	}
}

// TestDropoutSplit: it does not matter how the elements are dealt out, as long
// as each part begins at a group.
func TestDropoutSplit(t *testing.T) {
	const n = 64*7 + 13
	for _, first := range []uint64{0, 1<<29 - 3, 1 << 40} { // the second passes the counter's low word
		c := NewDropoutConstants(1<<63|5, 9, 1, 0.4)
		whole := make([]float32, n)
		Dropout(whole, ones(n), first, c)
		for at := DropoutGroup; at < n; at += DropoutGroup {
			parts := ones(n)
			Dropout(parts[:at], parts[:at], first, c)
			Dropout(parts[at:], parts[at:], first+uint64(at/DropoutGroup), c)
			if !slices.Equal(whole, parts) {
				t.Fatalf("group %d: another result when split at %d", first, at)
			}
		}
	}
}

// TestDropoutKeys: seed, step and site each give another pattern.
func TestDropoutKeys(t *testing.T) {
	const n = 4096
	pattern := func(seed uint64, step, site uint32) []float32 {
		c := NewDropoutConstants(seed, step, site, 0.5)
		y := make([]float32, n)
		Dropout(y, ones(n), 0, c)
		return y
	}
	base := pattern(1, 1, 1)
	for name, other := range map[string][]float32{
		"seed": pattern(2, 1, 1), "high seed": pattern(1<<32|1, 1, 1), "step": pattern(1, 2, 1), "site": pattern(1, 1, 2),
	} {
		equal := 0
		for i := range other {
			if other[i] == base[i] {
				equal++
			}
		}
		if math.Abs(float64(equal)-n/2) > 5*math.Sqrt(n)/2 {
			t.Errorf("another %s: %d of %d elements equal, expected about half", name, equal, n)
		}
	}
}
