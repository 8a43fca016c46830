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
	Place, Way, Short                                   string // see [grid.short]
	Target, Model, Arm, Intermediate                    string
	Size                                                int
	Direct, Score, Gain, Interval, P, Adjusted, Outcome string
	Bootstrap, Above, Both, Example, SignFlip           string
	Alone, InFamily, Failed                             string
	Significant                                         bool
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
			rows = append(rows, g.comparisonOf(k))
		}
		if len(rows) > 0 {
			tables = append(tables, taskComparisons{task, g.metric(task), rows})
		}
	}
	return tables
}

func (g *grid) comparisonOf(k *study.Comparison) comparisonRow {
	positive, negative := significant(k)
	row := comparisonRow{
		Target: k.Target, Model: k.Model, Arm: k.Arm, Intermediate: k.Intermediate, Size: k.Size,
		Direct: score(stats.Mean(k.Direct)), Score: score(stats.Mean(k.Scores)), Gain: signed(k.Gain), Interval: between(k.Low, k.High),
		P: pValue(k.P), Adjusted: pValue(k.AdjustedP), Outcome: outcome(k), Significant: positive || negative,
		Bootstrap: "–", Above: "–", Both: "–", Example: "–", SignFlip: "–", Alone: detectable(k.DetectableAlone), InFamily: detectable(k.Detectable),
		Failed: failedSeeds(k),
	}
	row.Place, row.Way, row.Short = g.short(k)
	if k.Arm == study.Control && row.Outcome == study.NotShown {
		row.Outcome, row.Short = "control", "control"
	}
	if b := k.Bootstrap; b != nil {
		row.Bootstrap, row.Above = between(&b.Low, &b.High), fmt.Sprintf("%.0f %%", 100*b.Above)
	}
	if t := k.Tests; t != nil {
		row.Both, row.Example, row.SignFlip = pValue(t.SeedsAndExamples), pValue(&t.Example), pValue(&t.SignFlip)
	}
	return row
}

// detectable writes a gain that could have been shown. No score of this page can rise by 1 or more.
func detectable(gain *float64) string {
	if gain != nil && *gain >= 1 {
		return "none (≥ 1)"
	}
	return scoreOf(gain)
}

// short names the target, the arm and the outcome of a comparison in as few words as
// tell them apart: without size or intermediate dataset if the model has one there.
func (g *grid) short(k *study.Comparison) (place, way, shown string) {
	place, way, shown = k.Target, k.Arm, outcome(k)
	if shown == study.NotShown {
		shown = "not shown"
	}
	sizes := map[int]bool{}
	var others []string
	for _, l := range g.lanes {
		if l.task == k.Task && l.model == k.Model && l.target == k.Target && l.intermediate != "" {
			sizes[l.size] = true
			others = with(others, l.intermediate)
		}
	}
	if len(sizes) > 1 {
		place += fmt.Sprintf(", %d", k.Size)
	}
	if len(others) > 1 {
		way += ", " + k.Intermediate
	}
	return place, way, shown
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

// failedSeeds names the seeds that learned nothing, a dash for none.
func failedSeeds(k *study.Comparison) string {
	var parts []string
	for _, f := range []struct {
		arm   string
		seeds []uint64
	}{{study.Direct, k.DirectFailed}, {"arm", k.ArmFailed}} {
		if len(f.seeds) > 0 {
			text := fmt.Sprint(f.seeds) // in brackets
			parts = append(parts, f.arm+" "+strings.ReplaceAll(text[1:len(text)-1], " ", ", "))
		}
	}
	if len(parts) == 0 {
		return "–"
	}
	return strings.Join(parts, "; ")
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
