package transformer

import "fmt"

// Batch is a ragged batch: the sequences' tokens one after another, with no padding.
type Batch struct {
	IDs       []int32 // [T] tokens
	TypeIDs   []int32 // [T] segments
	Positions []int32 // [T] place of the token in its sequence
	Offsets   []int32 // [B+1] sequence b has the tokens Offsets[b]:Offsets[b+1]
	// Hidden is nil but for permutation language modelling (XLNet). It has n² entries for
	// a sequence of n tokens, one sequence after another: [i·n+j] is true where token i must not see token j.
	Hidden []bool
}

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {
	b.IDs, b.TypeIDs, b.Positions, b.Offsets = b.IDs[:0], b.TypeIDs[:0], b.Positions[:0], b.Offsets[:0]
	b.Hidden = b.Hidden[:0]
}

// Add appends a sequence. typeIDs may be nil for all zero.
func (b *Batch) Add(ids, typeIDs []int32) {
	if typeIDs != nil && len(typeIDs) != len(ids) {
		panic(fmt.Sprintf("transformer: sequence of %d tokens with %d segment ids", len(ids), len(typeIDs)))
	}
	if len(b.Offsets) == 0 {
		b.Offsets = append(b.Offsets, 0)
	}
	b.IDs = append(b.IDs, ids...)
	if typeIDs == nil {
		for range ids {
			b.TypeIDs = append(b.TypeIDs, 0)
		}
	}
	b.TypeIDs = append(b.TypeIDs, typeIDs...)
	for i := range ids {
		b.Positions = append(b.Positions, int32(i))
	}
	b.Offsets = append(b.Offsets, int32(len(b.IDs)))
}

// Sequences returns the number of sequences.
func (b *Batch) Sequences() int { return max(0, len(b.Offsets)-1) }

// Tokens returns the number of tokens of all sequences.
func (b *Batch) Tokens() int { return len(b.IDs) }

// first returns the row of the first token of each sequence.
func (b *Batch) first() []int32 { return b.Offsets[:b.Sequences()] }

// last returns the row of the last token of each sequence.
func (b *Batch) last() []int32 {
	rows := make([]int32, b.Sequences())
	for s := range rows {
		rows[s] = b.Offsets[s+1] - 1
	}
	return rows
}

// longest returns the number of tokens of the longest sequence.
func (b *Batch) longest() int {
	n := int32(0)
	for s := range b.Sequences() {
		n = max(n, b.Offsets[s+1]-b.Offsets[s])
	}
	return int(n)
}

// positions returns the row of the position embedding for each token. RoBERTa
// counts from its padding token's id + 1 and leaves padding tokens out.
func (b *Batch) positions(c *Config) []int32 {
	if c.firstPosition() == 0 {
		return b.Positions
	}
	pad := c.pad()
	rows := make([]int32, b.Tokens())
	for s := range b.Sequences() {
		next := int32(c.firstPosition())
		for t := b.Offsets[s]; t < b.Offsets[s+1]; t++ {
			if b.IDs[t] == pad {
				rows[t] = pad
				continue
			}
			rows[t] = next
			next++
		}
	}
	return rows
}

// Check reports a batch that a model of that configuration cannot take.
func (b *Batch) Check(c *Config) error {
	if b.Sequences() == 0 {
		return fmt.Errorf("batch: no sequences")
	}
	squares := 0
	for s := range b.Sequences() {
		n := int(b.Offsets[s+1] - b.Offsets[s])
		if n == 0 {
			return fmt.Errorf("sequence %d: no tokens", s)
		}
		if n > c.MaxLength() {
			return fmt.Errorf("sequence %d: %d tokens, the model has positions for %d", s, n, c.MaxLength())
		}
		squares += n * n
	}
	if len(b.Hidden) > 0 && len(b.Hidden) != squares {
		return fmt.Errorf("batch: %d entries of Hidden, expected %d", len(b.Hidden), squares)
	}
	for i, id := range b.IDs {
		if id < 0 || int(id) >= c.VocabSize {
			return fmt.Errorf("token %d of the batch: id %d, expected 0 to %d", i, id, c.VocabSize-1)
		}
		if t := b.TypeIDs[i]; t < 0 || c.TypeVocabSize > 0 && int(t) >= c.TypeVocabSize {
			return fmt.Errorf("token %d of the batch: segment id %d, expected 0 to %d", i, t, c.TypeVocabSize-1)
		}
	}
	return nil
}
