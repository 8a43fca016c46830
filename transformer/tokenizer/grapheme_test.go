package tokenizer

import (
	"slices"
	"strings"
	"testing"
)

func TestGraphemeClusters(t *testing.T) {
	for _, clusters := range [][]string{
		{"a", "b"},
		{"e\u0301", "\r\n", "\n", "\r", "\u0301", "x"},
		{"\t", "\u0301"}, // nothing joins a control character
		{"각", "ᄀ\u1161\u11a8", "가\u11a8", "각", "\u1161"}, // Hangul
		{"क्षि", "क", "त"},                               // a conjunct with its vowel
		{"क्\u200c", "ष"},                                // which a non-joiner breaks
		{"👨\u200d👩\u200d👧", "👍🏽", "a\u200d", "👍"},
		{"\u0600a\u0301", "b"}, // a number sign is prepended
		{"©\u0903\u200d", "©"}, // only Extend may be before the joiner
		{"©\u200d\u200d", "©"},
	} {
		text := strings.Join(clusters, "")
		chars := characters(nil, text, 0, len(text))
		var got []string
		for i := 0; i < len(chars); {
			end := graphemeEnd(chars, i)
			got = append(got, surface(chars[i:end]))
			i = end
		}
		if !slices.Equal(got, clusters) {
			t.Errorf("%q: got %q", clusters, got)
		}
	}
}
