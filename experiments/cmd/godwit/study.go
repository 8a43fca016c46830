package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"godwit/experiments/report"
	"godwit/experiments/study"
	"godwit/kernels"
)

type studyCommand struct {
	Config string   `help:"Study file; without it the embedded study runs, on synthetic corpora." placeholder:"FILE"`
	Output string   `help:"Directory of stages and results; by default the file's, or runs/embedded." placeholder:"DIR"`
	Check  bool     `help:"Check files, columns, labels, checkpoints and disk space, print the plan with an estimate of the time, and train nothing."`
	DryRun bool     `help:"Print the stages that would run, and run none."`
	Resume bool     `help:"Go on with the study that --output or --config names, and fail if it was never begun; without --config its own plan says what it is."`
	Only   []string `help:"Run only stages whose name contains this, and those that they need; may be repeated." placeholder:"TEXT" sep:"none"`
	Jobs   int      `help:"Stages at a time, one core each; 1 gives each stage all cores; by default whichever measures faster." placeholder:"N"`
	Prune  bool     `help:"Remove stages that the last plan in --output does not have, and models that --keep does not keep; run nothing."`
	Keep   string   `help:"Models that stay on disk: those that other stages start from (intermediate), all or none." enum:"intermediate,all,none," default:"" placeholder:"POLICY"`
	Schema bool     `help:"Print the JSON Schema of the study file."`
	JSON   bool     `help:"Print the results as JSON."`
}

func (studyCommand) Help() string {
	return `Example: godwit study
         godwit study --config docs/sentiment.json --check
         godwit study --config docs/sentiment.json --only "seed 0"
         godwit study --resume --output runs/sentiment-minilm
         godwit study --output runs/embedded --prune

Finished stages are kept in the output directory and not run again; a stage
that was stopped goes on where it was. The same command resumes a study;
--resume also does where only the output directory is at hand.`
}

func (c *studyCommand) Run(ctx context.Context) error {
	if c.Schema {
		_, err := os.Stdout.Write(study.Schema())
		return err
	}
	config, err := c.study()
	if err != nil {
		return err
	}
	dir := config.Output
	switch {
	case c.Prune:
		return c.prune(dir, config.Keep)
	case c.Check || c.DryRun:
		return c.check(ctx, config)
	}
	if c.Config == "" && !c.Resume {
		fmt.Fprintln(os.Stderr, "No --config: the embedded study, on synthetic corpora made here.")
	}
	w := studyWatcher{bar: newBar()}
	results, err := study.Run(ctx, config, study.Options{Jobs: c.Jobs, Only: c.Only, Watch: w.event})
	w.bar.close()
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%d stages, %d of them run now, in %s (%s, %d threads)\n", len(results.Plan.Stages), results.StagesRun,
		time.Duration(results.Seconds*float64(time.Second)).Round(time.Second), kernels.ISA(), kernels.Workers())
	if len(results.Records) > 0 {
		if err := report.Write(dir, results); err != nil {
			return err
		}
	}
	if c.JSON {
		return printJSON(results)
	}
	if err := results.WriteTable(os.Stdout); err != nil {
		return err
	}
	fmt.Printf("\n%s\n\n", wrapped(report.Words(results), 100))
	fmt.Printf("Report: %s/report.html; scores by seed: %s/results.csv; everything: %s/results.json\n", dir, dir, dir)
	return nil
}

// study returns the study that the flags ask for.
func (c *studyCommand) study() (*study.Config, error) {
	var config *study.Config
	var err error
	switch {
	case c.Config != "":
		config, err = study.LoadConfig(c.Config)
	case c.Resume && c.Output != "":
		config, err = study.Begun(c.Output)
	default:
		config = study.Embedded()
	}
	if err != nil {
		return nil, err
	}
	if c.Output != "" {
		config.Output = c.Output
	}
	if c.Resume && c.Config != "" {
		if _, err := study.Begun(config.Output); err != nil {
			return nil, err
		}
	}
	if c.Keep != "" {
		config.Keep = c.Keep
	}
	return config, nil
}

func (c *studyCommand) prune(dir, keep string) error {
	removed, err := study.Prune(dir, keep)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(removed)
	}
	fmt.Printf("removed %d stages and %d models, %.1f MB\n", removed.Stages, removed.Models, float64(removed.Bytes)/1e6)
	return nil
}

func (c *studyCommand) check(ctx context.Context, config *study.Config) error {
	report, err := study.Check(ctx, config, study.CheckOptions{Only: c.Only, Jobs: c.Jobs, Measure: c.Check})
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(report)
	}
	return report.Write(os.Stdout, c.DryRun)
}

// studyWatcher shows a run on standard error.
type studyWatcher struct{ bar *bar }

func (w *studyWatcher) event(e study.Event) {
	of := e.Done + e.Running + e.Waiting
	switch e.Kind {
	case study.Step:
		if e.Running == 1 { // the bar shows one stage
			w.bar.step(*e.Step)
		}
	case study.Note:
		w.bar.close()
		fmt.Fprintf(os.Stderr, "Note: %s.\n", e.Outcome)
	case study.Started:
		w.bar.close()
		if e.Running == 1 {
			fmt.Fprintf(os.Stderr, "[%d/%d] %s\n", e.Done+1, of, e.Stage)
		}
	case study.Finished:
		w.bar.close()
		left := ""
		if e.Left > 0 {
			left = fmt.Sprintf("; about %s left", e.Left.Round(time.Second))
		}
		fmt.Fprintf(os.Stderr, "[%d/%d] %s: %s  (%d running, %d waiting%s)\n", e.Done, of, e.Stage, e.Outcome, e.Running, e.Waiting, left)
	}
}
