package tokenizer

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// letters is a vocabulary of the byte alphabet with RoBERTa's special tokens and what merges make.
func letters(merges [][2]string) []string {
	vocab := []string{"<s>", "<pad>", "</s>", "<unk>", "<mask>"}
	for _, r := range byteRunes {
		vocab = append(vocab, string(r))
	}
	for _, m := range merges {
		if whole := m[0] + m[1]; !slices.Contains(vocab, whole) {
			vocab = append(vocab, whole)
		}
	}
	return vocab
}

var fewMerges = [][2]string{{"Ġ", "f"}, {"l", "y"}, {"g", "o"}, {"Ġf", "ly"}, {"go", "d"}, {"w", "i"}, {"wi", "t"}, {"god", "wit"}, {"a", "a"}, {"aa", "aa"}, {"aa", "a"}, {"Ã", "©"}}

func roberta(t testing.TB, opt ByteLevelBPEOptions) *Tokenizer {
	t.Helper()
	tok, err := NewByteLevelBPE(letters(fewMerges), fewMerges, opt)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func TestByteLevelBPE(t *testing.T) {
	for _, c := range []struct {
		text    string
		prefix  bool
		tokens  string
		offsets string // in bytes, without the special tokens
	}{
		{"godwits fly", false, "godwit s Ġfly", "[[0 6] [6 7] [8 11]]"},
		{"fly", true, "Ġfly", "[[0 3]]"},
		{"é", false, "Ã©", "[[0 2]]"},
		{"城", false, "å Ł İ", "[[0 3] [0 3] [0 3]]"},
		{"a \n b", false, "a Ġ Ċ Ġ b", "[[0 1] [2 2] [2 3] [4 4] [4 5]]"},
		{"fly <mask>fly", false, "f ly  <mask> f ly", "[[0 1] [1 3] [4 10] [10 11] [11 13]]"},
		{"aaaaaaa", false, "aaaa aaa", "[[0 4] [4 7]]"},
		{"\xff", false, "ï ¿ ½", "[[0 1] [0 1] [0 1]]"},
		{"a\x00", false, "a Ā", "[[0 1] [1 2]]"},
		{"", false, "", "[]"},
	} {
		e, err := roberta(t, ByteLevelBPEOptions{AddPrefixSpace: c.prefix}).Encode(c.text, Options{AddSpecialTokens: true})
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		n := len(e.Tokens)
		if got := strings.Join(e.Tokens[1:n-1], " "); got != c.tokens {
			t.Errorf("%q: tokens %q, want %q", c.text, got, c.tokens)
		}
		if got := fmt.Sprint(e.Offsets[1 : n-1]); got != c.offsets {
			t.Errorf("%q: offsets %s, want %s", c.text, got, c.offsets)
		}
	}
	e, err := roberta(t, ByteLevelBPEOptions{}).EncodePair("fly", "a", Options{AddSpecialTokens: true})
	if err != nil || fmt.Sprint(e.Tokens, e.TypeIDs) != "[<s> f ly </s> </s> a </s>] [0 0 0 0 0 0 0]" {
		t.Errorf("pair: %v %v, %v", e.Tokens, e.TypeIDs, err)
	}
}

// TestMergesAlike merges words by hand, by looking again after each merge, and by queue.
func TestMergesAlike(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	symbolsOf := func(ids []int32) []symbol {
		list := make([]symbol, len(ids))
		for i, id := range ids {
			list[i] = symbol{id, 1, int32(i) - 1, int32(i) + 1}
		}
		list[len(list)-1].next = -1
		return list
	}
	left := func(symbols []symbol) (ids []int32) {
		for k := int32(0); k >= 0; k = symbols[k].next {
			ids = append(ids, symbols[k].id)
		}
		return ids
	}
	for round := range 200 {
		vocab := []string{"a", "b", "c", "d"}
		ids := map[string]int32{}
		for i, v := range vocab {
			ids[v] = int32(i)
		}
		var merges [][2]string
		for range 30 {
			a, b := vocab[r.IntN(len(vocab))], vocab[r.IntN(len(vocab))]
			if _, ok := ids[a+b]; !ok && len(a+b) < 12 {
				ids[a+b] = int32(len(vocab))
				vocab = append(vocab, a+b)
			}
			if _, ok := ids[a+b]; ok && !slices.Contains(merges, [2]string{a, b}) {
				merges = append(merges, [2]string{a, b})
			}
		}
		m, err := newBPE(ids, merges, "", "")
		if err != nil {
			t.Fatal(err)
		}
		word := make([]int32, 1+r.IntN(64))
		for i := range word {
			word[i] = r.Int32N(4)
		}
		byHand := slices.Clone(word)
		for {
			best, at := len(merges), -1
			for i := range len(byHand) - 1 {
				if k := slices.Index(merges, [2]string{vocab[byHand[i]], vocab[byHand[i+1]]}); k >= 0 && k < best {
					best, at = k, i
				}
			}
			if at < 0 {
				break
			}
			byHand[at] = ids[merges[best][0]+merges[best][1]]
			byHand = slices.Delete(byHand, at+1, at+2)
		}
		short, long := symbolsOf(word), symbolsOf(word)
		m.mergeShort(short)
		m.mergeLong(&bpeScratch{symbols: long})
		if !slices.Equal(left(short), byHand) || !slices.Equal(left(long), byHand) {
			t.Fatalf("round %d: %v gives %v and by queue %v, want %v", round, word, left(short), left(long), byHand)
		}
	}
}

func TestGPT2Pattern(t *testing.T) {
	for text, want := range map[string]string{
		"I'll they've 'S'd":     "I|'ll| they|'ve| '|S|'d",
		"a  b   c":              "a| | b|  | c",
		"x \n y":                "x| \n| y",
		"end  ":                 "end|  ",
		"12a!?b ½² x":           "12|a|!?|b| ½²| x",
		" \u00a0a":              " |\u00a0|a",
		"don't 'll'":            "don|'t| '|ll|'",
		"'":                     "'",
		"é\u0301e\u0085f\u200b": "é|\u0301|e|\u0085|f|\u200b",
	} {
		chars := characters(nil, text, 0, len(text))
		var got []string
		for i := 0; i < len(chars); {
			j := nextGPT2(chars, i)
			got = append(got, surface(chars[i:j]))
			i = j
		}
		if strings.Join(got, "|") != want {
			t.Errorf("%q is split to %q, want %q", text, strings.Join(got, "|"), want)
		}
	}
}

func TestClassTable(t *testing.T) {
	for r := rune(0); r <= utf8.MaxRune; r++ {
		want := uint8(otherClass)
		switch {
		case letter.contains(r):
			want = letterClass
		case number.contains(r):
			want = numberClass
		case whiteSpace.contains(r):
			want = spaceClass
		}
		if class(r) != want {
			t.Fatalf("%U is of class %d, want %d", r, class(r), want)
		}
	}
}

func TestByteAlphabet(t *testing.T) {
	seen := map[rune]bool{}
	for b, r := range byteRunes {
		if got, ok := byteOf(r); !ok || got != byte(b) || seen[r] {
			t.Errorf("byte %#x is %q, which is byte %#x", b, r, got)
		}
		seen[r] = true
	}
	for _, r := range []rune{' ', 0x7f, 0xad, 0x144, '▁'} {
		if _, ok := byteOf(r); ok {
			t.Errorf("%q is taken for a byte", r)
		}
	}
}

func TestLongWord(t *testing.T) {
	tok := roberta(t, ByteLevelBPEOptions{})
	const n = 10 << 20
	e, err := tok.Encode(strings.Repeat("a", n), Options{})
	if err != nil || len(e.IDs) != n/4 || e.Offsets[n/4-1] != [2]int{n - 4, n} {
		t.Errorf("%d tokens, %v", len(e.IDs), err)
	}
}
