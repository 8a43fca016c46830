package trainer

import (
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// sampleWords returns distinct words put together from syllables, few of
// them frequent. It uses no floating-point numbers, so they are the same everywhere.
func sampleWords(distinct int) map[string]int {
	r := rand.New(rand.NewPCG(1, 2))
	syllables := strings.Fields("a an ar be ca co de di ed en er es ex fi for ga he hu in is it jo ka la le li ly ma me mo na ne ni ob on or pa pe pre que ra re ri ro sa se si so sta ta te ter the ti tion to tra tu un ur ver vi wa we wi ye za ü ß 京 都")
	words := map[string]int{}
	for len(words) < distinct {
		var w strings.Builder
		for n := 1 + r.IntN(4); n > 0; n-- {
			w.WriteString(syllables[r.IntN(len(syllables))*(1+r.IntN(len(syllables)))/len(syllables)])
		}
		words[w.String()] = 1 + distinct/(1+r.IntN(distinct))
	}
	return words
}

func mapWords(words map[string]int, f func(string) string) map[string]int {
	mapped := make(map[string]int, len(words))
	for w, n := range words {
		mapped[f(w)] = n
	}
	return mapped
}

func metaspace(w string) string { return "▁" + w }

// kinds are the trainers, with words of the form each is for.
var kinds = []struct {
	name  string
	words func(string) string
	train func(map[string]int, Options) ([]Piece, [][2]string, error)
}{
	{"wordpiece", strings.Clone, func(w map[string]int, o Options) ([]Piece, [][2]string, error) {
		vocab, err := WordPiece(w, o)
		return unscored(vocab), nil, err
	}},
	{"bpe", ByteLevel, func(w map[string]int, o Options) ([]Piece, [][2]string, error) {
		vocab, merges, err := ByteLevelBPE(w, o)
		return unscored(vocab), merges, err
	}},
	{"unigram", metaspace, func(w map[string]int, o Options) ([]Piece, [][2]string, error) {
		pieces, err := Unigram(w, UnigramOptions{Options: o})
		return pieces, nil, err
	}},
}

func unscored(vocab []string) (pieces []Piece) {
	for _, v := range vocab {
		pieces = append(pieces, Piece{Text: v})
	}
	return pieces
}

func texts(pieces []Piece) (texts []string) {
	for _, p := range pieces {
		texts = append(texts, p.Text)
	}
	return texts
}

func TestWordPieceByHand(t *testing.T) {
	words := map[string]int{"hug": 10, "pug": 5, "pun": 12, "bun": 4, "hugs": 5}
	// u+g occurs 20 times, then u+n 16, h+ug 15, p+un 12; p+ug and hug+s both 5,
	// and p is before hug; b+un 4.
	want := strings.Fields("[PAD] [UNK] b g h n p s u ##g ##n ##s ##u ##ug ##un hug pun pug hugs bun")
	for size := 13; size <= len(want)+1; size++ {
		got, err := WordPiece(words, Options{VocabSize: size, SpecialTokens: want[:2]})
		if err != nil || !slices.Equal(got, want[:min(size, len(want))]) {
			t.Errorf("%d tokens:\n%q (%v), expected\n%q", size, got, err, want[:min(size, len(want))])
		}
	}
	got, err := WordPiece(words, Options{SpecialTokens: want[:2], MinFrequency: 6})
	if err != nil || !slices.Equal(got, want[:17]) {
		t.Errorf("at least 6 times: %q (%v)", got, err)
	}
	// Of the words without b and s, the rarest: p+u 17, pu+n 12, h+u and u+g both 10
	// and h is first, hu+g, pu+g.
	got, err = WordPiece(words, Options{LimitAlphabet: 5})
	if want := strings.Fields("g h n p u ##g ##n ##u pu pun hu hug pug"); err != nil || !slices.Equal(got, want) {
		t.Errorf("5 characters: %q (%v), expected %q", got, err, want)
	}
}

func TestByteLevelBPEByHand(t *testing.T) {
	vocab, merges, err := ByteLevelBPE(map[string]int{"aaaa": 2, "aaa": 3, "Ġab": 1}, Options{SpecialTokens: []string{"<s>"}})
	if err != nil {
		t.Fatal(err)
	}
	// a+a occurs 3*2 + 2*3 times, one over another; then aa+a 3 times and aa+aa
	// twice. Ġ+a and a+b occur once, which is not enough.
	if want := [][2]string{{"a", "a"}, {"aa", "a"}, {"aa", "aa"}}; !slices.Equal(merges, want) {
		t.Errorf("merges %q, expected %q", merges, want)
	}
	if want := []string{"aa", "aaa", "aaaa"}; len(vocab) != 260 || vocab[0] != "<s>" || vocab[1] != "!" || !slices.Equal(vocab[257:], want) {
		t.Errorf("%d tokens, the last %q, expected %q after <s> and bytes", len(vocab), vocab[max(0, len(vocab)-5):], want)
	}
	if got := ByteLevel(" é\n\x00\xff!"); got != "ĠÃ©ĊĀÿ!" {
		t.Errorf("ByteLevel: %q", got)
	}
}

func TestUnigramByHand(t *testing.T) {
	pieces, err := Unigram(map[string]int{"ab": 3}, UnigramOptions{Options: Options{SpecialTokens: []string{"<unk>"}}})
	if err != nil {
		t.Fatal(err)
	}
	// Begun with 3/12, 3/12 and 6/12 for a, b and ab, "ab" is one piece with the
	// probability (1/2) / (1/2+1/16) = 8/9. So 24/9 ab and 3/9 each of a and b
	// are expected: 8/10, 1/10, 1/10. The second step gives 80/81, and thus 80/82, 1/82, 1/82.
	want := []Piece{{"<unk>", 0}, {"ab", math.Log(80. / 82)}, {"a", math.Log(1. / 82)}, {"b", math.Log(1. / 82)}}
	if len(pieces) != len(want) {
		t.Fatalf("found %v, expected %v", pieces, want)
	}
	for i, p := range pieces {
		// Each character occurs characterPrior times more.
		if p.Text != want[i].Text || math.Abs(p.Score-want[i].Score) > 1e-4 {
			t.Errorf("piece %d: found %v, expected %v", i, p, want[i])
		}
	}
}

func TestSizesAndSpecialTokens(t *testing.T) {
	special := []string{"[UNK]", "<s>", "the"} // the last is a word of the text too
	for _, kind := range kinds {
		words := mapWords(sampleWords(3000), kind.words)
		for _, size := range []int{400, 1000, 2500} {
			pieces, _, err := kind.train(words, Options{VocabSize: size, SpecialTokens: special})
			if err != nil {
				t.Fatalf("%s: %v", kind.name, err)
			}
			vocab := texts(pieces)
			if len(vocab) != size || !slices.Equal(vocab[:3], special) {
				t.Errorf("%s: found %d tokens that begin with %q, expected %d with %q", kind.name, len(vocab), vocab[:3], size, special)
			}
			seen := map[string]bool{}
			for _, v := range vocab {
				if seen[v] || v == "" {
					t.Errorf("%s: found %q twice, or empty", kind.name, v)
				}
				seen[v] = true
			}
		}
		// More than there are.
		pieces, _, err := kind.train(words, Options{VocabSize: math.MaxInt, MinFrequency: 3})
		if err != nil || len(pieces) < 1500 || len(pieces) > 40000 {
			t.Errorf("%s: found %d tokens (%v) where any number is welcome", kind.name, len(pieces), err)
		}
	}
}

// TestReachable encodes the text of each piece with the vocabulary.
func TestReachable(t *testing.T) {
	words := sampleWords(3000)
	o := Options{VocabSize: 1500, SpecialTokens: []string{"[UNK]"}}

	vocab, err := WordPiece(words, o)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for w := range words {
		all.WriteString(" " + w)
	}
	for _, v := range vocab[1:] {
		rest, later := strings.CutPrefix(v, continuing)
		if !later && utf8.RuneCountInString(v) > 1 {
			rest = " " + v
		}
		// The longest piece first: "##x" occurs as one after the character before it.
		if !strings.Contains(all.String(), rest) {
			t.Errorf("wordpiece: %q begins or continues no word", v)
		}
	}

	vocab, merges, err := ByteLevelBPE(mapWords(words, ByteLevel), o)
	if err != nil {
		t.Fatal(err)
	}
	rank := map[[2]string]int{}
	for i, m := range merges {
		rank[m] = i + 1
	}
	for _, v := range vocab[1:] {
		if got := encodeBPE(v, rank); len(got) != 1 {
			t.Errorf("bpe: %q is encoded as %q", v, got)
		}
	}

	pieces, err := Unigram(mapWords(words, metaspace), UnigramOptions{Options: o})
	if err != nil {
		t.Fatal(err)
	}
	scores := map[string]float64{}
	for _, p := range pieces[1:] {
		scores[p.Text] = p.Score
	}
	for _, p := range pieces[1:] {
		if got := encodeUnigram(p.Text, scores); len(got) != 1 {
			t.Errorf("unigram: %q is encoded as %q", p.Text, got)
		}
	}
	for w := range words {
		for _, r := range w {
			if _, ok := scores[string(r)]; !ok {
				t.Fatalf("unigram: the character %q is missing", r)
			}
		}
	}
}

func encodeBPE(text string, rank map[[2]string]int) []string {
	parts := strings.Split(text, "")
	for {
		best, at := math.MaxInt, -1
		for i := range len(parts) - 1 {
			if r := rank[[2]string{parts[i], parts[i+1]}]; r > 0 && r < best {
				best, at = r, i
			}
		}
		if at < 0 {
			return parts
		}
		parts = slices.Replace(parts, at, at+2, parts[at]+parts[at+1])
	}
}

func encodeUnigram(text string, scores map[string]float64) []string {
	runes := []rune(text)
	best := make([]float64, len(runes)+1)
	paths := make([][]string, len(runes)+1)
	for j := 1; j <= len(runes); j++ {
		best[j] = math.Inf(-1)
		for i := range j {
			if s, ok := scores[string(runes[i:j])]; ok && best[i]+s > best[j] {
				best[j], paths[j] = best[i]+s, append(slices.Clip(paths[i]), string(runes[i:j]))
			}
		}
	}
	return paths[len(runes)]
}

// TestDeterministic trains with maps in other orders, and on other numbers of
// cores, and compares a hash, which holds for every processor.
func TestDeterministic(t *testing.T) {
	want := map[string]uint64{"wordpiece": 0x64337d17769626c5, "bpe": 0xbf664e454a7e7393, "unigram": 0x55ca741e05dc8a92}
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	for _, kind := range kinds {
		words := mapWords(sampleWords(4000), kind.words)
		for _, cores := range []int{1, 2, 5, 1, 2, 5} {
			runtime.GOMAXPROCS(cores)
			pieces, merges, err := kind.train(maps.Clone(words), Options{VocabSize: 900, SpecialTokens: []string{"[UNK]"}})
			if err != nil {
				t.Fatalf("%s: %v", kind.name, err)
			}
			h := fnv.New64a()
			for _, p := range pieces {
				fmt.Fprintf(h, "%q %x\n", p.Text, math.Float64bits(p.Score))
			}
			fmt.Fprintf(h, "%q", merges)
			if got := h.Sum64(); got != want[kind.name] {
				t.Errorf("%s on %d cores: the hash of the vocabulary is %#x, expected %#x", kind.name, cores, got, want[kind.name])
			}
		}
	}
}

func TestBadInput(t *testing.T) {
	type words = map[string]int
	few := words{"ab": 2, "c": 1}
	for _, c := range []struct {
		kinds string
		words words
		o     Options
		want  string
	}{
		{"wordpiece", few, Options{VocabSize: 4, SpecialTokens: []string{"[UNK]"}}, "VocabSize: found 4, expected at least 5 for 1 special tokens and 4 characters"},
		{"bpe", few, Options{VocabSize: 256, SpecialTokens: []string{"<s>"}}, "VocabSize: found 256, expected at least 257 for 1 special tokens and 256 characters"},
		{"unigram", few, Options{VocabSize: 3, SpecialTokens: []string{"<unk>"}}, "VocabSize: found 3, expected at least 4 for 1 special tokens and 3 characters"},
		{"wordpiece bpe unigram", few, Options{VocabSize: -1}, "VocabSize: found -1"},
		{"wordpiece bpe unigram", few, Options{MinFrequency: -2}, "MinFrequency: found -2"},
		{"wordpiece bpe unigram", few, Options{LimitAlphabet: -3}, "LimitAlphabet: found -3"},
		{"wordpiece bpe unigram", few, Options{SpecialTokens: []string{"a", ""}}, "special token 1: found an empty one"},
		{"wordpiece bpe unigram", few, Options{SpecialTokens: []string{"x", "y", "x"}}, `special token 2: found "x", which is special token 0 too`},
		{"wordpiece bpe unigram", words{"ab": -1}, Options{}, `word "ab": found the count -1`},
		{"wordpiece bpe unigram", words{"abcdefgh": math.MaxInt / 2}, Options{}, "characters in all, by their counts"},
		{"bpe", words{"a b": 1}, Options{}, `word "a b": found the character ' '`},
		{"bpe", words{"a\xff": 1}, Options{}, "found the character '\uFFFD'"},
	} {
		for _, kind := range kinds {
			if !slices.Contains(strings.Fields(c.kinds), kind.name) {
				continue
			}
			if _, _, err := kind.train(c.words, c.o); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: found the error %v, expected %q", kind.name, err, c.want)
			}
		}
	}
	for _, c := range []struct {
		o    UnigramOptions
		want string
	}{
		{UnigramOptions{MaxPieceLength: -1}, "MaxPieceLength: found -1"},
		{UnigramOptions{SeedSize: -1}, "SeedSize: found -1"},
		{UnigramOptions{SubIterations: -1}, "SubIterations: found -1"},
		{UnigramOptions{ShrinkingFactor: 1}, "ShrinkingFactor: found 1"},
		{UnigramOptions{ShrinkingFactor: math.NaN()}, "ShrinkingFactor: found NaN"},
	} {
		if _, err := Unigram(few, c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("found the error %v, expected %q", err, c.want)
		}
	}
}

func TestSmallInput(t *testing.T) {
	special := []string{"[UNK]"}
	for _, kind := range kinds {
		bytes := 0
		if kind.name == "bpe" {
			bytes = 256
		}
		for _, words := range []map[string]int{nil, {}, {"": 5}, {"never": 0}} {
			pieces, merges, err := kind.train(words, Options{SpecialTokens: special})
			if err != nil || len(pieces) != 1+bytes || len(merges) != 0 {
				t.Errorf("%s of %v: found %d tokens, %q, %v", kind.name, words, len(pieces), merges, err)
			}
		}
		pieces, _, err := kind.train(map[string]int{"abc": 7}, Options{SpecialTokens: special})
		if err != nil || !slices.Contains(texts(pieces), "abc") {
			t.Errorf("%s of one word: found %q, %v", kind.name, texts(pieces), err)
		}
	}
	// Each byte that is no UTF-8 is a U+FFFD.
	got, err := WordPiece(map[string]int{"a\xff\xfe": 3, "a\uFFFD\uFFFD": 1, "\xff": 1}, Options{MinFrequency: 4})
	if want := []string{"a", "\uFFFD", "##\uFFFD", "a\uFFFD", "a\uFFFD\uFFFD"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("found %q (%v), expected %q", got, err, want)
	}
	pieces, err := Unigram(map[string]int{"▁\xff": 3}, UnigramOptions{})
	if want := []string{"▁\uFFFD", "▁", "\uFFFD"}; err != nil || !slices.Equal(texts(pieces), want) {
		t.Errorf("found %q (%v), expected %q", texts(pieces), err, want)
	}
}

// TestTokensThatLookAlike trains words in which pieces would have the text of
// others of another kind.
func TestTokensThatLookAlike(t *testing.T) {
	// "##a" that begins a word is not the "##a" that continues one.
	got, err := WordPiece(map[string]int{"##a": 5, "ba": 9}, Options{SpecialTokens: []string{"ba"}})
	if want := []string{"ba", "#", "a", "b", "###", "##a", "##"}; err != nil || !slices.Equal(got[:6], want[:6]) {
		t.Errorf("found %q (%v), expected %q", got, err, want)
	}
	// A special token is not trained: the word stays in two pieces.
	for _, kind := range kinds {
		pieces, _, err := kind.train(map[string]int{"ab": 5, "cab": 5}, Options{SpecialTokens: []string{"ab", "c"}})
		if err != nil || pieces[0].Text != "ab" || slices.Contains(texts(pieces)[1:], "ab") {
			t.Errorf("%s: found %q (%v)", kind.name, texts(pieces), err)
		}
	}
}

func TestLimitAlphabetOfUnigram(t *testing.T) {
	pieces, err := Unigram(map[string]int{"▁abxab": 5, "▁ab": 2}, UnigramOptions{Options: Options{LimitAlphabet: 3}})
	if err != nil {
		t.Fatal(err)
	}
	got := texts(pieces)
	slices.Sort(got)
	if want := []string{"a", "ab", "b", "▁", "▁ab"}; !slices.Equal(got, want) {
		t.Errorf("found %q, expected %q", got, want)
	}
}

func TestProgress(t *testing.T) {
	for _, kind := range kinds {
		calls, last, lastTotal := 0, 0, 0
		words := mapWords(sampleWords(1000), kind.words)
		if _, _, err := kind.train(words, Options{VocabSize: 500, Progress: func(done, total int) {
			if done < last || done > total {
				t.Errorf("%s: told %d of %d after %d", kind.name, done, total, last)
			}
			calls++
			last, lastTotal = done, total
		}}); err != nil {
			t.Fatal(err)
		}
		if calls < 2 || calls > 150 || last != lastTotal {
			t.Errorf("%s: told %d times, at last %d of %d", kind.name, calls, last, lastTotal)
		}
	}
}

func FuzzTrain(f *testing.F) {
	f.Add("the cat and the dog and the hat", 40, 2, 0)
	f.Add("aaaa aaa aa ##a ###a \xff\xfe 京都 京", 300, 1, 3)
	f.Add("abababab babababa", math.MaxInt, 1, 0)
	f.Fuzz(func(t *testing.T, text string, size, frequency, limit int) {
		words, bytes := map[string]int{}, map[string]int{}
		for i, w := range strings.Fields(text) {
			words[w] += 1 + i%3
			bytes[ByteLevel(w)] += 1 + i%3
		}
		o := Options{VocabSize: size, SpecialTokens: []string{"[UNK]", "ab"}, MinFrequency: frequency, LimitAlphabet: limit}
		for _, kind := range kinds {
			w := words
			if kind.name == "bpe" {
				w = bytes
			}
			pieces, _, err := kind.train(w, o)
			if err != nil {
				continue
			}
			// Besides single characters and special tokens, a piece is a substring.
			if size > 0 && len(pieces) > size || len(pieces) > 258+len(text)*(len(text)+3) {
				t.Errorf("%s: found %d pieces of %d asked for, of %d bytes", kind.name, len(pieces), size, len(text))
			}
			for _, p := range pieces {
				if !utf8.ValidString(p.Text) || math.IsNaN(p.Score) || math.IsInf(p.Score, 0) || p.Score > 1e-9 {
					t.Errorf("%s: found %v", kind.name, p)
				}
			}
		}
	})
}

func BenchmarkTrain(b *testing.B) {
	for _, kind := range kinds {
		words := mapWords(sampleWords(50000), kind.words)
		size := 0
		for w, n := range words {
			size += len(w) * n
		}
		for _, vocab := range []int{4000, 30000} {
			b.Run(fmt.Sprintf("%s/%d", kind.name, vocab), func(b *testing.B) {
				b.SetBytes(int64(size))
				for b.Loop() {
					if _, _, err := kind.train(words, Options{VocabSize: vocab}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
