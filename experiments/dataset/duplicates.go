package dataset

import "crypto/sha256"

// Likeness says when two examples are the same to a search for duplicates.
// Labels don't count, and neither does the order of the texts of a pair.
type Likeness int

const (
	// Exact: the texts have the same bytes.
	Exact Likeness = iota
	// Normalised: [Normalise] makes the texts the same.
	Normalised
	// Near: of the three-word sequences that either example has, 80 % are in
	// both (the Jaccard index), or the normalised texts are the same.
	Near
)

// Part is a list of examples with a name, such as one split of a dataset.
type Part struct {
	Name     string
	Examples []Example
}

// Duplicate is an example that is like an earlier one.
type Duplicate struct {
	Part       string  `json:"part"`
	Line       int     `json:"line"` // of the part's file
	OfPart     string  `json:"of_part"`
	OfLine     int     `json:"of_line"`
	Similarity float64 `json:"similarity"` // 1, unless the two are just near
	// Swapped says that a pair's texts stand in the other order.
	Swapped bool `json:"swapped,omitempty"`
	// OtherLabel says that the two have different labels.
	OtherLabel bool `json:"other_label,omitempty"`
}

// Duplicates lists the examples that are like one before them in the same part,
// or like one of an earlier part; of each part it names one that is most like
// it, the first of them. The order is that of the parts and of their examples.
func Duplicates(parts []Part, how Likeness) []Duplicate {
	var found []Duplicate
	finders := make([]finder, 0, len(parts))
	for i, part := range parts {
		finders = append(finders, newFinder(how))
		for n, e := range part.Examples {
			s := how.sketch(e)
			for j, f := range finders {
				if m, ok := f.find(s); ok {
					of := parts[j].Examples[m.at]
					found = append(found, Duplicate{
						Part: part.Name, Line: e.Line, OfPart: parts[j].Name, OfLine: of.Line,
						Similarity: m.similarity, Swapped: m.swapped, OtherLabel: e.Label != of.Label,
					})
				}
			}
			finders[i].add(s, n)
		}
	}
	return found
}

// WithoutLeaks parts the examples that are like one of tests, which would
// learn by heart what they are tested on, from the others.
func WithoutLeaks(examples []Example, how Likeness, tests ...[]Example) (kept, removed []Example) {
	f := newFinder(how)
	n := 0
	for _, test := range tests {
		for _, e := range test {
			f.add(how.sketch(e), n)
			n++
		}
	}
	for _, e := range examples {
		if _, ok := f.find(how.sketch(e)); ok {
			removed = append(removed, e)
		} else {
			kept = append(kept, e)
		}
	}
	return kept, removed
}

// digest stands for a text. That two texts have one by chance is as unlikely
// as 1 in 2^128.
type digest [16]byte

// sketch is what is compared of an example.
type sketch struct {
	texts [2]digest // the second is that of the empty text if there is no pair
	// For [Near]: the shingles, and the key of each band of them.
	shingles []uint64
	bands    [bands]uint64
}

// sketch returns what is compared of an example.
func (how Likeness) sketch(e Example) sketch {
	text, pair := e.Text, e.Pair
	if how != Exact {
		text, pair = Normalise(text), Normalise(pair)
	}
	p := sketch{texts: [2]digest{digestOf(text), digestOf(pair)}}
	if how == Near {
		p.shingles = shingles(text, pair)
		p.bands = bandsOf(p.shingles)
	}
	return p
}

func digestOf(text string) digest {
	sum := sha256.Sum256([]byte(text))
	return digest(sum[:])
}

// finder finds the first example that one is like.
type finder interface {
	add(p sketch, at int)
	find(p sketch) (match, bool)
}

type match struct {
	at         int // the number that the example was added with
	similarity float64
	swapped    bool
}

func newFinder(how Likeness) finder {
	if how == Near {
		return newNearFinder()
	}
	return equalFinder{}
}

// equalFinder finds examples of equal texts, in either order. What it holds is
// the first example with texts in this order.
type equalFinder map[[2]digest]int

func (f equalFinder) add(p sketch, at int) {
	if _, ok := f[p.texts]; !ok {
		f[p.texts] = at
	}
}

func (f equalFinder) find(p sketch) (match, bool) {
	at, ok := f[p.texts]
	other, swapped := f[[2]digest{p.texts[1], p.texts[0]}]
	switch {
	case swapped && (!ok || other < at):
		return match{other, 1, true}, true
	case ok:
		return match{at, 1, false}, true
	}
	return match{}, false
}
