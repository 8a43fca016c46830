package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"godwit/experiments/study"
	"godwit/kernels"
)

type studyCommand struct {
	Config string `help:"Study file; without it the embedded study runs, on synthetic corpora." placeholder:"FILE"`
	Output string `help:"Directory of stages and results; by default the file's, or runs/embedded." placeholder:"DIR"`
	JSON   bool   `help:"Print the results as JSON."`
}

func (studyCommand) Help() string {
	return `Example: godwit study
         godwit study --config docs/sentiment.json

Finished stages are kept in the output directory and not run again.`
}

func (c *studyCommand) Run(ctx context.Context) error {
	start := time.Now()
	b := newBar()
	watch := study.Watch{
		Stage: func(number, of int, name string, finished bool) {
			b.close()
			state := ""
			if finished {
				state = "  (finished before)"
			} else if left := remaining(start, number-1, of); left > 0 && number > 4 {
				state = fmt.Sprintf("  (about %s left)", left.Round(time.Second))
			}
			fmt.Fprintf(os.Stderr, "[%d/%d] %s%s\n", number, of, name, state)
		},
		Step: b.step,
		Done: func(outcome string) { b.close(); fmt.Fprintf(os.Stderr, "        %s\n", outcome) },
	}
	var (
		results *study.Results
		err     error
		dir     = c.Output
	)
	if c.Config != "" {
		config, e := study.LoadConfig(c.Config)
		if e != nil {
			return e
		}
		if dir != "" {
			config.Output = dir
		}
		dir = config.Output
		results, err = study.Run(ctx, config, watch)
	} else {
		if dir == "" {
			dir = "runs/embedded"
		}
		fmt.Fprintln(os.Stderr, "No --config: the embedded study, on synthetic corpora made here.")
		results, err = study.RunEmbedded(ctx, dir, watch)
	}
	b.close()
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%d stages, %d of them run now, in %s (%s, %d threads)\n", results.Stages, results.StagesRun,
		time.Duration(results.Seconds*float64(time.Second)).Round(time.Second), kernels.ISA(), kernels.Workers())
	if c.JSON {
		return printJSON(results)
	}
	if err := results.WriteTable(os.Stdout); err != nil {
		return err
	}
	fmt.Printf("Scores by seed: %s/results.csv; everything: %s/results.json\n", dir, dir)
	return nil
}

// remaining estimates the time that the stages left will take.
func remaining(start time.Time, done, of int) time.Duration {
	if done == 0 {
		return 0
	}
	return time.Duration(float64(time.Since(start)) / float64(done) * float64(of-done))
}
