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
	Tokens     *TokenHygiene  `json:"tokens,omitempty"`
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

// Tokens is what a tokenizer made of the examples of a part; this package
// knows none. The lists have a number for each example.
type Tokens struct {
	Lengths   []int // tokens before anything was cut off
	Unknown   []int // those of them that the vocabulary lacks
	MaxLength int   // of a sequence, 0 for any
}

// TokenHygiene is about the lengths of a part in tokens.
type TokenHygiene struct {
	Total          int     `json:"total"`
	Min            int     `json:"min"`
	Median         int     `json:"median"`
	P95            int     `json:"p95"` // 95 % are no longer
	Max            int     `json:"max"`
	Mean           float64 `json:"mean"`
	MaxLength      int     `json:"max_length"`
	Truncated      int     `json:"truncated"` // examples longer than MaxLength
	TruncationRate float64 `json:"truncation_rate"`
	Unknown        int     `json:"unknown"`
	UnknownRate    float64 `json:"unknown_rate"` // of all tokens
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

// Hygiene sums up what a tokenizer made of the examples of a part.
func (t Tokens) Hygiene() *TokenHygiene {
	if len(t.Unknown) != len(t.Lengths) {
		panic(fmt.Sprintf("dataset.Tokens.Hygiene: found the lengths of %d examples and the unknown tokens of %d, expected as many", len(t.Lengths), len(t.Unknown)))
	}
	h := &TokenHygiene{MaxLength: t.MaxLength}
	if len(t.Lengths) == 0 {
		return h
	}
	for i, n := range t.Lengths {
		h.Total += n
		h.Unknown += t.Unknown[i]
		if t.MaxLength > 0 && n > t.MaxLength {
			h.Truncated++
		}
	}
	sorted := slices.Sorted(slices.Values(t.Lengths))
	// The least length that a share of the examples does not exceed.
	quantile := func(percent int) int { return sorted[(percent*len(sorted)+99)/100-1] }
	h.Min, h.Median, h.P95, h.Max = sorted[0], quantile(50), quantile(95), sorted[len(sorted)-1]
	h.Mean = ratio(h.Total, len(t.Lengths))
	h.TruncationRate = ratio(h.Truncated, len(t.Lengths))
	h.UnknownRate = ratio(h.Unknown, h.Total)
	return h
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
