package study

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"text/tabwriter"

	"godwit/experiments/stats"
	"godwit/transformer/checkpoint"
)

// Results is the outcome of a study.
type Results struct {
	Name        string       `json:"name"`
	Caveats     []string     `json:"caveats"`
	Cells       []Cell       `json:"cells"`
	Comparisons []Comparison `json:"comparisons"`

	// What this run did; not part of the outcome, and not in results.json.
	Stages    int     `json:"-"`
	StagesRun int     `json:"-"`
	Seconds   float64 `json:"-"`
}

// Comparison sets an arm against direct fine-tuning on one target.
type Comparison struct {
	Task    string    `json:"task"`
	Model   string    `json:"model"`
	Target  string    `json:"target"`
	Setting string    `json:"setting"`
	Arm     string    `json:"arm"`
	Metric  string    `json:"metric"`
	Direct  []float64 `json:"direct"` // score by seed
	Scores  []float64 `json:"scores"` // score of the arm by seed
	Gain    float64   `json:"gain"`   // mean over seeds of arm minus direct
	// Low and High bound the gain: the 95 % t interval over seeds. Null with fewer than two seeds.
	Low  *float64 `json:"low"`
	High *float64 `json:"high"`
	// NotLearned says that the mean of neither arm passes Chance: the gain then
	// says nothing about transfer.
	NotLearned bool `json:"not_learned"`
}

func summarise(c *Config, cells []Cell) *Results {
	r := &Results{Name: c.Name, Caveats: c.Caveats, Cells: cells}
	if len(c.Seeds) < 5 {
		r.Caveats = append(r.Caveats, fmt.Sprintf("%d seeds: intervals are wide, and they are not corrected for the number of comparisons", len(c.Seeds)))
	}
	type place struct{ task, model, target, arm string }
	by := map[place][]Cell{}
	for _, cell := range cells {
		p := place{cell.Task, cell.Model, cell.Target, cell.Arm}
		by[p] = append(by[p], cell)
	}
	done := map[place]bool{}
	for _, cell := range cells {
		p := place{cell.Task, cell.Model, cell.Target, cell.Arm}
		direct := by[place{cell.Task, cell.Model, cell.Target, Direct}]
		if cell.Arm == Direct || done[p] || len(direct) == 0 {
			continue
		}
		done[p] = true
		k := Comparison{Task: cell.Task, Model: cell.Model, Target: cell.Target, Setting: cell.Setting, Arm: cell.Arm, Metric: cell.Metric}
		var gains []float64
		for i, a := range by[p] { // both lists are in the order of the seeds
			k.Direct = append(k.Direct, direct[i].Score)
			k.Scores = append(k.Scores, a.Score)
			gains = append(gains, a.Score-direct[i].Score)
		}
		k.Gain = stats.Mean(gains)
		k.NotLearned = max(stats.Mean(k.Direct), stats.Mean(k.Scores)) <= cell.Chance
		if len(gains) > 1 {
			low, high := stats.TInterval(gains, 0.95)
			k.Low, k.High = &low, &high
		}
		r.Comparisons = append(r.Comparisons, k)
	}
	return r
}

func (r *Results) save(dir string) error {
	data, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	if err := checkpoint.WriteFile(filepath.Join(dir, "results.json"), append(data, '\n')); err != nil {
		return err
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Write([]string{"task", "model", "setting", "target", "arm", "seed", "metric", "score"})
	for _, c := range r.Cells {
		w.Write([]string{c.Task, c.Model, c.Setting, c.Target, c.Arm, strconv.FormatUint(c.Seed, 10), c.Metric, strconv.FormatFloat(c.Score, 'g', -1, 64)})
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
	fmt.Fprintln(t, "task\tmodel\tsetting\ttarget\tmetric\tdirect\tintermediate\tgain\t95 % interval\t")
	unlearned := false
	for _, k := range r.Comparisons {
		bounds := "–"
		if k.Low != nil {
			bounds = fmt.Sprintf("%+.3f to %+.3f", *k.Low, *k.High)
		}
		if k.NotLearned {
			bounds += "  not learned"
			unlearned = true
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%.3f\t%.3f\t%+.3f\t%s\t\n", k.Task, k.Model, k.Setting, k.Target, k.Metric, stats.Mean(k.Direct), stats.Mean(k.Scores), k.Gain, bounds)
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
