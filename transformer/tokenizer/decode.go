package tokenizer

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Decode returns the text of tokens, as near to the original as the tokenizer
// can tell; skipSpecial leaves special tokens out. Ids that there are not are left out.
func (t *Tokenizer) Decode(ids []int32, skipSpecial bool) string {
	special := map[int32]bool{}
	for _, a := range t.description.added {
		special[a.id] = a.special
	}
	var tokens []string
	for _, id := range ids {
		if id >= 0 && int(id) < len(t.tokens) && !(skipSpecial && special[id]) {
			tokens = append(tokens, t.tokens[id])
		}
	}
	if len(t.decoder) == 0 {
		return strings.Join(tokens, " ")
	}
	for _, step := range t.decoder {
		tokens = step(tokens)
	}
	return strings.Join(tokens, "")
}

// decoder is one step from tokens to text: it changes the tokens, which are joined in the end.
type decoder func(tokens []string) []string

// eachToken is a decoder that changes each token by itself.
func eachToken(change func(i int, token string) string) decoder {
	return func(tokens []string) []string {
		for i, token := range tokens {
			tokens[i] = change(i, token)
		}
		return tokens
	}
}

// parseDecoder returns the steps of a decoder.
func parseDecoder(data json.RawMessage, place string, depth int) ([]decoder, error) {
	var c struct {
		Decoders       []json.RawMessage `json:"decoders"`
		Prefix         *string           `json:"prefix"`
		Cleanup        *bool             `json:"cleanup"`
		Replacement    *string           `json:"replacement"`
		PrependScheme  *string           `json:"prepend_scheme"`
		AddPrefixSpace *bool             `json:"add_prefix_space"`
		Suffix         *string           `json:"suffix"`
		Pattern        *jsonPattern      `json:"pattern"`
		Content        string            `json:"content"`
		Start          int               `json:"start"`
		Stop           int               `json:"stop"`
	}
	name, err := readComponent(data, place, &c)
	if err != nil {
		return nil, err
	}
	switch name {
	case "":
		return nil, nil
	case "Sequence":
		if depth >= maxNesting {
			return nil, fmt.Errorf("%s: sequences are nested more than %d deep", place, maxNesting)
		}
		var all []decoder
		for i, data := range c.Decoders {
			steps, err := parseDecoder(data, fmt.Sprintf("%s.decoders[%d]", place, i), depth+1)
			if err != nil {
				return nil, err
			}
			all = append(all, steps...)
		}
		return all, nil
	case "WordPiece":
		prefix, cleanup := orDefault(c.Prefix, "##"), orDefault(c.Cleanup, true)
		return []decoder{eachToken(func(i int, token string) string {
			if i > 0 {
				if rest, ok := strings.CutPrefix(token, prefix); ok {
					token = rest
				} else {
					token = " " + token
				}
			}
			if cleanup {
				token = tidy.Replace(token)
			}
			return token
		})}, nil
	case "BPEDecoder":
		suffix := orDefault(c.Suffix, "</w>")
		return []decoder{func(tokens []string) []string {
			for i, token := range tokens {
				space := " "
				if i == len(tokens)-1 {
					space = ""
				}
				tokens[i] = strings.ReplaceAll(token, suffix, space)
			}
			return tokens
		}}, nil
	case "Metaspace":
		scheme := "always"
		if c.AddPrefixSpace != nil && !*c.AddPrefixSpace {
			scheme = "never"
		}
		scheme = orDefault(c.PrependScheme, scheme)
		visible := orDefault(c.Replacement, "▁")
		return []decoder{eachToken(func(i int, token string) string {
			if i == 0 && scheme != "never" {
				return strings.ReplaceAll(token, visible, "")
			}
			return strings.ReplaceAll(token, visible, " ")
		})}, nil
	case "ByteLevel":
		return []decoder{decodeBytes}, nil
	case "ByteFallback":
		return []decoder{decodeFallback}, nil
	case "Fuse":
		return []decoder{func(tokens []string) []string { return []string{strings.Join(tokens, "")} }}, nil
	case "Strip":
		return []decoder{eachToken(func(_ int, token string) string {
			for n := 0; n < c.Start && c.Content != "" && strings.HasPrefix(token, c.Content); n++ {
				token = token[len(c.Content):]
			}
			for n := 0; n < c.Stop && c.Content != "" && strings.HasSuffix(token, c.Content); n++ {
				token = token[:len(token)-len(c.Content)]
			}
			return token
		})}, nil
	case "Replace":
		switch {
		case c.Pattern == nil:
			return nil, fmt.Errorf("%s: Replace without pattern", place)
		case c.Pattern.String != nil:
			old := *c.Pattern.String
			return []decoder{eachToken(func(_ int, token string) string { return strings.ReplaceAll(token, old, c.Content) })}, nil
		}
		re, err := parsePattern(*c.Pattern.Regex)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", place, err)
		}
		return []decoder{eachToken(func(_ int, token string) string { return re.ReplaceAllLiteralString(token, c.Content) })}, nil
	}
	return nil, unknownType(place, name, "BPEDecoder", "ByteFallback", "ByteLevel", "Fuse", "Metaspace", "Replace", "Sequence", "Strip", "WordPiece")
}

// tidy takes back the spaces that splitting at punctuation put into English.
var tidy = strings.NewReplacer(" .", ".", " ?", "?", " !", "!", " ,", ",", " ' ", "'", " n't", "n't", " 'm", "'m", " do not", " don't", " 's", "'s", " 've", "'ve", " 're", "'re")

// decodeBytes reads tokens in the byte alphabet.
func decodeBytes(tokens []string) []string {
	var text []byte
	for _, token := range tokens {
		begin := len(text)
		for _, r := range token {
			b, ok := byteOf(r)
			if !ok { // no token of bytes: it stands for itself
				text = append(text[:begin], token...)
				break
			}
			text = append(text, b)
		}
	}
	return []string{lossy(text)}
}

// lossy reads UTF-8; what is none becomes U+FFFD, a character that breaks off as one.
func lossy(text []byte) string {
	var out strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			for size < min(3, len(text)-i) && !utf8.FullRune(text[i:i+size+1]) {
				size++
			}
		}
		out.WriteRune(r)
		i += size
	}
	return out.String()
}

// decodeFallback reads runs of tokens <0x00> to <0xFF> as UTF-8.
func decodeFallback(tokens []string) []string {
	var out []string
	var run []byte
	flush := func() {
		switch {
		case utf8.Valid(run):
			out = append(out, string(run))
		default:
			for range run {
				out = append(out, string(utf8.RuneError))
			}
		}
		run = run[:0]
	}
	for _, token := range tokens {
		if len(token) == 6 && strings.HasPrefix(token, "<0x") && token[5] == '>' {
			if b, err := strconv.ParseUint(token[3:5], 16, 8); err == nil {
				run = append(run, byte(b))
				continue
			}
		}
		flush()
		out = append(out, token)
	}
	flush()
	return out
}
