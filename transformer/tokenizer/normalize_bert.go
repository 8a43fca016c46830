package tokenizer

import (
	"slices"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// ranges are inclusive and in order.
type ranges [][2]rune

func (r ranges) contains(c rune) bool {
	lo, hi := 0, len(r)
	for lo < hi {
		mid := (lo + hi) / 2
		switch {
		case c < r[mid][0]:
			hi = mid
		case c > r[mid][1]:
			lo = mid + 1
		default:
			return true
		}
	}
	return false
}

// bertNormalizer is BERT's clean-up: control characters go, white space
// becomes a space, Chinese characters are set apart, accents are stripped, letters lowered.
type bertNormalizer struct {
	cleanText    bool
	chineseChars bool
	stripAccents *bool // nil: as lowercase
	lowercase    bool
}

// asciiKind classifies ASCII characters after clean_text.
var asciiKind = func() (kind [128]byte) {
	for c := range kind {
		switch {
		case cleanRemoved.contains(rune(c)):
			kind[c] = 'x'
		case cleanSpace.contains(rune(c)):
			kind[c] = ' '
		case punctuation.contains(rune(c)):
			kind[c] = '.'
		default:
			kind[c] = 'a'
		}
	}
	return kind
}()

func (n *bertNormalizer) normalize(dst, src []char) []char {
	strip := n.lowercase
	if n.stripAccents != nil {
		strip = *n.stripAccents
	}
	first := len(dst)
	for _, c := range src {
		r := c.r
		if r < utf8.RuneSelf {
			if n.cleanText {
				switch asciiKind[r] {
				case 'x':
					continue
				case ' ':
					r = ' '
				}
			}
			if n.lowercase && 'A' <= r && r <= 'Z' {
				r += 'a' - 'A'
			}
			dst = append(dst, char{r, c.start, c.end})
			continue
		}
		if n.cleanText {
			if cleanRemoved.contains(r) {
				continue
			}
			if cleanSpace.contains(r) {
				r = ' '
			}
		}
		apart := n.chineseChars && chinese.contains(r)
		if apart {
			dst = append(dst, char{' ', c.start, c.end})
		}
		if strip {
			dst = decompose(dst, r, c.start, c.end)
		} else {
			dst = append(dst, char{r, c.start, c.end})
		}
		if apart {
			dst = append(dst, char{' ', c.start, c.end})
		}
	}
	if strip {
		reorder(dst[first:])
		kept := dst[:first]
		for _, c := range dst[first:] {
			if c.r < utf8.RuneSelf || !accents.contains(c.r) {
				kept = append(kept, c)
			}
		}
		dst = kept
	}
	if n.lowercase {
		for i := first; i < len(dst); i++ {
			if dst[i].r < utf8.RuneSelf {
				if c := dst[i].r; 'A' <= c && c <= 'Z' {
					dst[i].r += 'a' - 'A'
				}
				continue
			}
			if dst[i].r == 'İ' { // the one character whose lower case is two
				dst[i].r = 'i'
				dst = slices.Insert(dst, i+1, char{'\u0307', dst[i].start, dst[i].end})
				continue
			}
			dst[i].r = lower(dst[i].r)
		}
	}
	return dst
}

func lower(r rune) rune {
	if l, ok := youngLower[r]; ok {
		return l
	}
	return unicode.ToLower(r)
}

// decompose appends the canonical decomposition of r.
func decompose(dst []char, r rune, start, end int) []char {
	if r < 0xc0 || undecomposed.contains(r) || r == utf8.RuneError {
		return append(dst, char{r, start, end})
	}
	var b [utf8.UTFMax]byte
	s := b[:utf8.EncodeRune(b[:], r)]
	if 0xac00 <= r && r <= 0xd7a3 { // Hangul has no entry of its own
		for _, d := range norm.NFD.String(string(s)) {
			dst = append(dst, char{d, start, end})
		}
		return dst
	}
	d := norm.NFD.Properties(s).Decomposition()
	if d == nil {
		return append(dst, char{r, start, end})
	}
	for len(d) > 0 {
		p, size := utf8.DecodeRune(d)
		dst = append(dst, char{p, start, end})
		d = d[size:]
	}
	return dst
}

// reorder puts runs of combining marks into canonical order. Offsets stay where they are.
func reorder(text []char) {
	class := func(r rune) uint8 {
		if r < 0x300 || unordered.contains(r) {
			return 0
		}
		var b [utf8.UTFMax]byte
		return norm.NFD.Properties(b[:utf8.EncodeRune(b[:], r)]).CCC()
	}
	for i := 0; i < len(text); {
		if text[i].r < 0x300 || class(text[i].r) == 0 {
			i++
			continue
		}
		j := i + 1
		for j < len(text) && class(text[j].r) != 0 {
			j++
		}
		if j-i > 1 {
			run := make([]rune, 0, j-i)
			for _, c := range text[i:j] {
				run = append(run, c.r)
			}
			slices.SortStableFunc(run, func(a, b rune) int { return int(class(a)) - int(class(b)) })
			for k, r := range run {
				text[i+k].r = r
			}
		}
		i = j
	}
}
