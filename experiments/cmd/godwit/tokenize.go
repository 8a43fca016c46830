package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"godwit/transformer/tokenizer"
)

type tokenizeCommand struct {
	Model string `required:"" help:"Directory with a tokenizer's files." placeholder:"DIR"`
	File  string `arg:"" optional:"" help:"File to read; standard input by default."`
	JSON  bool   `help:"Each input line is an object with text and optionally pair, add_special_tokens, max_length, truncation; each output line has ids, type_ids, offsets (code points), special_tokens_mask, tokens."`
}

func (tokenizeCommand) Help() string {
	return "Example: echo 'A godwit is a wader.' | godwit tokenize --model checkpoints/minilm"
}

// tokenizeRequest is a line of input with --json.
type tokenizeRequest struct {
	Text             *string `json:"text"`
	Pair             *string `json:"pair"`
	AddSpecialTokens *bool   `json:"add_special_tokens"`
	MaxLength        *int    `json:"max_length"`
	Truncation       any     `json:"truncation"` // null, a strategy or a boolean
}

// tokenizeResponse is a line of output with --json.
type tokenizeResponse struct {
	IDs               []int32  `json:"ids"`
	TypeIDs           []int32  `json:"type_ids"`
	Offsets           [][2]int `json:"offsets"`
	SpecialTokensMask []int    `json:"special_tokens_mask"`
	SequenceIDs       []*int   `json:"sequence_ids"`
	Tokens            []string `json:"tokens"`
}

func (c *tokenizeCommand) Run() error {
	tok, err := tokenizer.Load(c.Model)
	if err != nil {
		return err
	}
	in, name, err := openInput(c.File)
	if err != nil {
		return err
	}
	defer in.Close()
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	return eachLine(in, name, func(number int, line string) error {
		if !c.JSON {
			e, err := tok.Encode(line, tokenizer.Options{AddSpecialTokens: true})
			if err != nil {
				return fmt.Errorf("%s, line %d: %w", name, number, err)
			}
			for i, id := range e.IDs {
				o := e.Offsets[i]
				fmt.Fprintf(out, "%-20s %7d  %d:%d\n", e.Tokens[i], id, o[0], o[1])
			}
			fmt.Fprintln(out)
			return nil
		}
		if strings.TrimSpace(line) == "" {
			return nil
		}
		response, err := tokenizeLine(tok, line)
		if err != nil {
			return fmt.Errorf("%s, line %d: %w", name, number, err)
		}
		return encoder.Encode(response)
	})
}

func tokenizeLine(tok *tokenizer.Tokenizer, line string) (*tokenizeResponse, error) {
	var r tokenizeRequest
	if err := json.Unmarshal([]byte(line), &r); err != nil {
		return nil, fmt.Errorf("not a JSON object of the form expected: %w", err)
	}
	if r.Text == nil {
		return nil, errors.New(`the object has no "text"`)
	}
	opt := tokenizer.Options{AddSpecialTokens: r.AddSpecialTokens == nil || *r.AddSpecialTokens}
	if r.MaxLength != nil {
		if *r.MaxLength < 1 {
			return nil, fmt.Errorf("max_length: found %d, expected a number from 1 up", *r.MaxLength)
		}
		opt.MaxLength = *r.MaxLength
	}
	switch t := r.Truncation.(type) {
	case nil:
	case bool:
		if t {
			opt.Truncation = tokenizer.LongestFirst
		}
	case string:
		var err error
		if opt.Truncation, err = tokenizer.ParseTruncation(t); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("truncation: found %v, expected null, true or the name of a strategy", t)
	}
	var (
		e    tokenizer.Encoding
		err  error
		pair string
	)
	if r.Pair != nil {
		pair = *r.Pair
		e, err = tok.EncodePair(*r.Text, pair, opt)
	} else {
		e, err = tok.Encode(*r.Text, opt)
	}
	if err != nil {
		return nil, err
	}
	e.Runes(*r.Text, pair)
	response := &tokenizeResponse{
		IDs: append([]int32{}, e.IDs...), TypeIDs: append([]int32{}, e.TypeIDs...), Offsets: append([][2]int{}, e.Offsets...),
		SpecialTokensMask: make([]int, len(e.IDs)), SequenceIDs: make([]*int, len(e.IDs)), Tokens: append([]string{}, e.Tokens...),
	}
	for i, m := range e.SpecialTokensMask {
		response.SpecialTokensMask[i] = int(m)
		if s := int(e.SequenceIDs[i]); s >= 0 {
			response.SequenceIDs[i] = &s
		}
	}
	return response, nil
}

// openInput opens a file, or standard input for "" and "-".
func openInput(path string) (io.ReadCloser, string, error) {
	if path == "" || path == "-" {
		return io.NopCloser(os.Stdin), "standard input", nil
	}
	f, err := os.Open(path)
	return f, path, err
}

// eachLine calls f with each line, split at LF only, without its CR LF.
func eachLine(in io.Reader, name string, f func(number int, line string) error) error {
	r := bufio.NewReaderSize(in, 1<<16)
	for number := 1; ; number++ {
		line, err := r.ReadString('\n')
		if line != "" {
			line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
			if err := f(number, line); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s, line %d: %w", name, number, err)
		}
	}
}
