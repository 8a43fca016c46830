package report

import (
	"cmp"
	"fmt"
	"slices"

	"godwit/experiments/machine"
)

// stageRow is a stage of the plan.
type stageRow struct {
	Key, Name, Kind, Time string
	Finished              bool
}

func (g *grid) stageRows() []stageRow {
	var rows []stageRow
	for _, s := range g.Plan.Stages {
		row := stageRow{Key: s.Key, Name: s.Name, Kind: s.Kind, Time: "–"}
		if rec := g.Records[s.Key]; rec != nil {
			row.Finished, row.Time = true, span(rec.Seconds)
		}
		rows = append(rows, row)
	}
	return rows
}

// machineRow is a machine and program that ran stages.
type machineRow struct {
	machine.Machine
	Stages int
}

// machines lists those that the finished stages ran on, the one that ran most
// of them first; unrecorded counts the stages of older versions, which did not say.
func (g *grid) machines() (rows []machineRow, unrecorded int) {
	for _, s := range g.Plan.Stages {
		rec := g.Records[s.Key]
		switch {
		case rec == nil:
		case rec.Machine == machine.Machine{}:
			unrecorded++
		default:
			i := slices.IndexFunc(rows, func(r machineRow) bool { return r.Machine == rec.Machine })
			if i < 0 {
				i, rows = len(rows), append(rows, machineRow{Machine: rec.Machine})
			}
			rows[i].Stages++
		}
	}
	slices.SortStableFunc(rows, func(a, b machineRow) int { return cmp.Compare(b.Stages, a.Stages) })
	return rows, unrecorded
}

// maker says in a line what made the page.
func maker() string {
	m := machine.Here()
	return fmt.Sprintf("godwit %s, Go %s, %s", m.Godwit, m.Go, m.Platform)
}
