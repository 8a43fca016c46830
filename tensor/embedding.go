package tensor

import "godwit/kernels"

// Lookup names the rows of a table that an embedding takes, one a token.
type Lookup struct {
	Table *Tensor // [rows, H]
	IDs   []int32 // T row numbers
	// Frozen - 1 is a row that gets no gradient, as that of a padding token; 0 for none.
	Frozen int32
}

// EmbeddingSum returns the sum over the lookups, in their order, of
// Table[IDs[t]] for each token t: [T, H].
func (tp *Tape) EmbeddingSum(lookups ...Lookup) *Tensor {
	h, tokens := lookups[0].Table.Cols(), len(lookups[0].IDs)
	for _, l := range lookups {
		mustMatch("EmbeddingSum", l.Table.Cols() == h && len(l.IDs) == tokens, "table %v with %d ids beside [%d %d]", l.Table.Shape, len(l.IDs), tokens, h)
		for t, id := range l.IDs {
			mustMatch("EmbeddingSum", id >= 0 && int(id) < l.Table.Rows(), "id %d of token %d, table %v", id, t, l.Table.Shape)
		}
	}
	lookups = append([]Lookup(nil), lookups...)
	y := tp.New(tokens, h)
	forRows(tokens, func(r0, r1, _ int) {
		for t := r0; t < r1; t++ {
			row := y.Row(t)
			copy(row, lookups[0].Table.Row(int(lookups[0].IDs[t])))
			for _, l := range lookups[1:] {
				kernels.Add(row, row, l.Table.Row(int(l.IDs[t])))
			}
		}
	})
	if tp.recording {
		tp.record(y, func() {
			for _, l := range lookups {
				tp.scatterAdd(l, y.Grad)
			}
		})
	}
	return y
}

// scatterAdd adds row t of g to row IDs[t] of the table's gradient, for t in
// order. Work is split over columns, so that each sum has one order.
func (tp *Tape) scatterAdd(l Lookup, g []float32) {
	if !l.Table.wantsGrad {
		return
	}
	d := tp.gradientOfRows(l.Table, l.IDs)
	const columns = 64
	h := l.Table.Cols()
	kernels.Parallel((h+columns-1)/columns, func(task, _ int) {
		c0, c1 := task*columns, min(h, (task+1)*columns)
		for t, id := range l.IDs {
			if id == l.Frozen-1 {
				continue
			}
			row := d[int(id)*h+c0 : int(id)*h+c1]
			kernels.Add(row, row, g[t*h+c0:t*h+c1])
		}
	})
}

// Gather returns the given rows of x [T, H], in that order: [len(rows), H].
func (tp *Tape) Gather(x *Tensor, rows []int32) *Tensor {
	return tp.EmbeddingSum(Lookup{Table: x, IDs: rows})
}
