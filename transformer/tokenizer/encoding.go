package tokenizer

import (
	"fmt"
	"unicode/utf8"
)

// Encoding is a text, or a pair of texts, as tokens. All slices have one element a token.
type Encoding struct {
	IDs     []int32
	TypeIDs []int32
	// Offsets are the bytes [start, end) of the original text, or of the pair
	// where SequenceIDs is 1; [0, 0] for special tokens that were added.
	Offsets           [][2]int
	SpecialTokensMask []int8 // 1 for special tokens that were added
	SequenceIDs       []int8 // 0 for the text, 1 for the pair, -1 for special tokens that were added
	Tokens            []string
	// Overflow has the further windows, if they were asked for: of a pair each
	// window of the one text with each of the other. Their type ids are those of
	// the first window, where tokenizers forgets what its template says.
	Overflow []Encoding
}

// Runes turns the offsets from bytes into code points. text and pair are what
// was encoded; each byte that is not UTF-8 counts as one code point.
func (e *Encoding) Runes(text, pair string) {
	places := [2][]int{runePlaces(text), runePlaces(pair)}
	e.runes(&places)
	for i := range e.Overflow {
		e.Overflow[i].runes(&places)
	}
}

func (e *Encoding) runes(places *[2][]int) {
	for i, s := range e.SequenceIDs {
		if s >= 0 {
			p := places[s]
			e.Offsets[i] = [2]int{p[e.Offsets[i][0]], p[e.Offsets[i][1]]}
		}
	}
}

// window is a part of the tokens of a text.
type window struct{ start, end int }

// maxWindowPairs bounds what overflow of both texts of a pair may give.
const maxWindowPairs = 1 << 16

// overflow returns the windows of all tokens of a text when kept tokens fit:
// the first of them is what truncation keeps.
func overflow(all, kept, stride int) ([]window, error) {
	if kept == all {
		return []window{{0, all}}, nil
	}
	if kept == 0 {
		return []window{{0, 0}, {0, all}}, nil
	}
	if stride < 0 || stride >= kept {
		return nil, fmt.Errorf("stride: found %d, expected 0 to %d: less than the tokens of a window", stride, kept-1)
	}
	var windows []window
	for start := 0; ; start += kept - stride {
		end := min(start+kept, all)
		windows = append(windows, window{start, end})
		if end == all {
			return windows, nil
		}
	}
}

// runePlaces gives for each byte of s, and for its end, the number of code points before it.
func runePlaces(s string) []int {
	places := make([]int, len(s)+1)
	n := 0
	for i := 0; i < len(s); {
		_, size := utf8.DecodeRuneInString(s[i:])
		for j := range size {
			places[i+j] = n
		}
		i += size
		n++
	}
	places[len(s)] = n
	return places
}

// Truncation says what is cut when a text is longer than Options.MaxLength.
type Truncation int

const (
	NoTruncation Truncation = iota
	// LongestFirst shortens the longer side of a pair until both are equally long, then both.
	LongestFirst
	OnlyFirst
	OnlySecond
)

var truncationNames = []string{"do_not_truncate", "longest_first", "only_first", "only_second"}

func (t Truncation) String() string { return truncationNames[t] }

// ParseTruncation returns the strategy of that name.
func ParseTruncation(name string) (Truncation, error) {
	for i, n := range truncationNames {
		if n == name {
			return Truncation(i), nil
		}
	}
	return 0, fmt.Errorf("truncation: found %q, expected one of %q", name, truncationNames)
}

// truncate returns how many tokens of each side are kept of n1 and n2 when
// limit tokens fit; pair says whether there is a second side.
func (t Truncation) truncate(n1, n2, limit int, pair bool) (int, int, error) {
	limit = max(limit, 0)
	excess := n1 + n2 - limit
	if t == NoTruncation || excess <= 0 {
		return n1, n2, nil
	}
	switch t {
	case OnlyFirst:
		if n1 <= excess {
			return 0, 0, fmt.Errorf("truncation only_first: the first text has %d tokens, %d would have to go", n1, excess)
		}
		return n1 - excess, n2, nil
	case OnlySecond:
		if !pair {
			return 0, 0, fmt.Errorf("truncation only_second: there is no second text")
		}
		if n2 <= excess {
			return 0, 0, fmt.Errorf("truncation only_second: the second text has %d tokens, %d would have to go", n2, excess)
		}
		return n1, n2 - excess, nil
	}
	if !pair {
		return limit, 0, nil
	}
	short, long := min(n1, n2), max(n1, n2)
	if short > limit {
		long = short
	} else {
		long = max(short, limit-short)
	}
	if short+long > limit {
		short = limit / 2
		long = short + limit%2
	}
	if n1 > n2 {
		return long, short, nil
	}
	return short, long, nil
}
