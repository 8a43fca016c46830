package study

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"godwit/experiments/dataset"
	"godwit/experiments/predictor"
	"godwit/experiments/stats"
	"godwit/experiments/train"
	"godwit/transformer"
	"godwit/transformer/tokenizer"
)

// Predictor is a score that is computed before any training on the target, to
// be held against the gains that were measured.
type Predictor struct {
	Name   string           `json:"name"`
	Points []PredictorPoint `json:"points"`
}

// PredictorPoint is a predictor's value for one way from an intermediate dataset
// to a target: for the comparison of intermediate training in the same place.
type PredictorPoint struct {
	Task         string  `json:"task"`
	Model        string  `json:"model"`
	Target       string  `json:"target"`
	Size         int     `json:"size"` // training examples of the target
	Intermediate string  `json:"intermediate"`
	Value        float64 `json:"value"`
}

// forecast is what was known of a way from an intermediate dataset to a target
// before any training on the target. What is not defined there is nil: LEEP needs labels, and
// the H-score classes.
type forecast struct {
	LEEP              *float64 `json:"leep,omitempty"`
	LogME             *float64 `json:"logme,omitempty"`
	HScore            *float64 `json:"h_score,omitempty"`
	LogMEGain         *float64 `json:"logme_gain,omitempty"`   // over the pretrained model's
	HScoreGain        *float64 `json:"h_score_gain,omitempty"` // over the pretrained model's
	UnigramDistance   *float64 `json:"unigram_distance,omitempty"`
	EmbeddingDistance *float64 `json:"embedding_distance,omitempty"`
	Seconds           float64  `json:"seconds"` // that it took; no part of the stage's
}

// forecasts names them for reports, in their order.
var forecasts = []struct {
	name string
	of   func(f *forecast) *float64
}{
	{"LEEP", func(f *forecast) *float64 { return f.LEEP }},
	{"LogME", func(f *forecast) *float64 { return f.LogME }},
	{"LogME, gain over the pretrained model", func(f *forecast) *float64 { return f.LogMEGain }},
	{"H-score", func(f *forecast) *float64 { return f.HScore }},
	{"H-score, gain over the pretrained model", func(f *forecast) *float64 { return f.HScoreGain }},
	{"domain distance by unigrams", func(f *forecast) *float64 { return f.UnigramDistance }},
	{"domain distance by embedding", func(f *forecast) *float64 { return f.EmbeddingDistance }},
}

// source is what a forecast needs beside the stage: where its model comes from.
type source struct {
	base   string // directory of the pretrained model
	data   *splits
	labels []string // of the intermediate dataset, nil for scores
}

// forecastExamples is how many examples of each dataset a forecast looks at.
const forecastExamples = 512

// forecast tries the model that the stage starts from, and the pretrained one,
// on training examples of the target.
func (j *job) forecast(ctx context.Context, tok *tokenizer.Tokenizer, maxLength int) (*forecast, error) {
	start := time.Now()
	target, _, err := train.Prepare("dataset of "+j.Name, few(j.data.Train), tok, j.kind, j.labels, maxLength)
	if err != nil {
		return nil, err
	}
	intermediate, _, err := train.Encode(tok, few(j.from.data.Train), maxLength)
	if err != nil {
		return nil, err
	}
	trained, _, err := transformer.LoadSequenceClassifier(j.model, max(1, len(j.from.labels)), false, 0)
	if err != nil {
		return nil, err
	}
	after, err := train.Extract(ctx, trained, target)
	if err != nil {
		return nil, err
	}
	pretrained, _, err := transformer.LoadSequenceClassifier(j.from.base, 1, true, 0)
	if err != nil {
		return nil, err
	}
	before, err := train.Extract(ctx, pretrained, target)
	if err != nil {
		return nil, err
	}
	there, err := train.Extract(ctx, pretrained, intermediate)
	if err != nil {
		return nil, err
	}
	f := &forecast{}
	labels, scores := make([]int, len(target)), make([]float64, len(target))
	for i, it := range target {
		labels[i], scores[i] = int(it.Label), float64(it.Score)
	}
	if j.kind == train.Classification {
		probabilities := make([][]float64, len(after))
		for i, a := range after {
			probabilities[i] = train.Probabilities(a.Logits)
		}
		f.LEEP = defined(predictor.LEEP(probabilities, labels, len(j.labels)))
		f.LogME = defined(predictor.LogMEClassification(summaries(after), labels, len(j.labels)))
		f.LogMEGain = less(f.LogME, defined(predictor.LogMEClassification(summaries(before), labels, len(j.labels))))
		f.HScore = defined(predictor.HScore(summaries(after), labels, len(j.labels)))
		f.HScoreGain = less(f.HScore, defined(predictor.HScore(summaries(before), labels, len(j.labels))))
	} else {
		f.LogME = defined(predictor.LogMERegression(summaries(after), scores))
		f.LogMEGain = less(f.LogME, defined(predictor.LogMERegression(summaries(before), scores)))
	}
	f.UnigramDistance = defined(predictor.UnigramDistance(tokens(target), tokens(intermediate)))
	f.EmbeddingDistance = defined(predictor.EmbeddingDistance(means(before), means(there)))
	f.Seconds = time.Since(start).Seconds()
	return f, ctx.Err()
}

// few returns at most forecastExamples of the examples, always the same.
func few(examples []dataset.Example) []dataset.Example {
	if len(examples) <= forecastExamples {
		return examples
	}
	chosen := rand.New(rand.NewPCG(0, 0x70726564)).Perm(len(examples))[:forecastExamples]
	slices.Sort(chosen)
	out := make([]dataset.Example, len(chosen))
	for i, n := range chosen {
		out[i] = examples[n]
	}
	return out
}

// defined drops the error of a predictor that the examples do not determine:
// it is then missing, and no reason to stop a study.
func defined(v float64, err error) *float64 {
	if err != nil {
		return nil
	}
	return &v
}

func less(a, b *float64) *float64 {
	if a == nil || b == nil {
		return nil
	}
	v := *a - *b
	return &v
}

func summaries(features []train.Features) [][]float64 {
	out := make([][]float64, len(features))
	for i, f := range features {
		out[i] = f.Summary
	}
	return out
}

func means(features []train.Features) [][]float64 {
	out := make([][]float64, len(features))
	for i, f := range features {
		out[i] = f.Mean
	}
	return out
}

func tokens(items []train.Item) [][]int32 {
	out := make([][]int32, len(items))
	for i, it := range items {
		out[i] = it.IDs
	}
	return out
}

// predict gathers the forecasts of the intermediate arm, each the mean over seeds.
func (r *Results) predict(records map[string]*record) {
	for _, f := range forecasts {
		p := Predictor{Name: f.name}
		values := map[PredictorPoint][]float64{}
		for _, c := range r.Cells {
			rec := records[c.last()]
			if c.Arm != Intermediate || rec.Forecast == nil {
				continue
			}
			v := f.of(rec.Forecast)
			if v == nil {
				continue
			}
			at := PredictorPoint{Task: c.Task, Model: c.Model, Target: c.Target, Size: c.Size, Intermediate: c.Intermediate}
			if values[at] == nil {
				p.Points = append(p.Points, at)
			}
			values[at] = append(values[at], *v)
		}
		for i := range p.Points {
			p.Points[i].Value = stats.Mean(values[p.Points[i]])
		}
		if len(p.Points) > 0 {
			r.Predictors = append(r.Predictors, p)
		}
	}
}
