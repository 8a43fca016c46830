package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxNesting bounds sequences within sequences.
const maxNesting = 8

// readComponent reads the type of a component of a tokenizer.json, and its
// settings into settings if that is not nil. The type of none is "".
func readComponent(data json.RawMessage, place string, settings any) (string, error) {
	if len(data) == 0 || string(data) == "null" {
		return "", nil
	}
	var c struct {
		Type *string `json:"type"`
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return "", fmt.Errorf("%s: %w", place, err)
	}
	if c.Type == nil {
		return "", fmt.Errorf("%s: found no type", place)
	}
	if settings != nil {
		if err := json.Unmarshal(data, settings); err != nil {
			return "", fmt.Errorf("%s: %s: %w", place, *c.Type, err)
		}
	}
	return *c.Type, nil
}

func unknownType(place, found string, known ...string) error {
	return fmt.Errorf("%s: type %q is not supported: expected %s", place, found, strings.Join(known, ", "))
}

// orDefault gives what a setting is that a component may leave out.
func orDefault[T any](v *T, d T) T {
	if v == nil {
		return d
	}
	return *v
}

// parseNormalizer returns the steps of a normalizer.
func parseNormalizer(data json.RawMessage, place string, depth int) ([]normalizer, error) {
	var c struct {
		Normalizers  []json.RawMessage `json:"normalizers"`
		CleanText    *bool             `json:"clean_text"`
		ChineseChars *bool             `json:"handle_chinese_chars"`
		StripAccents *bool             `json:"strip_accents"`
		Lowercase    *bool             `json:"lowercase"`
		StripLeft    *bool             `json:"strip_left"`
		StripRight   *bool             `json:"strip_right"`
		Pattern      *jsonPattern      `json:"pattern"`
		Content      *string           `json:"content"`
		Prepend      *string           `json:"prepend"`
		CharsMap     []byte            `json:"precompiled_charsmap"`
	}
	name, err := readComponent(data, place, &c)
	if err != nil {
		return nil, err
	}
	var n normalizer
	switch name {
	case "":
		return nil, nil
	case "Sequence":
		if depth >= maxNesting {
			return nil, fmt.Errorf("%s: sequences are nested more than %d deep", place, maxNesting)
		}
		var all []normalizer
		for i, data := range c.Normalizers {
			steps, err := parseNormalizer(data, fmt.Sprintf("%s.normalizers[%d]", place, i), depth+1)
			if err != nil {
				return nil, err
			}
			all = append(all, steps...)
		}
		return all, nil
	case "BertNormalizer":
		n = &bertNormalizer{orDefault(c.CleanText, true), orDefault(c.ChineseChars, true), c.StripAccents, orDefault(c.Lowercase, true)}
	case "Lowercase":
		n = lowercase{}
	case "Strip":
		n = strip{orDefault(c.StripLeft, true), orDefault(c.StripRight, true)}
	case "Prepend":
		if c.Prepend == nil {
			return nil, fmt.Errorf("%s: Prepend without prepend", place)
		}
		n = prepend(*c.Prepend)
	case "Nmt":
		n = nmt{}
	case "ByteLevel":
		n = byteNormalizer{}
	case "NFC":
		n = nfc{}
	case "NFD":
		n = nfd{}
	case "NFKC":
		n = nfkc{}
	case "NFKD":
		n = nfkd{}
	case "StripAccents":
		n = stripAccents{}
	case "Precompiled":
		if n, err = newCharsMap(c.CharsMap); err != nil {
			return nil, fmt.Errorf("%s: %w", place, err)
		}
	case "Replace":
		if c.Pattern == nil || c.Content == nil {
			return nil, fmt.Errorf("%s: Replace without pattern or content", place)
		}
		if c.Pattern.String != nil {
			if *c.Pattern.String == "" {
				return nil, fmt.Errorf("%s: Replace of an empty text is not supported", place)
			}
			n = replaceString{[]rune(*c.Pattern.String), []rune(*c.Content)}
			break
		}
		re, err := parsePattern(*c.Pattern.Regex)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", place, err)
		}
		n = replacePattern{re, []rune(*c.Content)}
	default:
		return nil, unknownType(place, name, "BertNormalizer", "ByteLevel", "Lowercase", "NFC", "NFD", "NFKC", "NFKD", "Nmt", "Precompiled", "Prepend", "Replace", "Sequence", "Strip", "StripAccents")
	}
	return []normalizer{n}, nil
}

// jsonPattern is a text or a regular expression; one of the two is there.
type jsonPattern struct{ String, Regex *string }

func (p *jsonPattern) UnmarshalJSON(data []byte) error {
	type plain jsonPattern
	if err := json.Unmarshal(data, (*plain)(p)); err != nil {
		return err
	}
	if (p.String == nil) == (p.Regex == nil) {
		return errors.New("pattern: expected a String or a Regex")
	}
	return nil
}

// parsePreTokenizer returns the steps of a pre-tokenizer.
func parsePreTokenizer(data json.RawMessage, place string, depth int) ([]preTokenizer, error) {
	var c struct {
		PreTokenizers    []json.RawMessage `json:"pretokenizers"`
		AddPrefixSpace   *bool             `json:"add_prefix_space"`
		UseRegex         *bool             `json:"use_regex"`
		Replacement      *string           `json:"replacement"`
		PrependScheme    *string           `json:"prepend_scheme"`
		Split            *bool             `json:"split"`
		Behavior         json.RawMessage   `json:"behavior"`
		IndividualDigits bool              `json:"individual_digits"`
		Pattern          *jsonPattern      `json:"pattern"`
		Invert           bool              `json:"invert"`
		Delimiter        string            `json:"delimiter"`
	}
	name, err := readComponent(data, place, &c)
	if err != nil {
		return nil, err
	}
	var p preTokenizer
	switch name {
	case "":
		return nil, nil
	case "Sequence":
		if depth >= maxNesting {
			return nil, fmt.Errorf("%s: sequences are nested more than %d deep", place, maxNesting)
		}
		var all []preTokenizer
		for i, data := range c.PreTokenizers {
			steps, err := parsePreTokenizer(data, fmt.Sprintf("%s.pretokenizers[%d]", place, i), depth+1)
			if err != nil {
				return nil, err
			}
			all = append(all, steps...)
		}
		return all, nil
	case "BertPreTokenizer":
		p = bertPreTokenizer{}
	case "ByteLevel":
		p = byteLevel{orDefault(c.AddPrefixSpace, true), orDefault(c.UseRegex, true)}
	case "Metaspace":
		scheme := "always"
		if c.AddPrefixSpace != nil && !*c.AddPrefixSpace { // how older files say it
			scheme = "never"
		}
		scheme = orDefault(c.PrependScheme, scheme)
		if !slices.Contains([]string{"always", "first", "never"}, scheme) {
			return nil, fmt.Errorf("%s: prepend_scheme: found %q, expected always, first or never", place, scheme)
		}
		replacement, err := oneRune(orDefault(c.Replacement, "▁"))
		if err != nil {
			return nil, fmt.Errorf("%s: replacement: %w", place, err)
		}
		p = metaspace{replacement, scheme, orDefault(c.Split, true)}
	case "Whitespace":
		p = whitespace{}
	case "WhitespaceSplit":
		p = splitAt{isSpace, removed}
	case "CharDelimiterSplit":
		delimiter, err := oneRune(c.Delimiter)
		if err != nil {
			return nil, fmt.Errorf("%s: delimiter: %w", place, err)
		}
		p = splitAt{func(r rune) bool { return r == delimiter }, removed}
	case "Punctuation":
		b, err := parseBehavior(c.Behavior, isolated)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", place, err)
		}
		p = splitAt{isPunctuation, b}
	case "Digits":
		b := contiguous
		if c.IndividualDigits {
			b = isolated
		}
		p = splitAt{isNumeric, b}
	case "Split":
		b, err := parseBehavior(c.Behavior, "")
		if err != nil {
			return nil, fmt.Errorf("%s: %w", place, err)
		}
		s := splitPattern{behavior: b, invert: c.Invert}
		switch {
		case c.Pattern == nil:
			return nil, fmt.Errorf("%s: Split without pattern", place)
		case c.Pattern.String != nil:
			if *c.Pattern.String == "" {
				return nil, fmt.Errorf("%s: Split at an empty text is not supported", place)
			}
			s.literal = []rune(*c.Pattern.String)
		case *c.Pattern.Regex == gpt2Pattern:
			s.gpt2 = true
		default:
			if s.pattern, err = parsePattern(*c.Pattern.Regex); err != nil {
				return nil, fmt.Errorf("%s: %w", place, err)
			}
		}
		p = s
	default:
		return nil, unknownType(place, name, "BertPreTokenizer", "ByteLevel", "CharDelimiterSplit", "Digits", "Metaspace", "Punctuation", "Sequence", "Split", "Whitespace", "WhitespaceSplit")
	}
	return []preTokenizer{p}, nil
}

func oneRune(s string) (rune, error) {
	r, size := utf8.DecodeRuneInString(s)
	if size == 0 || size != len(s) {
		return 0, fmt.Errorf("found %q, expected one character", s)
	}
	return r, nil
}

func parseBehavior(data json.RawMessage, otherwise behavior) (behavior, error) {
	if len(data) == 0 && otherwise != "" {
		return otherwise, nil
	}
	known := []behavior{removed, isolated, contiguous, mergedWithPrevious, mergedWithNext}
	var b behavior
	if json.Unmarshal(data, &b) != nil || !slices.Contains(known, b) {
		return "", fmt.Errorf("behavior: found %s, expected one of %q", data, known)
	}
	return b, nil
}
