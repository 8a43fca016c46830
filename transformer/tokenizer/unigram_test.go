package tokenizer

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// encodeWord encodes a word whose characters have their bytes as places.
func encodeWord(u *unigram, word string) []piece {
	if word == "" {
		return nil
	}
	return u.encode(nil, characters(nil, word, 0, len(word)), new(scratch))
}

func TestUnigramPieces(t *testing.T) {
	pieces := []scoredPiece{{"<unk>", 0}, {"a", -1}, {"b", -1}, {"ab", -2}, {"abc", -4}, {"é", -3}, {"xy", -1}, {"<0x7A>", -9}, {"<0xC3>", -9}, {"<0xBC>", -9}}
	plain, err := newUnigram(pieces, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	bytes, err := newUnigram(pieces, 0, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		u    *unigram
		word string
		want []piece
	}{
		{plain, "ab", []piece{{id: 3, end: 2}}}, // as good as a b: the longer piece is found first
		{plain, "aab", []piece{{id: 1, end: 1}, {id: 3, start: 1, end: 3}}},
		{plain, "abc", []piece{{id: 4, end: 3}}},
		{plain, "éa", []piece{{id: 5, end: 2}, {id: 1, start: 2, end: 3}}},
		{plain, "zzüa", []piece{{0, 0, 4, "zzü"}, {id: 1, start: 4, end: 5}}}, // unknown characters fuse
		{plain, "az", []piece{{id: 1, end: 1}, {0, 1, 2, "z"}}},
		{plain, "z<unk>z", []piece{{0, 0, 7, "z<unk>z"}}}, // as does the piece itself
		{plain, "a<unk>", []piece{{id: 1, end: 1}, {id: 0, start: 1, end: 6}}},
		{plain, "xy", []piece{{id: 6, end: 2}}},
		{bytes, "az", []piece{{id: 1, end: 1}, {id: 7, start: 1, end: 2}}},
		{bytes, "zü", []piece{{id: 7, end: 3}, {id: 8, end: 3}, {id: 9, end: 3}}},
		{bytes, "zw", []piece{{0, 0, 2, "zw"}}}, // w has no byte token
	} {
		if got := encodeWord(c.u, c.word); !slices.Equal(got, c.want) {
			t.Errorf("%q: got %v, want %v", c.word, got, c.want)
		}
	}
	if _, err := newUnigram(nil, 0, false); err == nil {
		t.Error("an empty vocabulary is taken")
	}
	for _, unk := range []int{-1, len(pieces)} {
		if _, err := newUnigram(pieces, unk, false); err == nil {
			t.Errorf("unk_id %d is taken", unk)
		}
	}
	for _, score := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if _, err := newUnigram([]scoredPiece{{"a", score}}, 0, false); err == nil {
			t.Errorf("the score %v is taken", score)
		}
	}
}

// bestScore tries all ways to split a word.
func bestScore(word string, scores map[string]float64, unk float64) float64 {
	if word == "" {
		return 0
	}
	best := math.Inf(-1)
	_, size := utf8.DecodeRuneInString(word)
	if _, ok := scores[word[:size]]; !ok {
		best = unk + bestScore(word[size:], scores, unk)
	}
	for n := 1; n <= len(word); n++ {
		if s, ok := scores[word[:n]]; ok {
			best = max(best, s+bestScore(word[n:], scores, unk))
		}
	}
	return best
}

func TestUnigramIsBest(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	letters := []string{"a", "b", "c", "é", "中"}
	random := func(n int) string {
		var s strings.Builder
		for range n {
			s.WriteString(letters[r.IntN(len(letters))])
		}
		return s.String()
	}
	for range 200 {
		scores := map[string]float64{}
		pieces := []scoredPiece{{"<unk>", 0}}
		least := 0.0
		for range 1 + r.IntN(20) {
			text := random(1 + r.IntN(4))
			if _, ok := scores[text]; ok {
				continue
			}
			scores[text] = -float64(r.IntN(40)) / 4 // exact sums
			least = min(least, scores[text])
			pieces = append(pieces, scoredPiece{text, scores[text]})
		}
		u, err := newUnigram(pieces, 0, false)
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			word := random(1 + r.IntN(8))
			got, end := 0.0, 0
			for _, p := range encodeWord(u, word) {
				if p.start != end {
					t.Fatalf("%q: a token begins at %d, the one before ends at %d", word, p.start, end)
				}
				end = p.end
				if p.id == 0 {
					got += (least - unkPenalty) * float64(utf8.RuneCountInString(word[p.start:p.end]))
					continue
				}
				if pieces[p.id].Piece != word[p.start:p.end] {
					t.Fatalf("%q: the token %q is at %q", word, pieces[p.id].Piece, word[p.start:p.end])
				}
				got += pieces[p.id].Score
			}
			if want := bestScore(word, scores, least-unkPenalty); end != len(word) || got != want {
				t.Fatalf("%q with %v: score %v, up to byte %d; the best is %v", word, pieces, got, end, want)
			}
		}
	}
}

func TestTrie(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	ids := map[string]int32{}
	var texts []string
	for len(texts) < 5000 {
		b := make([]byte, 1+r.IntN(6))
		for i := range b {
			b[i] = byte(r.IntN(1 << (1 + r.IntN(8))))
		}
		if _, ok := ids[string(b)]; !ok {
			ids[string(b)] = int32(len(texts))
			texts = append(texts, string(b))
		}
	}
	u := unigram{trie: newTrie(texts)}
	for text, id := range ids {
		if got := u.find([]byte(text)); got != id {
			t.Fatalf("%q: found %d, expected %d", text, got, id)
		}
		other := text + string(rune(r.IntN(256)))
		want, ok := ids[other]
		if !ok {
			want = -1
		}
		if got := u.find([]byte(other)); got != want {
			t.Fatalf("%q: found %d, expected %d", other, got, want)
		}
	}
	if nodes := len(u.trie); nodes > 40000 {
		t.Errorf("%d texts take %d nodes", len(texts), nodes)
	}
}

// A word of any length is one path: time and memory grow with its length only.
func TestUnigramLongWord(t *testing.T) {
	u, err := newUnigram([]scoredPiece{{"<unk>", 0}, {"a", -1}, {"aa", -1.5}, {"aaaa", -2}}, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	word := strings.Repeat("a", 1<<20) + "zz"
	got := encodeWord(u, word)
	if len(got) != 1<<18+1 || got[len(got)-1].text != "zz" || got[len(got)-1].end != len(word) {
		t.Errorf("found %d tokens, the last is %v", len(got), got[len(got)-1])
	}
}

func FuzzUnigram(f *testing.F) {
	f.Add("a|b|ab|é|<0x7A>|<unk>", "zab<unk>é", true)
	f.Add("中|中国|国", "中国中\x00國", false)
	f.Fuzz(func(t *testing.T, vocabulary, word string, byteFallback bool) {
		pieces := []scoredPiece{{"<unk>", 0}}
		seen := map[string]bool{"<unk>": true}
		for i, text := range strings.Split(strings.ToValidUTF8(vocabulary, "?"), "|") {
			if !seen[text] {
				seen[text] = true
				pieces = append(pieces, scoredPiece{text, float64(i*7919%23) - 11})
			}
		}
		u, err := newUnigram(pieces, 0, byteFallback)
		if err != nil {
			t.Fatal(err)
		}
		begin, end := 0, 0
		for i, p := range encodeWord(u, word) {
			if p.id < 0 || int(p.id) >= len(pieces) {
				t.Fatalf("token %d has the id %d", i, p.id)
			}
			if same := i > 0 && p.start == begin && p.end == end; !same && p.start != end || p.end <= p.start {
				t.Fatalf("token %d is at %d to %d, the one before at %d to %d", i, p.start, p.end, begin, end)
			}
			begin, end = p.start, p.end
		}
		if end != len(word) {
			t.Fatalf("the tokens end at %d of %d bytes", end, len(word))
		}
	})
}

func benchmarkUnigram(b *testing.B, elements ...string) {
	tok, err := Load(shared(b, elements...))
	if err != nil {
		b.Fatal(err)
	}
	benchmarkEncode(b, tok)
	b.ReportMetric(float64(b.N)*(1<<20)/1e6/b.Elapsed().Seconds(), "MB/s")
}

func BenchmarkXLNet(b *testing.B) {
	benchmarkUnigram(b, "golden", "tokenizers", "xlnet-base-cased", "hf")
}
func BenchmarkE5(b *testing.B) {
	benchmarkUnigram(b, "checkpoints", "multilingual-e5-small-pruned")
}
