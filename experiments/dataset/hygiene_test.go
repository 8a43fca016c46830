package dataset

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestInspect(t *testing.T) {
	test := Part{"test", []Example{at(1, "one", "", "x"), at(2, "two", "", "y"), at(3, "two", "", "x")}}
	train := Part{"train", []Example{at(1, "One", "", "y"), at(2, "three", "", "y"), at(3, "two", "", "y"), at(4, "four", "", "z")}}
	got, err := Inspect([]Part{test, train}, false)
	if err != nil {
		t.Fatal(err)
	}
	want := Hygiene{
		Parts: []PartHygiene{
			{Part: "test", Examples: 3, Labels: []LabelCount{{"x", 2, 2. / 3}, {"y", 1, 1. / 3}}, Duplicates: DuplicateCount{1, 1, 1, 1}},
			{Part: "train", Examples: 4, Labels: []LabelCount{{"y", 3, 0.75}, {"z", 1, 0.25}}},
		},
		Overlaps: []Overlap{{"train", "test", DuplicateCount{1, 2, 2, 1}, 0.5}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("hygiene is\n%+v, expected\n%+v", got, want)
	}
	b, err := json.Marshal(got.Overlaps[0])
	if text := `{"part":"train","of":"test","exact":1,"normalised":2,"near":2,"other_label":1,"share":0.5}`; err != nil || string(b) != text {
		t.Errorf("JSON is %s (%v), expected %s", b, err, text)
	}

	scored := Part{"dev", []Example{at(4, "a", "b", "1"), at(5, "b", "a", "2.5"), at(6, "c", "d", "4")}}
	got, err = Inspect([]Part{scored}, true)
	if want := (PartHygiene{Part: "dev", Examples: 3, Scores: &ScoreRange{1, 2.5, 4}, Duplicates: DuplicateCount{1, 1, 1, 1}}); err != nil || !reflect.DeepEqual(got.Parts, []PartHygiene{want}) {
		t.Errorf("hygiene is %+v (%v), expected %+v", got, err, want)
	}
	if _, err := Inspect([]Part{test}, true); err == nil || !strings.HasPrefix(err.Error(), `test:1: found the score "x"`) {
		t.Errorf("error is %v, expected that x is no score", err)
	}
	if _, err := Inspect([]Part{test, test}, false); err == nil || !strings.Contains(err.Error(), "one name") {
		t.Errorf("error is %v, expected that two parts have one name", err)
	}
	if got, err := Inspect([]Part{{"empty", nil}}, false); err != nil || len(got.Parts) != 1 || got.Parts[0].Examples != 0 {
		t.Errorf("hygiene of nothing is %+v (%v)", got, err)
	}
}

func TestLabelMap(t *testing.T) {
	content := "text\tlabel\na\tpos\nb\tneg\nc\tneutral\nd\tvery pos\n"
	columns := Columns{Text: "text", Label: "label"}
	names := map[string]string{"pos": "1", "very pos": "1", "neg": "0"}
	for _, c := range []struct {
		name string
		opt  Options
		want string // labels, or the error
	}{
		{"none", Options{Columns: columns}, "[pos neg neutral very pos]"},
		{"drop", Options{Columns: columns, LabelMap: names, DropUnmapped: true}, "[1 0 1]"},
		{"drop with a limit", Options{Columns: columns, LabelMap: names, DropUnmapped: true, Limit: 3}, "[1 0 1]"},
		{"limit before", Options{Columns: columns, LabelMap: names, Limit: 2}, "[1 0]"},
		{"unknown", Options{Columns: columns, LabelMap: names}, `#:4: column "label": found the label "neutral", expected one that the label map renames: "neg", "pos", "very pos"`},
		{"all dropped", Options{Columns: columns, LabelMap: map[string]string{"x": "y"}, DropUnmapped: true}, `#: none of the labels of its 4 rows is in the label map, expected some of "x"`},
		{"empty", Options{Columns: columns, LabelMap: map[string]string{}}, `#:2: column "label": found the label "pos", expected one that the label map renames: `},
		{"no label column", Options{Columns: Columns{Text: "text"}, LabelMap: names}, "#: a label map was given, expected a label column as well"},
	} {
		path := save(t, "a.tsv", content)
		examples, err := Read(path, c.opt)
		var labels []string
		for _, e := range examples {
			labels = append(labels, e.Label)
		}
		got := fmt.Sprint(labels)
		if err != nil {
			got = strings.ReplaceAll(err.Error(), path, "#")
		}
		if got != c.want {
			t.Errorf("%s: %s, expected %s", c.name, got, c.want)
		}
	}
}
