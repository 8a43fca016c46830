package tokenizer

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"unicode/utf8"
)

// bpe merges neighbouring symbols of a word, the pair that was learned first
// before all others, until no pair is left that was learned
// (Sennrich et al., arXiv 1508.07909, §3.2).
type bpe struct {
	ids    map[string]int32
	merges mergeTable
	prefix string // of symbols that do not begin a word
	suffix string // of the symbol that ends a word
	unk    int32  // -1: unknown characters are left out
	// fuseUnk makes one token of neighbouring unknown characters.
	fuseUnk bool
	// byteTokens are the tokens <0x00> to <0xFF> that stand for an unknown
	// character; -1 where there is none, nil without byte_fallback.
	byteTokens []int32
	// ignoreMerges takes a word that is in the vocabulary as it is.
	ignoreMerges bool
}

// mergeTable maps a pair of ids to its rank, which is lower the earlier it was
// learned, and to the id of the merged symbol.
type mergeTable struct {
	slots []mergeSlot // a power of two, less than half of them full
	shift uint        // 64 - log2(len(slots))
}

type mergeSlot struct {
	pair   uint64 // both ids plus one, 0 for an empty slot
	rank   uint32
	merged int32
}

func newMergeTable(n int) mergeTable {
	log := uint(bits.Len(uint(2*n))) + 1
	return mergeTable{make([]mergeSlot, 1<<log), 64 - log}
}

func pairKey(a, b int32) uint64 { return uint64(a+1)<<32 | uint64(b+1) }

// slot returns the slot of a pair: the one that has it, or the empty one where it would be.
func (t *mergeTable) slot(a, b int32) *mergeSlot {
	key := pairKey(a, b)
	for i := key * 0x9e3779b97f4a7c15 >> t.shift; ; i = (i + 1) & uint64(len(t.slots)-1) {
		if s := &t.slots[i]; s.pair == key || s.pair == 0 {
			return s
		}
	}
}

// newBPE checks that the merges name tokens of the vocabulary.
func newBPE(ids map[string]int32, merges [][2]string, prefix, suffix string) (*bpe, error) {
	m := &bpe{ids: ids, merges: newMergeTable(len(merges)), prefix: prefix, suffix: suffix, unk: -1}
	for rank, pair := range merges {
		a, ok := ids[pair[0]]
		if !ok {
			return nil, fmt.Errorf("merge %d, %q: %q is not in the vocabulary of %d tokens", rank+1, pair, pair[0], len(ids))
		}
		b, ok := ids[pair[1]]
		if !ok {
			return nil, fmt.Errorf("merge %d, %q: %q is not in the vocabulary of %d tokens", rank+1, pair, pair[1], len(ids))
		}
		if !strings.HasPrefix(pair[1], prefix) {
			return nil, fmt.Errorf("merge %d, %q: expected %q to begin with %q", rank+1, pair, pair[1], prefix)
		}
		whole := pair[0] + pair[1][len(prefix):]
		merged, ok := ids[whole]
		if !ok {
			return nil, fmt.Errorf("merge %d, %q: %q is not in the vocabulary of %d tokens", rank+1, pair, whole, len(ids))
		}
		*m.merges.slot(a, b) = mergeSlot{pairKey(a, b), uint32(rank), merged} // of equal pairs the last counts
	}
	return m, nil
}

// setByteFallback looks the byte tokens up.
func (m *bpe) setByteFallback() {
	m.byteTokens = make([]int32, 256)
	for b := range m.byteTokens {
		m.byteTokens[b] = -1
		if id, ok := m.ids[fmt.Sprintf("<0x%02X>", b)]; ok {
			m.byteTokens[b] = id
		}
	}
}

// symbol is a part of a word; symbols are a list linked by index.
type symbol struct {
	id         int32
	bytes      int32 // of the word that it covers, 0 for one that was merged into another
	prev, next int32 // -1 at the ends
}

// bpeScratch is what a bpe keeps from word to word.
type bpeScratch struct {
	symbols []symbol
	queue   []uint64 // rank and position of pairs
}

func (m *bpe) encode(dst []piece, word []char, s *scratch) []piece {
	if m.ignoreMerges {
		s.bytes = utf8Of(s.bytes[:0], word)
		if id, ok := m.ids[string(s.bytes)]; ok {
			return append(dst, piece{id: id, start: word[0].start, end: word[len(word)-1].end})
		}
	}
	b, ok := s.model.(*bpeScratch)
	if !ok {
		b = new(bpeScratch)
		s.model = b
	}
	m.characters(word, s, b)
	if len(b.symbols) <= 64 {
		m.mergeShort(b.symbols)
	} else {
		m.mergeLong(b)
	}
	// The places of the symbols follow from their lengths, also where unknown
	// characters were left out.
	at, i, size := 0, 0, utf8Len(word[0].r) // character i ends at byte size
	for k := int32(0); k >= 0 && len(b.symbols) > 0; k = b.symbols[k].next {
		y := b.symbols[k]
		for size <= at && i < len(word)-1 {
			i++
			size += utf8Len(word[i].r)
		}
		first := i
		at += int(y.bytes)
		for size < at && i < len(word)-1 {
			i++
			size += utf8Len(word[i].r)
		}
		dst = append(dst, piece{id: y.id, start: word[first].start, end: word[i].end})
	}
	return dst
}

// characters makes each character a symbol.
func (m *bpe) characters(word []char, s *scratch, b *bpeScratch) {
	b.symbols = slices.Grow(b.symbols[:0], len(word))
	add := func(id int32, n int) {
		k := int32(len(b.symbols))
		b.symbols = append(b.symbols, symbol{id, int32(n), k - 1, k + 1})
	}
	unknown := 0 // bytes of the unknown characters that wait for a token
	for i, c := range word {
		key := s.bytes[:0]
		if i > 0 {
			key = append(key, m.prefix...)
		}
		key = utf8.AppendRune(key, c.r)
		if i == len(word)-1 {
			key = append(key, m.suffix...)
		}
		s.bytes = key
		n := utf8Len(c.r)
		if id, ok := m.ids[string(key)]; ok {
			if unknown > 0 {
				add(m.unk, unknown)
				unknown = 0
			}
			add(id, n)
			continue
		}
		if m.hasBytes(key) {
			for _, c := range key {
				add(m.byteTokens[c], 1)
			}
			continue
		}
		if m.unk < 0 {
			continue
		}
		if unknown > 0 && !m.fuseUnk {
			add(m.unk, unknown)
			unknown = 0
		}
		unknown += n
	}
	if unknown > 0 {
		add(m.unk, unknown)
	}
	if n := len(b.symbols); n > 0 {
		b.symbols[n-1].next = -1
	}
}

func (m *bpe) hasBytes(key []byte) bool {
	for _, c := range key {
		if m.byteTokens == nil || m.byteTokens[c] < 0 {
			return false
		}
	}
	return true
}

// join merges the symbol after k into k.
func join(symbols []symbol, k int32, merged int32) {
	y := &symbols[k]
	gone := &symbols[y.next]
	y.id = merged
	y.bytes += gone.bytes
	y.next = gone.next
	if y.next >= 0 {
		symbols[y.next].prev = k
	}
	gone.bytes = 0
}

// mergeShort looks for the best pair again after each merge.
func (m *bpe) mergeShort(symbols []symbol) {
	if len(symbols) < 2 {
		return
	}
	const none = 1 << 32
	var ranks [64]uint64
	var merged [64]int32
	look := func(k int32) {
		ranks[k] = none
		if next := symbols[k].next; next >= 0 {
			if s := m.merges.slot(symbols[k].id, symbols[next].id); s.pair != 0 {
				ranks[k], merged[k] = uint64(s.rank), s.merged
			}
		}
	}
	for k := range symbols {
		look(int32(k))
	}
	for {
		best, at := uint64(none), int32(-1)
		for k := int32(0); k >= 0; k = symbols[k].next {
			if ranks[k] < best {
				best, at = ranks[k], k
			}
		}
		if at < 0 {
			return
		}
		join(symbols, at, merged[at])
		look(at)
		if p := symbols[at].prev; p >= 0 {
			look(p)
		}
	}
}

// mergeLong takes the pairs from a queue, so that a word of n symbols takes n log n steps.
func (m *bpe) mergeLong(b *bpeScratch) {
	symbols := b.symbols
	q := slices.Grow(b.queue[:0], len(symbols))
	for k := range symbols {
		if next := symbols[k].next; next >= 0 {
			if s := m.merges.slot(symbols[k].id, symbols[next].id); s.pair != 0 {
				q = append(q, uint64(s.rank)<<32|uint64(k))
			}
		}
	}
	for i := len(q)/2 - 1; i >= 0; i-- {
		sink(q, i)
	}
	push := func(k int32) {
		next := symbols[k].next
		if next < 0 {
			return
		}
		if s := m.merges.slot(symbols[k].id, symbols[next].id); s.pair != 0 {
			q = append(q, uint64(s.rank)<<32|uint64(k))
			rise(q)
		}
	}
	for len(q) > 0 {
		top := q[0]
		q[0] = q[len(q)-1]
		q = q[:len(q)-1]
		sink(q, 0)
		k := int32(uint32(top))
		if symbols[k].bytes == 0 || symbols[k].next < 0 {
			continue
		}
		s := m.merges.slot(symbols[k].id, symbols[symbols[k].next].id)
		if s.pair == 0 || uint64(s.rank) != top>>32 { // one of the two has changed since
			continue
		}
		join(symbols, k, s.merged)
		push(k)
		if p := symbols[k].prev; p >= 0 {
			push(p)
		}
	}
	b.queue = q
}

// sink and rise keep q a heap, least first: sink moves element i down, rise the last up.
func sink(q []uint64, i int) {
	for {
		c := 2*i + 1
		if c >= len(q) {
			return
		}
		if c+1 < len(q) && q[c+1] < q[c] {
			c++
		}
		if q[i] <= q[c] {
			return
		}
		q[i], q[c] = q[c], q[i]
		i = c
	}
}

func rise(q []uint64) {
	for i := len(q) - 1; i > 0; {
		p := (i - 1) / 2
		if q[p] <= q[i] {
			return
		}
		q[p], q[i] = q[i], q[p]
		i = p
	}
}
