package trainer

import (
	"fmt"
	"slices"
	"strings"

	"godwit/transformer/tokenizer/internal/alphabet"
)

// byteRunes writes bytes as characters.
var byteRunes = alphabet.Runes

// ByteLevel returns the bytes of a text as characters of GPT-2's alphabet:
// " é" is "ĠÃ©". The words of [ByteLevelBPE] are made of these.
func ByteLevel(text string) string {
	var b strings.Builder
	for i := range len(text) {
		b.WriteRune(byteRunes[text[i]])
	}
	return b.String()
}

// ByteLevelBPE trains a vocabulary of GPT-2's and RoBERTa's form on words as
// [ByteLevel] makes them. It has the special tokens, the characters of all 256
// bytes, by code points, and then the tokens of the merges, which are returned in their
// order: the most frequent pair, of equally frequent ones that whose left, then
// whose right token is earlier in the vocabulary. Two merges may make the
// same token.
//
// It returns an error if the options are no good, VocabSize is too small for
// special tokens and bytes, or a word has a character that stands for no byte.
func ByteLevelBPE(words map[string]int, o Options) (vocab []string, merges [][2]string, err error) {
	o, err = o.withDefaults()
	if err != nil {
		return nil, nil, err
	}
	sorted, err := sortedWords(words)
	if err != nil {
		return nil, nil, err
	}
	if err := o.checkSize(len(byteRunes)); err != nil {
		return nil, nil, err
	}

	m := newMerger(o.SpecialTokens, "")
	alphabet := slices.Sorted(slices.Values(byteRunes[:]))
	ids := make([]int32, alphabet[len(alphabet)-1]+1)
	for i := range ids {
		ids[i] = -1
	}
	for _, r := range alphabet {
		m.addCharacter(string(r))
		ids[r] = m.ids[string(r)]
	}
	var symbols []int32
	for _, w := range sorted {
		symbols = symbols[:0]
		for _, r := range w.text {
			if int(r) >= len(ids) || ids[r] < 0 {
				return nil, nil, fmt.Errorf("trainer: word %.80q: found the character %q, expected those of GPT-2's byte alphabet (see ByteLevel)",
					string(w.text), r)
			}
			symbols = append(symbols, ids[r])
		}
		m.addWord(symbols, w.count)
	}
	merges = m.run(o)
	return m.tokens, merges, nil
}
