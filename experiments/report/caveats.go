package report

import (
	"fmt"
	"strings"

	"godwit/experiments/study"
)

// caveats are those of the study and those that its results show.
func (g *grid) caveats() []string {
	var notes []string
	for _, c := range g.Caveats {
		notes = append(notes, upperFirst(strings.TrimSuffix(c, "."))+".")
	}
	if g.Missing > 0 {
		notes = append(notes, fmt.Sprintf("%d of %d cells are not finished: what stands here may change.", g.Missing, len(g.Plan.Cells)))
	}
	var unlearned, undefined int
	for _, c := range g.Cells {
		if g.failed(c) {
			unlearned++
		}
		if !finite(c.Score) || c.Scores.Regression != nil && !finite(c.Scores.Regression.Pearson) {
			undefined++
		}
	}
	if unlearned > 0 {
		notes = append(notes, fmt.Sprintf("%s of %d scored no better than always saying the commonest class, or than no correlation: they are shown and counted.", plural(unlearned, "run"), len(g.Cells)))
	}
	if undefined > 0 {
		notes = append(notes, fmt.Sprintf("%s of %d has no defined score, such as the correlation of predictions that are all the same; a correlation then counts as 0.", plural(undefined, "run"), len(g.Cells)))
	}
	if n := len(g.notLearnedComparisons()); n > 0 {
		notes = append(notes, fmt.Sprintf("Not learned: in %s neither arm passes what a model scores that learned nothing; the gain then says nothing about transfer.", plural(n, "comparison")))
	}
	var full []string
	for _, l := range g.lanes {
		if l.arm == study.Direct {
			if s := g.summary(l); s.mean >= 0.97 {
				full = with(full, fmt.Sprintf("%s on %s (%s)", l.model, l.target, score(s.mean)))
			}
		}
	}
	if len(full) > 0 {
		notes = append(notes, "Saturated target: direct fine-tuning leaves little to gain with "+list(full)+".")
	}
	return notes
}

func (g *grid) notLearnedComparisons() (found []*study.Comparison) {
	for i := range g.Comparisons {
		if g.Comparisons[i].NotLearned {
			found = append(found, &g.Comparisons[i])
		}
	}
	return found
}

func upperFirst(s string) string {
	for i, r := range s {
		return strings.ToUpper(string(r)) + s[i+len(string(r)):]
	}
	return s
}
