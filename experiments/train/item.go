// Package train fine-tunes, evaluates and pretrains: it brings texts, a
// tokenizer and a model together.
package train

import (
	"fmt"

	"godwit/experiments/dataset"
	"godwit/transformer"
	"godwit/transformer/tokenizer"
)

// Task says what a sequence head is trained for.
type Task string

const (
	Classification Task = "classification"
	Regression     Task = "regression"
)

// Item is an example ready for the model.
type Item struct {
	IDs, TypeIDs []int32
	Label        int32   // class, for Classification
	Score        float32 // target, for Regression
}

// Truncation counts how many items lost tokens.
type Truncation struct {
	Items     int `json:"items"`
	Truncated int `json:"truncated"`
}

// Encode tokenizes examples on all cores; texts are cut to maxLength tokens,
// the longer of a pair first. Labels and scores are not set.
func Encode(tok *tokenizer.Tokenizer, examples []dataset.Example, maxLength int) ([]Item, Truncation, error) {
	count := Truncation{Items: len(examples)}
	if len(examples) == 0 {
		return nil, count, nil
	}
	texts := make([]string, len(examples))
	var pairs []string
	for i, e := range examples {
		if e.HasPair != examples[0].HasPair {
			return nil, count, fmt.Errorf("example %d has a pair and another has none", i+1)
		}
		texts[i] = e.Text
		if e.HasPair {
			pairs = append(pairs, e.Pair)
		}
	}
	encodings, err := tok.EncodeBatch(texts, pairs, tokenizer.Options{AddSpecialTokens: true, MaxLength: maxLength, Truncation: tokenizer.LongestFirst})
	if err != nil {
		return nil, count, err
	}
	items := make([]Item, len(examples))
	for i, e := range encodings {
		items[i] = Item{IDs: e.IDs, TypeIDs: e.TypeIDs}
		if len(e.IDs) == maxLength {
			count.Truncated++
		}
	}
	return items, count, nil
}

// Prepare encodes the examples of a file and sets their scores, or their classes by
// the names of the labels. Errors name the path and the line.
func Prepare(path string, examples []dataset.Example, tok *tokenizer.Tokenizer, task Task, labels []string, maxLength int) ([]Item, Truncation, error) {
	items, count, err := Encode(tok, examples, maxLength)
	if err != nil {
		return nil, count, fmt.Errorf("%s: %w", path, err)
	}
	if task == Regression {
		scores, err := dataset.Scores(path, examples)
		for i, s := range scores {
			items[i].Score = float32(s)
		}
		return items, count, err
	}
	known, err := dataset.NewLabels(labels)
	if err != nil {
		return nil, count, err
	}
	ids, err := known.Indices(path, examples)
	for i, id := range ids {
		items[i].Label = int32(id)
	}
	return items, count, err
}

// lengths returns the number of tokens of each item.
func lengths(items []Item) []int {
	n := make([]int, len(items))
	for i, it := range items {
		n[i] = len(it.IDs)
	}
	return n
}

// fill makes b the batch of the given items.
func fill(b *transformer.Batch, items []Item, which []int) {
	b.Reset()
	for _, i := range which {
		b.Add(items[i].IDs, items[i].TypeIDs)
	}
}
