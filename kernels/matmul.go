package kernels

import (
	"fmt"
	"sync"
)

// Matrix is a row-major view: element (i, j) is Data[i·Stride + j].
type Matrix struct {
	Data       []float32
	Rows, Cols int
	Stride     int
}

// kBlock is the length of a chain of fused multiply-adds: products over more
// are done in blocks, whose results are added in order. It is part of the
// definition of the product and the same for every instruction set.
const kBlock = 384

// Work is handed out in blocks of C of about rowsPerTask × columnsPerTask.
const (
	rowsPerTask    = 96
	columnsPerTask = 384
)

// form says which operands of a product are transposed.
type form int

const (
	formNN form = iota // C = A B
	formNT             // C = A Bᵀ, B is [n, k]
	formTN             // C = Aᵀ B, A is [k, m]
)

// MatMulNN computes C = A B, or adds it to C.
func MatMulNN(c, a, b Matrix, accumulate bool) { matmul(formNN, c, a, b, accumulate) }

// MatMulNT computes C = A Bᵀ, or adds it to C; B is [n, k].
func MatMulNT(c, a, b Matrix, accumulate bool) { matmul(formNT, c, a, b, accumulate) }

// MatMulTN computes C = Aᵀ B, or adds it to C; A is [k, m].
func MatMulTN(c, a, b Matrix, accumulate bool) { matmul(formTN, c, a, b, accumulate) }

var temporaryPacks = sync.Pool{New: func() any { return new(Packed) }}

func matmul(f form, c, a, b Matrix, accumulate bool) {
	p := temporaryPacks.Get().(*Packed)
	if f == formNT {
		p.PackT(b)
	} else {
		p.PackN(b)
	}
	p.product(f, c, a, accumulate, nil)
	temporaryPacks.Put(p)
}

// MatMulPacked computes C = A B with B packed before, or adds it to C. after,
// if not nil, is called with each block of C, rows i0:i1 and columns j0:j1, as
// soon as it is finished, by the worker that has it in its cache.
func MatMulPacked(c, a Matrix, b *Packed, accumulate bool, after func(i0, i1, j0, j1 int)) {
	b.product(formNN, c, a, accumulate, after)
}

// matmulScratch is what one worker needs for products of its own.
type matmulScratch struct {
	packed Packed
	tile   tileScratch
}

// matmulSerial computes a product without the pool.
func matmulSerial(s *matmulScratch, f form, c, a, b Matrix, accumulate bool) {
	s.packed.shape(b, f == formNT)
	for i := range s.packed.panels {
		s.packed.fillPanel(i, b, f == formNT)
	}
	s.packed.check(f, c, a)
	s.packed.block(&s.tile, f, c, a, accumulate, 0, c.Rows, 0, len(s.packed.panels))
}

func (p *Packed) check(f form, c, a Matrix) {
	m, k := a.Rows, a.Cols
	if f == formTN {
		m, k = k, m
	}
	if m != c.Rows || p.n != c.Cols || k != p.k {
		panic(fmt.Sprintf("kernels: product of A %d×%d (form %d) and packed B %d×%d into C %d×%d", a.Rows, a.Cols, f, p.k, p.n, c.Rows, c.Cols))
	}
}

var tileScratches = sync.Pool{New: func() any { return new(tileScratch) }}

// product hands out blocks of C. Blocks of one column range follow each other,
// so that the part of B that they share stays in the cache.
func (p *Packed) product(f form, c, a Matrix, accumulate bool, after func(i0, i1, j0, j1 int)) {
	p.check(f, c, a)
	if c.Rows == 0 || c.Cols == 0 {
		return
	}
	rows, panels := taskShape(c.Rows, c.Cols, p.t.rows, p.width())
	rowTasks := (c.Rows + rows - 1) / rows
	columnTasks := (len(p.panels) + panels - 1) / panels
	Parallel(rowTasks*columnTasks, func(task, _ int) {
		i0, p0 := task%rowTasks*rows, task/rowTasks*panels
		i1, p1 := min(c.Rows, i0+rows), min(len(p.panels), p0+panels)
		s := tileScratches.Get().(*tileScratch)
		p.block(s, f, c, a, accumulate, i0, i1, p0, p1)
		tileScratches.Put(s)
		if after != nil {
			after(i0, i1, p.panels[p0].column, min(p.n, p.panels[p1-1].column+p.panels[p1-1].width))
		}
	})
}

// taskShape returns how many rows and panels a task has: as many as the
// constants say, fewer where the cores would not have four tasks each.
func taskShape(m, n, tileRows, panelWidth int) (rows, panels int) {
	rows = (rowsPerTask + tileRows - 1) / tileRows * tileRows
	panels = max(1, columnsPerTask/panelWidth)
	w := Workers()
	if w == 1 {
		return rows, panels
	}
	tasks := func() int { return ((m + rows - 1) / rows) * ((n + panels*panelWidth - 1) / (panels * panelWidth)) }
	for tasks() < 4*w {
		switch {
		case panels > 4:
			panels = (panels + 1) / 2
		case rows > 4*tileRows:
			rows = (rows/2 + tileRows - 1) / tileRows * tileRows
		case panels > 1:
			panels = (panels + 1) / 2
		default:
			return rows, panels
		}
	}
	return rows, panels
}

// tileScratch holds A where it must be packed and C where a tile overlaps its edge.
type tileScratch struct {
	a []float32
	c []float32
}

// block computes rows i0:i1 of the panels p0:p1.
func (p *Packed) block(s *tileScratch, f form, c, a Matrix, accumulate bool, i0, i1, p0, p1 int) {
	t := p.t
	for k0 := 0; k0 < p.k || k0 == 0; k0 += kBlock {
		k := min(kBlock, p.k-k0)
		add := accumulate || k0 > 0
		// A transposed is packed tile by tile; so are the last rows, where they do not fill a tile.
		packFrom := i1 - (i1-i0)%t.rows
		if f == formTN {
			packFrom = i0
		}
		if packFrom < i1 && k > 0 {
			s.packA(f, a, packFrom, i1, k0, k, t.rows, t.packRows)
		}
		for _, panel := range p.panels[p0:p1] {
			b := p.data[k0*p.padded+k*panel.column:]
			tile := t.widths[panel.width/t.lanes-1]
			partial := panel.column+panel.width > p.n
			for i := i0; i < i1; i += t.rows {
				at, rs, cs := a.Data, a.Stride, 1
				if k == 0 {
					at = nil
				} else if i >= packFrom {
					at, rs, cs = s.a[(i-packFrom)*k:], 1, t.rows
				} else {
					at = at[i*a.Stride+k0:]
				}
				if !partial && i+t.rows <= i1 {
					tile(k, at, rs, cs, b, c.Data[i*c.Stride+panel.column:], c.Stride, add)
					continue
				}
				s.edge(tile, t.rows, k, at, rs, cs, b, c, i, min(i1-i, t.rows), panel, min(panel.width, p.n-panel.column), add)
			}
		}
	}
}

// edge computes a tile that is larger than what is left of C.
func (s *tileScratch) edge(tile tileFunc, tileRows, k int, a []float32, rs, cs int, b []float32, c Matrix, i, rows int, panel panel, columns int, add bool) {
	s.c = grow(s.c, tileRows*panel.width)
	if add {
		clear(s.c)
		for r := range rows {
			copy(s.c[r*panel.width:], c.Data[(i+r)*c.Stride+panel.column:][:columns])
		}
	}
	tile(k, a, rs, cs, b, s.c, panel.width, add)
	for r := range rows {
		copy(c.Data[(i+r)*c.Stride+panel.column:][:columns], s.c[r*panel.width:])
	}
}

// packA copies rows i0:i1 of op(A), columns k0:k0+k, tile by tile: element
// (i, p) of a tile goes to p·tileRows + i. Rows past i1 are zero.
func (s *tileScratch) packA(f form, a Matrix, i0, i1, k0, k, tileRows int, pack func(dst, src []float32, k, width, lds int)) {
	n := (i1 - i0 + tileRows - 1) / tileRows
	s.a = grow(s.a, n*tileRows*k)
	for t := range n {
		i := i0 + t*tileRows
		rows := min(tileRows, i1-i)
		dst := s.a[t*tileRows*k:]
		if rows < tileRows {
			clear(dst[:tileRows*k])
		}
		if f == formTN && rows == tileRows {
			pack(dst, a.Data[k0*a.Stride+i:], k, tileRows, a.Stride)
			continue
		}
		if f == formTN {
			src := a.Data[k0*a.Stride+i:]
			for p := range k {
				d, x := dst[p*tileRows:p*tileRows+rows], src[p*a.Stride:p*a.Stride+rows]
				for r := range d {
					d[r] = x[r]
				}
			}
			continue
		}
		for r := range rows {
			src := a.Data[(i+r)*a.Stride+k0:][:k]
			for p, x := range src {
				dst[p*tileRows+r] = x
			}
		}
	}
}

func grow(x []float32, n int) []float32 {
	if cap(x) < n {
		return make([]float32, n)
	}
	return x[:n]
}
