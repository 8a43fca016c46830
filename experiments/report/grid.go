package report

import (
	"math"
	"slices"

	"godwit/experiments/stats"
	"godwit/experiments/study"
)

// grid is a study's results, found by their place in it. Names stand in the order of the plan.
type grid struct {
	*study.Results
	tasks  []string
	models []string
	scores map[lane]map[uint64]study.CellResult // by seed
	gains  map[lane]*study.Comparison
	plan   map[lane]int // seeds that are planned
	first  map[lane]study.Cell
	lanes  []lane       // in the order of the plan
	fell   map[run]bool // runs that learned nothing
}

// run is a lane's score of one seed.
type run struct {
	lane
	seed uint64
}

// lane is what has a score for each seed.
type lane struct {
	task, model, target string
	size                int
	arm, intermediate   string
}

func laneOf(c study.Cell) lane {
	return lane{c.Task, c.Model, c.Target, c.Size, c.Arm, c.Intermediate}
}

func newGrid(r *study.Results) *grid {
	g := &grid{Results: r, scores: map[lane]map[uint64]study.CellResult{}, gains: map[lane]*study.Comparison{}, plan: map[lane]int{}, first: map[lane]study.Cell{}, fell: map[run]bool{}}
	for _, c := range r.Plan.Cells {
		l := laneOf(c)
		if g.plan[l] == 0 {
			g.lanes = append(g.lanes, l)
			g.first[l] = c
		}
		g.plan[l]++
		g.tasks = with(g.tasks, c.Task)
		g.models = with(g.models, c.Model)
	}
	for _, c := range r.Cells {
		l := laneOf(c.Cell)
		if g.scores[l] == nil {
			g.scores[l] = map[uint64]study.CellResult{}
		}
		g.scores[l][c.Seed] = c
		if c.NoLearned {
			g.fell[run{l, c.Seed}] = true
		}
	}
	for i := range r.Comparisons {
		k := &r.Comparisons[i]
		l := lane{k.Task, k.Model, k.Target, k.Size, k.Arm, k.Intermediate}
		g.gains[l] = k
		for _, seed := range k.ArmFailed {
			g.fell[run{l, seed}] = true
		}
		l.arm, l.intermediate = study.Direct, ""
		for _, seed := range k.DirectFailed {
			g.fell[run{l, seed}] = true
		}
	}
	return g
}

// with appends a name that is not there yet.
func with[T comparable](list []T, name T) []T {
	if slices.Contains(list, name) {
		return list
	}
	return append(list, name)
}

// of returns the lanes that fit, in the order of the plan but for the arms, which stand in
// [study.Arms]' order with control beside intermediate.
func (g *grid) of(fits func(lane) bool) []lane {
	var list []lane
	for _, l := range g.lanes {
		if fits(l) {
			list = append(list, l)
		}
	}
	model := func(l lane) int { return slices.Index(g.models, l.model) }
	slices.SortStableFunc(list, func(a, b lane) int {
		if d := model(a) - model(b); d != 0 {
			return d
		}
		if d := a.size - b.size; d != 0 {
			return d
		}
		return armOrder(a.arm) - armOrder(b.arm)
	})
	return list
}

// pageArms is the order of the page: what is to be compared stands together.
var pageArms = []string{study.Direct, study.Intermediate, study.Control, study.ZeroShot, study.Joint}

func armOrder(arm string) int {
	if i := slices.Index(pageArms, arm); i >= 0 {
		return i
	}
	return len(pageArms)
}

// cells returns what is finished of a lane, by seed.
func (g *grid) cells(l lane) []study.CellResult {
	var list []study.CellResult
	for _, c := range g.scores[l] {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b study.CellResult) int {
		if a.Seed < b.Seed {
			return -1
		}
		return 1
	})
	return list
}

// summary is the scores of a lane with their mean and 95 % interval.
type summary struct {
	cells     []study.CellResult
	values    []float64 // of the cells with a finite score
	mean      float64   // NaN of none
	low, high float64   // NaN of fewer than two
}

func (g *grid) summary(l lane) summary {
	s := summary{cells: g.cells(l), mean: math.NaN(), low: math.NaN(), high: math.NaN()}
	for _, c := range s.cells {
		if finite(c.Score) {
			s.values = append(s.values, c.Score)
		}
	}
	if len(s.values) > 0 {
		s.mean = stats.Mean(s.values)
	}
	if len(s.values) > 1 {
		s.low, s.high = stats.TInterval(s.values, 0.95)
	}
	return s
}

// point is a target of a task with one number of training examples.
type point struct {
	task, target, setting string
	size                  int
}

// points lists the targets of a task, the sizes of each from the largest down.
func (g *grid) points(task string) []point {
	var names []string
	var list []point
	for _, l := range g.lanes {
		if l.task == task {
			names = with(names, l.target)
			list = with(list, point{task, l.target, g.first[l].Setting, l.size})
		}
	}
	slices.SortStableFunc(list, func(a, b point) int {
		if d := slices.Index(names, a.target) - slices.Index(names, b.target); d != 0 {
			return d
		}
		return b.size - a.size
	})
	return list
}

func (g *grid) at(p point) []lane {
	return g.of(func(l lane) bool { return l.task == p.task && l.target == p.target && l.size == p.size })
}

// intermediates lists those of the lanes.
func intermediates(lanes []lane) []string {
	var list []string
	for _, l := range lanes {
		if l.intermediate != "" {
			list = with(list, l.intermediate)
		}
	}
	return list
}

// metric names the score of a task, in words.
func (g *grid) metric(task string) string {
	for _, c := range g.Cells {
		if c.Task == task {
			return metricWords(c.Metric)
		}
	}
	return "score"
}

func metricWords(name string) string {
	if name == "pearson" {
		return "Pearson correlation"
	}
	return name
}
