package tokenizer

import (
	"slices"
	"unicode/utf8"

	"godwit/transformer/tokenizer/internal/alphabet"
)

// byteRunes writes bytes as characters.
var byteRunes = alphabet.Runes

// spaceRune is the byte of a space in that alphabet.
var spaceRune = byteRunes[' ']

// byteOf returns the byte of a character of the alphabet.
func byteOf(r rune) (b byte, ok bool) {
	if r < 0x100 {
		return byte(r), r >= 0 && byteRunes[r] == r
	}
	b, ok = hiddenBytes[r]
	return b, ok
}

var hiddenBytes = func() map[rune]byte {
	m := map[rune]byte{}
	for b, r := range byteRunes {
		if r >= 0x100 {
			m[r] = byte(b)
		}
	}
	return m
}()

// appendBytes appends the bytes of the characters, each as a character.
func appendBytes(dst, src []char) []char {
	for _, c := range src {
		if c.r < utf8.RuneSelf {
			dst = append(dst, char{byteRunes[c.r], c.start, c.end})
			continue
		}
		var b [utf8.UTFMax]byte
		for _, b := range b[:utf8.EncodeRune(b[:], c.r)] {
			dst = append(dst, char{byteRunes[b], c.start, c.end})
		}
	}
	return dst
}

// byteNormalizer turns characters into bytes.
type byteNormalizer struct{}

func (byteNormalizer) normalize(dst, src []char) []char { return appendBytes(dst, src) }

// byteLevel splits by GPT-2's pattern and turns characters into bytes.
type byteLevel struct {
	addPrefixSpace bool
	usePattern     bool
}

func (p byteLevel) split(dst [][]char, text []char, s *scratch) [][]char {
	if p.addPrefixSpace && text[0].r != ' ' {
		begin := len(s.arena)
		s.arena = append(append(s.arena, char{' ', text[0].start, text[0].end}), text...)
		text = s.arena[begin:len(s.arena):len(s.arena)]
	}
	s.arena = slices.Grow(s.arena, len(text))
	for i := 0; i < len(text); {
		j := len(text)
		if p.usePattern {
			j = nextGPT2(text, i)
		}
		begin := len(s.arena)
		s.arena = appendBytes(s.arena, text[i:j])
		dst = append(dst, s.arena[begin:len(s.arena):len(s.arena)])
		i = j
	}
	return dst
}

// gpt2Pattern is how GPT-2 splits a text. nextGPT2 is the same by hand.
const gpt2Pattern = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`

// The classes of characters in the pattern.
const (
	otherClass = iota
	spaceClass
	letterClass
	numberClass
)

// basicClass has the classes of the characters below U+10000.
var basicClass = func() (class [1 << 16]uint8) {
	for k, in := range []ranges{spaceClass: whiteSpace, letterClass: letter, numberClass: number} {
		for _, p := range in {
			for r := p[0]; r <= p[1] && r < 1<<16; r++ {
				class[r] = uint8(k)
			}
		}
	}
	return class
}()

func class(r rune) uint8 {
	switch {
	case r < 1<<16:
		return basicClass[r]
	case letter.contains(r):
		return letterClass
	case number.contains(r):
		return numberClass
	}
	return otherClass
}

// nextGPT2 returns the end of the match of GPT-2's pattern that begins at i.
func nextGPT2(text []char, i int) int {
	if text[i].r == '\'' {
		if n := contraction(text[i+1:]); n > 0 {
			return i + 1 + n
		}
	}
	j := i
	if text[i].r == ' ' && i+1 < len(text) {
		j++
	}
	k := class(text[j].r)
	if k == spaceClass { // the last space goes with the word that follows
		for j < len(text) && class(text[j].r) == spaceClass {
			j++
		}
		if j < len(text) && j > i+1 {
			j--
		}
		return j
	}
	for j < len(text) && class(text[j].r) == k {
		j++
	}
	return j
}

// contraction returns the length of the contraction that text, after an apostrophe, begins with.
func contraction(text []char) int {
	if len(text) == 0 {
		return 0
	}
	switch text[0].r {
	case 's', 't', 'm', 'd':
		return 1
	case 'r', 'v':
		if len(text) > 1 && text[1].r == 'e' {
			return 2
		}
	case 'l':
		if len(text) > 1 && text[1].r == 'l' {
			return 2
		}
	}
	return 0
}
