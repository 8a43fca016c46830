package tokenizer

import (
	"slices"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// The normal forms of Unicode (UAX 15). Package norm has the decompositions,
// of a younger Unicode than tokenizers uses: what decomposes and combines at
// all is in decompose_classes.go.
type (
	nfc  struct{}
	nfd  struct{}
	nfkc struct{}
	nfkd struct{}
)

func (nfc) normalize(dst, src []char) []char  { return normalForm(dst, src, norm.NFD, true) }
func (nfd) normalize(dst, src []char) []char  { return normalForm(dst, src, norm.NFD, false) }
func (nfkc) normalize(dst, src []char) []char { return normalForm(dst, src, norm.NFKD, true) }
func (nfkd) normalize(dst, src []char) []char { return normalForm(dst, src, norm.NFKD, false) }

// stripAccents drops marks of all kinds.
type stripAccents struct{}

func (stripAccents) normalize(dst, src []char) []char {
	for _, c := range src {
		if c.r < firstMark || unicodeForms().at(c.r)&strips == 0 {
			dst = append(dst, c)
		}
	}
	return dst
}

// edit is a character that a normalizer writes, with the characters that it
// reads: more of them than one if change is negative, none if it is positive.
type edit struct {
	r      rune
	class  uint8 // combining class, in normal forms
	change int
}

// editor writes characters, and places them as tokenizers does: a character
// has the place of the first one that it reads; one that reads nothing has the
// place of the last one read.
type editor struct {
	dst, src []char
	read     int // characters of src
}

func (e *editor) write(r rune, change int) {
	c := char{r: r}
	if i := e.read; change > 0 {
		if i > 0 {
			c.start, c.end = e.src[i-1].start, e.src[i-1].end
		}
	} else {
		i = min(i, len(e.src)-1)
		c.start, c.end = e.src[i].start, e.src[i].end
		e.read = min(e.read+1-change, len(e.src))
	}
	e.dst = append(e.dst, c)
}

const (
	firstDecomposing = 0xa0
	firstMark        = 0x300 // nothing before it combines with what comes before
)

// What a code point does in normal forms.
const (
	decomposes  = 1 << iota
	combines    // has a combining class
	continues   // may combine or compose with what is before it, or its decomposition may
	strips      // is dropped by StripAccents
	hangulFirst = 0xac00
	hangulLast  = 0xd7a3
)

var unicodeForms = sync.OnceValue(func() *runeTable {
	t := new(runeTable)
	t.set(decomposing, decomposes)
	t.set(combining, combines|continues)
	t.set(marks, strips)
	t.set(ranges{{hangulFirst, hangulLast}}, decomposes)
	t.set(ranges{{0x1161, 0x1175}, {0x11a8, 0x11c2}}, continues)
	for pair := range compositions() {
		t.set(ranges{{pair[1], pair[1]}}, continues)
	}
	for _, r := range decomposing {
		for c := r[0]; c <= r[1]; c++ {
			if first, _ := utf8.DecodeRuneInString(norm.NFKD.String(string(c))); t.at(first)&continues != 0 {
				t.set(ranges{{c, c}}, continues)
			}
		}
	}
	return t
})

// compositions has the pairs that compose, without those of Hangul.
var compositions = sync.OnceValue(func() map[[2]rune]rune {
	pairs := map[[2]rune]rune{}
	for _, r := range decomposing {
		for c := r[0]; c <= r[1]; c++ {
			whole := string(c)
			d := norm.NFD.String(whole)
			if d == whole || norm.NFC.String(whole) != whole {
				continue // one that is not composed again
			}
			last, size := utf8.DecodeLastRuneInString(d)
			first, _ := utf8.DecodeRuneInString(norm.NFC.String(d[:len(d)-size]))
			pairs[[2]rune{first, last}] = c
		}
	}
	return pairs
})

// compose returns the character that two compose, if there is one.
func compose(a, b rune) (rune, bool) {
	const l, v, t = 0x1100, 0x1161, 0x11a7
	switch {
	case l <= a && a < l+19 && v <= b && b < v+21:
		return hangulFirst + ((a-l)*21+b-v)*28, true
	case hangulFirst <= a && a <= hangulLast && (a-hangulFirst)%28 == 0 && t < b && b < t+28:
		return a + b - t, true
	}
	c, ok := compositions()[[2]rune{a, b}]
	return c, ok
}

// normalForm decomposes by form, NFD or NFKD, sorts marks, and composes again if composed is set.
func normalForm(dst, src []char, form norm.Form, composed bool) []char {
	plain := 0
	for plain < len(src) && src[plain].r < firstDecomposing {
		plain++
	}
	if plain == len(src) {
		return append(dst, src...)
	}
	table := unicodeForms()
	e := editor{dst: dst, src: src}
	var edits []edit
	for i := 0; i < len(src); {
		// A character, and those that may combine with it.
		j := i + 1
		for j < len(src) && src[j].r >= firstMark && table.at(src[j].r)&continues != 0 {
			j++
		}
		if r := src[i].r; j == i+1 && (r < firstDecomposing || table.at(r)&decomposes == 0) {
			e.dst = append(e.dst, src[i])
			i, e.read = j, j
			continue
		}
		edits = edits[:0]
		for _, c := range src[i:j] {
			edits = decomposed(edits, c.r, form)
		}
		sortMarks(edits)
		if composed {
			edits = recomposed(edits)
		}
		for _, d := range edits {
			e.write(d.r, d.change)
		}
		i = j
	}
	return e.dst
}

// decomposed appends the decomposition of r.
func decomposed(edits []edit, r rune, form norm.Form) []edit {
	if hangulFirst <= r && r <= hangulLast {
		s := r - hangulFirst
		edits = append(edits, edit{r: 0x1100 + s/588}, edit{r: 0x1161 + s%588/28, change: 1})
		if s%28 != 0 {
			edits = append(edits, edit{r: 0x11a7 + s%28, change: 1})
		}
		return edits
	}
	if r < firstDecomposing {
		return append(edits, edit{r: r})
	}
	var b [utf8.UTFMax]byte
	table := unicodeForms()
	flags := table.at(r)
	var d []byte
	if flags&decomposes != 0 {
		d = form.Properties(b[:utf8.EncodeRune(b[:], r)]).Decomposition()
	}
	if d == nil {
		return append(edits, edit{r: r, class: combiningClass(r, flags)})
	}
	for change := 0; len(d) > 0; change = 1 {
		r, size := utf8.DecodeRune(d)
		edits = append(edits, edit{r, combiningClass(r, table.at(r)), change})
		d = d[size:]
	}
	return edits
}

func combiningClass(r rune, flags uint8) uint8 {
	if flags&combines == 0 {
		return 0
	}
	var b [utf8.UTFMax]byte
	return norm.NFD.Properties(b[:utf8.EncodeRune(b[:], r)]).CCC()
}

// sortMarks puts each run of combining marks into the order of their classes.
func sortMarks(edits []edit) {
	for i := 0; i < len(edits); i++ {
		j := i
		for j < len(edits) && edits[j].class != 0 {
			j++
		}
		if j-i > 1 {
			slices.SortStableFunc(edits[i:j], func(a, b edit) int { return int(a.class) - int(b.class) })
		}
		i = j
	}
}

// recomposed composes each starter with the marks behind it that nothing blocks.
func recomposed(edits []edit) []edit {
	out := edits[:0]
	starter, last := -1, -1 // last is the class of what is behind the starter
	for _, d := range edits {
		if starter >= 0 && last < int(d.class) {
			if r, ok := compose(out[starter].r, d.r); ok {
				out[starter].r = r
				out[starter].change += d.change - 1
				continue
			}
		}
		switch {
		case d.class == 0:
			starter, last = len(out), -1
		case starter >= 0:
			last = int(d.class)
		}
		out = append(out, d)
	}
	return out
}

// runeTable holds a byte for each code point, in pages of 256.
type runeTable struct {
	index [(utf8.MaxRune + 1) / 256]uint16 // of pages; 0 is a page of zeros that is not there
	pages [][256]uint8
}

func (t *runeTable) at(r rune) uint8 {
	if i := t.index[r>>8]; i > 0 {
		return t.pages[i-1][r&0xff]
	}
	return 0
}

// set adds bits to the code points of the ranges.
func (t *runeTable) set(in ranges, bits uint8) {
	for _, r := range in {
		for c := r[0]; c <= r[1]; c++ {
			i := &t.index[c>>8]
			if *i == 0 {
				t.pages = append(t.pages, [256]uint8{})
				*i = uint16(len(t.pages))
			}
			t.pages[*i-1][c&0xff] |= bits
		}
	}
}
