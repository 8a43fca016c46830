package report

import (
	"strings"

	"godwit/experiments/study"
)

// Words says in one paragraph what a study found: over everything, then for
// each task and setting that has a finished comparison.
func Words(r *study.Results) string {
	g := newGrid(r)
	var b strings.Builder
	b.WriteString(g.summaryText())
	arm := g.mainArm()
	for _, v := range g.verdicts() {
		for _, s := range v.Settings {
			if len(g.comparisons(v.Name, s.Setting, arm)) > 0 {
				b.WriteString(" " + upperFirst(v.Name) + ", " + s.Setting + ": " + s.Sentence)
			}
		}
	}
	if g.Missing > 0 {
		b.WriteString(" " + upperFirst(plural(g.Missing, "cell")) + " of the plan are not finished: this may change.")
	}
	return b.String()
}
