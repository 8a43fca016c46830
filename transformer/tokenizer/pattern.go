package tokenizer

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// parsePattern compiles a regular expression of a tokenizer.json, which is
// written for Oniguruma. What both it and package regexp know, and mean alike,
// is taken: literals, classes, groups, alternatives, greedy and lazy
// repetition. Everything else is refused, look-around first of all; \s, \w, \d,
// \p{L} and \p{N} get the characters that Hugging Face's library gives them.
func parsePattern(pattern string) (*regexp.Regexp, error) {
	refused := func(what string) (*regexp.Regexp, error) {
		return nil, fmt.Errorf("regular expression %q: %s is not supported", pattern, what)
	}
	if !utf8.ValidString(pattern) {
		return refused("text that is not UTF-8")
	}
	var out strings.Builder
	inClass := false
	repeated := false // the last thing was a repetition
	for i := 0; i < len(pattern); {
		rest := pattern[i:]
		_, size := utf8.DecodeRuneInString(rest)
		wasRepeated := repeated
		repeated = false
		switch c := rest[0]; {
		case c == '\\':
			text, n := escape(rest, inClass)
			if n == 0 {
				_, size := utf8.DecodeRuneInString(rest[1:])
				return refused(fmt.Sprintf("%q", rest[:1+size]))
			}
			out.WriteString(text)
			i += n
			continue
		case inClass && (c == '[' || strings.HasPrefix(rest, "&&")):
			return refused(fmt.Sprintf("%q in a class", rest[:1]))
		case inClass && c == ']':
			inClass = false
		case inClass:
		case c == '[':
			inClass = true
			for _, begin := range []string{"[^]", "[]"} {
				if strings.HasPrefix(rest, begin) {
					return refused(fmt.Sprintf("%q", begin))
				}
			}
			if strings.HasPrefix(rest, "[^") {
				size = 2
			}
		case c == '(' && strings.HasPrefix(rest, "(?") && !strings.HasPrefix(rest, "(?:") && !strings.HasPrefix(rest, "(?i:"):
			return refused(fmt.Sprintf("%q", rest[:min(4, len(rest))]))
		case c == '(' && strings.HasPrefix(rest, "(?"):
			size = strings.IndexByte(rest, ':') + 1
		case c == '^' || c == '$': // of each line
			out.WriteString("(?m:" + rest[:1] + ")")
			i++
			continue
		case c == '*' || c == '+' || c == '?':
			if wasRepeated && c != '?' {
				return refused(fmt.Sprintf("%q after a repetition", rest[:1]))
			}
			repeated = !wasRepeated
		case c == '{':
			n := strings.IndexByte(rest, '}')
			if n < 0 || strings.Trim(rest[1:n], "0123456789,") != "" || strings.HasPrefix(rest, "{,") || wasRepeated {
				return refused(fmt.Sprintf("%q", "{"))
			}
			if repeated = true; strings.HasPrefix(rest[n+1:], "+") || strings.HasPrefix(rest[n+1:], "?") { // these differ
				return refused(fmt.Sprintf("%q after a repetition", rest[n+1:n+2]))
			}
			size = n + 1
		}
		out.WriteString(rest[:size])
		i += size
	}
	re, err := regexp.Compile(out.String())
	if err != nil {
		return nil, fmt.Errorf("regular expression %q: %w", pattern, err)
	}
	if re.MatchString("") {
		return refused("a match of nothing")
	}
	return re, nil
}

// escape returns what stands for the escape sequence that s begins with and
// its length, 0 if it is not known.
func escape(s string, inClass bool) (text string, n int) {
	if len(s) < 2 {
		return "", 0
	}
	var r ranges
	negated := false
	n = 2
	switch s[1] {
	case 's', 'S':
		r, negated = whiteSpace, s[1] == 'S'
	case 'w', 'W':
		r, negated = patternWord, s[1] == 'W'
		if inClass { // a slip of Oniguruma: superscripts and fractions of Latin-1 count outside only
			r = r.without('²', '³', '¹', '¼', '½', '¾')
		}
	case 'd', 'D':
		r, negated = digit, s[1] == 'D'
	case 'p', 'P':
		end := strings.IndexByte(s, '}')
		if !strings.HasPrefix(s[2:], "{") || end < 0 {
			return "", 0
		}
		switch name := s[3:end]; name {
		case "L", "Letter":
			r, negated = letter, s[1] == 'P'
		case "N", "Number":
			r, negated = number, s[1] == 'P'
		default:
			return s[:end+1], end + 1
		}
		n = end + 1
	case 'n', 'r', 't', 'f', 'v':
		return s[:2], 2
	default:
		if c := s[1]; c < utf8.RuneSelf && asciiKind[c] == '.' { // an escaped symbol
			return s[:2], 2
		}
		return "", 0
	}
	if negated {
		r = r.complement()
	}
	var b strings.Builder
	for _, p := range r {
		fmt.Fprintf(&b, `\x{%x}-\x{%x}`, p[0], p[1])
	}
	if inClass {
		return b.String(), n
	}
	return "[" + b.String() + "]", n
}

func (r ranges) complement() (c ranges) {
	next := rune(0)
	for _, p := range r {
		if next < p[0] {
			c = append(c, [2]rune{next, p[0] - 1})
		}
		next = p[1] + 1
	}
	return append(c, [2]rune{next, utf8.MaxRune})
}

func (r ranges) without(characters ...rune) ranges {
	for _, c := range characters {
		var rest ranges
		for _, p := range r {
			if p[0] <= c && c <= p[1] {
				if p[0] < c {
					rest = append(rest, [2]rune{p[0], c - 1})
				}
				p[0] = c + 1
			}
			if p[0] <= p[1] {
				rest = append(rest, p)
			}
		}
		r = rest
	}
	return r
}

// findAll returns the matches of pattern in text.
func findAll(pattern *regexp.Regexp, text []char) []span {
	s := surface(text)
	found := pattern.FindAllStringIndex(s, -1)
	spans := make([]span, len(found))
	at, i := 0, 0 // character i begins at byte at
	next := func(place int) int {
		for at < place {
			at += utf8Len(text[i].r)
			i++
		}
		return i
	}
	for k, m := range found {
		spans[k].start = next(m[0])
		spans[k].end = next(m[1])
		spans[k].match = true
	}
	return spans
}
