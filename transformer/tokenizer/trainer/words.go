package trainer

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"unicode/utf8"
)

// word is a word of the text and how often it occurs.
type word struct {
	text  []rune
	count int64
}

// What the words may add up to, so that no count and no position overflows.
const (
	maxCharacters  = math.MaxInt32 / 2 // of distinct words
	maxOccurrences = math.MaxInt64 / 4 // of characters in the text
)

// sortedWords returns the words that occur, by code points, so that nothing
// depends on the order of the map. Bytes that are no UTF-8 become U+FFFD, as
// they do in a tokenizer.
func sortedWords(counts map[string]int) ([]word, error) {
	clean := counts
	for text := range counts {
		if !utf8.ValidString(text) {
			clean = make(map[string]int, len(counts))
			break
		}
	}
	var characters, occurrences int64
	for text, count := range counts {
		if count < 0 {
			return nil, fmt.Errorf("trainer: word %.80q: found the count %d, expected 0 or more", text, count)
		}
		length := int64(utf8.RuneCountInString(text))
		characters += length + 1
		if length > 0 && int64(count) > (maxOccurrences-occurrences)/length {
			return nil, fmt.Errorf("trainer: found words of more than %d characters in all, by their counts", int64(maxOccurrences))
		}
		occurrences += int64(count) * length
	}
	if characters > maxCharacters {
		return nil, fmt.Errorf("trainer: found distinct words of %d characters in all, expected at most %d", characters, maxCharacters)
	}
	if len(clean) < len(counts) {
		for text, count := range counts {
			clean[string([]rune(text))] += count
		}
	}
	words := make([]word, 0, len(clean))
	for _, text := range slices.Sorted(maps.Keys(clean)) {
		if count := clean[text]; count > 0 && text != "" {
			words = append(words, word{[]rune(text), int64(count)})
		}
	}
	return words, nil
}

// alphabetOf returns the characters of the words by code points, of more than
// limit (0: none) the most frequent ones.
func alphabetOf(words []word, limit int) []rune {
	counts := map[rune]int64{}
	for _, w := range words {
		for _, r := range w.text {
			counts[r] += w.count
		}
	}
	alphabet := slices.Sorted(maps.Keys(counts))
	if limit > 0 && limit < len(alphabet) {
		slices.SortStableFunc(alphabet, func(a, b rune) int { return cmp.Compare(counts[b], counts[a]) })
		alphabet = slices.Sorted(slices.Values(alphabet[:limit]))
	}
	return alphabet
}
