package study

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"godwit/experiments/stats"
	"godwit/experiments/train"
)

// Results is the outcome of a study, as far as its stages are finished. What
// is written to results.json does not depend on the machine, on the number of cores or on interruptions.
type Results struct {
	Name        string       `json:"name"`
	Caveats     []string     `json:"caveats"`
	Missing     int          `json:"missing"` // cells whose stages are not finished
	Cells       []CellResult `json:"cells"`
	Comparisons []Comparison `json:"comparisons"`
	Predictors  []Predictor  `json:"predictors,omitempty"`

	// Of the run and of the machine; not in results.json.
	Plan      *Plan              `json:"-"`
	Records   map[string]*Record `json:"-"` // finished stages by key
	StagesRun int                `json:"-"`
	Seconds   float64            `json:"-"`
}

// Record is what is known of a finished stage.
type Record struct {
	Name     string
	Kind     string
	Train    *train.Result
	Pretrain *train.PretrainResult
	Losses   []float64 // of training steps, evenly picked
	Test     *train.Scores
	Tokens   int // that passed through the model in training
	Text     TextCount
	Seconds  float64
}

// CellResult is a cell with its score.
type CellResult struct {
	Cell
	Metric    string       `json:"metric"`
	Score     float64      `json:"score"`
	Scores    train.Scores `json:"scores"`
	NoLearned bool         `json:"not_learned"` // the score is not better than that of always saying the commonest class
	Tokens    int          `json:"tokens"`      // that the cell's stages trained on
}

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
	// Low and High bound the gain at 95 %, for other seeds and other test examples of the
	// same kind; P is the test that agrees with them, AdjustedP the same after Holm's correction over the
	// comparisons of the arm within task and setting (stats.ComparePaired). Null where it could not be computed.
	Low       *float64 `json:"low"`
	High      *float64 `json:"high"`
	P         *float64 `json:"p"`
	AdjustedP *float64 `json:"adjusted_p"`
	// SeedP is the exact sign-flip test over seeds alone, ExampleP the exact sign test over examples alone.
	SeedP    *float64 `json:"seed_p"`
	ExampleP *float64 `json:"example_p"`
	// Detectable is about the smallest gain that the design could have shown.
	Detectable *float64 `json:"detectable"`
	Verdict    string   `json:"verdict"`
	// NotLearned says that the mean of neither arm passes Chance: the gain then
	// says nothing about transfer.
	NotLearned bool `json:"not_learned"`
}

// Collect makes results of what is finished in a study's directory.
func Collect(dir string) (*Results, error) {
	data, err := os.ReadFile(planPath(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: found no plan.json: expected the directory of a study that godwit study has begun", dir)
	}
	if err != nil {
		return nil, err
	}
	var p Plan
	if err := json.Unmarshal(data, &p); err != nil {
		return nil, fmt.Errorf("%s: %w", planPath(dir), err)
	}
	r := &Results{Name: p.Name, Caveats: p.Caveats, Plan: &p, Records: map[string]*Record{}}
	store := cache{dir}
	records := map[string]*record{}
	for _, s := range p.Stages {
		rec, err := store.find(s.Key)
		if err != nil {
			return nil, err
		}
		if rec == nil {
			continue
		}
		records[s.Key] = rec
		r.Records[s.Key] = &Record{Name: rec.Name, Kind: rec.Spec.Kind, Train: rec.Train, Pretrain: rec.Pretrain, Losses: rec.Losses, Test: rec.Test, Tokens: rec.tokens(), Text: rec.Text, Seconds: rec.Seconds}
	}
	outcomes := map[string]*record{} // by the key of a cell's last stage
	for _, c := range p.Cells {
		last := records[c.Stages[len(c.Stages)-1]]
		if last == nil || last.Test == nil {
			r.Missing++
			continue
		}
		outcomes[last.Key] = last
		cell := CellResult{Cell: c, Metric: last.Test.MainName(), Score: last.Test.Main(), Scores: *last.Test, NoLearned: last.Test.Main() <= c.Majority}
		for _, key := range c.Stages {
			if records[key] != nil {
				cell.Tokens += records[key].tokens()
			}
		}
		r.Cells = append(r.Cells, cell)
	}
	r.compare(outcomes)
	return r, nil
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

// Verdicts.
const (
	Positive = "positive"
	Negative = "negative"
	NotShown = "no transfer shown"
)

// judge tests the gain over seeds and test examples together.
func (k *Comparison) judge(direct, arm []CellResult, outcomes map[string]*record) {
	var differences [][]float64
	for _, a := range arm {
		i := slices.IndexFunc(direct, func(d CellResult) bool { return d.Seed == a.Seed })
		if i < 0 {
			continue
		}
		before, after := contributions(direct[i], outcomes), contributions(a, outcomes)
		if len(before) == 0 || len(before) != len(after) {
			return
		}
		row := make([]float64, len(after))
		for e := range row {
			row[e] = after[e] - before[e]
		}
		differences = append(differences, row)
	}
	p, err := stats.ComparePaired(differences)
	if err != nil { // a correlation that is not defined
		return
	}
	k.P, k.ExampleP = &p.P, &p.ExampleP
	if len(differences) > 1 { // an interval over one seed would say nothing of others
		k.Low, k.High, k.SeedP, k.Detectable = &p.Low, &p.High, &p.SeedP, &p.Detectable
	}
}

// contributions returns what each test example adds to a cell's score.
func contributions(c CellResult, outcomes map[string]*record) []float64 {
	r := outcomes[c.Stages[len(c.Stages)-1]]
	if r == nil {
		return nil
	}
	if c.Kind == string(train.Regression) {
		return stats.PearsonContributions(r.Gold, r.Predicted)
	}
	return stats.Correct(r.Gold, r.Predicted)
}

// correct adjusts the p-values for the number of comparisons in a family, and
// says what follows from them. A family answers one question: what the arm does for the
// task in the setting, with every model and target. Controls are for comparison, and no claims.
func (r *Results) correct() {
	type question struct{ task, setting, arm string }
	members := map[question][]int{}
	for i := range r.Comparisons {
		k := &r.Comparisons[i]
		k.Verdict = NotShown
		if k.P != nil && k.Low != nil {
			q := question{k.Task, k.Setting, k.Arm}
			members[q] = append(members[q], i)
		}
	}
	for q, family := range members {
		p := make([]float64, len(family))
		for i, n := range family {
			p[i] = *r.Comparisons[n].P
		}
		for i, adjusted := range stats.Holm(p) {
			k := &r.Comparisons[family[i]]
			k.AdjustedP = &adjusted
			switch {
			case adjusted > 0.05 || k.NotLearned || q.arm == Control:
			case k.Gain > 0:
				k.Verdict = Positive
			case k.Gain < 0:
				k.Verdict = Negative
			}
		}
	}
}
