package stats

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// A Pair is what two arms answered to the same test examples after training
// from the same seeds.
type Pair struct {
	Metric Metric
	// Gold holds the right answer of each test example: a number of a class, or
	// a score.
	Gold []float64
	// Classes is the number of classes for Accuracy and MacroF1, those that no
	// test example has included.
	Classes int
	// Direct and Arm hold answers as [seed][example]. Row s of both began from
	// the same seed.
	Direct, Arm [][]float64
}

// Options set how a comparison is computed. The zero value is the choice of
// the study.
type Options struct {
	// Seed sets the random numbers of the bootstrap and of the permutations.
	Seed uint64
	// Resamples of the hierarchical bootstrap, 10,000 if 0.
	Resamples int
	// Permutations of the paired test where it is not exact, 10,000 if 0.
	Permutations int
}

// An Interval bounds a gain.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// A Verdict is what a comparison shows.
type Verdict string

const (
	Positive Verdict = "positive"
	Negative Verdict = "negative"
	NotShown Verdict = "no transfer shown"
)

// Level is the share of false findings that tests, verdicts and the detectable
// gain allow for.
const Level = 0.05

// Comparison is the outcome of Compare and Judge. A nil pointer, null in JSON,
// stands for what one seed or one example cannot tell.
type Comparison struct {
	Metric   Metric `json:"metric"`
	Seeds    int    `json:"seeds"`
	Examples int    `json:"examples"`

	Direct []float64 `json:"direct"` // score by seed; 0 for a correlation that is undefined
	Arm    []float64 `json:"arm"`
	Gains  []float64 `json:"gains"` // arm minus direct by seed
	Gain   float64   `json:"gain"`  // their mean

	// Interval95 holds the gain over all seeds and all examples that might have
	// been drawn in 95 % of studies; see Error.interval95.
	Interval95 *Interval `json:"interval95"`
	// Error is the standard error of the gain by its sources.
	Error *Error `json:"error"`
	// Bootstrap is the spread of the gain when seeds and examples are drawn
	// again.
	Bootstrap Bootstrap `json:"bootstrap"`
	Tests     Tests     `json:"tests"`
	// Adjusted is the joint p-value after Holm's correction, set by Judge.
	Adjusted *float64 `json:"adjusted_p"`
	Verdict  Verdict  `json:"verdict"`
	// Detectable is the smallest gain that a single comparison of this design
	// finds with probability 0.8. DetectableInFamily, set by Judge, is the same
	// for the first of the comparisons that Judge was given. Both are nil if
	// nothing varied, as where all models give the same answers.
	Detectable         *float64 `json:"detectable"`
	DetectableInFamily *float64 `json:"detectable_in_family"`

	// DirectFailed and ArmFailed list the seeds, by their place, that learned
	// nothing: no better than always answering the commonest class, or a
	// correlation that is undefined or not above 0. They count like the others.
	DirectFailed []int `json:"direct_failed"`
	ArmFailed    []int `json:"arm_failed"`
}

// Tests are the p-values of a comparison, all two-sided.
//
// Each part guards against another mistake. SeedsAndExamples asks whether the
// gain stands out from the variation over both seeds and examples; it alone
// bounds the false findings, but trusts that seeds vary like a normal
// distribution. Example asks whether the trained models differ on these
// examples by more than chance, and trusts nothing but, for correlations, that
// the scale of an arm's answers is known well. SignFlip asks whether the
// seeds agree, and trusts nothing, but with few seeds cannot be small: 1/4 is
// the least that three can show.
//
// They are joined so that all must agree: Joint is the larger of
// SeedsAndExamples and Example where the seeds agree, which means that
// SignFlip is at most 0.05 or as small as the number of seeds allows; else it is
// the largest of the three. Under no effect Joint is at most α no more often
// than SeedsAndExamples is.
type Tests struct {
	SeedsAndExamples *float64 `json:"seeds_and_examples"`
	Example          float64  `json:"example"`
	SignFlip         float64  `json:"sign_flip"`
	Joint            *float64 `json:"joint"`
}

// Compare measures the gain of an arm over direct. Its verdict is that of a
// family of one; Judge gives verdicts of a family.
//
// It is an error if lengths differ, if there is no seed, no example or more
// than 25 seeds, or if a number is not finite or not the number of a class.
func Compare(p Pair, o Options) (Comparison, error) {
	if err := p.check(); err != nil {
		return Comparison{}, err
	}
	if o.Resamples < 0 || o.Permutations < 0 {
		return Comparison{}, fmt.Errorf("stats: found %d resamples and %d permutations, expected at least 0 (0 for 10,000)", o.Resamples, o.Permutations)
	}
	if o.Resamples == 0 {
		o.Resamples = 10000
	}
	if o.Permutations == 0 {
		o.Permutations = 10000
	}
	answers := newSeries(p, slices.Concat(p.Direct, p.Arm))
	scores := answers.scores()
	seeds := len(p.Arm)
	c := Comparison{
		Metric: p.Metric, Seeds: seeds, Examples: len(p.Gold),
		Direct: scores[:seeds:seeds], Arm: scores[seeds:], Verdict: NotShown,
	}
	for s := range c.Arm {
		c.Gains = append(c.Gains, c.Arm[s]-c.Direct[s])
	}
	c.Gain = Mean(c.Gains)
	floor := p.floor()
	c.DirectFailed, c.ArmFailed = failed(c.Direct, floor), failed(c.Arm, floor)
	c.Bootstrap = bootstrap(answers, o.Resamples, o.Seed)

	var err error
	if c.Tests.SignFlip, err = SignFlipP(c.Gains); err != nil {
		return Comparison{}, err
	}
	c.Tests.Example = exampleP(p, o)
	if e, ok := components(c.Gains, answers); ok {
		c.Error = &e
		interval := e.interval95(c.Gain)
		c.Interval95 = &interval
		both := e.p(c.Gain)
		joint := c.Tests.join(both, c.Seeds)
		c.Tests.SeedsAndExamples, c.Tests.Joint = &both, &joint
		c.Detectable = e.detectable(Level)
	}
	Judge([]*Comparison{&c})
	return c, nil
}

// join makes the joint p-value of the parts; see Tests.
func (t Tests) join(both float64, seeds int) float64 {
	joint := max(both, t.Example)
	if least := math.Ldexp(1, 1-seeds); t.SignFlip > max(Level, least) {
		joint = max(joint, t.SignFlip)
	}
	return joint
}

// Judge corrects the joint p-values of a family of comparisons by Holm's
// procedure and sets their verdicts and what each could have detected in the
// family. Comparisons without a joint p-value are no members.
func Judge(family []*Comparison) {
	joint := make([]float64, len(family))
	members := 0
	for i, c := range family {
		joint[i] = math.NaN()
		if c.Tests.Joint != nil {
			joint[i] = *c.Tests.Joint
			members++
		}
	}
	for i, adjusted := range Holm(joint) {
		c := family[i]
		c.Verdict, c.Adjusted, c.DetectableInFamily = NotShown, nil, nil
		if math.IsNaN(adjusted) {
			continue
		}
		c.Adjusted = &adjusted
		c.DetectableInFamily = c.Detectable
		if members > 1 {
			c.DetectableInFamily = c.Error.detectable(Level / float64(members))
		}
		if adjusted <= Level && c.Gain > 0 {
			c.Verdict = Positive
		}
		if adjusted <= Level && c.Gain < 0 {
			c.Verdict = Negative
		}
	}
}

// check demands what Compare relies on.
func (p Pair) check() error {
	if !slices.Contains([]Metric{Accuracy, MacroF1, Pearson, Spearman}, p.Metric) {
		return fmt.Errorf("stats: found metric %q, expected %s, %s, %s or %s", p.Metric, Accuracy, MacroF1, Pearson, Spearman)
	}
	if len(p.Gold) == 0 {
		return errors.New("stats: found no examples, expected at least one")
	}
	if len(p.Direct) != len(p.Arm) || len(p.Arm) == 0 || len(p.Arm) > maxSignFlip {
		return fmt.Errorf("stats: found %d seeds of direct and %d of the arm, expected the same number from 1 to %d", len(p.Direct), len(p.Arm), maxSignFlip)
	}
	if p.Metric.classes() && p.Classes < 1 {
		return fmt.Errorf("stats: found %d classes, expected at least 1", p.Classes)
	}
	good := func(what string, row []float64) error {
		if len(row) != len(p.Gold) {
			return fmt.Errorf("stats: %s has %d examples, expected %d", what, len(row), len(p.Gold))
		}
		for i, v := range row {
			if p.Metric.classes() {
				if v != math.Trunc(v) || !(v >= 0 && v < float64(p.Classes)) {
					return fmt.Errorf("stats: %s, example %d is %v, expected a class from 0 to %d", what, i, v, p.Classes-1)
				}
			} else if math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("stats: %s, example %d is %v, expected a finite number", what, i, v)
			}
		}
		return nil
	}
	if err := good("gold", p.Gold); err != nil {
		return err
	}
	for s := range p.Arm {
		if err := errors.Join(good(fmt.Sprintf("direct, seed %d", s), p.Direct[s]), good(fmt.Sprintf("arm, seed %d", s), p.Arm[s])); err != nil {
			return err
		}
	}
	return nil
}

// floor returns the score that a model must pass to have learned anything.
func (p Pair) floor() float64 {
	if !p.Metric.classes() {
		return 0
	}
	count := make([]int, p.Classes)
	for _, g := range p.Gold {
		count[int(g)]++
	}
	commonest := 0
	for class, n := range count {
		if n > count[commonest] {
			commonest = class
		}
	}
	constant := make([]float64, len(p.Gold))
	for i := range constant {
		constant[i] = float64(commonest)
	}
	return newSeries(p, [][]float64{constant}).scores()[0]
}

// failed lists the scores that do not pass the floor. Rounding must not let a
// constant answer pass.
func failed(scores []float64, floor float64) []int {
	list := []int{}
	for s, score := range scores {
		if score <= floor+1e-12 {
			list = append(list, s)
		}
	}
	return list
}
