package tokenizer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// charsMap is SentencePiece's normalisation: a map from short strings to others.
// Its keys are in a double-array trie in the form of darts-clone: unit i is the
// node of a byte, its children are at i^offset^byte, and the value of the key
// that ends there is at i^offset.
type charsMap struct {
	units  []uint32
	values string // each ends with a NUL
	// low has what characters below firstMark are mapped to, as most of a text
	// is these and as they are clusters of their own.
	low [firstMark]struct {
		found bool
		value []rune
	}
}

const (
	// maxCluster is how long a grapheme cluster is, in bytes, that is not looked up as a whole.
	maxCluster = 6
	// maxValue bounds the values, in bytes: the longest of Unicode's compatibility decompositions has 33.
	maxValue = 256
)

// The fields of a unit.
func unitLabel(u uint32) uint32  { return u & (1<<31 | 0xff) } // bit 31 marks values
func unitOffset(u uint32) uint32 { return u >> 10 << (u & (1 << 9) >> 6) }
func unitHasLeaf(u uint32) bool  { return u&(1<<8) != 0 }

// newCharsMap reads a precompiled_charsmap: the size of the trie in bytes, the
// trie, the values. All that a search may come upon is checked here.
func newCharsMap(precompiled []byte) (*charsMap, error) {
	if len(precompiled) < 4 {
		return nil, fmt.Errorf("precompiled_charsmap: found %d bytes, expected at least 4", len(precompiled))
	}
	size := binary.LittleEndian.Uint32(precompiled)
	rest := precompiled[4:]
	if size == 0 || size%4 != 0 || uint64(size) > uint64(len(rest)) {
		return nil, fmt.Errorf("precompiled_charsmap: the trie has %d bytes, expected a multiple of 4, and %d at most", size, len(rest))
	}
	if !utf8.Valid(rest[size:]) {
		return nil, errors.New("precompiled_charsmap: the values are not UTF-8")
	}
	m := &charsMap{units: make([]uint32, size/4), values: string(rest[size:])}
	for i := range m.units {
		m.units[i] = binary.LittleEndian.Uint32(rest[4*i:])
	}
	for i, u := range m.units {
		if u>>31 == 1 || !unitHasLeaf(u) {
			continue
		}
		at := uint32(i) ^ unitOffset(u)
		if int64(at) >= int64(len(m.units)) || m.units[at]>>31 == 0 {
			return nil, fmt.Errorf("precompiled_charsmap: unit %d has its value at %d, where there is none among the %d units", i, at, len(m.units))
		}
		v := m.units[at] &^ (1 << 31)
		if int64(v) > int64(len(m.values)) || int(v) < len(m.values) && !utf8.RuneStart(m.values[v]) {
			return nil, fmt.Errorf("precompiled_charsmap: unit %d has a value at byte %d, where none begins among the %d bytes", at, v, len(m.values))
		}
		if len(m.value(v)) > maxValue {
			return nil, fmt.Errorf("precompiled_charsmap: the value at byte %d is longer than %d bytes", v, maxValue)
		}
	}
	for r := range m.low {
		if v, ok := m.find(utf8.AppendRune(nil, rune(r))); ok {
			m.low[r].found, m.low[r].value = true, []rune(v)
		}
	}
	return m, nil
}

// value returns the value at a byte. One that is too long is not read to its end.
func (m *charsMap) value(at uint32) string {
	v := m.values[at:]
	v = v[:min(len(v), maxValue+1)]
	if n := strings.IndexByte(v, 0); n >= 0 {
		v = v[:n]
	}
	return v
}

// find returns the value of the shortest prefix of key that has one.
func (m *charsMap) find(key []byte) (string, bool) {
	at := unitOffset(m.units[0])
	for _, c := range key {
		at ^= uint32(c)
		if c == 0 || int64(at) >= int64(len(m.units)) {
			break
		}
		u := m.units[at]
		if unitLabel(u) != uint32(c) {
			break
		}
		at ^= unitOffset(u)
		if unitHasLeaf(u) {
			return m.value(m.units[at] &^ (1 << 31)), true
		}
	}
	return "", false
}

// normalize maps text as tokenizers does, which differs from SentencePiece: a
// grapheme cluster that is short becomes the value of its shortest prefix in
// the map, whatever comes behind that prefix; else each character is looked up.
func (m *charsMap) normalize(dst, src []char) []char {
	e := mapEditor{editor: editor{dst: dst, src: src}, begin: len(dst)}
	var key [4 * maxCluster]byte
	for i := 0; i < len(src); {
		r := src[i].r
		if r < firstMark && (i+1 == len(src) || src[i+1].r < firstMark && r != '\r') {
			if v := &m.low[r]; v.found {
				e.replace(1, v.value)
			} else {
				e.keep(r)
			}
			i++
			continue
		}
		end := graphemeEnd(src, i)
		if end-i < maxCluster {
			if b := utf8Of(key[:0], src[i:end]); len(b) < maxCluster {
				if v, ok := m.find(b); ok {
					e.replaceString(end-i, v)
					i = end
					continue
				}
			}
		}
		for ; i < end; i++ {
			if v, ok := m.find(utf8.AppendRune(key[:0], src[i].r)); ok {
				e.replaceString(1, v)
			} else {
				e.keep(src[i].r)
			}
		}
	}
	return e.dst
}

// mapEditor places what a character map writes. Characters that a value lacks
// are read with the last character written, or not at all if there is none:
// then all that follows is misplaced, as it is in tokenizers.
type mapEditor struct {
	editor
	begin      int // of what is written
	before     int // characters read before the last one was written
	lastChange int
}

func (e *mapEditor) put(r rune, change int) {
	e.before, e.lastChange = e.read, change
	e.write(r, change)
}

func (e *mapEditor) keep(r rune) { e.put(r, 0) }

func (e *mapEditor) replaceString(n int, value string) {
	var runes [maxValue]rune
	v := runes[:0]
	for _, r := range value {
		v = append(v, r)
	}
	e.replace(n, v)
}

// replace writes a value in the place of n characters.
func (e *mapEditor) replace(n int, value []rune) {
	for i, r := range value {
		change := 0
		if i >= n {
			change = 1
		}
		e.put(r, change)
	}
	if missing := n - len(value); missing > 0 && len(e.dst) > e.begin {
		last := e.dst[len(e.dst)-1].r
		e.dst, e.read = e.dst[:len(e.dst)-1], e.before
		e.put(last, e.lastChange-missing)
	}
}
