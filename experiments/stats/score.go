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

// series is answers, a row for each model, prepared for scoring them many times
// over samples of the examples.
type series struct {
	metric            Metric
	classes, examples int
	gold              column
	rows              []column

	// Rows are counted in pairs, the second of the last pair being empty if their number is odd.
	right   [][]uint64     // Accuracy: [pair][example], 1 if the first row is right, plus 1<<32 if the second is
	moments [][][6]float64 // Pearson: [pair][example], x, x² and xy of the first row and of the second
}

// column is one list of answers; which fields are set depends on the metric.
type column struct {
	class  []int32   // Accuracy, MacroF1
	cells  []cell    // MacroF1
	value  []float64 // Pearson: standardised, so that plain sums keep their precision
	groups [][]int32 // Spearman: examples in growing order, equal ones together
}

// cell is one of a confusion matrix: the examples of a class that got one answer.
type cell struct {
	gold, answer int32
	examples     []int32
}

func newSeries(p Pair, answers [][]float64) *series {
	s := &series{metric: p.Metric, classes: p.Classes, examples: len(p.Gold), gold: newColumn(p.Metric, p.Gold)}
	for _, row := range answers {
		s.rows = append(s.rows, newColumn(p.Metric, row))
	}
	for k, row := range s.rows {
		switch s.metric {
		case Accuracy:
			if k%2 == 0 {
				s.right = append(s.right, make([]uint64, s.examples))
			}
			for i, gold := range s.gold.class {
				if row.class[i] == gold {
					s.right[k/2][i] += 1 << (32 * (k % 2))
				}
			}
		case MacroF1:
			s.rows[k].cells = cells(s.gold.class, row.class)
		case Pearson:
			if k%2 == 0 {
				s.moments = append(s.moments, make([][6]float64, s.examples))
			}
			for i, x := range row.value {
				copy(s.moments[k/2][i][3*(k%2):], []float64{x, float64(x * x), float64(x * s.gold.value[i])})
			}
		}
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

// cells lists the cells of a confusion matrix that have examples, in the order
// of their first ones.
func cells(gold, answers []int32) []cell {
	var list []cell
	at := map[[2]int32]int{}
	for i, g := range gold {
		key := [2]int32{g, answers[i]}
		k, known := at[key]
		if !known {
			k = len(list)
			at[key] = k
			list = append(list, cell{gold: g, answer: answers[i]})
		}
		list[k].examples = append(list[k].examples, int32(i))
	}
	return list
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

// sample is examples drawn with replacement.
type sample struct {
	drawn []int32 // in the order they were drawn
	times []int32 // [example], how often it was
}

// newSample has each of n examples once.
func newSample(n int) sample {
	s := sample{make([]int32, n), make([]int32, n)}
	for i := range n {
		s.drawn[i], s.times[i] = int32(i), 1
	}
	return s
}

// redraw replaces the examples with as many random ones.
func (s sample) redraw(random *stream) {
	clear(s.times)
	for k := range s.drawn {
		i := random.below(len(s.times))
		s.drawn[k] = int32(i)
		s.times[i]++
	}
}

// scores returns the score of each row over all examples.
func (s *series) scores() []float64 {
	out := make([]float64, len(s.rows))
	s.score(newSample(s.examples), out, newScratch(s))
	return out
}

// scratch is the room that score needs; each goroutine has its own.
type scratch struct {
	weighted              []float64 // [example], rank of gold by how often it was drawn
	right, labelled, both []float64 // [class]
}

func newScratch(s *series) *scratch {
	list := func(n int) []float64 { return make([]float64, n) }
	return &scratch{list(s.examples), list(s.classes), list(s.classes), list(s.classes)}
}

// score writes the score of each row over a sample to out. A correlation that
// is undefined is 0: such answers say nothing about order.
//
// It is what the bootstrap spends its time in. Counts are sums of whole
// numbers, which are exact in any order.
func (s *series) score(over sample, out []float64, room *scratch) {
	switch s.metric {
	case Accuracy:
		s.scoreAccuracy(over, out)
	case MacroF1:
		s.scoreMacroF1(over, out, room)
	case Pearson:
		s.scorePearson(over, out)
	case Spearman:
		s.scoreSpearman(over, out, room)
	}
}

func (s *series) scoreAccuracy(over sample, out []float64) {
	n := float64(len(over.drawn))
	for pair, right := range s.right {
		var count uint64 // of the first row in the lower half, of the second in the upper
		for _, i := range over.drawn {
			count += right[i]
		}
		out[2*pair] = float64(uint32(count)) / n
		if 2*pair+1 < len(out) {
			out[2*pair+1] = float64(count>>32) / n
		}
	}
}

func (s *series) scoreMacroF1(over sample, out []float64, room *scratch) {
	clear(room.labelled)
	for i, class := range s.gold.class {
		room.labelled[class] += float64(over.times[i])
	}
	for k, row := range s.rows {
		clear(room.right)
		copy(room.both, room.labelled)
		for _, c := range row.cells {
			var count int32
			for _, i := range c.examples {
				count += over.times[i]
			}
			room.both[c.answer] += float64(count)
			if c.answer == c.gold {
				room.right[c.gold] = float64(count)
			}
		}
		out[k] = macroF1(room.right, room.both)
	}
}

// macroF1 returns the mean over classes of 2·right / both, where both counts
// the examples that are of the class and those that are answered with it.
func macroF1(right, both []float64) float64 {
	var sum float64
	for c, r := range right {
		if n := both[c]; n > 0 {
			sum += 2 * r / n
		}
	}
	return sum / float64(len(right))
}

func (s *series) scorePearson(over sample, out []float64) {
	n := float64(len(over.drawn))
	var sy, syy float64
	for _, i := range over.drawn {
		y := s.gold.value[i]
		sy += y
		syy += float64(y * y)
	}
	for pair, moments := range s.moments {
		var sx, sxx, sxy, tx, txx, txy float64 // of the first row, of the second
		for _, i := range over.drawn {
			m := &moments[i]
			sx += m[0]
			sxx += m[1]
			sxy += m[2]
			tx += m[3]
			txx += m[4]
			txy += m[5]
		}
		out[2*pair] = correlation(n, sx, sy, sxx, syy, sxy)
		if 2*pair+1 < len(out) {
			out[2*pair+1] = correlation(n, tx, sy, txx, syy, txy)
		}
	}
}

// scoreSpearman correlates twice the mean rank less twice the mean of all
// ranks: whole numbers whose mean is 0.
func (s *series) scoreSpearman(over sample, out []float64, room *scratch) {
	n := len(over.drawn)
	var yy float64
	below := 0
	for _, group := range s.gold.groups {
		here := 0
		for _, i := range group {
			here += int(over.times[i])
		}
		rank := float64(2*below + here - n)
		for _, i := range group {
			room.weighted[i] = float64(rank * float64(over.times[i]))
		}
		yy += float64(rank * rank * float64(here))
		below += here
	}
	for k, row := range s.rows {
		var xx, xy float64
		below := 0
		for _, group := range row.groups {
			here, gold := 0, 0.0
			for _, i := range group {
				here += int(over.times[i])
				gold += room.weighted[i]
			}
			rank := float64(2*below + here - n)
			xx += float64(rank * rank * float64(here))
			xy += float64(rank * gold)
			below += here
		}
		out[k] = correlation(float64(n), 0, 0, xx, yy, xy)
	}
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
