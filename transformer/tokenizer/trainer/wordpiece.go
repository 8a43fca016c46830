package trainer

import (
	"slices"
)

// continuing is what WordPiece pieces after a word's first begin with.
const continuing = "##"

// WordPiece trains a vocabulary of BERT's form. It has the special tokens, the
// characters, by code points, the same again with "##" where they occur after
// a word's first, and then a token for each merge of byte-pair encoding, which
// takes the most frequent pair, of equally frequent ones that whose left, then
// whose right token is earlier in the vocabulary. So does the WordPieceTrainer of
// Hugging Face, which follows no publication: the original trainer was never
// shown, and Wu et al. (arXiv 1609.08144, §4.1) only describe the result.
//
// A word with a character beyond LimitAlphabet counts for nothing, because the
// tokenizer will take all of it as unknown.
//
// It returns an error if the options are no good or VocabSize is too small for
// special tokens and characters.
func WordPiece(words map[string]int, o Options) ([]string, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	sorted, err := sortedWords(words)
	if err != nil {
		return nil, err
	}
	alphabet := alphabetOf(sorted, o.LimitAlphabet)
	known := map[rune]bool{}
	for _, r := range alphabet {
		known[r] = true
	}
	sorted = slices.DeleteFunc(sorted, func(w word) bool {
		return slices.ContainsFunc(w.text, func(r rune) bool { return !known[r] })
	})
	later := map[rune]bool{}
	for _, w := range sorted {
		for _, r := range w.text[1:] {
			later[r] = true
		}
	}
	if err := o.checkSize(len(alphabet) + len(later)); err != nil {
		return nil, err
	}

	m := newMerger(o.SpecialTokens, continuing)
	for _, r := range alphabet {
		m.addCharacter(string(r))
	}
	for _, r := range alphabet {
		if later[r] {
			m.addCharacter(continuing + string(r))
		}
	}
	var ids []int32
	for _, w := range sorted {
		ids = ids[:0]
		for i, r := range w.text {
			text := string(r)
			if i > 0 {
				text = continuing + text
			}
			ids = append(ids, m.ids[text])
		}
		m.addWord(ids, w.count)
	}
	m.run(o)
	return m.tokens, nil
}
