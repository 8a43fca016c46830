package main

import (
	"fmt"
	"os"
	"path/filepath"

	"godwit/experiments/report"
	"godwit/experiments/study"
)

type reportCommand struct {
	Dir  string `arg:"" help:"Directory of a study, as --output of godwit study names it."`
	JSON bool   `help:"Print JSON."`
}

func (reportCommand) Help() string {
	return `Example: godwit report runs/embedded

Makes report.html, results.csv, results.json and table.tex from the stages
that are finished: after the study, half-way, or while it runs.`
}

// reportOutput is what the command prints as JSON.
type reportOutput struct {
	Files    []string `json:"files"`
	Finished int      `json:"stages_finished"`
	Stages   int      `json:"stages"`
	Missing  int      `json:"cells_missing"`
	Cells    int      `json:"cells"`
}

func (c *reportCommand) Run() error {
	results, err := study.Collect(c.Dir)
	if err != nil {
		return err
	}
	if err := report.Write(c.Dir, results); err != nil {
		return err
	}
	out := reportOutput{Finished: len(results.Records), Stages: len(results.Plan.Stages), Missing: results.Missing, Cells: len(results.Plan.Cells)}
	for _, f := range report.Files {
		out.Files = append(out.Files, filepath.Join(c.Dir, f))
	}
	if c.JSON {
		return printJSON(out)
	}
	if out.Missing > 0 {
		fmt.Fprintf(os.Stderr, "%d of %d cells are not finished; %d of %d stages are.\n", out.Missing, out.Cells, out.Finished, out.Stages)
	}
	for _, f := range out.Files {
		fmt.Println(f)
	}
	return nil
}
