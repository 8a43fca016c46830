package report

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"
	"time"

	"godwit/experiments/metric"
	"godwit/experiments/stats"
	"godwit/experiments/study"
)

// comparisonRow is a comparison in words.
type comparisonRow struct {
	Task, Model, Target, Setting, Arm, Intermediate, Metric string
	Size                                                    int
	Direct, Score, Gain, Interval, P, Detectable, Outcome   string
	Significant                                             bool
}

func (g *grid) comparisonRows() []comparisonRow {
	var rows []comparisonRow
	for i := range g.Comparisons {
		k := &g.Comparisons[i]
		positive, negative := significant(k)
		o := outcome(k)
		if k.Arm == study.Control && o == study.NotShown {
			o = "control"
		}
		detectable := "–"
		if k.Detectable != nil {
			detectable = score(*k.Detectable)
		}
		rows = append(rows, comparisonRow{
			Task: k.Task, Model: k.Model, Target: k.Target, Setting: k.Setting, Arm: k.Arm, Intermediate: k.Intermediate, Metric: k.Metric, Size: k.Size,
			Direct: score(stats.Mean(k.Direct)), Score: score(stats.Mean(k.Scores)), Gain: signed(k.Gain), Interval: between(k.Low, k.High),
			P: pValue(k.AdjustedP), Detectable: detectable, Outcome: o, Significant: positive || negative,
		})
	}
	return rows
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

// predictorView is a predictor against the gains of intermediate training.
type predictorView struct {
	Name, Correlation string
	SVG               template.HTML
}

func (g *grid) predictors() []predictorView {
	var views []predictorView
	for _, p := range g.Predictors {
		var values, gains []float64
		var names []string
		for _, q := range p.Points {
			for _, k := range g.comparisons(q.Task, "", study.Intermediate) {
				if k.Model == q.Model && k.Target == q.Target && k.Size == q.Size && k.Intermediate == q.Intermediate && finite(q.Value) && finite(k.Gain) {
					values, gains = append(values, q.Value), append(gains, k.Gain)
					names = append(names, fmt.Sprintf("%s, %s, %s from %s, %d examples", q.Task, q.Model, q.Target, q.Intermediate, k.Size))
				}
			}
		}
		if len(values) == 0 {
			continue
		}
		v := predictorView{Name: p.Name, SVG: scatter(p.Name, values, gains, names), Correlation: fmt.Sprintf("%s: too few for a rank correlation", plural(len(values), "pair"))}
		if len(values) > 2 {
			if s, err := metric.Regression(gains, values); err == nil {
				v.Correlation = fmt.Sprintf("rank correlation %s over %d pairs", signed(s.Spearman), len(values))
			}
		}
		views = append(views, v)
	}
	return views
}

func scatter(name string, values, gains []float64, hover []string) template.HTML {
	const width, height, left, right, top, bottom = figureWidth, 214.0, 46.0, 12.0, 8.0, 38.0
	s := newSVG(width, height, name+" against measured gain")
	low, high := spread(values)
	x := scale{low: low, high: high, from: left, to: width - right}
	low, high = spread(append([]float64{0}, gains...))
	y := scale{low: low, high: high, from: height - bottom, to: top}
	for _, v := range y.ticks(5) {
		class := "grid"
		if v == 0 {
			class = "axis"
		}
		s.line(left, y.at(v), width-right, y.at(v), class)
		s.text(left-6, y.at(v)+4, "end", "small muted", tick(v))
	}
	for _, v := range x.ticks(5) {
		s.text(x.at(v), height-bottom+16, "middle", "small muted", tick(v))
	}
	s.label((left+width-right)/2, height-4, "middle", "small muted", name+"; upwards: gain", width-left)
	for i := range values {
		s.mark(x.at(values[i]), y.at(gains[i]), 4, study.Intermediate, "seed", fmt.Sprintf("%s: %s %s, gain %s", hover[i], name, tick(values[i]), signed(gains[i])))
	}
	return s.html()
}

// costRow is what an arm costs in a task: means over its finished cells.
type costRow struct {
	Task, Arm, Time, Extra, Tokens, Gain, PerMinute string
	Cells                                           int
	First                                           bool // of its task
}

// costs counts for each cell all its stages but the pretraining of encoders,
// as if none were shared: what it takes to get one model that way.
func (g *grid) costs() []costRow {
	var rows []costRow
	for _, task := range g.tasks {
		direct := math.NaN()
		for i, arm := range pageArms {
			var seconds, tokens, gains []float64
			for _, c := range g.Cells {
				if c.Task != task || c.Arm != arm {
					continue
				}
				total := 0.0
				for _, key := range c.Stages {
					if rec := g.Records[key]; rec != nil && rec.Pretrain == nil {
						total += rec.Seconds
					}
				}
				seconds, tokens = append(seconds, total), append(tokens, float64(c.Tokens))
			}
			if len(seconds) == 0 {
				continue
			}
			for _, k := range g.comparisons(task, "", arm) {
				if finite(k.Gain) {
					gains = append(gains, k.Gain)
				}
			}
			row := costRow{Task: task, Arm: arm, Cells: len(seconds), Time: span(stats.Mean(seconds)), Tokens: thousands(stats.Mean(tokens)), Extra: "–", Gain: "–", PerMinute: "–", First: len(rows) == 0 || rows[len(rows)-1].Task != task}
			if i == 0 {
				direct = stats.Mean(seconds)
			} else if extra := stats.Mean(seconds) - direct; finite(extra) && len(gains) > 0 {
				row.Extra, row.Gain = signedSpan(extra), signed(stats.Mean(gains))
				if extra > direct/20 { // less is the noise of the clock
					row.PerMinute = signed(stats.Mean(gains) / (extra / 60))
				}
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// total is what the finished stages took together, each counted once.
func (g *grid) total() string {
	seconds, tokens, pretraining := 0.0, 0, 0.0
	for _, rec := range g.Records {
		seconds += rec.Seconds
		tokens += rec.Tokens
		if rec.Pretrain != nil {
			pretraining += rec.Seconds
		}
	}
	text := fmt.Sprintf("All finished stages (%d), each counted once: %s of computing and %s tokens", len(g.Records), span(seconds), thousands(float64(tokens)))
	if pretraining > 0 {
		text += fmt.Sprintf("; %s of it made the encoders", span(pretraining))
	}
	return text + "."
}

// span writes a time in seconds.
func span(seconds float64) string {
	switch {
	case !finite(seconds):
		return "–"
	case seconds < 10:
		return fmt.Sprintf("%.1f s", seconds)
	case seconds < 120:
		return fmt.Sprintf("%.0f s", seconds)
	case seconds < 2*3600:
		return fmt.Sprintf("%.1f min", seconds/60)
	}
	return fmt.Sprintf("%.1f h", seconds/3600)
}

func signedSpan(seconds float64) string {
	if seconds < 0 {
		return "−" + span(-seconds)
	}
	return "+" + span(seconds)
}

// thousands writes a count in groups of three digits.
func thousands(n float64) string {
	if !finite(n) {
		return "–"
	}
	digits := fmt.Sprintf("%.0f", n)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 && digits[i-1] != '-' {
			b.WriteRune('\u202f') // narrow no-break space
		}
		b.WriteRune(d)
	}
	return b.String()
}

// hygieneRow is what a model's tokenizer makes of a dataset.
type hygieneRow struct {
	Task, Dataset, Role, Model                       string
	Examples, Tokens, PerExample, Truncated, Unknown string
	Classes                                          string
}

func (g *grid) hygiene() []hygieneRow {
	var rows []hygieneRow
	type place struct{ task, dataset, model string }
	seen := map[place]bool{}
	for _, c := range g.Plan.Cells {
		for i, key := range c.Stages {
			p, role := place{c.Task, c.Intermediate, c.Model}, "intermediate"
			if i == len(c.Stages)-1 {
				if c.Arm != study.Direct {
					continue
				}
				p.dataset, role = c.Target, c.Setting+" target"
			}
			rec := g.Records[key]
			if seen[p] || rec == nil || rec.Text.Examples == 0 {
				continue
			}
			seen[p] = true
			t := rec.Text
			row := hygieneRow{
				Task: p.task, Dataset: p.dataset, Role: role, Model: p.model,
				Examples: thousands(float64(t.Examples)), Tokens: thousands(float64(t.Tokens)), PerExample: fmt.Sprintf("%.1f", float64(t.Tokens)/float64(t.Examples)),
				Truncated: percent(t.Truncated, t.Examples), Unknown: percent(t.Unknown, t.Tokens), Classes: "–",
			}
			if rec.Test != nil && rec.Test.Classification != nil {
				row.Classes = balance(rec.Test.Classification.Confusion)
			}
			rows = append(rows, row)
		}
	}
	order := func(r hygieneRow) int { // intermediate datasets first
		if r.Role == "intermediate" {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(rows, func(a, b hygieneRow) int {
		if d := slices.Index(g.tasks, a.Task) - slices.Index(g.tasks, b.Task); d != 0 {
			return d
		}
		if d := slices.Index(g.models, a.Model) - slices.Index(g.models, b.Model); d != 0 {
			return d
		}
		return order(a) - order(b)
	})
	return rows
}

func percent(n, of int) string {
	switch {
	case of == 0:
		return "–"
	case n == 0:
		return "0 %"
	case float64(n)/float64(of) < 0.0001:
		return "< 0.01 %"
	}
	return fmt.Sprintf("%.2f %%", 100*float64(n)/float64(of))
}

// balance writes the number of test examples of each class: the sums of a confusion matrix's rows.
func balance(confusion [][]int) string {
	var parts []string
	for i, row := range confusion {
		if i == 8 {
			return strings.Join(parts, " · ") + fmt.Sprintf(" … (%d classes)", len(confusion))
		}
		n := 0
		for _, v := range row {
			n += v
		}
		parts = append(parts, fmt.Sprint(n))
	}
	return strings.Join(parts, " · ")
}

// caveats are those of the study and those that its results show.
func (g *grid) caveats() []string {
	var notes []string
	for _, c := range g.Caveats {
		notes = append(notes, upperFirst(strings.TrimSuffix(c, "."))+".")
	}
	if g.Missing > 0 {
		notes = append(notes, fmt.Sprintf("%d of %d cells are not finished: what stands here may change.", g.Missing, len(g.Plan.Cells)))
	}
	var unlearned, undefined int
	for _, c := range g.Cells {
		if c.NoLearned {
			unlearned++
		}
		if !finite(c.Score) || c.Scores.Regression != nil && !finite(c.Scores.Regression.Pearson) {
			undefined++
		}
	}
	if unlearned > 0 {
		notes = append(notes, fmt.Sprintf("%s of %d scored no better than always saying the commonest class, or than no correlation: they are shown and counted.", plural(unlearned, "run"), len(g.Cells)))
	}
	if undefined > 0 {
		notes = append(notes, fmt.Sprintf("%s of %d has no defined score, such as the correlation of predictions that are all the same; a correlation then counts as 0.", plural(undefined, "run"), len(g.Cells)))
	}
	if n := len(g.notLearnedComparisons()); n > 0 {
		notes = append(notes, fmt.Sprintf("Not learned: in %s neither arm passes what a model scores that learned nothing; the gain then says nothing about transfer.", plural(n, "comparison")))
	}
	var full []string
	for _, l := range g.lanes {
		if l.arm == study.Direct {
			if s := g.summary(l); s.mean >= 0.97 {
				full = with(full, fmt.Sprintf("%s on %s (%s)", l.model, l.target, score(s.mean)))
			}
		}
	}
	if len(full) > 0 {
		notes = append(notes, "Saturated target: direct fine-tuning leaves little to gain with "+list(full)+".")
	}
	return notes
}

func (g *grid) notLearnedComparisons() (found []*study.Comparison) {
	for i := range g.Comparisons {
		if g.Comparisons[i].NotLearned {
			found = append(found, &g.Comparisons[i])
		}
	}
	return found
}

func upperFirst(s string) string {
	for i, r := range s {
		return strings.ToUpper(string(r)) + s[i+len(string(r)):]
	}
	return s
}

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

// day writes the time at which a page was made.
func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
