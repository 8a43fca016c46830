package tokenizer

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// english makes a text of the size with words about as frequent as in English:
// few common ones, many rare ones, which are put together from syllables.
func english(size int) string {
	r := rand.New(rand.NewPCG(1, 2))
	syllables := strings.Fields("a an ar be ca co de di ed en er es ex fi for ga he hu in is it jo ka la le li ly ma me mo na ne ni ob on or pa pe pre que ra re ri ro sa se si so sta ta te ter the ti tion to tra tu un ur ver vi wa we wi ye za")
	vocabulary := make([]string, 30000)
	for i := range vocabulary {
		for n := 1 + r.IntN(2+i/4000); n >= 0; n-- {
			vocabulary[i] += syllables[r.IntN(len(syllables))]
		}
	}
	z := rand.NewZipf(r, 1.1, 4, uint64(len(vocabulary)-1))
	var b strings.Builder
	for b.Len() < size {
		for n := 5 + r.IntN(20); n > 0; n-- {
			b.WriteString(vocabulary[z.Uint64()])
			b.WriteString([]string{" ", " ", " ", " ", " ", " ", " ", ", ", "'s ", "-"}[r.IntN(10)])
		}
		b.WriteString("It was 1987. ")
	}
	return b.String()
}

// benchmarkEncode encodes the lines of a text one by one on one core.
func benchmarkEncode(b *testing.B, tok *Tokenizer) {
	text := english(1 << 20)
	var texts []string
	for len(text) > 0 { // of 400 bytes, as sentences or two are
		n := min(400, len(text))
		texts, text = append(texts, text[:n]), text[n:]
	}
	b.SetBytes(1 << 20)
	b.ReportAllocs()
	for b.Loop() {
		for _, t := range texts {
			if _, err := tok.Encode(t, Options{AddSpecialTokens: true}); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkWordPiece(b *testing.B) {
	tok, err := Load(shared(b, "golden", "tokenizers", "bert-base-uncased", "hf"))
	if err != nil {
		b.Fatal(err)
	}
	benchmarkEncode(b, tok)
}

func BenchmarkByteLevelBPE(b *testing.B) {
	tok, err := Load(shared(b, "golden", "tokenizers", "roberta-base", "hf"))
	if err != nil {
		b.Fatal(err)
	}
	benchmarkEncode(b, tok)
}
