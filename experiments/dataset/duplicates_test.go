package dataset

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"godwit/experiments/internal/sharedtest"
)

func TestNormalise(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"  The  CAT\tsat,\n on \"the\" mat! ", "the cat sat on the mat"},
		{"don’t", "dont"},
		{"Ｆｕｌｌ　ｗｉｄｔｈ", "full width"},
		{"ﬁne", "fine"},
		{"E\u0301cole", "école"},
		{"École", "école"},
		{"ΣΊΣΥΦΟΣ", "σίσυφοσ"},
		{"\u212a", "k"},            // the Kelvin sign
		{"a\u200bb\u00adc", "abc"}, // characters that are not seen
		{"房间 很，干净。", "房间 很干净"},
		{"€5 + $6", "5 6"},
		{"?!", "?!"},
		{" ... ", "..."},
		{"", ""},
		{" \t", ""},
	} {
		if got := Normalise(c.text); got != c.want {
			t.Errorf("%q becomes %q, expected %q", c.text, got, c.want)
		}
	}
}

func FuzzNormalise(f *testing.F) {
	f.Add("The CAT, sat!")
	f.Add("?!\u00a8 \u0345")
	f.Add("e!\u0301\u00ad\u0323")
	f.Add("\xff\u1e9e\u0130")
	f.Fuzz(func(t *testing.T, text string) {
		once := Normalise(text)
		if twice := Normalise(once); twice != once {
			t.Errorf("%q becomes %q, and that %q", text, once, twice)
		}
		if strings.Join(strings.Fields(once), " ") != once {
			t.Errorf("%q has white space that is not one space", once)
		}
		if utf8.ValidString(text) && !utf8.ValidString(once) {
			t.Errorf("%q becomes %q, which is not UTF-8", text, once)
		}
	})
}

func TestTokens(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"the cat sat", []string{"the", "cat", "sat"}},
		{"房间 a4纸", []string{"房", "间", "a4", "纸"}},
		{"", nil},
	} {
		if got := tokens(c.text); !slices.Equal(got, c.want) {
			t.Errorf("%q has the words %q, expected %q", c.text, got, c.want)
		}
	}
}

func at(line int, text, pair, label string) Example {
	return Example{Text: text, Pair: pair, HasPair: pair != "", Label: label, Line: line}
}

func TestDuplicates(t *testing.T) {
	test := Part{"test", []Example{
		at(1, "One.", "", "x"),
		at(2, "A dog", "a cat", "1"),
		at(3, "one.", "", "x"),
	}}
	train := Part{"train", []Example{
		at(2, "one", "", "y"),
		at(3, "a cat", "A dog", "1"),
		at(4, "A CAT", "a dog!", "2"),
		at(5, "two", "", "x"),
		at(6, "two", "", "x"),
		at(7, "two", "", "y"),
		at(8, "A dog a cat", "", "1"), // no pair
	}}
	exact := []Duplicate{
		{"train", 3, "test", 2, 1, true, false},
		{"train", 6, "train", 5, 1, false, false},
		{"train", 7, "train", 5, 1, false, true},
	}
	normalised := []Duplicate{
		{"test", 3, "test", 1, 1, false, false},
		{"train", 2, "test", 1, 1, false, true},
		{"train", 3, "test", 2, 1, true, false},
		{"train", 4, "test", 2, 1, true, true},
		{"train", 4, "train", 3, 1, false, true},
		{"train", 6, "train", 5, 1, false, false},
		{"train", 7, "train", 5, 1, false, true},
	}
	parts := []Part{test, train}
	if got := Duplicates(parts, Exact); !reflect.DeepEqual(got, exact) {
		t.Errorf("exact duplicates are\n%+v, expected\n%+v", got, exact)
	}
	if got := Duplicates(parts, Normalised); !reflect.DeepEqual(got, normalised) {
		t.Errorf("normalised duplicates are\n%+v, expected\n%+v", got, normalised)
	}
	lines := func(examples []Example) (list []int) {
		for _, e := range examples {
			list = append(list, e.Line)
		}
		return list
	}
	for _, c := range []struct {
		how   Likeness
		leaks []int
	}{
		{Exact, []int{3}},
		{Normalised, []int{2, 3, 4}},
	} {
		kept, removed := WithoutLeaks(train.Examples, c.how, test.Examples[:2], test.Examples[2:])
		if !slices.Equal(lines(removed), c.leaks) || len(kept)+len(removed) != len(train.Examples) || !ordered(kept) {
			t.Errorf("likeness %d: leaks are %v, expected %v", c.how, lines(removed), c.leaks)
		}
	}
}

// Of texts in which a word is changed or left out, all are found whose sets of
// three-word sequences are clearly near, and none whose are clearly not.
func TestNearDuplicates(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	words := func(n int) []string {
		list := make([]string, n)
		for i := range list {
			list[i] = fmt.Sprint("w", r.IntN(5000))
		}
		return list
	}
	text := func(words []string) string { return strings.Join(words, " ") }
	first := Part{Name: "first"}
	near, far := Part{Name: "near"}, Part{Name: "far"}
	const n = 300
	for i := range n {
		w := words(60)
		first.Examples = append(first.Examples, at(i+1, text(w), "", "a"))
		changed := slices.Clone(w)
		changed[r.IntN(len(w))] = "changed" // 55 of 61 sequences are shared
		near.Examples = append(near.Examples, at(i+1, text(changed)+"!", "", "a"))
		for j := range 6 {
			changed[j*10] = "other" // at most 40 of 76
		}
		far.Examples = append(far.Examples, at(i+1, text(changed), "", "a"))
	}
	found := Duplicates([]Part{first, near}, Near)
	if len(found) != n {
		t.Errorf("found %d near duplicates, expected %d", len(found), n)
	}
	for _, d := range found {
		if d.Line != d.OfLine || d.OfPart != "first" || d.Similarity < nearSimilarity || d.Similarity >= 1 {
			t.Errorf("found %+v", d)
		}
	}
	if found := Duplicates([]Part{first, far}, Near); len(found) != 0 {
		t.Errorf("found %d near duplicates of far texts, such as %+v", len(found), found[0])
	}
	if kept, removed := WithoutLeaks(near.Examples, Near, first.Examples); len(kept) != 0 || len(removed) != n {
		t.Errorf("kept %d of %d near duplicates", len(kept), n)
	}
	// A normalised duplicate is a near one, also of a pair in the other order.
	pair := []Part{{"p", []Example{at(1, "a b", "c d", "1"), at(2, "C d", "A b", "1")}}}
	if got := Duplicates(pair, Near); len(got) != 1 || got[0].Similarity != 1 || !got[0].Swapped {
		t.Errorf("found %+v, expected the pair swapped", got)
	}
	// Of texts of one mould each is like an earlier one, of which not all are
	// looked at.
	mould := Part{Name: "mould"}
	w := words(60)
	for i := range 3000 {
		mould.Examples = append(mould.Examples, at(i+1, fmt.Sprint(text(w), " ", i), "", "a"))
	}
	if found := Duplicates([]Part{mould}, Near); len(found) != len(mould.Examples)-1 || found[2998].OfLine != 1 {
		t.Errorf("found %d of %d texts of one mould, expected all but the first", len(found), len(mould.Examples))
	}
}

// The leaks that the README of the data sets counts are found.
func TestRealLeaks(t *testing.T) {
	read := func(columns Columns, elements ...string) []Example {
		path := sharedtest.Dir(t, append([]string{"data"}, elements...)...)
		examples, err := Read(path, Options{Columns: columns})
		if err != nil {
			t.Fatal(err)
		}
		return examples
	}
	columns := Columns{Text: "text", Label: "label"}
	trained := read(columns, "sentiment", "imdb", "train.jsonl.gz")
	if _, leaks := WithoutLeaks(read(columns, "sentiment", "imdb", "test.jsonl.gz"), Exact, trained); len(leaks) != 123 {
		t.Errorf("found %d IMDb test reviews in train, expected 123", len(leaks))
	}

	var stsb [][]Example
	for _, split := range []string{"train.csv", "dev.csv", "test.csv"} {
		stsb = append(stsb, read(Columns{Text: "0", Pair: "1", Label: "2"}, "similarity", "stsb", "en", split))
	}
	columns = Columns{Text: "sentence_A", Pair: "sentence_B", Label: "relatedness_score"}
	leaks := 0
	for _, split := range []string{"train.tsv", "dev.tsv"} {
		_, removed := WithoutLeaks(read(columns, "similarity", "sick", split), Normalised, stsb...)
		leaks += len(removed)
	}
	if leaks != 84 {
		t.Errorf("found %d SICK pairs in STS-B, expected 84", leaks)
	}
	if found := Duplicates([]Part{{"test", stsb[2]}, {"train", stsb[0]}}, Exact); !slices.ContainsFunc(found, func(d Duplicate) bool { return d.Part == "train" && d.OfPart == "test" }) {
		t.Error("found no STS-B pairs across its splits")
	}

	// The languages of SIB-200 are parallel, so that the splits share no ID,
	// whatever their languages, and each is the same in both.
	columns = Columns{Text: "text", Label: "category", ID: "index_id"}
	sib := func(language, split string) []Example {
		return read(columns, "classification", "sib200", language, split+".tsv")
	}
	test := sib("de", "test")
	if shared := sharedIDs(sib("en", "train"), test); len(shared) != 0 {
		t.Errorf("English train and German test share %d IDs", len(shared))
	}
	if shared := sharedIDs(sib("en", "test"), test); len(shared) != 204 {
		t.Errorf("English and German test share %d IDs, expected 204", len(shared))
	}
	for _, language := range []string{"de", "fr", "es", "zh"} {
		for seed := range uint64(3) {
			for _, n := range []int{16, 64, 256} {
				english, other := NestedSample(sib("en", "train"), n, seed, Proportional), NestedSample(sib(language, "train"), n, seed, Proportional)
				if shared := sharedIDs(english, other); len(shared) != n {
					t.Errorf("%s: samples of %d share %d IDs", language, n, len(shared))
				}
			}
			path := filepath.Join("sib200", language)
			_, english, err := SplitByID(path, sib("en", "train"), 0.1, seed)
			if err != nil {
				t.Fatal(err)
			}
			_, other, err := SplitByID(path, sib(language, "train"), 0.1, seed)
			if err != nil {
				t.Fatal(err)
			}
			if shared := sharedIDs(english, other); len(shared) != len(english) || len(english) != len(other) {
				t.Errorf("%s: splits of %d and %d share %d IDs", language, len(english), len(other), len(shared))
			}
		}
	}
}
