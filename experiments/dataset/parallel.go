package dataset

import "fmt"

// SplitByID holds about the given fraction of examples out, and returns the
// rest and those, both in the order of examples. Where an example goes depends
// on its ID and seed alone: in parallel sets the same ID is held out in every
// language, whichever of them a language lacks, and examples with the same ID
// stay together. An example without an ID is an error that names the file and
// the line. The fraction must lie between 0 and 1.
func SplitByID(path string, examples []Example, fraction float64, seed uint64) (rest, held []Example, err error) {
	if !(fraction >= 0 && fraction <= 1) {
		panic(fmt.Sprintf("dataset.SplitByID: fraction is %v, expected from 0 to 1", fraction))
	}
	for _, e := range examples {
		if e.ID == "" {
			return nil, nil, fmt.Errorf("%s:%d: found no ID, expected one for each example of a parallel set", path, e.Line)
		}
		// 53 bits are what a float64 holds exactly.
		if float64(hashID(e.ID, seed, siteParallel)>>11) < fraction*(1<<53) {
			held = append(held, e)
		} else {
			rest = append(rest, e)
		}
	}
	return rest, held, nil
}
