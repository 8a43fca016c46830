package synthetic

import (
	"cmp"
	"slices"
	"strings"
)

// Vocabulary returns a WordPiece vocabulary of at most size tokens for the
// corpora: special tokens, letters and marks, then words by frequency.
func (c *Corpora) Vocabulary(size int) []string {
	vocab := []string{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ",", "."}
	for l := 'a'; l <= 'z'; l++ {
		vocab = append(vocab, string(l), "##"+string(l))
	}
	count := map[string]int{}
	for _, text := range c.Unlabelled {
		for _, w := range strings.Fields(text) {
			count[w]++
		}
	}
	words := make([]string, 0, len(count))
	for w := range count {
		if len(w) > 1 {
			words = append(words, w)
		}
	}
	slices.SortFunc(words, func(a, b string) int { return cmp.Or(count[b]-count[a], strings.Compare(a, b)) })
	return append(vocab, words[:min(len(words), max(0, size-len(vocab)))]...)
}
