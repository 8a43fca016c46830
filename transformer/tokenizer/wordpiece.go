package tokenizer

import "unicode/utf8"

// wordPiece splits a word into the longest pieces of the vocabulary, from left
// to right; pieces after the first have the prefix "##" there
// (Wu et al., arXiv 1609.08144, §4.1, as BERT has it).
type wordPiece struct {
	first, later map[string]int32 // pieces that begin a word, and the others without their prefix
	longest      int              // bytes of the longest piece
	unk          int32
	prefix       string
	maxChars     int // a longer word is unknown
}

// words splits normalised text at white space and punctuation and appends the pieces of each word.
func (w *wordPiece) words(dst []piece, text []char, buffer *[]byte) []piece {
	for i := 0; i < len(text); {
		switch {
		case isSpace(text[i].r):
			i++
		case isPunctuation(text[i].r):
			dst = w.word(dst, text[i:i+1], buffer)
			i++
		default:
			j := i + 1
			for j < len(text) && !isSpace(text[j].r) && !isPunctuation(text[j].r) {
				j++
			}
			dst = w.word(dst, text[i:j], buffer)
			i = j
		}
	}
	return dst
}

func isSpace(r rune) bool {
	if r < utf8.RuneSelf {
		return r == ' ' || '\t' <= r && r <= '\r'
	}
	return whiteSpace.contains(r)
}

func isPunctuation(r rune) bool {
	if r < utf8.RuneSelf {
		return asciiKind[r] == '.'
	}
	return punctuation.contains(r)
}

// word appends the pieces of a word, or one unknown token for all of it.
func (w *wordPiece) word(dst []piece, word []char, buffer *[]byte) []piece {
	begin := len(dst)
	unknown := func() []piece {
		return append(dst[:begin], piece{w.unk, word[0].start, word[len(word)-1].end})
	}
	if len(word) > w.maxChars {
		return unknown()
	}
	b := (*buffer)[:0]
	for _, c := range word {
		b = utf8.AppendRune(b, c.r)
	}
	*buffer = b
	vocabulary := w.first
	for i, at := 0, 0; i < len(word); vocabulary = w.later {
		// The end of the longest piece that may fit, in bytes and characters.
		end, j := at, i
		for j < len(word) && end-at < w.longest {
			end += utf8.RuneLen(safe(word[j].r))
			j++
		}
		found := false
		for ; j > i; j-- {
			if id, ok := vocabulary[string(b[at:end])]; ok {
				dst = append(dst, piece{id, word[i].start, word[j-1].end})
				i, at, found = j, end, true
				break
			}
			end -= utf8.RuneLen(safe(word[j-1].r))
		}
		if !found {
			return unknown()
		}
	}
	return dst
}

// safe gives what AppendRune writes for r.
func safe(r rune) rune {
	if utf8.ValidRune(r) {
		return r
	}
	return utf8.RuneError
}
