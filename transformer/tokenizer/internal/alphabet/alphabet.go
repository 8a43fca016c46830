// Package alphabet is how byte-level vocabularies write bytes.
package alphabet

// Runes is GPT-2's alphabet: each byte as a visible character. Bytes that
// are visible in Latin-1 stand for themselves, the others take the characters
// from U+0100 on (Radford et al., 2019, §2.2).
var Runes = func() (runes [256]rune) {
	next := rune(0x100)
	for b := range runes {
		switch {
		case '!' <= b && b <= '~', 0xa1 <= b && b <= 0xac, 0xae <= b && b <= 0xff:
			runes[b] = rune(b)
		default:
			runes[b] = next
			next++
		}
	}
	return runes
}()
