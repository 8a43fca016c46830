package stats

import "slices"

// Bootstrap is the spread of a gain over resamples that draw seeds, then test
// examples, with replacement; both arms get the same draw.
//
// It shows the shape of the spread, such as the skew that F1 has with rare
// classes. Its interval is no 95 % interval: three seeds drawn from three have
// two thirds of the variance of three new ones, and the shape of a normal
// rather than of a t distribution, so it holds the true gain in as few as
// 75 % of studies (measured in the tests). The bootstrap of a crossed design
// also counts the interaction of seeds and examples more than once (Owen 2007,
// "The pigeonhole bootstrap"), which errs to the other side. Comparison.Interval95
// is the interval that covers.
type Bootstrap struct {
	Resamples int     `json:"resamples"`
	Deviation float64 `json:"deviation"` // of the gain over resamples
	Low       float64 `json:"low"`       // percentile 2.5
	High      float64 `json:"high"`      // percentile 97.5
	// Above is the share of resamples in which the gain is positive.
	Above float64 `json:"above"`
}

// bootstrap draws from answers whose first rows are those of direct, by seed,
// and whose other rows are those of the arm.
func bootstrap(answers *series, resamples int, seed uint64) Bootstrap {
	gains := make([]float64, resamples)
	inParallel(resamples, func(from, to int) {
		seeds := len(answers.rows) / 2
		drawn := make([]float64, seeds) // how often each seed was
		examples := newSample(answers.examples)
		scores := make([]float64, 2*seeds)
		room := newScratch(answers)
		for b := from; b < to; b++ {
			random := newStream(seed, siteBootstrap, b)
			clear(drawn)
			for range seeds {
				drawn[random.below(seeds)]++
			}
			examples.redraw(&random)
			answers.score(examples, scores, room)
			for s, times := range drawn {
				gains[b] += float64(times*(scores[seeds+s]-scores[s])) / float64(seeds)
			}
		}
	})
	out := Bootstrap{Resamples: resamples}
	above := 0
	for _, g := range gains {
		if g > 0 {
			above++
		}
	}
	out.Above = float64(above) / float64(resamples)
	if resamples > 1 {
		out.Deviation = StdDev(gains)
	}
	slices.Sort(gains)
	out.Low, out.High = quantile(gains, 0.025), quantile(gains, 0.975)
	return out
}

// quantile interpolates between the elements of a sorted list.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := min(int(at), len(sorted)-1)
	j := min(i+1, len(sorted)-1)
	return sorted[i] + float64((at-float64(i))*(sorted[j]-sorted[i]))
}
