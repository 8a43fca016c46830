package tokenizer

import "sync"

// The classes of characters in grapheme clusters (UAX 29, table 2), in the low
// bits of a byte. Regional indicators are left out: a flag or half a flag makes
// no difference to a character map, which looks up both character by character.
const (
	otherBreak = iota
	controlBreak
	extendBreak
	joinerBreak // zero width joiner
	spacingBreak
	prependBreak
	leadBreak // Hangul
	vowelBreak
	tailBreak
	openBreak   // a syllable without a tail
	closedBreak // and with one
	pictureBreak
	breakMask = 1<<4 - 1

	// Indic conjuncts, in the high bits.
	conjunctConsonantBit = 1 << 4
	conjunctLinkerBit    = 1 << 5
)

const (
	zeroWidthNonJoiner = 0x200c
	zeroWidthJoiner    = 0x200d
)

var graphemeClasses = sync.OnceValue(func() *runeTable {
	t := new(runeTable)
	// A later class takes the place of an earlier one.
	replace := func(in ranges, class uint8) {
		for _, r := range in {
			for c := r[0]; c <= r[1]; c++ {
				t.set(ranges{{c, c}}, class)
				p := &t.pages[t.index[c>>8]-1][c&0xff]
				*p = *p&^breakMask | class
			}
		}
	}
	replace(control, controlBreak)
	replace(extending, spacingBreak)
	replace(extend, extendBreak)
	replace(ranges{{zeroWidthJoiner, zeroWidthJoiner}}, joinerBreak)
	replace(prepending, prependBreak)
	replace(hangulL, leadBreak)
	replace(hangulV, vowelBreak)
	replace(hangulT, tailBreak)
	for c := rune(hangulFirst); c <= hangulLast; c++ {
		class := uint8(closedBreak)
		if (c-hangulFirst)%28 == 0 {
			class = openBreak
		}
		replace(ranges{{c, c}}, class)
	}
	replace(pictographic, pictureBreak)
	t.set(conjunctConsonant, conjunctConsonantBit)
	t.set(conjunctLinker, conjunctLinkerBit)
	return t
})

// graphemeEnd returns the end of the extended grapheme cluster that begins at
// i: what a reader takes for one character.
func graphemeEnd(text []char, i int) int {
	table := graphemeClasses()
	class := table.at(text[i].r)
	last := class & breakMask
	if last == controlBreak {
		if text[i].r == '\r' && i+1 < len(text) && text[i+1].r == '\n' {
			return i + 2
		}
		return i + 1
	}
	picture := last == pictureBreak // ahead: a pictograph, then Extend
	conjunct := class >> 4          // ahead: a consonant (1), with a linker behind it (3)
	if conjunct != 1 {
		conjunct = 0
	}
	for i++; i < len(text); i++ {
		r := text[i].r
		class := table.at(r)
		now := class & breakMask
		switch {
		case now == controlBreak:
			return i
		case now == extendBreak || now == joinerBreak || now == spacingBreak:
		case last == prependBreak:
		case last == leadBreak && (now == leadBreak || now == vowelBreak || now == openBreak || now == closedBreak):
		case (last == vowelBreak || last == openBreak) && (now == vowelBreak || now == tailBreak):
		case (last == tailBreak || last == closedBreak) && now == tailBreak:
		case picture && last == joinerBreak && now == pictureBreak:
		case conjunct == 3 && class&conjunctConsonantBit != 0:
		default:
			return i
		}
		picture = now == pictureBreak || picture && (now == extendBreak || now == joinerBreak) && last != joinerBreak
		switch {
		case class&conjunctConsonantBit != 0:
			conjunct = 1
		case class&conjunctLinkerBit != 0:
			if conjunct > 0 {
				conjunct = 3
			}
		case now != extendBreak && now != joinerBreak || r == zeroWidthNonJoiner:
			conjunct = 0
		}
		last = now
	}
	return i
}
