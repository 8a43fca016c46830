package stats

import (
	"math"
	"slices"
)

// A Metric says how answers are scored.
type Metric string

const (
	Accuracy Metric = "accuracy"
	MacroF1  Metric = "macro_f1" // over all classes, those without examples included
	Pearson  Metric = "pearson"
	Spearman Metric = "spearman"
)

// classes tells whether answers are numbers of classes, rather than scores.
func (m Metric) classes() bool { return m == Accuracy || m == MacroF1 }

// series is the answers of one arm, prepared for scoring them many times with
// examples weighted: the bootstrap counts how often each was drawn.
type series struct {
	metric  Metric
	classes int
	gold    column
	rows    []column // by seed
}

// column is one list of answers; which fields are set depends on the metric.
type column struct {
	class  []int32   // Accuracy, MacroF1
	value  []float64 // Pearson: standardised, so that plain sums keep their precision
	groups [][]int32 // Spearman: examples in growing order, equal ones together
}

func newSeries(p Pair, answers [][]float64) *series {
	s := &series{metric: p.Metric, classes: p.Classes, gold: newColumn(p.Metric, p.Gold)}
	for _, row := range answers {
		s.rows = append(s.rows, newColumn(p.Metric, row))
	}
	return s
}

func newColumn(m Metric, answers []float64) column {
	switch m {
	case Pearson:
		return column{value: standardised(answers)}
	case Spearman:
		return column{groups: ordered(answers)}
	}
	c := column{class: make([]int32, len(answers))}
	for i, v := range answers {
		c.class[i] = int32(v)
	}
	return c
}

// standardised returns x with mean 0 and mean square 1, zeros if x is
// constant.
func standardised(x []float64) []float64 {
	z := make([]float64, len(x))
	var scale float64
	for _, v := range x {
		scale = max(scale, math.Abs(v))
	}
	if slices.Min(x) == slices.Max(x) {
		return z
	}
	for i, v := range x {
		z[i] = v / scale // so that no square overflows
	}
	mean := Mean(z)
	var square float64
	for i := range z {
		z[i] -= mean
		square += float64(z[i] * z[i])
	}
	root := math.Sqrt(square / float64(len(z)))
	for i := range z {
		z[i] /= root
	}
	return z
}

// ordered returns the places of x by growing value, places of equal values
// together.
func ordered(x []float64) [][]int32 {
	order := make([]int32, len(x))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(a, b int32) int {
		switch {
		case x[a] < x[b]:
			return -1
		case x[a] > x[b]:
			return 1
		}
		return 0
	})
	var groups [][]int32
	for from := 0; from < len(order); {
		to := from + 1
		for to < len(order) && x[order[to]] == x[order[from]] {
			to++
		}
		groups = append(groups, order[from:to])
		from = to
	}
	return groups
}

// examples returns the number of examples.
func (s *series) examples() int {
	switch s.metric {
	case Pearson:
		return len(s.gold.value)
	case Spearman:
		n := 0
		for _, g := range s.gold.groups {
			n += len(g)
		}
		return n
	}
	return len(s.gold.class)
}

// scores returns the score of each seed.
func (s *series) scores() []float64 {
	weights := make([]float64, s.examples())
	for i := range weights {
		weights[i] = 1
	}
	out := make([]float64, len(s.rows))
	s.weighted(weights, out, newScratch(s))
	return out
}

// scratch is the room that weighted needs; each goroutine has its own.
type scratch struct {
	gold, ranks                []float64 // [example]
	right, labelled, predicted []float64 // [class]
}

func newScratch(s *series) *scratch {
	n := s.examples()
	return &scratch{
		gold: make([]float64, n), ranks: make([]float64, n),
		right: make([]float64, s.classes), labelled: make([]float64, s.classes), predicted: make([]float64, s.classes),
	}
}

// weighted writes the score of each seed to out, example i counting weights[i]
// times. A correlation that is undefined is 0: such answers say nothing about
// order.
func (s *series) weighted(weights, out []float64, room *scratch) {
	switch s.metric {
	case Accuracy:
		for k, row := range s.rows {
			var right, total float64
			for i, w := range weights {
				total += w
				if row.class[i] == s.gold.class[i] {
					right += w
				}
			}
			out[k] = right / total
		}
	case MacroF1:
		for k, row := range s.rows {
			clear(room.right)
			clear(room.labelled)
			clear(room.predicted)
			for i, w := range weights {
				g, p := s.gold.class[i], row.class[i]
				room.labelled[g] += w
				room.predicted[p] += w
				if g == p {
					room.right[g] += w
				}
			}
			out[k] = macroF1(room.right, room.labelled, room.predicted)
		}
	case Pearson:
		for k, row := range s.rows {
			out[k] = weightedPearson(row.value, s.gold.value, weights)
		}
	case Spearman:
		weightedRanks(s.gold.groups, weights, room.gold)
		for k, row := range s.rows {
			weightedRanks(row.groups, weights, room.ranks)
			out[k] = weightedPearson(room.ranks, room.gold, weights)
		}
	}
}

// macroF1 returns the mean of 2·right / (labelled + predicted) over classes.
func macroF1(right, labelled, predicted []float64) float64 {
	var sum float64
	for c, r := range right {
		if n := labelled[c] + predicted[c]; n > 0 {
			sum += 2 * r / n
		}
	}
	return sum / float64(len(right))
}

// weightedRanks writes the mean rank of each example less the mean of all
// ranks, where example i stands weights[i] times in the list.
func weightedRanks(groups [][]int32, weights, ranks []float64) {
	var total float64
	for _, w := range weights {
		total += w
	}
	var below float64
	for _, group := range groups {
		var here float64
		for _, i := range group {
			here += weights[i]
		}
		rank := below + (here-total)/2
		for _, i := range group {
			ranks[i] = rank
		}
		below += here
	}
}

// weightedPearson returns the correlation of x and y, 0 where it is undefined.
func weightedPearson(x, y, weights []float64) float64 {
	var n, sx, sy, xx, yy, xy float64
	for i, w := range weights {
		wx, wy := float64(w*x[i]), float64(w*y[i])
		n += w
		sx += wx
		sy += wy
		xx += float64(wx * x[i])
		yy += float64(wy * y[i])
		xy += float64(wx * y[i])
	}
	return correlation(n, sx, sy, xx, yy, xy)
}

// correlation returns Pearson's correlation from sums, 0 where a variance is 0
// but for rounding.
func correlation(n, sx, sy, xx, yy, xy float64) float64 {
	vx := xx - float64(sx*sx)/n
	vy := yy - float64(sy*sy)/n
	if vx <= 1e-12*xx || vy <= 1e-12*yy {
		return 0
	}
	r := (xy - float64(sx*sy)/n) / (math.Sqrt(vx) * math.Sqrt(vy))
	return max(-1, min(1, r))
}
