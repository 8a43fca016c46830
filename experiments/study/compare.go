package study

import (
	"slices"

	"godwit/experiments/stats"
	"godwit/experiments/train"
)

// Comparison sets an arm against direct fine-tuning on one target: the same
// seeds, the same test examples.
type Comparison struct {
	Task         string    `json:"task"`
	Model        string    `json:"model"`
	Target       string    `json:"target"`
	Setting      string    `json:"setting"`
	Size         int       `json:"size"`
	Arm          string    `json:"arm"`
	Intermediate string    `json:"intermediate"`
	Metric       string    `json:"metric"`
	Seeds        []uint64  `json:"seeds"`
	Direct       []float64 `json:"direct"` // score by seed
	Scores       []float64 `json:"scores"` // score of the arm by seed
	Gain         float64   `json:"gain"`   // mean over seeds of arm minus direct
	// Low and High bound the gain at 95 %, over other seeds and other test examples of the
	// same kind. P joins the tests (stats.Tests), AdjustedP is P after Holm's correction over the
	// comparisons of the arm within task and setting. Null where one seed, or too few examples, cannot tell.
	Low       *float64 `json:"low"`
	High      *float64 `json:"high"`
	P         *float64 `json:"p"`
	AdjustedP *float64 `json:"adjusted_p"`
	// Tests are the parts of P: over seeds and examples, over examples, over seeds.
	Tests *stats.Tests `json:"tests"`
	// Bootstrap is the spread of the gain over 10,000 draws of seeds and examples.
	Bootstrap *stats.Bootstrap `json:"bootstrap"`
	// Detectable is the smallest gain that the design would have shown with a
	// probability of 80 %, DetectableAlone the same if no other target or model had been tried.
	Detectable      *float64 `json:"detectable"`
	DetectableAlone *float64 `json:"detectable_alone"`
	// DirectFailed and ArmFailed are seeds that learned nothing: their score is no better
	// than that of always saying the commonest class, or a correlation is not above 0. They count like the others.
	DirectFailed []uint64 `json:"direct_failed,omitempty"`
	ArmFailed    []uint64 `json:"arm_failed,omitempty"`
	Verdict      string   `json:"verdict"`
	// NotLearned says that the mean of neither arm passes Chance: the gain then
	// says nothing about transfer.
	NotLearned bool `json:"not_learned"`

	judged *stats.Comparison
}

// compare sets each arm against direct, where both have the same seeds.
func (r *Results) compare(outcomes map[string]*record) {
	type place struct {
		task, model, target, arm, intermediate string
		size                                   int
	}
	at := func(c CellResult) place { return place{c.Task, c.Model, c.Target, c.Arm, c.Intermediate, c.Size} }
	by := map[place][]CellResult{}
	var order []place
	for _, c := range r.Cells {
		if by[at(c)] == nil {
			order = append(order, at(c))
		}
		by[at(c)] = append(by[at(c)], c)
	}
	for _, p := range order {
		if p.arm == Direct {
			continue
		}
		direct := by[place{p.task, p.model, p.target, Direct, "", p.size}]
		cell := by[p][0]
		k := Comparison{Task: p.task, Model: p.model, Target: p.target, Setting: cell.Setting, Size: p.size, Arm: p.arm, Intermediate: p.intermediate, Metric: cell.Metric}
		var gains []float64
		for _, a := range by[p] {
			i := slices.IndexFunc(direct, func(d CellResult) bool { return d.Seed == a.Seed })
			if i < 0 {
				continue
			}
			k.Seeds = append(k.Seeds, a.Seed)
			k.Direct, k.Scores = append(k.Direct, direct[i].Score), append(k.Scores, a.Score)
			gains = append(gains, a.Score-direct[i].Score)
		}
		if len(gains) == 0 {
			continue
		}
		k.Gain = stats.Mean(gains)
		k.NotLearned = max(stats.Mean(k.Direct), stats.Mean(k.Scores)) <= cell.Chance
		k.judge(direct, by[p], outcomes)
		r.Comparisons = append(r.Comparisons, k)
	}
	r.correct()
}

// judge tests the gain over seeds and test examples together.
func (k *Comparison) judge(direct, arm []CellResult, outcomes map[string]*record) {
	pair := stats.Pair{Metric: stats.Accuracy}
	if direct[0].Kind == string(train.Regression) {
		pair.Metric = stats.Pearson
	}
	for _, a := range arm {
		i := slices.IndexFunc(direct, func(d CellResult) bool { return d.Seed == a.Seed })
		if i < 0 {
			continue
		}
		before, after := outcomes[direct[i].last()], outcomes[a.last()]
		if pair.Gold == nil {
			pair.Gold, pair.Classes = before.Gold, before.classes()
		}
		if !slices.Equal(pair.Gold, before.Gold) || !slices.Equal(pair.Gold, after.Gold) {
			return // of a plan whose data changed half-way
		}
		pair.Direct, pair.Arm = append(pair.Direct, before.Predicted), append(pair.Arm, after.Predicted)
	}
	c, err := stats.Compare(pair, stats.Options{})
	if err != nil { // predictions that are not finite: the training diverged
		return
	}
	k.judged = &c
	k.Tests, k.P, k.Detectable, k.DetectableAlone = &c.Tests, c.Tests.Joint, c.Detectable, c.Detectable
	for _, f := range []struct {
		to     *[]uint64
		places []int
	}{{&k.DirectFailed, c.DirectFailed}, {&k.ArmFailed, c.ArmFailed}} {
		for _, s := range f.places {
			*f.to = append(*f.to, k.Seeds[s])
		}
	}
	if c.Interval95 != nil { // an interval over one seed would say nothing of others
		k.Low, k.High, k.Bootstrap = &c.Interval95.Low, &c.Interval95.High, &c.Bootstrap
	}
}

// last is the key of the stage that gives a cell its score.
func (c CellResult) last() string { return c.Stages[len(c.Stages)-1] }

// classes is the number of labels that test examples are classified among.
func (r *record) classes() int {
	most := 0.0
	for i := range r.Gold {
		most = max(most, r.Gold[i], r.Predicted[i])
	}
	return max(len(r.Spec.Ask), int(most)+1)
}

// correct adjusts the p-values for the number of comparisons in a family, and
// says what follows from them. A family answers one question: what the arm does for the
// task in the setting, with every model and target. Controls are for comparison, and no claims.
func (r *Results) correct() {
	type question struct{ task, setting, arm string }
	families := map[question][]*Comparison{}
	for i := range r.Comparisons {
		k := &r.Comparisons[i]
		k.Verdict = NotShown
		if k.judged != nil {
			q := question{k.Task, k.Setting, k.Arm}
			families[q] = append(families[q], k)
		}
	}
	for q, family := range families {
		judged := make([]*stats.Comparison, len(family))
		for i, k := range family {
			judged[i] = k.judged
		}
		stats.Judge(judged)
		for _, k := range family {
			k.AdjustedP, k.Detectable = k.judged.Adjusted, k.judged.DetectableInFamily
			if !k.NotLearned && q.arm != Control {
				k.Verdict = string(k.judged.Verdict)
			}
		}
	}
}

// Verdicts.
const (
	Positive = string(stats.Positive)
	Negative = string(stats.Negative)
	NotShown = string(stats.NotShown)
)
