package nn

import (
	"hash/fnv"
	"math"

	"godwit/kernels"
	"godwit/tensor"
)

func fill(t *tensor.Tensor, value float32) {
	for i := range t.Data {
		t.Data[i] = value
	}
	t.Changed()
}

// InitNormal fills t from a normal distribution with mean 0. The values depend
// on seed, name and place alone: Philox4x32-10 numbers by Box and Muller's method, in float64.
func InitNormal(t *tensor.Tensor, std float64, seed uint64, name string) {
	h := fnv.New64a()
	h.Write([]byte(name))
	site := h.Sum64()
	key := [2]uint32{uint32(seed), uint32(seed >> 32)}
	for i := 0; i < len(t.Data); i += 4 {
		n := uint64(i / 4)
		r := kernels.Philox4x32([4]uint32{uint32(n), uint32(n >> 32), uint32(site), uint32(site >> 32)}, key)
		for j := 0; j < 4 && i+j < len(t.Data); j += 2 {
			radius := std * math.Sqrt(-2*math.Log((float64(r[j])+0.5)/(1<<32)))
			angle := 2 * math.Pi * float64(r[j+1]) / (1 << 32)
			t.Data[i+j] = float32(radius * math.Cos(angle))
			if i+j+1 < len(t.Data) {
				t.Data[i+j+1] = float32(radius * math.Sin(angle))
			}
		}
	}
	t.Changed()
}
