package dataset

import (
	"cmp"
	"fmt"
	"slices"
)

// Hygiene is what a reader of results should know about the data behind them.
type Hygiene struct {
	Parts    []PartHygiene `json:"parts"`
	Overlaps []Overlap     `json:"overlaps"` // of every two parts, in their order
}

// PartHygiene is about one part, such as a split of a dataset.
type PartHygiene struct {
	Part     string `json:"part"`
	Examples int    `json:"examples"`
	// Labels are the classes with the number of their examples, the most
	// frequent first. It is empty for scores, of which Scores tells.
	Labels []LabelCount `json:"labels,omitempty"`
	Scores *ScoreRange  `json:"scores,omitempty"`
	// Duplicates are the examples that are like an earlier one of the part.
	Duplicates DuplicateCount `json:"duplicates"`
}

// LabelCount is a class and how many examples have it.
type LabelCount struct {
	Label    string  `json:"label"`
	Examples int     `json:"examples"`
	Share    float64 `json:"share"`
}

// ScoreRange is where the scores of a part lie.
type ScoreRange struct {
	Min  float64 `json:"min"`
	Mean float64 `json:"mean"`
	Max  float64 `json:"max"`
}

// DuplicateCount counts duplicates by likeness; each count includes those
// before it.
type DuplicateCount struct {
	Exact      int `json:"exact"`
	Normalised int `json:"normalised"`
	Near       int `json:"near"`
	// OtherLabel counts the normalised ones whose first like has another label.
	OtherLabel int `json:"other_label"`
}

// Overlap counts the examples of one part that are like one of another.
type Overlap struct {
	Part string `json:"part"`
	Of   string `json:"of"`
	DuplicateCount
	// Share is the normalised ones' share of Part.
	Share float64 `json:"share"`
}

// Inspect returns the hygiene of parts. Of every two parts the later one's
// examples are looked for in the earlier one: give what is trained on last.
// Labels are scores if scores says so; they must then be numbers, as [Scores]
// checks.
func Inspect(parts []Part, scores bool) (Hygiene, error) {
	var h Hygiene
	for _, part := range parts {
		p := PartHygiene{Part: part.Name, Examples: len(part.Examples)}
		if scores {
			r, err := scoreRange(part)
			if err != nil {
				return Hygiene{}, err
			}
			p.Scores = r
		} else {
			p.Labels = countLabels(part.Examples)
		}
		h.Parts = append(h.Parts, p)
	}
	type pair struct{ part, of string }
	counts := make(map[pair]*DuplicateCount)
	for i, part := range parts {
		for _, of := range parts[:i] {
			counts[pair{part.Name, of.Name}] = new(DuplicateCount)
		}
		counts[pair{part.Name, part.Name}] = &h.Parts[i].Duplicates
	}
	if len(counts) != len(parts)*(len(parts)+1)/2 {
		return Hygiene{}, fmt.Errorf("dataset: two of the parts have one name, expected different ones")
	}
	for _, how := range []Likeness{Exact, Normalised, Near} {
		for _, d := range Duplicates(parts, how) {
			c := counts[pair{d.Part, d.OfPart}]
			switch how {
			case Exact:
				c.Exact++
			case Normalised:
				c.Normalised++
				if d.OtherLabel {
					c.OtherLabel++
				}
			case Near:
				c.Near++
			}
		}
	}
	for i, part := range parts {
		for _, of := range parts[:i] {
			c := *counts[pair{part.Name, of.Name}]
			h.Overlaps = append(h.Overlaps, Overlap{part.Name, of.Name, c, ratio(c.Normalised, len(part.Examples))})
		}
	}
	return h, nil
}

// countLabels returns the labels by how many examples have them, then by name.
func countLabels(examples []Example) []LabelCount {
	counts := make(map[string]int)
	for _, e := range examples {
		counts[e.Label]++
	}
	list := make([]LabelCount, 0, len(counts))
	for label, n := range counts {
		list = append(list, LabelCount{label, n, ratio(n, len(examples))})
	}
	slices.SortFunc(list, func(a, b LabelCount) int {
		return cmp.Or(cmp.Compare(b.Examples, a.Examples), cmp.Compare(a.Label, b.Label))
	})
	return list
}

func scoreRange(part Part) (*ScoreRange, error) {
	values, err := Scores(part.Name, part.Examples)
	if err != nil || len(values) == 0 {
		return nil, err
	}
	r := &ScoreRange{Min: slices.Min(values), Max: slices.Max(values)}
	for _, v := range values {
		r.Mean += v / float64(len(values))
	}
	return r, nil
}

func ratio(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}
