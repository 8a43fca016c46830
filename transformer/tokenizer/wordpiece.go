package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// wordPiece splits a word into the longest pieces of the vocabulary, from left
// to right; pieces after the first have the prefix "##" there
// (Wu et al., arXiv 1609.08144, §4.1, as BERT has it).
type wordPiece struct {
	first, later map[string]int32 // pieces that begin a word, and the others without their prefix
	longest      int              // bytes of the longest piece
	unk          int32
	maxChars     int // a longer word is unknown
}

func newWordPiece(vocab []string, prefix string, unk int32, maxChars int) *wordPiece {
	w := &wordPiece{first: make(map[string]int32, len(vocab)), later: map[string]int32{}, unk: unk, maxChars: maxChars}
	for i, token := range vocab {
		w.first[token] = int32(i)
		w.longest = max(w.longest, len(token))
		if rest, ok := strings.CutPrefix(token, prefix); ok {
			w.later[rest] = int32(i)
		}
	}
	return w
}

// encode appends the pieces of a word, or one unknown token for all of it.
func (w *wordPiece) encode(dst []piece, word []char, s *scratch) []piece {
	begin := len(dst)
	unknown := func() []piece {
		return append(dst[:begin], piece{id: w.unk, start: word[0].start, end: word[len(word)-1].end})
	}
	if len(word) > w.maxChars {
		return unknown()
	}
	b := utf8Of(s.bytes[:0], word)
	s.bytes = b
	vocabulary := w.first
	for i, at := 0, 0; i < len(word); vocabulary = w.later {
		// The end of the longest piece that may fit, in bytes and characters.
		end, j := at, i
		for j < len(word) && end-at < w.longest {
			end += utf8Len(word[j].r)
			j++
		}
		found := false
		for ; j > i; j-- {
			if id, ok := vocabulary[string(b[at:end])]; ok {
				dst = append(dst, piece{id: id, start: word[i].start, end: word[j-1].end})
				i, at, found = j, end, true
				break
			}
			end -= utf8Len(word[j-1].r)
		}
		if !found {
			return unknown()
		}
	}
	return dst
}

// utf8Len returns how many bytes AppendRune writes for r.
func utf8Len(r rune) int {
	if n := utf8.RuneLen(r); n > 0 {
		return n
	}
	return utf8.RuneLen(utf8.RuneError)
}
