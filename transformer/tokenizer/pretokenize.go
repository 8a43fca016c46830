package tokenizer

import (
	"regexp"
	"unicode/utf8"
)

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

// isWord reports whether r is a word character of regular expressions: a
// letter, mark, digit, connector or joiner.
func isWord(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_'
	}
	return wordCharacter.contains(r)
}

func isNumeric(r rune) bool {
	if r < utf8.RuneSelf {
		return '0' <= r && r <= '9'
	}
	return numeric.contains(r)
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

// whitespace keeps runs of word characters, and runs of what is neither those nor white space.
type whitespace struct{}

func (whitespace) split(dst [][]char, text []char, _ *scratch) [][]char {
	kind := func(r rune) int {
		switch {
		case isWord(r):
			return 1
		case isSpace(r):
			return 0
		}
		return 2
	}
	for i := 0; i < len(text); {
		k, j := kind(text[i].r), i+1
		for j < len(text) && kind(text[j].r) == k {
			j++
		}
		if k != 0 {
			dst = append(dst, text[i:j])
		}
		i = j
	}
	return dst
}

// metaspace makes spaces visible and lets each begin a word.
type metaspace struct {
	replacement rune
	prepend     string // "always", "first" (at the begin of the text) or "never"
	splits      bool
}

func (m metaspace) split(dst [][]char, text []char, s *scratch) [][]char {
	begin := len(s.arena)
	first := text[0]
	if first.r != ' ' && first.r != m.replacement && (m.prepend == "always" || m.prepend == "first" && first.start == 0) {
		s.arena = append(s.arena, char{m.replacement, first.start, first.end})
	}
	s.arena = append(s.arena, text...)
	made := s.arena[begin:len(s.arena):len(s.arena)]
	from := 0
	for i := range made {
		if made[i].r == ' ' {
			made[i].r = m.replacement
		}
		if m.splits && made[i].r == m.replacement && i > from {
			dst = append(dst, made[from:i])
			from = i
		}
	}
	return append(dst, made[from:])
}

// behavior says what becomes of the matches of a pattern at which text is split.
type behavior string

const (
	removed            behavior = "Removed"
	isolated           behavior = "Isolated"           // each match is a word
	contiguous         behavior = "Contiguous"         // matches next to each other are one word
	mergedWithPrevious behavior = "MergedWithPrevious" // a match ends the word before it
	mergedWithNext     behavior = "MergedWithNext"
)

// span is a part of a text: a match, or what is between two.
type span struct {
	start, end int
	match      bool
}

// splitSpans appends the words that spans, which cover the text, give.
func (b behavior) splitSpans(dst [][]char, text []char, spans []span) [][]char {
	if b == mergedWithNext { // from the end, as the other way round
		kept := len(spans)
		last := false
		for i := len(spans) - 1; i >= 0; i-- {
			if spans[i].match && !last && kept < len(spans) {
				spans[kept].start = spans[i].start
				last = true
				continue
			}
			last = spans[i].match
			kept--
			spans[kept] = spans[i]
		}
		for _, p := range spans[kept:] {
			dst = append(dst, text[p.start:p.end])
		}
		return dst
	}
	last := false
	from := len(dst)
	begin := 0 // of the last word of dst
	for _, p := range spans {
		join := len(dst) > from && (b == contiguous && p.match == last || b == mergedWithPrevious && p.match && !last)
		last = p.match
		switch {
		case join:
			dst[len(dst)-1] = text[begin:p.end]
		case b == removed && p.match:
		default:
			dst, begin = append(dst, text[p.start:p.end]), p.start
		}
	}
	return dst
}

// splitAt splits at single characters.
type splitAt struct {
	is       func(rune) bool
	behavior behavior
}

func (p splitAt) split(dst [][]char, text []char, s *scratch) [][]char {
	spans := s.spans[:0]
	from := 0
	for i, c := range text {
		if p.is(c.r) {
			if from < i {
				spans = append(spans, span{from, i, false})
			}
			spans = append(spans, span{i, i + 1, true})
			from = i + 1
		}
	}
	if from < len(text) {
		spans = append(spans, span{from, len(text), false})
	}
	s.spans = spans
	return p.behavior.splitSpans(dst, text, spans)
}

// splitPattern splits at the matches of a pattern or, inverted, at what is
// between them. The pattern is one of three.
type splitPattern struct {
	literal  []rune
	pattern  *regexp.Regexp
	gpt2     bool // GPT-2's pattern, which package regexp does not know
	behavior behavior
	invert   bool
}

func (p splitPattern) split(dst [][]char, text []char, s *scratch) [][]char {
	spans := s.spans[:0]
	from := 0
	add := func(start, end int) {
		if from < start {
			spans = append(spans, span{from, start, p.invert})
		}
		spans = append(spans, span{start, end, !p.invert})
		from = end
	}
	switch {
	case p.gpt2:
		for from < len(text) {
			add(from, nextGPT2(text, from))
		}
	case p.pattern != nil:
		for _, m := range findAll(p.pattern, text) {
			add(m.start, m.end)
		}
	default:
		for i := 0; i < len(text); {
			if beginsWith(text[i:], p.literal) {
				add(i, i+len(p.literal))
				i = from
			} else {
				i++
			}
		}
	}
	if from < len(text) {
		spans = append(spans, span{from, len(text), p.invert})
	}
	s.spans = spans
	return p.behavior.splitSpans(dst, text, spans)
}
