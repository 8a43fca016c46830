package study

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"text/tabwriter"

	"godwit/experiments/stats"
	"godwit/transformer/checkpoint"
)

// Save writes results.json and results.csv into a directory.
func (r *Results) Save(dir string) error {
	if err := writeJSON(filepath.Join(dir, "results.json"), r); err != nil {
		return err
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Write([]string{"task", "model", "setting", "target", "size", "arm", "intermediate", "seed", "metric", "score", "tokens"})
	for _, c := range r.Cells {
		w.Write([]string{c.Task, c.Model, c.Setting, c.Target, strconv.Itoa(c.Size), c.Arm, c.Intermediate, strconv.FormatUint(c.Seed, 10), c.Metric,
			strconv.FormatFloat(c.Score, 'g', -1, 64), strconv.Itoa(c.Tokens)})
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return err
	}
	return checkpoint.WriteFile(filepath.Join(dir, "results.csv"), b.Bytes())
}

// WriteTable prints the comparisons for people.
func (r *Results) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "task\tmodel\ttarget\tsetting\tsize\tarm\tmetric\tdirect\tarm's\tgain\t95 % interval\tverdict\t")
	unlearned := false
	for _, k := range r.Comparisons {
		bounds, verdict := "–", k.Verdict
		if k.Low != nil {
			bounds = fmt.Sprintf("%+.3f to %+.3f", *k.Low, *k.High)
		}
		if k.NotLearned {
			verdict = "not learned"
			unlearned = true
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%s\t%s\t%.3f\t%.3f\t%+.3f\t%s\t%s\t\n", k.Task, k.Model, k.Target, k.Setting, k.Size, k.Arm+" "+k.Intermediate, k.Metric,
			stats.Mean(k.Direct), stats.Mean(k.Scores), k.Gain, bounds, verdict)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	caveats := r.Caveats
	if unlearned {
		caveats = append(caveats[:len(caveats):len(caveats)], "not learned: neither arm passes what a model scores that learned nothing; the gain says nothing about transfer")
	}
	for _, c := range caveats {
		if _, err := fmt.Fprintf(w, "Note: %s.\n", c); err != nil {
			return err
		}
	}
	return nil
}
