package tokenizer

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// addedToken is a token that is found in the text before anything else.
type addedToken struct {
	content    string
	id         int32
	special    bool
	lstrip     bool // takes the white space before it along
	rstrip     bool // and behind it
	singleWord bool // is none where a letter or digit adjoins
	normalized bool // is looked for in the normalised text
}

// addedTokens finds added tokens in a text: the leftmost one, of those that
// begin at one place the longest.
type addedTokens struct {
	byContent map[string]*addedToken
	lengths   [256][]int // of the contents that begin with a byte, longest first
	first     int        // the byte that all begin with, -1 if there are several
}

// findsAdded builds the search for those of the tokens that are normalized, or
// those that are not. The content of the former is normalised as the text is.
func findsAdded(tokens []addedToken, normalized bool, normalizers []normalizer) (*addedTokens, error) {
	a := &addedTokens{byContent: map[string]*addedToken{}, first: -1}
	order := make([]*addedToken, 0, len(tokens))
	for i := range tokens {
		if tokens[i].normalized == normalized {
			order = append(order, &tokens[i])
		}
	}
	slices.SortStableFunc(order, func(a, b *addedToken) int { // of equal contents the special one is found
		return cmp.Compare(b2i(b.special), b2i(a.special))
	})
	for _, t := range order {
		content := t.content
		if normalized {
			content = surface(normalize(normalizers, characters(nil, content, 0, len(content))))
		}
		if content == "" {
			return nil, fmt.Errorf("added_tokens: the normalizer leaves nothing of %q", t.content)
		}
		if a.byContent[content] != nil {
			continue
		}
		c := content[0]
		if len(a.byContent) == 0 {
			a.first = int(c)
		} else if a.first != int(c) {
			a.first = -1
		}
		a.byContent[content] = t
		if !slices.Contains(a.lengths[c], len(content)) {
			a.lengths[c] = append(a.lengths[c], len(content))
		}
	}
	if len(a.byContent) == 0 {
		return nil, nil
	}
	for _, l := range a.lengths {
		slices.SortFunc(l, func(a, b int) int { return b - a })
	}
	return a, nil
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// next returns the first match that begins at i or later, nil if there is none.
func (a *addedTokens) next(text string, i int) (token *addedToken, start, end int) {
	for ; i < len(text); i++ {
		if a.first >= 0 {
			n := strings.IndexByte(text[i:], byte(a.first))
			if n < 0 {
				return nil, 0, 0
			}
			i += n
		}
		for _, n := range a.lengths[text[i]] {
			if n <= len(text)-i {
				if t := a.byContent[text[i:i+n]]; t != nil {
					return t, i, i + n
				}
			}
		}
	}
	return nil, 0, 0
}

// stretch is a part of a text: an added token, or what is between two.
type stretch struct {
	token      *addedToken // nil for what is between
	start, end int
}

// cut appends the stretches of text to dst. A match that singleWord turns away
// still hides what begins inside it. White space that one token took along may
// begin another token as well: then the two overlap, as they do in tokenizers.
func (a *addedTokens) cut(dst []stretch, text string) []stretch {
	done := 0
	for i := 0; a != nil; {
		token, start, end := a.next(text, i)
		if token == nil {
			break
		}
		i = end
		if token.singleWord && (endsInWord(text[:start]) || beginsInWord(text[end:])) {
			continue
		}
		if token.lstrip {
			start = min(max(done, start-trailingSpace(text[:start])), end)
		}
		if token.rstrip {
			end += leadingSpace(text[end:])
		}
		if done < start {
			dst = append(dst, stretch{nil, done, start})
		}
		dst = append(dst, stretch{token, start, end})
		done = end
	}
	if done < len(text) {
		dst = append(dst, stretch{nil, done, len(text)})
	}
	return dst
}

// leadingSpace and trailingSpace return the bytes of white space at the begin and the end of s.
func leadingSpace(s string) int  { return len(s) - len(strings.TrimLeftFunc(s, isSpace)) }
func trailingSpace(s string) int { return len(s) - len(strings.TrimRightFunc(s, isSpace)) }

func endsInWord(s string) bool {
	r, size := utf8.DecodeLastRuneInString(s)
	return size > 0 && isWord(r)
}

func beginsInWord(s string) bool {
	r, size := utf8.DecodeRuneInString(s)
	return size > 0 && isWord(r)
}
