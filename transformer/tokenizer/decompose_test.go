package tokenizer

import (
	"math/rand/v2"
	"slices"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func TestNormalForms(t *testing.T) {
	type places [][2]int
	for _, c := range []struct {
		n      normalizer
		text   string
		want   string
		places places
	}{
		{nfd{}, "aé", "ae\u0301", places{{0, 1}, {1, 3}, {1, 3}}},
		{nfd{}, "각", "\u1100\u1161\u11a8", places{{0, 3}, {0, 3}, {0, 3}}},
		{nfd{}, "a\u0301\u0323", "a\u0323\u0301", places{{0, 1}, {1, 3}, {3, 5}}},
		{nfd{}, "á\u0323", "a\u0323\u0301", places{{0, 2}, {2, 4}, {2, 4}}}, // the accent is written behind the dot
		{nfd{}, "ﬁ", "ﬁ", places{{0, 3}}},
		{nfkd{}, "ﬁx", "fix", places{{0, 3}, {0, 3}, {3, 4}}},
		{nfc{}, "e\u0301x", "éx", places{{0, 1}, {3, 4}}},
		{nfc{}, "가\u11a8", "각", places{{0, 3}}},
		{nfc{}, "ệ", "ệ", places{{0, 3}}},
		{nfkc{}, "ﬁ\u0308", "fï", places{{0, 3}, {3, 5}}}, // i has no place of its own
		{nfkd{}, "㋿", "㋿", places{{0, 3}}},                // of Unicode 12.1
		{stripAccents{}, "a\u0301\u0903b", "ab", places{{0, 1}, {6, 7}}},
	} {
		got := c.n.normalize(nil, characters(nil, c.text, 0, len(c.text)))
		var at places
		for _, ch := range got {
			at = append(at, [2]int{ch.start, ch.end})
		}
		if surface(got) != c.want || !slices.Equal(at, c.places) {
			t.Errorf("%T of %q: got %q at %v, want %q at %v", c.n, c.text, surface(got), at, c.want, c.places)
		}
	}
}

// In characters as old as Unicode 9 the forms are those of package norm.
func TestNormalFormsAgainstNorm(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	var old []rune
	for _, in := range []ranges{decomposing, combining, {{'a', 'z'}, {0x1100, 0x1112}, {0x1161, 0x1175}, {0x11a8, 0x11c2}, {0xac00, 0xac80}}} {
		for _, p := range in {
			for c := p[0]; c <= p[1]; c++ {
				old = append(old, c)
			}
		}
	}
	for range 20000 {
		var text []byte
		for range 1 + r.IntN(8) {
			text = utf8.AppendRune(text, old[r.IntN(len(old))])
		}
		chars := characters(nil, string(text), 0, len(text))
		for _, f := range []struct {
			n    normalizer
			form norm.Form
		}{{nfc{}, norm.NFC}, {nfd{}, norm.NFD}, {nfkc{}, norm.NFKC}, {nfkd{}, norm.NFKD}} {
			if got, want := surface(f.n.normalize(nil, chars)), f.form.String(string(text)); got != want {
				t.Fatalf("%T of %+q: got %+q, want %+q", f.n, text, got, want)
			}
		}
	}
}
