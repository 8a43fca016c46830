package study

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
