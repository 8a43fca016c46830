package study

import (
	"godwit/experiments/machine"
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
	Losses   []float64 // of training steps, evenly picked; of pretraining, of epochs
	Test     *train.Scores
	Tokens   int // that passed through the model in training
	Text     TextCount
	Seconds  float64
	Joules   *float64 // energy; nil where it could not be read
	Machine  machine.Machine
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

// Collect makes results of what is finished in a study's directory.
func Collect(dir string) (*Results, error) {
	p, err := readPlan(dir)
	if err != nil {
		return nil, err
	}
	r := &Results{Name: p.Name, Caveats: p.Caveats, Plan: p, Records: map[string]*Record{}}
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
		r.Records[s.Key] = &Record{Name: rec.Name, Kind: rec.Spec.Kind, Train: rec.Train, Pretrain: rec.Pretrain, Losses: rec.Losses, Test: rec.Test, Tokens: rec.tokens(), Text: rec.Text, Seconds: rec.Seconds, Joules: rec.Joules, Machine: rec.Machine}
	}
	outcomes := map[string]*record{} // by the key of a cell's last stage
	for _, c := range p.Cells {
		last := records[c.Stages[len(c.Stages)-1]]
		if last == nil || last.Test == nil {
			r.Missing++
			continue
		}
		outcomes[c.Stages[len(c.Stages)-1]] = last
		cell := CellResult{Cell: c, Metric: last.Test.MainName(), Score: last.Test.Main(), Scores: *last.Test, NoLearned: last.Test.Main() <= c.Majority}
		for _, key := range c.Stages {
			if records[key] != nil {
				cell.Tokens += records[key].tokens()
			}
		}
		r.Cells = append(r.Cells, cell)
	}
	r.compare(outcomes)
	r.predict(records)
	return r, nil
}
