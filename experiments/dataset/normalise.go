package dataset

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Normalise returns a text without what two copies of it may differ in: it
// puts characters in the form NFKC and in lower case, drops punctuation,
// symbols and control characters, and makes any white space one space, with
// none at the ends. A text of nothing but these keeps its punctuation and
// symbols, so that "?" and "!" stay two texts.
func Normalise(text string) string {
	// Case first and form then would leave letters such as the Kelvin sign in
	// upper case; and the lower case of a few letters has another form.
	text = norm.NFKC.String(strings.ToLower(norm.NFKC.String(text)))
	plain := strings.Map(func(r rune) rune {
		if unicode.IsPunct(r) || unicode.IsSymbol(r) || unicode.Is(unicode.C, r) && !unicode.IsSpace(r) {
			return -1
		}
		return r
	}, text)
	// What stood apart may combine now.
	if words := strings.Fields(norm.NFKC.String(plain)); len(words) > 0 {
		return strings.Join(words, " ")
	}
	return strings.Join(strings.Fields(text), " ")
}

// firstUnspaced is the first character of a script that puts no space between
// words: before it there is no need to look further.
const firstUnspaced = 0x0e00

// tokens cuts a normalised text into words. Scripts that put no space between
// words give single characters.
func tokens(text string) []string {
	var list []string
	start := -1 // of the word, if one has begun
	end := func(at int) {
		if start >= 0 {
			list = append(list, text[start:at])
			start = -1
		}
	}
	for i, r := range text {
		switch {
		case r == ' ':
			end(i)
		case r >= firstUnspaced && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar):
			end(i)
			list = append(list, string(r))
		case start < 0:
			start = i
		}
	}
	end(len(text))
	return list
}
