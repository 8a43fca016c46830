package train

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"godwit/transformer/checkpoint"
)

// Card is what a model card says: the README.md of a model directory, which
// Hugging Face shows as the model's page. Everything but Title may be empty.
type Card struct {
	Title     string
	Summary   string     // what the model is, in a sentence or two
	BaseModel string     // name or directory of the checkpoint that it was made from
	Task      string     // Hugging Face's name for it: text-classification, fill-mask, …
	Tags      []string   // beside "godwit"
	Command   []string   // the command line
	Data      []CardItem // what it was trained and scored on
	Settings  any        // shown as JSON
	Scores    []CardItem
	Notes     []string // paragraphs
}

// CardItem is a row of a card's table.
type CardItem struct{ Name, Value string }

// ErrCardKept says that a README.md was left as it is, because godwit did not
// write it or someone wrote on at its end.
var ErrCardKept = errors.New("not written by godwit, left as it is")

// cardMark is the last line of a card, by which godwit knows its own.
const cardMark = "<!-- Written by godwit, which replaces this file when the model is made again. -->\n"

// cardName is the file of a card.
const cardName = "README.md"

// WriteCard writes the model card of a directory, in one step. A README.md
// that is not a card of godwit's is kept: the error is then [ErrCardKept].
func WriteCard(dir string, c Card) error {
	path := filepath.Join(dir, cardName)
	own, err := isCard(path)
	if err != nil {
		return err
	}
	if !own {
		return fmt.Errorf("%s: %w", path, ErrCardKept)
	}
	text, err := c.markdown()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return checkpoint.WriteFile(path, text)
}

// isCard reports whether a file ends as a card does, or is not there.
func isCard(path string) (bool, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	stat, err := f.Stat()
	if err != nil || stat.Size() < int64(len(cardMark)) || !stat.Mode().IsRegular() {
		return false, err
	}
	end := make([]byte, len(cardMark))
	if _, err := f.ReadAt(end, stat.Size()-int64(len(end))); err != nil && err != io.EOF {
		return false, err
	}
	return string(end) == cardMark, nil
}

// markdown writes the card: the front matter in YAML, then the text.
func (c Card) markdown() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("---\nlibrary_name: transformers\n")
	if c.BaseModel != "" {
		fmt.Fprintf(&b, "base_model: %s\n", quoted(modelName(c.BaseModel)))
	}
	if c.Task != "" {
		fmt.Fprintf(&b, "pipeline_tag: %s\n", quoted(c.Task))
	}
	b.WriteString("tags:\n- godwit\n")
	for _, tag := range c.Tags {
		fmt.Fprintf(&b, "- %s\n", quoted(tag))
	}
	fmt.Fprintf(&b, "---\n\n# %s\n", oneLine(c.Title))
	if c.Summary != "" {
		fmt.Fprintf(&b, "\n%s\n", c.Summary)
	}
	if c.BaseModel != "" {
		fmt.Fprintf(&b, "\nMade from %s.\n", code(modelName(c.BaseModel)))
	}
	if len(c.Command) > 0 {
		words := make([]string, len(c.Command))
		for i, word := range c.Command {
			words[i] = shellWord(word)
		}
		b.WriteString("\n## Command\n\n" + block("sh", strings.Join(words, " ")))
	}
	table(&b, "Data", c.Data)
	table(&b, "Scores", c.Scores)
	if c.Settings != nil {
		text, err := json.MarshalIndent(c.Settings, "", "  ")
		if err != nil {
			return nil, fmt.Errorf("settings: %w", err)
		}
		b.WriteString("\n## Settings\n\n" + block("json", string(text)))
	}
	for _, note := range c.Notes {
		fmt.Fprintf(&b, "\n%s\n", note)
	}
	b.WriteString("\n" + cardMark)
	return b.Bytes(), nil
}

// modelName is a name on Hugging Face as it is, and the last element of a
// path: where someone keeps their models is nothing for a card.
func modelName(model string) string {
	model = strings.TrimRight(filepath.ToSlash(model), "/")
	organisation, name, ok := strings.Cut(model, "/")
	if ok && organisation != "" && !strings.HasPrefix(organisation, ".") && !strings.Contains(name, "/") {
		return model
	}
	return model[strings.LastIndexByte(model, '/')+1:]
}

// table writes a section with one row an item.
func table(b *bytes.Buffer, title string, items []CardItem) {
	if len(items) == 0 {
		return
	}
	fmt.Fprintf(b, "\n## %s\n\n| | |\n|---|---|\n", title)
	for _, item := range items {
		fmt.Fprintf(b, "| %s | %s |\n", cell(item.Name), cell(item.Value))
	}
}

func cell(s string) string { return strings.ReplaceAll(oneLine(s), "|", `\|`) }

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// code marks a piece of text as code, whatever backquotes it has.
func code(s string) string {
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		s = " " + s + " "
	}
	return fence + oneLineCode(s) + fence
}

func oneLineCode(s string) string { return strings.NewReplacer("\r", " ", "\n", " ").Replace(s) }

// block marks lines of text as code.
func block(language, text string) string {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence + language + "\n" + text + "\n" + fence + "\n"
}

// quoted writes a string for YAML, whose double-quoted strings include JSON's.
func quoted(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.Encode(s) // a string always has a notation
	return strings.TrimSuffix(b.String(), "\n")
}

// shellWord quotes an argument where a shell would take it for more than a word.
func shellWord(s string) string {
	plain := s != ""
	for _, r := range s {
		if !strings.ContainsRune("+,-./:=@_%", r) && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') {
			plain = false
		}
	}
	if plain {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
