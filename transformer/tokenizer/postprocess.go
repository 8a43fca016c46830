package tokenizer

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// templatePart is a special token, or the text or pair (sequence 0 or 1).
type templatePart struct {
	sequence int8 // -1 for a special token
	id       int32
	typeID   int32
}

// postProcessor is what happens to the tokens of the text and its pair after
// truncation: offsets are trimmed, then the two are put into a template.
type postProcessor struct {
	single, pair []templatePart
	// trims has an element for each time that white space is taken off the
	// offsets: whether a space was put before the text that the offset knows nothing of.
	trims []bool
}

// noTemplate puts the pair behind the text.
var noTemplate = postProcessor{
	single: []templatePart{{0, 0, 0}},
	pair:   []templatePart{{0, 0, 0}, {1, 0, 1}},
}

// parsePostProcessor reads the post-processor of a tokenizer with these tokens.
func parsePostProcessor(data json.RawMessage, tokens []string, ids map[string]int32) (postProcessor, error) {
	p := noTemplate
	done := false
	err := p.parse(data, "post_processor", 0, tokens, ids, &done)
	return p, err
}

// namedID is a token with its id, as tokenizer.json writes it: ["[SEP]", 102].
type namedID struct {
	token string
	id    int32
}

func (n *namedID) UnmarshalJSON(data []byte) error {
	list := []any{&n.token, &n.id}
	if err := json.Unmarshal(data, &list); err != nil || len(list) != 2 || list[0] == nil || list[1] == nil {
		return fmt.Errorf("found %s, expected a token and its id", data)
	}
	return nil
}

// parse adds one component. done says that there is a template already.
func (p *postProcessor) parse(data json.RawMessage, place string, depth int, tokens []string, ids map[string]int32, done *bool) error {
	var c struct {
		Processors     []json.RawMessage `json:"processors"`
		TrimOffsets    *bool             `json:"trim_offsets"`
		AddPrefixSpace *bool             `json:"add_prefix_space"`
		SEP            *namedID          `json:"sep"`
		CLS            *namedID          `json:"cls"`
		Single         []jsonPart        `json:"single"`
		Pair           []jsonPart        `json:"pair"`
		Special        map[string]struct {
			IDs []int32 `json:"ids"`
		} `json:"special_tokens"`
	}
	name, err := readComponent(data, place, &c)
	if err != nil || name == "" {
		return err
	}
	if *done && name != "Sequence" {
		return fmt.Errorf("%s: type %q after a template is not supported", place, name)
	}
	if (name == "ByteLevel" || name == "RobertaProcessing") && orDefault(c.TrimOffsets, true) {
		p.trims = append(p.trims, orDefault(c.AddPrefixSpace, true))
	}
	switch name {
	case "Sequence":
		if depth >= maxNesting {
			return fmt.Errorf("%s: sequences are nested more than %d deep", place, maxNesting)
		}
		for i, data := range c.Processors {
			if err := p.parse(data, fmt.Sprintf("%s.processors[%d]", place, i), depth+1, tokens, ids, done); err != nil {
				return err
			}
		}
		return nil
	case "ByteLevel":
		return nil
	case "BertProcessing", "RobertaProcessing":
		for _, s := range []struct {
			key   string
			found *namedID
		}{{"cls", c.CLS}, {"sep", c.SEP}} {
			if s.found == nil {
				return fmt.Errorf("%s: %s without %s", place, name, s.key)
			}
			if id, ok := ids[s.found.token]; !ok || id != s.found.id {
				return fmt.Errorf("%s.%s: found %q with the id %d, which the vocabulary of %d tokens does not have", place, s.key, s.found.token, s.found.id, len(tokens))
			}
		}
		cls, sep := c.CLS.id, c.SEP.id
		p.single = []templatePart{{-1, cls, 0}, {0, 0, 0}, {-1, sep, 0}}
		if name == "BertProcessing" {
			p.pair = []templatePart{{-1, cls, 0}, {0, 0, 0}, {-1, sep, 0}, {1, 0, 1}, {-1, sep, 1}}
		} else {
			p.pair = []templatePart{{-1, cls, 0}, {0, 0, 0}, {-1, sep, 0}, {-1, sep, 0}, {1, 0, 0}, {-1, sep, 0}}
		}
	case "TemplateProcessing":
		special := map[string][]int32{}
		for token, s := range c.Special {
			special[token] = s.IDs
		}
		if p.single, err = template(c.Single, place+".single", 1, special, len(tokens)); err != nil {
			return err
		}
		if p.pair, err = template(c.Pair, place+".pair", 2, special, len(tokens)); err != nil {
			return err
		}
	default:
		return unknownType(place, name, "BertProcessing", "ByteLevel", "RobertaProcessing", "Sequence", "TemplateProcessing")
	}
	*done = true
	return nil
}

// jsonPart is a part of a template in a tokenizer.json: one of the two.
type jsonPart struct {
	SpecialToken, Sequence *struct {
		ID     string `json:"id"`
		TypeID int32  `json:"type_id"`
	}
}

func template(parts []jsonPart, place string, sequences int, special map[string][]int32, size int) ([]templatePart, error) {
	var out []templatePart
	seen := [2]int{}
	for i, q := range parts {
		switch {
		case q.Sequence != nil && (q.Sequence.ID == "A" || q.Sequence.ID == "B" && sequences == 2):
			s := int8(q.Sequence.ID[0] - 'A')
			seen[s]++
			out = append(out, templatePart{s, 0, q.Sequence.TypeID})
		case q.SpecialToken != nil && len(special[q.SpecialToken.ID]) > 0:
			for _, id := range special[q.SpecialToken.ID] {
				if id < 0 || int(id) >= size {
					return nil, fmt.Errorf("%s[%d]: id %d of %q is not in the vocabulary of %d tokens", place, i, id, q.SpecialToken.ID, size)
				}
				out = append(out, templatePart{-1, id, q.SpecialToken.TypeID})
			}
		default:
			return nil, fmt.Errorf("%s[%d]: expected a sequence A or B, or a special token with ids", place, i)
		}
	}
	if seen[0] != 1 || seen[1] != sequences-1 {
		return nil, fmt.Errorf("%s: expected each of its %d sequences once", place, sequences)
	}
	return out, nil
}

// margins counts the white space at the ends of a token, for trimming.
type margins struct{ leading, trailing int32 }

func marginsOf(token string) (m margins) {
	space := func(r rune) bool { return r == spaceRune || isSpace(r) }
	for _, r := range token {
		if !space(r) {
			break
		}
		m.leading++
	}
	for len(token) > 0 {
		r, size := utf8.DecodeLastRuneInString(token)
		if !space(r) {
			break
		}
		m.trailing++
		token = token[:len(token)-size]
	}
	return m
}

// trim takes the white space of a token off its offsets. first says that the
// token is the first one, whose only space was put there. What is taken
// off is counted in characters of the original text, one for each in the token:
// wrong where normalisation changed their number, but so tokenizers does it.
func (m margins) trim(offsets [2]int, text string, first, prefixed bool) [2]int {
	start, end := offsets[0], offsets[1]
	leading := m.leading
	if leading == 1 && prefixed && (first || start == 0) {
		leading = 0
	}
	for ; leading > 0 && start < end; leading-- {
		_, size := utf8.DecodeRuneInString(text[start:])
		start = min(start+size, end)
	}
	if m.trailing > 0 {
		to, n := end, m.trailing
		for ; n > 0 && to > 0; n-- {
			_, size := utf8.DecodeLastRuneInString(text[:to])
			to -= size
		}
		if n == 0 {
			end = max(to, start)
		}
	}
	return [2]int{start, end}
}
