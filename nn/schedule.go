package nn

import (
	"fmt"
	"math"
)

// Schedule gives the factor of the learning rate at a step: 0, 1, … steps-1.
type Schedule struct {
	Kind   string // "constant", "linear" or "cosine"
	Warmup int    // steps in which the factor rises from 0 to 1
	Steps  int    // all steps, warm-up included
}

// NewSchedule returns the schedule of that kind whose warm-up takes the share
// warmupRatio of all steps, rounded up.
func NewSchedule(kind string, steps int, warmupRatio float64) (Schedule, error) {
	switch kind {
	case "constant", "linear", "cosine":
	default:
		return Schedule{}, fmt.Errorf("learning-rate schedule %q: expected constant, linear or cosine", kind)
	}
	if !(warmupRatio >= 0 && warmupRatio <= 1) {
		return Schedule{}, fmt.Errorf("warm-up ratio %v: expected a number from 0 to 1", warmupRatio)
	}
	return Schedule{Kind: kind, Warmup: int(math.Ceil(float64(steps) * warmupRatio)), Steps: steps}, nil
}

// Factor returns the factor at a step, counted from 0.
func (s Schedule) Factor(step int) float64 {
	if step < s.Warmup {
		return float64(step) / float64(s.Warmup)
	}
	done := float64(step-s.Warmup) / float64(max(1, s.Steps-s.Warmup))
	switch s.Kind {
	case "linear":
		return max(0, 1-done)
	case "cosine":
		return 0.5 * (1 + math.Cos(math.Pi*min(1, done)))
	}
	return 1
}
