package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// relativeCase is a batch with all that forward and backward need.
type relativeCase struct {
	a    RelativeAttention
	x    RelativeOperands
	dout Matrix
}

// relativeOptions are what of the operation a case uses.
type relativeOptions struct {
	lengths  []int
	heads, d int
	spare    int // N beyond the longest sequence
	queries  bool
	types    int // segments, 0 for none
	hidden   float64
	dropout  float32
}

func (o relativeOptions) String() string { return fmt.Sprintf("%+v", relativeFields(o)) }

type relativeFields relativeOptions

func newRelativeCase(seed uint64, o relativeOptions) relativeCase {
	r := rand.New(rand.NewPCG(seed, 7))
	offsets, longest, elements := []int32{0}, 0, 0
	for _, n := range o.lengths {
		offsets = append(offsets, offsets[len(offsets)-1]+int32(n))
		longest, elements = max(longest, n), elements+n*n
	}
	tokens, width := int(offsets[len(o.lengths)]), o.heads*o.d
	c := relativeCase{a: RelativeAttention{Offsets: offsets, Heads: o.heads, Dropout: o.dropout, Key: DropoutKey{Seed: 5, Step: 6, Site: 7}}}
	asking := tokens
	if o.queries {
		c.a.Queries = []int32{}
		for t := range tokens {
			if r.IntN(3) == 0 {
				c.a.Queries = append(c.a.Queries, int32(t))
			}
		}
		asking = len(c.a.Queries)
	}
	if o.types > 0 {
		for b := range o.lengths {
			for t := offsets[b]; t < offsets[b+1]; t++ {
				c.a.TypeIDs = append(c.a.TypeIDs, int32(int(t-offsets[b])*o.types/o.lengths[b])*3)
			}
		}
		if len(c.a.TypeIDs) > 2 {
			c.a.TypeIDs[2], c.a.TypeIDs[0] = c.a.TypeIDs[0], c.a.TypeIDs[2]
		}
	}
	if o.hidden > 0 {
		c.a.Hidden = make([]bool, elements)
		for i := range c.a.Hidden {
			c.a.Hidden[i] = r.Float64() < o.hidden
		}
	}
	m := func(rows, pad int) Matrix { return randomMatrix(r, rows, width, pad, fills[0].at) }
	row := func(n int) []float32 { return m(n, 0).Data }
	c.x = RelativeOperands{Q: m(asking, 0), K: m(tokens, 5), V: m(tokens, 3), R: m(2*(longest+o.spare)-1, 1),
		RWBias: row(1), RRBias: row(1), RSBias: row(1), SegEmbed: row(2)}
	c.dout = m(asking, 2)
	return c
}

func zerosLike(m Matrix) Matrix { return dense(make([]float32, m.Rows*m.Cols), m.Rows, m.Cols) }

func (x *RelativeOperands) zeros() RelativeOperands {
	f := func(x []float32) []float32 { return make([]float32, len(x)) }
	return RelativeOperands{zerosLike(x.Q), zerosLike(x.K), zerosLike(x.V), zerosLike(x.R), f(x.RWBias), f(x.RRBias), f(x.RSBias), f(x.SegEmbed)}
}

var relativeResults = [...]string{"output", "dq", "dk", "dv", "dr", "d r_w_bias", "d r_r_bias", "d r_s_bias", "d seg_embed"}

func (x *RelativeOperands) list() [][]float32 {
	return [][]float32{x.Q.Data, x.K.Data, x.V.Data, x.R.Data, x.RWBias, x.RRBias, x.RSBias, x.SegEmbed}
}

// run returns the output and the gradients, in the order of relativeResults.
func (c *relativeCase) run() [][]float32 {
	out, dx := zerosLike(c.dout), c.x.zeros()
	c.a.Forward(out, &c.x)
	c.a.Backward(&dx, c.dout, &c.x)
	return append([][]float32{out.Data}, dx.list()...)
}

// reference computes the same in float64, term by term as the paper has them:
// scores of -10³⁰ where a key is hidden, both vectors of segments, all of R.
func (c *relativeCase) reference() [][]float64 {
	x := &c.x
	width := x.K.Cols
	d := width / c.a.Heads
	scale := 1 / math.Sqrt(float64(d))
	z := x.zeros()
	var g [][]float64
	for _, l := range append([][]float32{zerosLike(c.dout).Data}, z.list()...) {
		g = append(g, make([]float64, len(l)))
	}
	out, dq, dk, dv, dr, dw, drr, ds, dseg := g[0], g[1], g[2], g[3], g[4], g[5], g[6], g[7], g[8]
	at := func(m Matrix, i, j int) float64 { return float64(m.Data[i*m.Stride+j]) }
	middle, masks, query := x.R.Rows/2, 0, 0
	for b := range len(c.a.Offsets) - 1 {
		r0, n := int(c.a.Offsets[b]), int(c.a.Offsets[b+1]-c.a.Offsets[b])
		var asking []int // positions
		for t := r0; t < r0+n; t++ {
			if c.a.Queries == nil || slices.Contains(c.a.Queries, int32(t)) {
				asking = append(asking, t-r0)
			}
		}
		for h := range c.a.Heads {
			factors := make([]float32, len(asking)*n)
			for i := range factors {
				factors[i] = 1
			}
			if c.a.Dropout > 0 {
				first := uint64(r0)*uint64(c.a.Heads)*65536 + uint64(h*((n*n+63)/64*64))
				Dropout(factors, factors, c.a.Key, first, c.a.Dropout)
			}
			for number, i := range asking {
				row := query + number
				segment := func(j int) int {
					if c.a.TypeIDs == nil {
						return -1
					}
					if c.a.TypeIDs[r0+i] != c.a.TypeIDs[r0+j] {
						return 1
					}
					return 0
				}
				p, dp := make([]float64, n), make([]float64, n)
				for j := range n {
					for l := h * d; l < (h+1)*d; l++ {
						q := at(x.Q, row, l)
						p[j] += (q + float64(x.RWBias[l])) * at(x.K, r0+j, l)
						p[j] += (q + float64(x.RRBias[l])) * at(x.R, middle-(i-j), l)
						if s := segment(j); s >= 0 {
							p[j] += (q + float64(x.RSBias[l])) * float64(x.SegEmbed[s*width+l])
						}
					}
					p[j] *= scale
					if c.a.Hidden != nil && c.a.Hidden[masks+i*n+j] && (c.a.Queries != nil || i != j) {
						p[j] = -1e30
					}
				}
				high, sum := slices.Max(p), 0.0
				for j := range p {
					p[j] = math.Exp(p[j] - high)
					sum += p[j]
				}
				mean := 0.0
				for j := range p {
					p[j] /= sum
					f := float64(factors[number*n+j])
					for l := h * d; l < (h+1)*d; l++ {
						out[row*width+l] += p[j] * f * at(x.V, r0+j, l)
						dv[(r0+j)*width+l] += p[j] * f * at(c.dout, row, l)
						dp[j] += at(c.dout, row, l) * at(x.V, r0+j, l) * f
					}
					mean += p[j] * dp[j]
				}
				for j := range p {
					e := p[j] * (dp[j] - mean) * scale
					for l := h * d; l < (h+1)*d; l++ {
						q, k, rr := at(x.Q, row, l), at(x.K, r0+j, l), at(x.R, middle-(i-j), l)
						dq[row*width+l] += e * (k + rr)
						dk[(r0+j)*width+l] += e * (q + float64(x.RWBias[l]))
						dr[(middle-(i-j))*x.R.Cols+l] += e * (q + float64(x.RRBias[l]))
						dw[l] += e * k
						drr[l] += e * rr
						if s := segment(j); s >= 0 {
							v := float64(x.SegEmbed[s*width+l])
							dq[row*width+l] += e * v
							ds[l] += e * v
							dseg[s*width+l] += e * (q + float64(x.RSBias[l]))
						}
					}
				}
			}
		}
		query += len(asking)
		masks += n * n
	}
	return g
}

// compare returns where got is further from want than bound times its largest
// element, or 1 if that is more.
func compare(got [][]float32, want [][]float64, bound float64) error {
	for r, name := range relativeResults {
		high := 1.0
		for _, x := range want[r] {
			high = max(high, math.Abs(x))
		}
		for i, x := range want[r] {
			if e := math.Abs(float64(got[r][i]) - x); !(e <= bound*high) {
				return fmt.Errorf("%s[%d] = %v, expected %v (largest %v)", name, i, got[r][i], x, high)
			}
		}
	}
	return nil
}

var relativeCases = []relativeOptions{
	{lengths: []int{1}, heads: 1, d: 1},
	{lengths: []int{1}, heads: 2, d: 5, types: 1, hidden: 0.5},
	{lengths: []int{0, 0}, heads: 1, d: 3, spare: 1, types: 1, hidden: 0.5, queries: true},
	{lengths: []int{3, 1, 17, 0, 33}, heads: 3, d: 5, types: 2},
	{lengths: []int{64, 63, 65}, heads: 2, d: 64, types: 3},
	{lengths: []int{70, 2}, heads: 2, d: 8, spare: 9},
	{lengths: []int{70, 2}, heads: 2, d: 8, hidden: 0.3, types: 2},
	{lengths: []int{5, 70, 31}, heads: 1, d: 8, hidden: 0.97, queries: true, types: 2},
	{lengths: []int{200, 0, 9}, heads: 2, d: 1, hidden: 0.4, queries: true, spare: 1},
	{lengths: []int{13, 66, 1, 7}, heads: 2, d: 8, queries: true, types: 3},
	{lengths: []int{500, 40, 7, 300}, heads: 1, d: 8, types: 2}, // two chunks, chains longer than kBlock
}

// TestRelativeAttentionAgainstFloat64: forward and backward to 3e-5 of the largest element.
func TestRelativeAttentionAgainstFloat64(t *testing.T) {
	for i, o := range relativeCases {
		for _, o.dropout = range []float32{0, 0.25} {
			c := newRelativeCase(uint64(i), o)
			if err := compare(c.run(), c.reference(), 3e-5); err != nil {
				t.Errorf("%v: %v", o, err)
			}
		}
	}
}

// TestRelativeAttentionEveryLength: the shift has no special length.
func TestRelativeAttentionEveryLength(t *testing.T) {
	for n := 1; n <= 70; n++ {
		o := relativeOptions{lengths: []int{n}, heads: 1, d: 1 + n%9, types: n % 3, spare: n % 5, queries: n%2 == 0}
		c := newRelativeCase(uint64(n), o)
		if err := compare(c.run(), c.reference(), 3e-5); err != nil {
			t.Errorf("%v: %v", o, err)
		}
	}
}

// TestRelativeAttentionBits: neither instruction set nor the number of workers changes a bit.
func TestRelativeAttentionBits(t *testing.T) {
	o := relativeOptions{lengths: []int{1, 40, 7, 65, 520, 33, 100}, heads: 2, d: 16, types: 2, hidden: 0.2, dropout: 0.1}
	for _, o.queries = range []bool{false, true} {
		c := newRelativeCase(2, o)
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
				for r, name := range relativeResults {
					if i := firstDifference(got[r], want[r]); i >= 0 {
						t.Fatalf("%s, %d workers: %s[%d] = %v, generic has %v", isa, procs, name, i, got[r][i], want[r][i])
					}
				}
			})
		})
	}
}

// TestRelativeAttentionSequenceAlone: a sequence has the same output and gradients
// of q, k and v alone as in a batch, where N is larger.
func TestRelativeAttentionSequenceAlone(t *testing.T) {
	for _, queries := range []bool{false, true} {
		batch := newRelativeCase(3, relativeOptions{lengths: []int{9, 130, 1, 515}, heads: 3, d: 8, types: 2, hidden: 0.2, queries: queries, spare: 4})
		whole := batch.run()
		masks, query := 0, 0
		for b := range len(batch.a.Offsets) - 1 {
			r0, r1 := int(batch.a.Offsets[b]), int(batch.a.Offsets[b+1])
			n := r1 - r0
			alone := batch
			a, x := &alone.a, &alone.x
			a.Offsets, a.TypeIDs, a.Hidden = []int32{0, int32(n)}, a.TypeIDs[r0:r1], a.Hidden[masks:][:n*n]
			q0, q1 := r0, r1
			if queries {
				a.Queries = []int32{}
				q0 = query
				for _, t := range batch.a.Queries {
					if int(t) >= r0 && int(t) < r1 {
						a.Queries = append(a.Queries, t-int32(r0))
					}
				}
				q1 = q0 + len(a.Queries)
			}
			masks, query = masks+n*n, q1
			if q0 == q1 {
				continue
			}
			rows := func(m Matrix, r0, r1 int) Matrix { return m.block(r0, r1, 0, m.Cols) }
			middle := x.R.Rows / 2
			x.Q, x.K, x.V, x.R = rows(x.Q, q0, q1), rows(x.K, r0, r1), rows(x.V, r0, r1), rows(x.R, middle-n+1, middle+n)
			alone.dout = rows(batch.dout, q0, q1)
			got, w := alone.run(), x.K.Cols
			for r, want := range [][]float32{whole[0][q0*w : q1*w], whole[1][q0*w : q1*w], whole[2][r0*w : r1*w], whole[3][r0*w : r1*w]} {
				if i := firstDifference(got[r], want); i >= 0 {
					t.Errorf("queries %v, sequence %d: %s[%d] is %v, in the batch %v", queries, b, relativeResults[r], i, got[r][i], want[i])
				}
			}
		}
	}
}

// TestRelativeAttentionDistancesBeyond: what R holds beyond the longest sequence, even NaN, changes no bit.
func TestRelativeAttentionDistancesBeyond(t *testing.T) {
	c := newRelativeCase(4, relativeOptions{lengths: []int{30, 75}, heads: 2, d: 8, types: 2})
	want := c.run()
	r, spare := c.x.R, 37
	c.x.R = randomMatrix(rand.New(rand.NewPCG(1, 1)), r.Rows+2*spare, r.Cols, 0, func(*rand.Rand) float32 { return float32(math.NaN()) })
	for i := range r.Rows {
		copy(c.x.R.Data[(i+spare)*r.Cols:], r.Data[i*r.Stride:][:r.Cols])
	}
	got := c.run()
	if slices.ContainsFunc(got[4][:spare*r.Cols], func(x float32) bool { return x != 0 }) {
		t.Error("distances that do not occur have a gradient")
	}
	got[4] = got[4][spare*r.Cols:][:len(want[4])]
	for i, name := range relativeResults {
		if j := firstDifference(got[i], want[i]); j >= 0 {
			t.Errorf("%s[%d] = %v, without spare distances %v", name, j, got[i][j], want[i][j])
		}
	}
}

// TestRelativeAttentionHidden: hidden keys take no part at all, even if they are
// not finite; a query that sees nothing takes the mean of the values.
func TestRelativeAttentionHidden(t *testing.T) {
	const n, d = 70, 8
	c := newRelativeCase(5, relativeOptions{lengths: []int{n}, heads: 1, d: d, types: 2})
	c.a.Queries = []int32{0, 3, 69}
	c.x.Q, c.dout = c.x.Q.block(0, 3, 0, d), c.dout.block(0, 3, 0, d)
	c.a.Hidden = make([]bool, n*n)
	for j := range n {
		c.a.Hidden[j] = j%2 == 0
		c.a.Hidden[3*n+j] = true
		c.a.Hidden[69*n+j] = j != 12
	}
	got := c.run()
	if err := compare(got, c.reference(), 3e-5); err != nil {
		t.Error(err)
	}
	for l := range d {
		if got[0][2*d+l] != c.x.V.Data[12*c.x.V.Stride+l] {
			t.Errorf("a query that sees one key: %v, its value is %v", got[0][2*d+l], c.x.V.Data[12*c.x.V.Stride+l])
		}
	}
	c.x.K.Data[0] = float32(math.Inf(1)) // key 0 is hidden from all three
	for i, x := range c.run()[0] {
		if x != got[0][i] {
			t.Errorf("output %d is %v with a hidden key of infinity, %v without", i, x, got[0][i])
		}
	}
	for j := range n {
		c.a.Hidden[j], c.a.Hidden[69*n+j] = true, true
	}
	for i, x := range c.run()[0] {
		mean := 0.0
		for j := range n {
			mean += float64(c.x.V.Data[j*c.x.V.Stride+i%d]) / n
		}
		if math.Abs(float64(x)-mean) > 1e-6 {
			t.Errorf("output %d of queries that see nothing is %v, the mean of values is %v", i, x, mean)
		}
	}
}

// TestRelativeAttentionSeesItself: without Queries a token sees itself, whatever the mask.
func TestRelativeAttentionSeesItself(t *testing.T) {
	c := newRelativeCase(6, relativeOptions{lengths: []int{40}, heads: 1, d: 8, hidden: 1})
	got := c.run()[0]
	for i := range 40 {
		if j := firstDifference(got[i*8:(i+1)*8], c.x.V.Data[i*c.x.V.Stride:][:8]); j >= 0 {
			t.Errorf("token %d, which sees only itself, does not get its value", i)
		}
	}
}

// TestRelativeAttentionBackwardAdds: gradients are added to what is there.
func TestRelativeAttentionBackwardAdds(t *testing.T) {
	c := newRelativeCase(7, relativeOptions{lengths: []int{6, 11}, heads: 2, d: 8, types: 2})
	want, dx := c.run(), c.x.zeros()
	for _, g := range dx.list() {
		for i := range g {
			g[i] = 8
		}
	}
	c.a.Backward(&dx, c.dout, &c.x)
	for r, g := range dx.list() {
		for i, x := range g {
			if math.Abs(float64(x-8-want[r+1][i])) > 1e-5 {
				t.Fatalf("%s[%d] = %v, expected 8 more than %v", relativeResults[r+1], i, x, want[r+1][i])
			}
		}
	}
}

// BenchmarkRelativeAttention takes turns with plain attention of the same size. It
// reports the queries/s of the former, and what relative positions cost: the
// ratio of the median times, for the query stream as if plain had fewer queries.
func BenchmarkRelativeAttention(b *testing.B) {
	const heads, d, tokens = 12, 64, 2048
	for _, n := range []int{128, 512} {
		lengths := slices.Repeat([]int{n}, tokens/n)
		plain := newAttentionCase(1, lengths, heads, d, 0)
		dq, dk, dv, plainOut := plain.zeros(), plain.zeros(), plain.zeros(), plain.zeros()
		for _, o := range []struct {
			name string
			relativeOptions
		}{
			{"content", relativeOptions{types: 2}},
			{"masked", relativeOptions{types: 2, hidden: 0.15}},
			{"queries", relativeOptions{types: 2, hidden: 0.15, queries: true}},
		} {
			o.lengths, o.heads, o.d = lengths, heads, d
			c := newRelativeCase(1, o.relativeOptions)
			out, dx := zerosLike(c.dout), c.x.zeros()
			measure := func(pass string, plain, relative func()) {
				b.Run(fmt.Sprintf("%s/n=%d/%s", o.name, n, pass), func(b *testing.B) {
					var times [2][]time.Duration
					for b.Loop() {
						for i, f := range []func(){plain, relative} {
							start := time.Now()
							f()
							times[i] = append(times[i], time.Since(start))
						}
					}
					slices.Sort(times[0])
					slices.Sort(times[1])
					t0, t1 := times[0][b.N/2].Seconds(), times[1][b.N/2].Seconds()
					b.ReportMetric(float64(c.dout.Rows)/t1, "queries/s")
					b.ReportMetric(t1/t0*tokens/float64(c.dout.Rows), "×plain")
				})
			}
			measure("forward", func() { plain.a.Forward(plainOut, plain.q, plain.k, plain.v) },
				func() { c.a.Forward(out, &c.x) })
			measure("backward", func() { plain.a.Backward(dq, dk, dv, plain.dout, plain.q, plain.k, plain.v) },
				func() { c.a.Backward(&dx, c.dout, &c.x) })
		}
	}
}
