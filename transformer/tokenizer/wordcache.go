package tokenizer

import "sync/atomic"

// wordCache remembers the tokens of words: few words make up most of a text.
// Its size is fixed; a word takes the place of another that has the same slot.
// Goroutines share it without locks, as a slot is replaced in one step.
type wordCache [wordSlots]atomic.Pointer[cachedWord]

const (
	wordSlots     = 1 << 15
	maxCachedWord = 32 // characters
)

// cachedWord is a word with its tokens, whose places are indexes of its characters.
type cachedWord struct {
	word   []rune
	pieces []piece
}

// encode appends the tokens of word to dst.
func (c *wordCache) encode(dst []piece, word []char, m model, s *scratch) []piece {
	if len(word) > maxCachedWord {
		return m.encode(dst, word, s)
	}
	hash := uint64(len(word))
	for _, ch := range word {
		hash = (hash ^ uint64(ch.r)) * 0x9e3779b97f4a7c15
		hash ^= hash >> 29
	}
	slot := &c[hash>>32%wordSlots]
	known := slot.Load()
	if known == nil || !known.is(word) {
		known = newCachedWord(word, m, s)
		slot.Store(known)
	}
	for _, p := range known.pieces {
		dst = append(dst, piece{p.id, word[p.start].start, word[p.end-1].end, p.text})
	}
	return dst
}

func (k *cachedWord) is(word []char) bool {
	if len(k.word) != len(word) {
		return false
	}
	for i, r := range k.word {
		if word[i].r != r {
			return false
		}
	}
	return true
}

// newCachedWord encodes a word whose characters are numbered.
func newCachedWord(word []char, m model, s *scratch) *cachedWord {
	k := &cachedWord{word: make([]rune, len(word))}
	for i, c := range word {
		k.word[i] = c.r
		s.numbered[i] = char{c.r, i, i + 1}
	}
	k.pieces = m.encode(nil, s.numbered[:len(word)], s)
	return k
}
