package checkpoint

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"unicode/utf8"
)

// metadataKey is the one key of a header that names no tensor.
const metadataKey = "__metadata__"

// maxHeader is the longest header read, in bytes: the limit that the reference
// implementation sets.
const maxHeader = 100_000_000

// entry is a tensor of a header: where it lies, in bytes from the start of
// the data section.
type entry struct {
	name       string
	dtype      DType
	shape      []int
	elements   int
	begin, end int
}

// header is the decoded and validated head of a file.
type header struct {
	metadata map[string]string
	tensors  map[string]entry
	start    int // of the data section, in bytes from the start of the file
}

// parseHeader decodes and validates the head of a whole file. What it returns
// can be trusted: every tensor lies inside the file, its size is that of its
// type and shape, and the tensors fill the data section without overlap or gap.
func parseHeader(file []byte) (*header, error) {
	const prefix = 8
	if len(file) < prefix {
		return nil, fmt.Errorf("the file has %d bytes, expected at least %d for the header length", len(file), prefix)
	}
	length := binary.LittleEndian.Uint64(file)
	if length > maxHeader {
		return nil, fmt.Errorf("header length is %d bytes, expected at most %d (is this a safetensors file?)", length, maxHeader)
	}
	if rest := len(file) - prefix; length > uint64(rest) {
		return nil, fmt.Errorf("header length is %d bytes, but only %d bytes follow it: the file is truncated or no safetensors file", length, rest)
	}
	start := prefix + int(length)
	text := file[prefix:start]
	if len(text) == 0 || text[0] != '{' {
		return nil, fmt.Errorf("header: found %q, expected a JSON object starting with \"{\"", text[:min(len(text), 16)])
	}
	if !utf8.Valid(text) {
		return nil, errors.New("header: found bytes that are not UTF-8, expected JSON in UTF-8")
	}
	h, err := decodeHeader(text)
	if err != nil {
		return nil, err
	}
	h.start = start
	if err := h.checkLayout(len(file) - start); err != nil {
		return nil, err
	}
	return h, nil
}

// stored returns the tensors by name, as they lie in the file p.
func (h *header) stored(p *part) map[string]stored {
	tensors := make(map[string]stored, len(h.tensors))
	for name, t := range h.tensors {
		tensors[name] = stored{name: name, dtype: t.dtype, shape: t.shape, elements: t.elements, part: p, begin: h.start + t.begin}
	}
	return tensors
}

// checkLayout demands that the tensors, in order of their offsets, fill the
// data section exactly.
func (h *header) checkLayout(size int) error {
	order := make([]entry, 0, len(h.tensors))
	for _, t := range h.tensors {
		if t.end > size {
			return fmt.Errorf("tensor %q: data_offsets [%d, %d] reach beyond the data section, which has %d bytes: the file is truncated or its header wrong", t.name, t.begin, t.end, size)
		}
		order = append(order, t)
	}
	slices.SortFunc(order, func(a, b entry) int {
		// The name only settles which of two equal ranges an error names.
		for _, d := range []int{a.begin - b.begin, a.end - b.end} {
			if d != 0 {
				return d
			}
		}
		return bytes.Compare([]byte(a.name), []byte(b.name))
	})
	filled, previous := 0, ""
	for _, t := range order {
		switch {
		case t.begin < filled:
			return fmt.Errorf("tensor %q: data_offsets [%d, %d] overlap tensor %q, which ends at %d", t.name, t.begin, t.end, previous, filled)
		case t.begin > filled:
			return fmt.Errorf("tensor %q: data_offsets [%d, %d] leave a gap of %d bytes, expected to start at %d", t.name, t.begin, t.end, t.begin-filled, filled)
		}
		filled, previous = t.end, t.name
	}
	if filled != size {
		return fmt.Errorf("the tensors end at byte %d of the data section, expected %d, where it ends", filled, size)
	}
	return nil
}

// decoder walks a header token by token, because a decoder into a map would
// silently keep the last of two equal keys.
type decoder struct{ json *json.Decoder }

// decodeHeader decodes the JSON text of a header.
func decodeHeader(text []byte) (*header, error) {
	d := decoder{json.NewDecoder(bytes.NewReader(text))}
	d.json.UseNumber()
	h := &header{tensors: make(map[string]entry)}
	err := d.object("header", func(key string) error {
		if key == metadataKey {
			return d.metadata(h)
		}
		t, err := d.tensor(key)
		h.tensors[key] = t
		return err
	})
	if err != nil {
		return nil, err
	}
	if _, err := d.json.Token(); err != io.EOF {
		return nil, fmt.Errorf("header: something follows its JSON object at byte %d, expected only spaces", d.json.InputOffset())
	}
	return h, nil
}

// metadata decodes the object of strings that describes the whole file.
func (d decoder) metadata(h *header) error {
	h.metadata = make(map[string]string)
	return d.object(metadataKey, func(key string) error {
		value, err := d.token(metadataKey + ": value of " + strconv.Quote(key))
		if err != nil {
			return err
		}
		text, ok := value.(string)
		if !ok {
			return fmt.Errorf("%s: value of %q is %v, expected a string", metadataKey, key, describe(value))
		}
		h.metadata[key] = text
		return nil
	})
}

// tensor decodes the description of one tensor and checks all that can be
// checked without the other tensors.
func (d decoder) tensor(name string) (entry, error) {
	t := entry{name: name}
	place := "tensor " + strconv.Quote(name)
	var offsets []int
	var seen struct{ dtype, shape, offsets bool }
	err := d.object(place, func(key string) error {
		var err error
		switch key {
		case "dtype":
			seen.dtype = true
			t.dtype, err = d.dtype(place)
		case "shape":
			seen.shape = true
			t.shape, err = d.integers(place + ": shape")
		case "data_offsets":
			seen.offsets = true
			offsets, err = d.integers(place + ": data_offsets")
		default:
			err = fmt.Errorf("%s: found the key %q, expected dtype, shape and data_offsets", place, key)
		}
		return err
	})
	if err != nil {
		return t, err
	}
	switch {
	case !seen.dtype:
		return t, fmt.Errorf("%s: dtype is missing", place)
	case !seen.shape:
		return t, fmt.Errorf("%s: shape is missing", place)
	case !seen.offsets:
		return t, fmt.Errorf("%s: data_offsets are missing", place)
	case len(offsets) != 2:
		return t, fmt.Errorf("%s: data_offsets %v are %d numbers, expected 2", place, offsets, len(offsets))
	case offsets[0] > offsets[1]:
		return t, fmt.Errorf("%s: data_offsets %v end before they begin", place, offsets)
	}
	t.begin, t.end = offsets[0], offsets[1]
	var ok bool
	if t.elements, ok = product(t.shape); !ok {
		return t, fmt.Errorf("%s: the number of elements of shape %v overflows", place, t.shape)
	}
	want, ok := product([]int{t.elements, t.dtype.Size()})
	if !ok {
		return t, fmt.Errorf("%s: the size of shape %v in %s overflows", place, t.shape, t.dtype)
	}
	if found := t.end - t.begin; found != want {
		return t, fmt.Errorf("%s: data_offsets %v hold %d bytes, expected %d for %s of shape %v", place, offsets, found, want, t.dtype, t.shape)
	}
	return t, nil
}

func (d decoder) dtype(place string) (DType, error) {
	value, err := d.token(place + ": dtype")
	if err != nil {
		return "", err
	}
	text, ok := value.(string)
	if !ok {
		return "", fmt.Errorf("%s: dtype is %v, expected a string", place, describe(value))
	}
	if DType(text).Size() == 0 {
		return "", fmt.Errorf("%s: dtype is %q, expected one of %s", place, text, knownDTypes())
	}
	return DType(text), nil
}

// integers decodes an array of numbers that are not negative and fit an int.
func (d decoder) integers(place string) ([]int, error) {
	if err := d.delimiter(place, '[', "an array"); err != nil {
		return nil, err
	}
	list := []int{}
	for d.json.More() {
		value, err := d.token(place)
		if err != nil {
			return nil, err
		}
		number, ok := value.(json.Number)
		if !ok {
			return nil, fmt.Errorf("%s: element %d is %v, expected an integer", place, len(list), describe(value))
		}
		n, err := strconv.ParseInt(string(number), 10, strconv.IntSize)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("%s: element %d is %s, expected an integer from 0 to %d", place, len(list), clip(string(number)), math.MaxInt)
		}
		list = append(list, int(n))
	}
	_, err := d.token(place) // the closing bracket
	return list, err
}

// object decodes an object: value is called after each key, to take the
// value. A key that comes twice is an error.
func (d decoder) object(place string, value func(key string) error) error {
	if err := d.delimiter(place, '{', "an object"); err != nil {
		return err
	}
	seen := make(map[string]bool)
	for d.json.More() {
		token, err := d.token(place)
		if err != nil {
			return err
		}
		key, ok := token.(string)
		if !ok {
			return fmt.Errorf("%s: found %v, expected a key", place, describe(token))
		}
		if seen[key] {
			return fmt.Errorf("%s: the key %q comes twice (again before byte %d of the header)", place, key, d.json.InputOffset())
		}
		seen[key] = true
		if err := value(key); err != nil {
			return err
		}
	}
	_, err := d.token(place) // the closing brace
	return err
}

func (d decoder) delimiter(place string, want json.Delim, what string) error {
	token, err := d.token(place)
	if err != nil {
		return err
	}
	if token != want {
		return fmt.Errorf("%s: found %v, expected %s", place, describe(token), what)
	}
	return nil
}

// token returns the next token, and the byte of the header with an error.
func (d decoder) token(place string) (json.Token, error) {
	token, err := d.json.Token()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, fmt.Errorf("%s: bad JSON at byte %d of the header: %w", place, d.json.InputOffset(), err)
	}
	return token, nil
}

// describe names a JSON token in an error.
func describe(token json.Token) string {
	switch t := token.(type) {
	case nil:
		return "null"
	case string:
		return "the string " + strconv.Quote(clip(t))
	case json.Number:
		return "the number " + clip(string(t))
	case bool:
		return strconv.FormatBool(t)
	case json.Delim:
		if t == '{' {
			return "an object"
		}
		return "an array"
	}
	return fmt.Sprint(token)
}

// clip shortens what a file holds to what an error message bears.
func clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}

// product multiplies numbers that are not negative; ok is false where the
// product does not fit an int.
func product(numbers []int) (p int, ok bool) {
	p = 1
	for _, n := range numbers {
		high, low := bits.Mul64(uint64(p), uint64(n))
		if high != 0 || low > math.MaxInt {
			return 0, false
		}
		p = int(low)
	}
	return p, true
}
