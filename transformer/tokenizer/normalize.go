package tokenizer

import (
	"regexp"
	"slices"
	"unicode/utf8"
)

// normalize takes text through all the normalizers.
func normalize(normalizers []normalizer, text []char) []char {
	for _, n := range normalizers {
		text = n.normalize(nil, text)
	}
	return text
}

// characters appends the characters of text[start:end].
func characters(dst []char, text string, start, end int) []char {
	dst = slices.Grow(dst, utf8.RuneCountInString(text[start:end]))
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

// surface returns the characters as a string.
func surface(text []char) string {
	return string(utf8Of(nil, text))
}

// utf8Of appends the characters as UTF-8.
func utf8Of(dst []byte, text []char) []byte {
	for _, c := range text {
		dst = utf8.AppendRune(dst, c.r)
	}
	return dst
}

// lowercase lowers character by character: a final sigma is as any other.
type lowercase struct{}

func (lowercase) normalize(dst, src []char) []char {
	for _, c := range src {
		switch {
		case 'A' <= c.r && c.r <= 'Z':
			c.r += 'a' - 'A'
		case c.r < utf8.RuneSelf:
		case c.r == 'İ': // the one character whose lower case is two
			dst = append(dst, char{'i', c.start, c.end})
			c.r = '\u0307'
		default:
			c.r = lower(c.r)
		}
		dst = append(dst, c)
	}
	return dst
}

// strip drops white space at the ends.
type strip struct{ left, right bool }

func (n strip) normalize(dst, src []char) []char {
	for n.left && len(src) > 0 && isSpace(src[0].r) {
		src = src[1:]
	}
	for n.right && len(src) > 0 && isSpace(src[len(src)-1].r) {
		src = src[:len(src)-1]
	}
	return append(dst, src...)
}

// prepend puts characters before a text that is not empty.
type prepend []rune

func (n prepend) normalize(dst, src []char) []char {
	if len(src) > 0 {
		for _, r := range n {
			dst = append(dst, char{r, src[0].start, src[0].end})
		}
	}
	return append(dst, src...)
}

// nmt is SentencePiece's clean-up for machine translation: control characters
// go, what looks like a space becomes one.
type nmt struct{}

func (nmt) normalize(dst, src []char) []char {
	for _, c := range src {
		switch r := c.r; {
		case 1 <= r && r <= 8, r == 0xb, 0xe <= r && r <= 0x1f, r == 0x7f, r == 0x8f, r == 0x9f:
			continue
		case r == '\t', r == '\n', r == '\f', r == '\r', r == 0x1680, 0x200b <= r && r <= 0x200f,
			r == 0x2028, r == 0x2029, r == 0x2581, r == 0xfeff, r == 0xfffd:
			c.r = ' '
		}
		dst = append(dst, c)
	}
	return dst
}

// replaceString replaces each occurrence of a text. All that it puts in has
// the place of the last character that it takes out.
type replaceString struct{ old, content []rune }

func (n replaceString) normalize(dst, src []char) []char {
	for i := 0; i < len(src); {
		if !beginsWith(src[i:], n.old) {
			dst = append(dst, src[i])
			i++
			continue
		}
		i += len(n.old)
		for _, r := range n.content {
			dst = append(dst, char{r, src[i-1].start, src[i-1].end})
		}
	}
	return dst
}

func beginsWith(text []char, s []rune) bool {
	if len(text) < len(s) {
		return false
	}
	for i, r := range s {
		if text[i].r != r {
			return false
		}
	}
	return true
}

// replacePattern is replaceString with a regular expression.
type replacePattern struct {
	pattern *regexp.Regexp
	content []rune
}

func (n replacePattern) normalize(dst, src []char) []char {
	done := 0
	for _, m := range findAll(n.pattern, src) {
		dst = append(dst, src[done:m.start]...)
		done = m.end
		for _, r := range n.content {
			dst = append(dst, char{r, src[done-1].start, src[done-1].end})
		}
	}
	return append(dst, src[done:]...)
}
