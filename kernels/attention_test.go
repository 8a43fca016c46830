package kernels

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

// attentionCase is a batch with all that forward and backward need.
type attentionCase struct {
	a             Attention
	q, k, v, dout Matrix
}

func newAttentionCase(seed uint64, lengths []int, heads, d int, dropout float32) attentionCase {
	offsets := []int32{0}
	for _, n := range lengths {
		offsets = append(offsets, offsets[len(offsets)-1]+int32(n))
	}
	tokens := int(offsets[len(lengths)])
	r := rand.New(rand.NewPCG(seed, 1))
	m := func(pad int) Matrix { return randomMatrix(r, tokens, heads*d, pad, fills[0].at) }
	return attentionCase{
		a: Attention{Offsets: offsets, Heads: heads, Dropout: dropout, Key: DropoutKey{Seed: 99, Step: 4, Site: 2}},
		q: m(0), k: m(5), v: m(3), dout: m(1),
	}
}

func (c *attentionCase) zeros() Matrix {
	return dense(make([]float32, c.q.Rows*c.q.Cols), c.q.Rows, c.q.Cols)
}

// run returns the output and the gradients of q, k and v.
func (c *attentionCase) run() [4]Matrix {
	r := [4]Matrix{c.zeros(), c.zeros(), c.zeros(), c.zeros()}
	c.a.Forward(r[0], c.q, c.k, c.v)
	c.a.Backward(r[1], r[2], r[3], c.dout, c.q, c.k, c.v)
	return r
}

// factors returns what dropout multiplies the n² probabilities of a head with.
func (c *attentionCase) factors(b, h, n int) []float32 {
	x := make([]float32, n*n)
	for i := range x {
		x[i] = 1
	}
	if c.a.Dropout > 0 {
		first := uint64(c.a.Offsets[b])*uint64(c.a.Heads)*65536 + uint64(h*((n*n+63)/64*64))
		Dropout(x, x, c.a.Key, first, c.a.Dropout)
	}
	return x
}

// reference computes the same in float64 by the textbook, element by element.
func (c *attentionCase) reference() [4][]float64 {
	width := c.q.Cols
	var r [4][]float64
	for i := range r {
		r[i] = make([]float64, c.q.Rows*width)
	}
	d := width / c.a.Heads
	scale := 1 / math.Sqrt(float64(d))
	at := func(m Matrix, i, j int) float64 { return float64(m.Data[i*m.Stride+j]) }
	for b := range len(c.a.Offsets) - 1 {
		r0, n := int(c.a.Offsets[b]), int(c.a.Offsets[b+1]-c.a.Offsets[b])
		for h := range c.a.Heads {
			drop := c.factors(b, h, n)
			p, dp := make([]float64, n), make([]float64, n)
			for i := range n {
				high, sum := math.Inf(-1), 0.0
				for j := range n {
					p[j] = 0
					for l := h * d; l < (h+1)*d; l++ {
						p[j] += at(c.q, r0+i, l) * at(c.k, r0+j, l)
					}
					p[j] *= scale
					high = max(high, p[j])
				}
				for j := range p {
					p[j] = math.Exp(p[j] - high)
					sum += p[j]
				}
				mean := 0.0
				for j := range p {
					p[j] /= sum
					f := float64(drop[i*n+j])
					dp[j] = 0
					for l := h * d; l < (h+1)*d; l++ {
						r[0][(r0+i)*width+l] += p[j] * f * at(c.v, r0+j, l)
						r[3][(r0+j)*width+l] += p[j] * f * at(c.dout, r0+i, l)
						dp[j] += at(c.dout, r0+i, l) * at(c.v, r0+j, l) * f
					}
					mean += p[j] * dp[j]
				}
				for j := range p {
					ds := p[j] * (dp[j] - mean) * scale
					for l := h * d; l < (h+1)*d; l++ {
						r[1][(r0+i)*width+l] += ds * at(c.k, r0+j, l)
						r[2][(r0+j)*width+l] += ds * at(c.q, r0+i, l)
					}
				}
			}
		}
	}
	return r
}

var attentionResults = [4]string{"output", "dq", "dk", "dv"}

// TestAttentionAgainstFloat64: forward and backward with ragged lengths, with and
// without dropout, to 2e-5 of the largest element. The reference makes its own
// dropout, so that it fails too where backward does not repeat that of forward.
func TestAttentionAgainstFloat64(t *testing.T) {
	for _, s := range []struct {
		lengths  []int
		heads, d int
	}{
		{[]int{1}, 1, 8}, {[]int{5, 1, 17, 0, 33}, 3, 16}, {[]int{64, 63, 65}, 2, 64}, {[]int{3, 530, 9}, 2, 12}, {[]int{2, 7}, 2, 1},
	} {
		for _, dropout := range []float32{0, 0.1, 0.5} {
			c := newAttentionCase(1, s.lengths, s.heads, s.d, dropout)
			got, want := c.run(), c.reference()
			for r, name := range attentionResults {
				high := 1.0
				for _, x := range want[r] {
					high = max(high, math.Abs(x))
				}
				for i, x := range want[r] {
					if e := math.Abs(float64(got[r].Data[i]) - x); !(e <= 2e-5*high) {
						t.Fatalf("lengths %v, %d heads of %d, dropout %v: %s[%d] = %v, expected %v", s.lengths, s.heads, s.d, dropout, name, i, got[r].Data[i], x)
					}
				}
			}
		}
	}
}

// TestAttentionBits: neither instruction set nor the number of workers changes a bit.
func TestAttentionBits(t *testing.T) {
	for _, dropout := range []float32{0, 0.1} {
		c := newAttentionCase(2, []int{1, 40, 7, 65, 520, 33}, 2, 16, dropout)
		before := ISA()
		defer useISA(t, before)
		useISA(t, "generic")
		want := c.run()
		withISA(t, func(isa string) {
			if isa == "generic" {
				return
			}
			withProcs(func(procs int) {
				got := c.run()
				for r, name := range attentionResults {
					if i := firstDifference(got[r].Data, want[r].Data); i >= 0 {
						t.Fatalf("%s, %d workers, dropout %v: %s[%d] = %v, generic has %v", isa, procs, dropout, name, i, got[r].Data[i], want[r].Data[i])
					}
				}
			})
		})
	}
}

// TestAttentionSequenceAlone: a sequence has the same results alone as in a batch.
func TestAttentionSequenceAlone(t *testing.T) {
	batch := newAttentionCase(3, []int{9, 70, 1, 515}, 3, 8, 0)
	whole := batch.run()
	for b := range len(batch.a.Offsets) - 1 {
		r0, r1 := int(batch.a.Offsets[b]), int(batch.a.Offsets[b+1])
		rows := func(m Matrix) Matrix { return m.block(r0, r1, 0, m.Cols) }
		alone := attentionCase{
			a: Attention{Offsets: []int32{0, int32(r1 - r0)}, Heads: 3},
			q: rows(batch.q), k: rows(batch.k), v: rows(batch.v), dout: rows(batch.dout),
		}
		got := alone.run()
		for r, name := range attentionResults {
			if i := firstDifference(got[r].Data, rows(whole[r]).Data); i >= 0 {
				t.Errorf("sequence %d: %s[%d] differs", b, name, i)
			}
		}
	}
}

// TestAttentionBackwardAdds: gradients are added to what is there.
func TestAttentionBackwardAdds(t *testing.T) {
	c := newAttentionCase(4, []int{6, 11}, 2, 8, 0)
	want := c.run()
	got := [3]Matrix{c.zeros(), c.zeros(), c.zeros()}
	for i := range got {
		for j := range got[i].Data {
			got[i].Data[j] = 8
		}
	}
	c.a.Backward(got[0], got[1], got[2], c.dout, c.q, c.k, c.v)
	for i := range got {
		for j, x := range got[i].Data {
			if math.Abs(float64(x-8-want[i+1].Data[j])) > 1e-5 {
				t.Fatalf("%s[%d] = %v, expected 8 more than %v", attentionResults[i+1], j, x, want[i+1].Data[j])
			}
		}
	}
}

// TestAttentionDropoutRanges: no two heads of a batch share random numbers.
func TestAttentionDropoutRanges(t *testing.T) {
	lengths := []int{1, 200, 3, 512, 1, 1000, 2}
	heads := 4
	a := newAttentionCase(5, lengths, heads, 1, 0).a
	type span struct{ first, end uint64 }
	var mu sync.Mutex
	var spans []span
	a.each(heads, func(_ *attentionScratch, h head) {
		mu.Lock()
		defer mu.Unlock()
		n := uint64(h.r1 - h.r0)
		spans = append(spans, span{h.first, h.first + n*n})
	})
	if len(spans) != len(lengths)*heads {
		t.Fatalf("%d tasks for %d sequences of %d heads", len(spans), len(lengths), heads)
	}
	slices.SortFunc(spans, func(x, y span) int { return cmp.Compare(x.first, y.first) })
	for i := 1; i < len(spans); i++ {
		if spans[i].first < spans[i-1].end {
			t.Errorf("random numbers shared by %v and %v", spans[i-1], spans[i])
		}
	}
}
