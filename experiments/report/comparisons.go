package report

import (
	"fmt"
	"slices"
	"strings"

	"godwit/experiments/stats"
	"godwit/experiments/study"
)

// comparisonRow is a comparison in words.
type comparisonRow struct {
	Target, Model, Arm, Intermediate                    string
	Size                                                int
	Direct, Score, Gain, Interval, P, Adjusted, Outcome string
	Bootstrap, Above, Both, Example, SignFlip           string
	Alone, InFamily, DirectFailed, ArmFailed            string
	Significant, Control                                bool
}

// taskComparisons are the comparisons of a task.
type taskComparisons struct {
	Name, Metric string
	Rows         []comparisonRow
}

func (g *grid) comparisonTables() []taskComparisons {
	var tables []taskComparisons
	for _, task := range g.tasks {
		var rows []comparisonRow
		for _, k := range g.comparisons(task, "", "") {
			rows = append(rows, comparisonOf(k))
		}
		if len(rows) > 0 {
			tables = append(tables, taskComparisons{task, g.metric(task), rows})
		}
	}
	return tables
}

func comparisonOf(k *study.Comparison) comparisonRow {
	positive, negative := significant(k)
	row := comparisonRow{
		Target: k.Target, Model: k.Model, Arm: k.Arm, Intermediate: k.Intermediate, Size: k.Size,
		Direct: score(stats.Mean(k.Direct)), Score: score(stats.Mean(k.Scores)), Gain: signed(k.Gain), Interval: between(k.Low, k.High),
		P: pValue(k.P), Adjusted: pValue(k.AdjustedP), Outcome: outcome(k), Significant: positive || negative, Control: k.Arm == study.Control,
		Bootstrap: "–", Above: "–", Both: "–", Example: "–", SignFlip: "–", Alone: scoreOf(k.DetectableAlone), InFamily: scoreOf(k.Detectable),
		DirectFailed: seedList(k.DirectFailed), ArmFailed: seedList(k.ArmFailed),
	}
	if row.Control && row.Outcome == study.NotShown {
		row.Outcome = "control"
	}
	if b := k.Bootstrap; b != nil {
		row.Bootstrap, row.Above = between(&b.Low, &b.High), fmt.Sprintf("%.0f %%", 100*b.Above)
	}
	if t := k.Tests; t != nil {
		row.Both, row.Example, row.SignFlip = pValue(t.SeedsAndExamples), pValue(&t.Example), pValue(&t.SignFlip)
	}
	return row
}

// explainable says whether there is more to tell of the comparisons than the
// first table does: studies that were run by older versions lack it.
func (g *grid) explainable() bool {
	return slices.ContainsFunc(g.Comparisons, func(k study.Comparison) bool { return k.Tests != nil })
}

// scoreOf writes a score that may be unknown.
func scoreOf(v *float64) string {
	if v == nil {
		return "–"
	}
	return score(*v)
}

// seedList names seeds.
func seedList(seeds []uint64) string {
	if len(seeds) == 0 {
		return "none"
	}
	var names []string
	for _, s := range seeds {
		names = append(names, fmt.Sprint(s))
	}
	return strings.Join(names, ", ")
}

// pValue writes a probability as far as it can be told apart.
func pValue(p *float64) string {
	switch {
	case p == nil || !finite(*p):
		return "–"
	case *p < 0.001:
		return "< 0.001"
	}
	return fmt.Sprintf("%.3f", *p)
}
