package dataset

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"
)

// eachObject passes the lines of a JSONL file, an object each, to yield as
// examples.
func eachObject(r *bufio.Reader, name string, opt Options, yield func(Example) error) error {
	l := lines{r: r, name: name}
	for {
		text, err := l.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if !utf8.Valid(text) {
			return rowError(name, l.line, "", "found bytes that are not UTF-8, expected JSON in UTF-8")
		}
		object, err := decodeObject(text)
		if err != nil {
			return rowError(name, l.line, "", "%v", err)
		}
		e := Example{Line: l.line}
		for _, field := range []struct {
			key   string
			value *string
			kinds string
		}{
			{opt.Text, &e.Text, "a string"},
			{opt.Pair, &e.Pair, "a string"},
			{opt.Label, &e.Label, "a string, a number or a boolean"},
			{opt.ID, &e.ID, "a string, a number or a boolean"},
		} {
			if field.key == "" {
				continue
			}
			raw, ok := object[field.key]
			if !ok {
				return rowError(name, l.line, field.key, "there is no such key: found %s", quoted(slices.Sorted(maps.Keys(object))))
			}
			value, isString, ok := scalar(raw)
			if !ok || !isString && field.kinds == "a string" {
				return rowError(name, l.line, field.key, "found %s, expected %s", clip(string(raw)), field.kinds)
			}
			*field.value = value
		}
		if err := yield(e); err != nil {
			return err
		}
	}
}

// decodeObject decodes the members of a JSON object, and refuses a key that
// comes twice, of which a decoder into a map would silently keep the last.
func decodeObject(text []byte) (map[string]json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	broken := func(err error) error {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("broken JSON at byte %d: %w", d.InputOffset(), err)
	}
	token, err := d.Token()
	if err != nil {
		return nil, broken(err)
	}
	if token != json.Delim('{') {
		return nil, fmt.Errorf("found %q, expected a JSON object", clip(string(text)))
	}
	object := make(map[string]json.RawMessage)
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, broken(err)
		}
		key, ok := token.(string)
		if !ok {
			return nil, fmt.Errorf("broken JSON at byte %d: found %v, expected a key", d.InputOffset(), token)
		}
		if _, twice := object[key]; twice {
			return nil, fmt.Errorf("the key %q comes twice, expected once", clip(key))
		}
		if len(object) == maxFields {
			return nil, fmt.Errorf("found more than %d keys, expected at most so many", maxFields)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, broken(err)
		}
		object[key] = value
	}
	if _, err := d.Token(); err != nil { // the closing brace
		return nil, broken(err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("broken JSON: something follows the object at byte %d", d.InputOffset())
	}
	return object, nil
}

// scalar returns a JSON string decoded, or a number or boolean as it is
// written; ok is false for anything else.
func scalar(raw json.RawMessage) (value string, isString, ok bool) {
	var decoded any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&decoded); err != nil {
		return "", false, false
	}
	switch v := decoded.(type) {
	case string:
		return v, true, true
	case json.Number:
		return string(v), false, true
	case bool:
		return strconv.FormatBool(v), false, true
	}
	return "", false, false
}
