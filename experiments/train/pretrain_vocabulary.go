package train

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"

	"godwit/transformer/tokenizer"
	"godwit/transformer/tokenizer/trainer"
)

// VocabularyOptions say how a vocabulary is trained.
type VocabularyOptions struct {
	ModelType string // which kind of tokenizer the family has
	Size      int    // tokens, special ones included
	// Cased keeps capital letters and accents in WordPiece. The other kinds keep capitals always.
	Cased      bool
	TextColumn string // of CSV, TSV and JSONL
}

// A vocabulary is a kind of tokenizer that can be trained.
type vocabulary struct {
	// special are the first tokens.
	special []string
	// empty returns a tokenizer of the special tokens alone, which splits texts into words.
	empty func(special []string) (*tokenizer.Tokenizer, error)
	// train returns a tokenizer for words that occur so often.
	train func(words map[string]int, o trainer.Options) (*tokenizer.Tokenizer, error)
}

func vocabularyOf(opt VocabularyOptions) (vocabulary, error) {
	switch opt.ModelType {
	case "bert", "distilbert":
		clean := tokenizer.WordPieceOptions{Lowercase: !opt.Cased, ChineseChars: true}
		return vocabulary{
			special: []string{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"},
			empty:   func(special []string) (*tokenizer.Tokenizer, error) { return tokenizer.NewWordPiece(special, clean) },
			train: func(words map[string]int, o trainer.Options) (*tokenizer.Tokenizer, error) {
				vocab, err := trainer.WordPiece(words, o)
				if err != nil {
					return nil, err
				}
				return tokenizer.NewWordPiece(vocab, clean)
			},
		}, nil
	case "roberta":
		clean := tokenizer.ByteLevelBPEOptions{AddPrefixSpace: true}
		return vocabulary{
			special: []string{"<s>", "<pad>", "</s>", "<unk>", "<mask>"},
			empty: func(special []string) (*tokenizer.Tokenizer, error) {
				return tokenizer.NewByteLevelBPE(special, nil, clean)
			},
			train: func(words map[string]int, o trainer.Options) (*tokenizer.Tokenizer, error) {
				vocab, merges, err := trainer.ByteLevelBPE(words, o)
				if err != nil {
					return nil, err
				}
				return tokenizer.NewByteLevelBPE(vocab, merges, clean)
			},
		}, nil
	case "xlm-roberta":
		return unigram(tokenizer.UnigramOptions{XLMRoberta: true}, "<s>", "<pad>", "</s>", "<unk>", "<mask>"), nil
	case "xlnet":
		return unigram(tokenizer.UnigramOptions{}, "<unk>", "<s>", "</s>", "<cls>", "<sep>", "<pad>", "<mask>", "<eod>", "<eop>"), nil
	}
	return vocabulary{}, fmt.Errorf("model_type: found %q, which godwit knows no vocabulary for", opt.ModelType)
}

func unigram(clean tokenizer.UnigramOptions, special ...string) vocabulary {
	return vocabulary{
		special: special,
		empty: func(special []string) (*tokenizer.Tokenizer, error) {
			var pieces []tokenizer.ScoredPiece
			for _, s := range special {
				pieces = append(pieces, tokenizer.ScoredPiece{Piece: s})
			}
			return tokenizer.NewUnigram(pieces, clean)
		},
		train: func(words map[string]int, o trainer.Options) (*tokenizer.Tokenizer, error) {
			trained, err := trainer.Unigram(words, trainer.UnigramOptions{Options: o})
			if err != nil {
				return nil, err
			}
			pieces := make([]tokenizer.ScoredPiece, len(trained))
			for i, p := range trained {
				pieces[i] = tokenizer.ScoredPiece{Piece: p.Text, Score: p.Score}
			}
			return tokenizer.NewUnigram(pieces, clean)
		},
	}
}

// TrainTokenizer trains the vocabulary that a family's tokenizer has on the
// texts of files, which are read as [ReadCorpus] reads them: WordPiece for BERT and
// DistilBERT, byte-level BPE for RoBERTa, Unigram for XLM-R and XLNet. The vocabulary is
// smaller than asked for where the texts have no more.
func TrainTokenizer(ctx context.Context, paths []string, opt VocabularyOptions) (*tokenizer.Tokenizer, error) {
	return trainTokenizer(ctx, strings.Join(paths, ", "), opt, func(add func(string, boundary) error) error {
		for _, path := range paths {
			if err := eachPiece(path, opt.TextColumn, add); err != nil {
				return err
			}
		}
		return nil
	})
}

// TrainTokenizerOn is [TrainTokenizer] for texts at hand.
func TrainTokenizerOn(ctx context.Context, texts []string, opt VocabularyOptions) (*tokenizer.Tokenizer, error) {
	return trainTokenizer(ctx, "texts", opt, func(add func(string, boundary) error) error {
		for _, text := range texts {
			if err := add(text, endOfText); err != nil {
				return err
			}
		}
		return nil
	})
}

// trainTokenizer trains on the texts that each calls its argument with; the place stands for them in errors.
func trainTokenizer(ctx context.Context, place string, opt VocabularyOptions, each func(add func(string, boundary) error) error) (*tokenizer.Tokenizer, error) {
	v, err := vocabularyOf(opt)
	if err != nil {
		return nil, err
	}
	splitter, err := v.empty(v.special)
	if err != nil {
		return nil, err
	}
	c := wordCounter{ctx: ctx, splitter: splitter, counts: map[string]int{}, maxWords: 1 << 22, maxBytes: 1 << 28}
	if err := each(c.add); err != nil {
		return nil, err
	}
	if err := c.flush(); err != nil {
		return nil, err
	}
	if len(c.counts) == 0 {
		return nil, fmt.Errorf("%s: found no text, expected some to train a vocabulary on", place)
	}
	return v.train(c.counts, trainer.Options{VocabSize: opt.Size, SpecialTokens: v.special, LimitAlphabet: max(minAlphabet, (opt.Size-len(v.special))/4)})
}

// minAlphabet is the least number of characters that a vocabulary may leave
// room for. Of more than a quarter of its size the rarest are unknown.
const minAlphabet = 32

// wordCounter counts the words of texts, on all cores.
type wordCounter struct {
	ctx      context.Context
	splitter *tokenizer.Tokenizer
	texts    []string
	pending  int // bytes of texts
	counts   map[string]int
	bytes    int // of the words in counts
	rare     int // words that occur up to so often were dropped at the last pruning

	maxWords, maxBytes int // past them, the rarest words are dropped
}

// maxWordRunes is the most characters of a word: a longer one is counted in parts.
const maxWordRunes = 256

func (c *wordCounter) add(text string, _ boundary) error {
	c.texts = append(c.texts, text)
	if c.pending += len(text); len(c.texts) >= encodePieces || c.pending >= encodeBytes {
		return c.flush()
	}
	return nil
}

func (c *wordCounter) flush() error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	workers := min(runtime.GOMAXPROCS(0), len(c.texts))
	parts := make([]map[string]int, workers)
	var wg sync.WaitGroup
	for w := range workers {
		parts[w] = map[string]int{}
		wg.Go(func() {
			for i := w; i < len(c.texts); i += workers {
				for _, word := range c.splitter.PreTokenize(c.texts[i]) {
					for _, part := range wordParts(word) {
						parts[w][part]++
					}
				}
			}
		})
	}
	wg.Wait()
	c.texts, c.pending = c.texts[:0], 0
	for _, part := range parts {
		for word, n := range part {
			if c.counts[word] == 0 {
				c.bytes += len(word)
			}
			c.counts[word] += n
		}
	}
	// What is dropped depends on the texts up to here, not on the number of workers.
	for len(c.counts) > c.maxWords || c.bytes > c.maxBytes {
		c.rare++
		maps.DeleteFunc(c.counts, func(word string, n int) bool {
			if n <= c.rare {
				c.bytes -= len(word)
			}
			return n <= c.rare
		})
	}
	return nil
}

// wordParts cuts a word that is too long.
func wordParts(word string) []string {
	if len(word) <= maxWordRunes {
		return []string{word}
	}
	var parts []string
	for part := range slices.Chunk([]rune(word), maxWordRunes) {
		parts = append(parts, string(part))
	}
	return parts
}
