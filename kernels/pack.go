package kernels

// Packed is the B operand of a product, [k, n], in the order in which the tiles
// read it: by blocks of kBlock rows, in these by panels of a tile's width, in
// these row by row. Columns are filled up with zeros to a multiple of a vector.
//
// The zero Packed is empty. Packing again reuses its memory.
type Packed struct {
	k, n   int
	padded int // columns with padding
	panels []panel
	data   []float32
	t      *tiles
}

type panel struct{ column, width int }

// PackN packs B as it is, [k, n], on all cores.
func (p *Packed) PackN(b Matrix) { p.pack(b, false) }

// PackT packs the transpose of b, which is [n, k], on all cores.
func (p *Packed) PackT(b Matrix) { p.pack(b, true) }

func (p *Packed) pack(b Matrix, transposed bool) {
	p.shape(b, transposed)
	Parallel(len(p.panels), func(i, _ int) { p.fillPanel(i, b, transposed) })
}

// width returns the widest panel's columns.
func (p *Packed) width() int { return len(p.t.widths) * p.t.lanes }

// shape lays out the panels: as wide as they go, but with two of two vectors
// rather than one of three and one of one, which would keep few sums in flight.
func (p *Packed) shape(b Matrix, transposed bool) {
	p.k, p.n = b.Rows, b.Cols
	if transposed {
		p.k, p.n = p.n, p.k
	}
	p.t = &current.tiles
	vectors := (p.n + p.t.lanes - 1) / p.t.lanes
	p.padded = vectors * p.t.lanes
	p.panels = p.panels[:0]
	for at := 0; at < vectors; {
		v := min(len(p.t.widths), vectors-at)
		if vectors-at == 4 {
			v = 2
		}
		p.panels = append(p.panels, panel{at * p.t.lanes, v * p.t.lanes})
		at += v
	}
	p.data = grow(p.data, p.k*p.padded)
}

// fillPanel packs one panel.
func (p *Packed) fillPanel(i int, b Matrix, transposed bool) {
	g := p.panels[i]
	columns := min(g.width, p.n-g.column)
	for k0 := 0; k0 < p.k; k0 += kBlock {
		k := min(kBlock, p.k-k0)
		dst := p.data[k0*p.padded+k*g.column:][:k*g.width]
		switch {
		case !transposed && columns == g.width:
			p.t.packRows(dst, b.Data[k0*b.Stride+g.column:], k, g.width, b.Stride)
		case !transposed:
			for r := range k {
				row := dst[r*g.width : (r+1)*g.width]
				clear(row[copy(row, b.Data[(k0+r)*b.Stride+g.column:][:columns]):])
			}
		default:
			p.packTransposed(dst, b.Data[g.column*b.Stride+k0:], k, columns, g.width, b.Stride)
		}
	}
}

// packTransposed writes element r of row c to dst[r·width + c], by blocks of eight rows.
func (p *Packed) packTransposed(dst, src []float32, k, columns, width, stride int) {
	eight := k &^ 7
	for c := 0; c < width; c += 8 {
		if c+8 <= columns {
			if eight > 0 {
				p.t.packTranspose8(dst[c:], src[c*stride:], eight, stride, width)
			}
			for r := eight; r < k; r++ {
				for j := range 8 {
					dst[r*width+c+j] = src[(c+j)*stride+r]
				}
			}
			continue
		}
		for r := range k {
			for j := c; j < c+8; j++ {
				x := float32(0)
				if j < columns {
					x = src[j*stride+r]
				}
				dst[r*width+j] = x
			}
		}
	}
}
