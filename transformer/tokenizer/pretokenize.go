package tokenizer

import "unicode/utf8"

// characters appends the characters of text[start:end].
func characters(dst []char, text string, start, end int) []char {
	for i := start; i < end; {
		if c := text[i]; c < utf8.RuneSelf {
			dst = append(dst, char{rune(c), i, i + 1})
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:end])
		dst = append(dst, char{r, i, i + size})
		i += size
	}
	return dst
}

// bertPreTokenizer splits at white space and sets punctuation apart.
type bertPreTokenizer struct{}

func (bertPreTokenizer) split(dst [][]char, text []char, _ *scratch) [][]char {
	for i := 0; i < len(text); {
		switch {
		case isSpace(text[i].r):
			i++
		case isPunctuation(text[i].r):
			dst = append(dst, text[i:i+1])
			i++
		default:
			j := i + 1
			for j < len(text) && !isSpace(text[j].r) && !isPunctuation(text[j].r) {
				j++
			}
			dst = append(dst, text[i:j])
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
