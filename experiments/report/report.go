// Package report makes a page of a study's results: what was found in words,
// with the figures and the numbers that it rests on. See [Write] and [Handler].
package report

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"godwit/experiments/study"
	"godwit/transformer/checkpoint"
)

// Files are what [Write] makes, in a study's directory.
var Files = []string{"report.html", "results.csv", "results.json", "table.tex"}

// Write makes report.html, results.csv, results.json and table.tex in a
// directory from results as [study.Collect] gives them. It needs at least one
// finished stage.
func Write(dir string, r *study.Results) error {
	if err := worthIt(dir, r); err != nil {
		return err
	}
	page, err := render(r, options{Made: time.Now()})
	if err != nil {
		return err
	}
	if err := checkpoint.WriteFile(filepath.Join(dir, "report.html"), page); err != nil {
		return err
	}
	if err := checkpoint.WriteFile(filepath.Join(dir, "table.tex"), latex(r)); err != nil {
		return err
	}
	return r.Save(dir)
}

func worthIt(dir string, r *study.Results) error {
	if len(r.Records) == 0 {
		return fmt.Errorf("%s: found none of the study's %d stages finished, expected at least one: there is nothing to report yet", dir, len(r.Plan.Stages))
	}
	return nil
}

//go:embed page.tmpl
var pageText string

//go:embed page.css
var pageStyle string

//go:embed live.js
var liveScript string

var page = template.Must(template.New("page").Parse(pageText))

// options are what a page has beside results.
type options struct {
	Made  time.Time
	State string // of a page that is served while the study runs: a token that changes with the results
}

// pageView is what the template sees.
type pageView struct {
	Name, Made, Summary string
	Style               template.CSS
	Script              template.JS // empty in the file
	State               string
	Synthetic           bool

	StagesDone, Stages, CellsDone, Cells, Missing int
	Seeds, Models, Tasks                          int

	Arms        []armView
	Verdicts    []taskView
	Tested      bool // there are p-values
	Comparisons []taskComparisons
	Compared    int
	Explainable bool // there are the parts of the tests
	Targets     []taskTargets
	Learning    []curveView
	Training    []curveGroup
	Failures    bool // there are runs that learned nothing
	FailedMark  template.HTML
	Predictors  []predictorView
	TaskKeys    []armView
	Costs       []costRow
	Energy      bool // it is known of some stages
	Total       string
	Hygiene     []hygieneView
	Caveats     []string
	Config      string
	ModelsSeen  []named
	DataSeen    []named
	StageRows   []stageRow
	Machines    []machineRow
	Unrecorded  int // stages that did not say where they ran
	Maker       string
}

// named is a name with a value.
type named struct{ Name, Value string }

// armView is an entry of the legend.
type armView struct {
	Name, Meaning string
	Mark          template.HTML
}

var meanings = map[string]string{
	study.Direct:       "pretrained, then the target",
	study.Intermediate: "the intermediate task first, then the target",
	study.Control:      "as intermediate, with the intermediate's labels shuffled",
	study.ZeroShot:     "the intermediate task only",
	study.Joint:        "intermediate and target mixed",
}

// render makes the page.
func render(r *study.Results, o options) ([]byte, error) {
	g := newGrid(r)
	config, err := json.MarshalIndent(r.Plan.Config, "", "  ")
	if err != nil {
		return nil, err
	}
	v := pageView{
		Name: r.Name, Made: day(o.Made), Summary: g.summaryText(), Style: template.CSS(pageStyle), State: o.State,
		StagesDone: len(r.Records), Stages: len(r.Plan.Stages), CellsDone: len(r.Plan.Cells) - r.Missing, Cells: len(r.Plan.Cells), Missing: r.Missing,
		Models: len(g.models), Tasks: len(g.tasks),
		Verdicts: g.verdicts(), Comparisons: g.comparisonTables(), Compared: len(r.Comparisons), Explainable: g.explainable(), Targets: g.targets(), Learning: g.learningCurves(), Training: g.trainingCurves(),
		Failures: len(g.fell) > 0, Predictors: g.predictors(), TaskKeys: g.taskKeys(), Costs: g.costs(), Energy: g.measured() > 0, Total: g.total(), Hygiene: g.hygiene(), Caveats: g.caveats(),
		Config: string(config), ModelsSeen: sorted(r.Plan.Models), DataSeen: sorted(r.Plan.Datasets), StageRows: g.stageRows(), Maker: maker(),
	}
	v.Machines, v.Unrecorded = g.machines()
	if o.State != "" {
		v.Script = template.JS(liveScript)
	}
	var seeds []uint64
	for _, c := range r.Plan.Cells {
		seeds = with(seeds, c.Seed)
	}
	v.Seeds = len(seeds)
	for _, c := range r.Caveats {
		v.Synthetic = v.Synthetic || strings.Contains(c, "synthetic")
	}
	for i := range r.Comparisons {
		v.Tested = v.Tested || r.Comparisons[i].P != nil
	}
	for _, arm := range pageArms {
		for _, l := range g.lanes {
			if l.arm == arm {
				s := newSVG(30, 12, arm)
				s.line(0, 6, 30, 6, "curve "+armClass(arm))
				s.mark(15, 6, 4.4, arm, "mean", "")
				v.Arms = append(v.Arms, armView{arm, meanings[arm], s.html()})
				break
			}
		}
	}
	if v.Failures {
		s := newSVG(14, 14, "a run that learned nothing")
		s.failedMark(7, 7, 2.8, study.Direct, "")
		v.FailedMark = s.html()
	}
	var b bytes.Buffer
	if err := page.Execute(&b, v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func sorted(values map[string]string) []named {
	var list []named
	for name, value := range values {
		list = append(list, named{name, value})
	}
	slices.SortFunc(list, func(a, b named) int { return strings.Compare(a.Name, b.Name) })
	return list
}
