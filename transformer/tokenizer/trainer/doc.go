// Package trainer makes the vocabularies of tokenizers from counted words:
//
//   - [WordPiece], as BERT has it: byte-pair encoding (Sennrich et al., arXiv
//     1508.07909, §3.2) over characters, in which the pieces after a word's
//     first begin with "##".
//   - [ByteLevelBPE], as GPT-2 and RoBERTa have it (Radford et al., 2019, §2.2):
//     byte-pair encoding over bytes.
//   - [Unigram], as XLNet and XLM-R have it (Kudo, arXiv 1804.10959, §3.2): the
//     pieces under which a unigram language model gives the text a high
//     likelihood, by expectation maximisation and pruning.
//
// The functions know no text, only how often each word occurs in it: what a
// word is, and how it is cleaned, is for the tokenizer to say. They depend on
// the counts alone: the same counts give the same vocabulary, whatever the order
// of the map, the number of cores or the processor. Ties are broken by rules that
// each function states; sums of floating-point numbers run in a fixed order, and
// logarithms are this package's own, because those of package math differ in the
// last bit between processors.
//
// Against the trainers of Hugging Face's tokenizers, with the same settings on
// English, German and Chinese with 1000 to 30000 tokens, the vocabularies need between
// 0.86 and 1.003 times as many tokens for a text; README.md has the table, and
// testdata/compare.py makes it. On one core 20 MB of English take about a
// second for 30000 tokens by WordPiece and BPE, and twelve by Unigram, once the
// words are counted. Merges follow one another, so only Unigram uses more cores.
package trainer
