package report

import (
	"cmp"
	"fmt"
	"html/template"
	"math"
	"slices"

	"godwit/experiments/study"
)

// targetView is a target with one number of training examples.
type targetView struct {
	Target, Setting string
	Size            int
	Failures        string // how many runs learned nothing
	SVG             template.HTML
}

// taskTargets are the targets of a task: with all examples, and with fewer.
type taskTargets struct {
	Name, Metric string
	Full, Fewer  []targetView
}

const figureWidth = 356 // fits a telephone

func (g *grid) targets() []taskTargets {
	var views []taskTargets
	for _, task := range g.tasks {
		v := taskTargets{Name: task, Metric: g.metric(task)}
		last := ""
		for _, p := range g.points(task) {
			view := targetView{p.target, p.setting, p.size, g.failures(p), g.dots(p)}
			if p.target == last {
				v.Fewer = append(v.Fewer, view)
			} else {
				v.Full = append(v.Full, view)
			}
			last = p.target
		}
		views = append(views, v)
	}
	return views
}

// dots draws each arm's seeds, their mean and its 95 % interval.
func (g *grid) dots(p point) template.HTML {
	lanes := g.at(p)
	several := len(intermediates(lanes)) > 1
	left, right, width := 94.0, 44.0, float64(figureWidth)
	if several {
		for _, l := range lanes {
			left = max(left, min(200, 20+textWidth(l.arm+" "+l.intermediate, 12)))
		}
		width += left - 94
	}
	const rowHeight, headHeight, top, bottom = 21.0, 22.0, 4.0, 38.0
	height := top + bottom
	model := ""
	summaries := make([]summary, len(lanes))
	var values []float64
	low, high := 0.0, 1.0 // what scores can be
	if g.first[lanes[0]].Kind == "regression" {
		low = -1
	}
	majority, chance := g.first[lanes[0]].Majority, g.first[lanes[0]].Chance
	values = append(values, majority)
	for i, l := range lanes {
		if l.model != model {
			height += headHeight
			model = l.model
		}
		height += rowHeight
		summaries[i] = g.summary(l)
		values = append(values, summaries[i].values...)
		if s := summaries[i]; finite(s.low) {
			values = append(values, max(s.low, low), min(s.high, high))
		}
	}
	from, to := spread(values)
	x := scale{low: max(from, low), high: min(to, high), from: left + 6, to: width - right - 8}
	s := newSVG(width, height, fmt.Sprintf("Scores by arm and seed, %s, %s", p.task, p.target))
	floor := height - bottom
	if finite(chance) {
		s.rect(x.at(majority), top, x.at(chance)-x.at(majority), floor-top, "chance-band", 1)
	}
	for _, v := range x.ticks(5) {
		s.line(x.at(v), top, x.at(v), floor, "grid")
		s.text(x.at(v), floor+14, "middle", "small muted", tick(v))
	}
	s.line(x.at(majority), top, x.at(majority), floor, "chance")
	s.text(max(x.at(majority), left+22), floor+29, "middle", "small muted", "chance")
	s.text(width-2, floor+14, "end", "small muted", "mean")
	y := top
	model = ""
	for i, l := range lanes {
		if l.model != model {
			model = l.model
			s.label(0, y+15, "start", "strong", model, width-right)
			y += headHeight
		}
		g.lane(s, l, summaries[i], x, y+rowHeight/2, several, left, width)
		y += rowHeight
	}
	return s.html()
}

// lane draws one row.
func (g *grid) lane(s *svg, l lane, sum summary, x scale, y float64, several bool, left, width float64) {
	name := l.arm
	if several && l.intermediate != "" {
		name += " " + l.intermediate
	}
	s.label(8, y+4, "start", "", name, left-12)
	if len(sum.cells) == 0 {
		s.text((x.from+x.to)/2, y+4, "middle", "small muted", "missing")
		s.text(width-2, y+4, "end", "number muted", "–")
		return
	}
	if finite(sum.low) {
		s.line(x.at(sum.low), y, x.at(sum.high), y, "interval "+armClass(l.arm))
		for _, end := range []float64{sum.low, sum.high} {
			s.line(x.at(end), y-4, x.at(end), y+4, "interval "+armClass(l.arm))
		}
	}
	for _, failed := range []bool{false, true} { // crosses lie above the mean, which would hide them
		for i, c := range sum.cells {
			if !finite(c.Score) || g.failed(c) != failed {
				continue
			}
			lift := 4 * (float64(i%3) - 1) // equal scores don't hide one another
			g.seed(s, x.at(c.Score), y+lift, 2.8, c, fmt.Sprintf("%s, %s, seed %d: %s", l.model, name, c.Seed, score(c.Score)))
		}
		if !failed && finite(sum.mean) {
			s.mark(x.at(sum.mean), y, 4.6, l.arm, "mean", fmt.Sprintf("%s, %s, mean of %s: %s", l.model, name, plural(len(sum.values), "seed"), score(sum.mean)))
		}
	}
	mean := score(sum.mean)
	if len(sum.cells) < g.plan[l] {
		mean += "*"
	}
	s.text(width-2, y+4, "end", "number", mean)
}

// seed draws the score of one run.
func (g *grid) seed(s *svg, x, y, r float64, c study.CellResult, hover string) {
	if g.failed(c) {
		s.failedMark(x, y, r, c.Arm, hover+", learned nothing")
		return
	}
	s.mark(x, y, r, c.Arm, "seed", hover)
}

// failed says whether a run learned nothing: its score is no better than that of
// always saying the commonest class, or its correlation is not above 0.
func (g *grid) failed(c study.CellResult) bool { return g.fell[run{laneOf(c.Cell), c.Seed}] }

// failures says how many runs on a target learned nothing; empty for none.
func (g *grid) failures(p point) string {
	failed, all := 0, 0
	for _, l := range g.at(p) {
		for _, c := range g.cells(l) {
			all++
			if g.failed(c) {
				failed++
			}
		}
	}
	if failed == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %s learned nothing (×)", failed, plural(all, "run"))
}

// curveView is a panel of small multiples.
type curveView struct {
	Title, Note string
	SVG         template.HTML
}

// curveGroup is panels under one heading.
type curveGroup struct {
	Title  string
	Panels []curveView
}

// learningCurves draws the score over the number of training examples, a
// panel for each target and model, where there are several sizes.
func (g *grid) learningCurves() []curveView {
	var views []curveView
	for _, task := range g.tasks {
		sizes := map[string][]int{}
		var targets []string
		for _, p := range g.points(task) {
			targets = with(targets, p.target)
			sizes[p.target] = append(sizes[p.target], p.size)
		}
		for _, target := range targets {
			if len(sizes[target]) < 2 {
				continue
			}
			for _, model := range g.models {
				all := g.of(func(l lane) bool { return l.task == task && l.target == target && l.model == model })
				if !slices.ContainsFunc(all, func(l lane) bool { return len(g.scores[l]) > 0 }) {
					continue // nothing to draw yet
				}
				ways := intermediates(all)
				if len(ways) < 2 {
					views = append(views, curveView{target, task + ", " + model, g.learningCurve(target, model, all, sizes[target])})
					continue
				}
				for _, way := range ways { // a panel for each, with direct in all of them
					lanes := slices.DeleteFunc(slices.Clone(all), func(l lane) bool { return l.intermediate != "" && l.intermediate != way })
					views = append(views, curveView{target, task + ", " + model + ", from " + way, g.learningCurve(target, model, lanes, sizes[target])})
				}
			}
		}
	}
	return views
}

func (g *grid) learningCurve(target, model string, lanes []lane, sizes []int) template.HTML {
	const width, height, left, right, top, bottom = figureWidth, 214.0, 40.0, 14.0, 8.0, 38.0
	values := []float64{g.first[lanes[0]].Majority}
	summaries := map[lane]summary{}
	for _, l := range lanes {
		summaries[l] = g.summary(l)
		values = append(values, summaries[l].values...)
	}
	low, high := spread(values)
	y := scale{low: max(low, -1), high: min(high, 1), from: height - bottom, to: top}
	x := scale{low: float64(max(1, slices.Min(sizes))), high: float64(max(1, slices.Max(sizes))), from: left + 14, to: width - right - 6, logarithms: true}
	s := newSVG(width, height, fmt.Sprintf("Learning curves on %s, %s", target, model))
	for _, v := range y.ticks(5) {
		s.line(left, y.at(v), width-right, y.at(v), "grid")
		s.text(left-6, y.at(v)+4, "end", "small muted", tick(v))
	}
	reach := math.Inf(-1) // right end of the last label
	for _, n := range slices.Sorted(slices.Values(sizes)) {
		at := x.at(float64(max(1, n)))
		half := textWidth(fmt.Sprint(n), 11) / 2
		s.line(at, height-bottom, at, height-bottom+4, "axis")
		if at-half > reach+4 {
			s.text(at, height-bottom+17, "middle", "small muted", fmt.Sprint(n))
			reach = at + half
		}
	}
	s.line(left, y.at(g.first[lanes[0]].Majority), width-right, y.at(g.first[lanes[0]].Majority), "chance")
	s.text((left+width-right)/2, height-4, "middle", "small muted", "training examples of the target")
	var arms []string
	for _, l := range lanes {
		arms = with(arms, l.arm)
	}
	slices.SortFunc(arms, func(a, b string) int { return armOrder(a) - armOrder(b) })
	for i, arm := range arms {
		var means [][2]float64
		shift := 3 * (float64(i) - float64(len(arms)-1)/2) // intervals stand beside each other
		seeds := func(failed bool) {
			for _, l := range lanes {
				for _, c := range summaries[l].cells {
					if l.arm == arm && finite(c.Score) && g.failed(c) == failed {
						g.seed(s, x.at(float64(max(1, l.size)))+shift, y.at(c.Score), 2, c, fmt.Sprintf("%s %s, %d examples, seed %d: %s", l.arm, l.intermediate, l.size, c.Seed, score(c.Score)))
					}
				}
			}
		}
		for _, l := range lanes {
			if l.arm != arm {
				continue
			}
			sum := summaries[l]
			at := x.at(float64(max(1, l.size))) + shift
			if finite(sum.low) {
				s.line(at, y.at(sum.low), at, y.at(sum.high), "interval thin "+armClass(arm))
			}
			if finite(sum.mean) {
				means = append(means, [2]float64{at, y.at(sum.mean)})
			}
		}
		seeds(false)
		s.path(means, "curve "+armClass(arm))
		for _, m := range means {
			s.mark(m[0], m[1], 3.8, arm, "mean", "")
		}
		seeds(true) // crosses lie above the means
	}
	return s.html()
}

// trainingCurves draws the loss of the stages, a panel for each dataset and
// model: each seed's, and their mean, smoothed.
func (g *grid) trainingCurves() []curveGroup {
	type panel struct{ task, model, dataset string }
	runs := map[panel][]lossRun{}
	var order []panel
	seen := map[string]bool{}
	add := func(p panel, key, arm string) {
		rec := g.Records[key]
		if rec == nil || len(rec.Losses) == 0 || seen[key] {
			return
		}
		seen[key] = true
		order = with(order, p)
		runs[p] = append(runs[p], lossRun{arm, rec.Losses})
	}
	for _, st := range g.Plan.Stages {
		if rec := g.Records[st.Key]; rec != nil && rec.Pretrain != nil {
			add(panel{"pretraining", "", st.Name}, st.Key, study.Direct)
		}
	}
	largest := map[string]int{}
	for _, l := range g.lanes {
		largest[l.task+"\n"+l.target] = max(largest[l.task+"\n"+l.target], l.size)
	}
	for _, c := range g.Plan.Cells {
		for i, key := range c.Stages {
			switch {
			case i < len(c.Stages)-1:
				arm := study.Intermediate
				if c.Arm == study.Control {
					arm = study.Control
				}
				add(panel{c.Task, c.Model, c.Intermediate}, key, arm)
			case c.Arm != study.ZeroShot && c.Size == largest[c.Task+"\n"+c.Target]:
				add(panel{c.Task, c.Model, c.Target}, key, c.Arm)
			}
		}
	}
	role := func(p panel) int { // intermediate datasets first
		for _, r := range g.Plan.Cells {
			if r.Task == p.task && r.Intermediate == p.dataset {
				return 0
			}
		}
		return 1
	}
	slices.SortStableFunc(order, func(a, b panel) int {
		return cmp.Or(slices.Index(g.tasks, a.task)-slices.Index(g.tasks, b.task), slices.Index(g.models, a.model)-slices.Index(g.models, b.model), role(a)-role(b))
	})
	var groups []curveGroup
	for _, p := range order {
		title := p.task
		if p.model != "" {
			title += ", " + p.model
		}
		if len(groups) == 0 || groups[len(groups)-1].Title != title {
			groups = append(groups, curveGroup{Title: title})
		}
		in := &groups[len(groups)-1]
		in.Panels = append(in.Panels, lossPanel(p.dataset, title, runs[p]))
	}
	return groups
}

// lossRun is the loss of one stage.
type lossRun struct {
	arm    string
	losses []float64
}

func lossPanel(dataset, of string, runs []lossRun) curveView {
	const width, height, left, right, top, bottom = 264.0, 132.0, 34.0, 8.0, 8.0, 20.0
	s := newSVG(width, height, "Training loss on "+dataset+", "+of)
	highest, note := 0.0, ""
	smoothed := make([][]float64, len(runs))
	for i, r := range runs {
		smoothed[i] = smooth(r.losses)
		for _, v := range r.losses {
			if !finite(v) {
				note = "the loss was not finite at some steps"
			}
		}
		for _, v := range smoothed[i] {
			if finite(v) {
				highest = max(highest, v)
			}
		}
	}
	if highest == 0 {
		highest = 1
	}
	y := scale{low: 0, high: highest * 1.04, from: height - bottom, to: top}
	x := scale{low: 0, high: 1, from: left, to: width - right}
	for _, v := range y.ticks(3) {
		s.line(left, y.at(v), width-right, y.at(v), "grid")
		s.text(left-5, y.at(v)+4, "end", "small muted", tick(v))
	}
	s.text(left, height-5, "start", "small muted", "0")
	s.text((left+width-right)/2, height-5, "middle", "small muted", "share of the steps")
	s.text(width-right, height-5, "end", "small muted", "100 %")
	for _, arm := range pageArms {
		var mean []float64
		n := 0
		for i, r := range runs {
			if r.arm != arm {
				continue
			}
			s.path(curve(smoothed[i], x, y), "run "+armClass(arm))
			if n == 0 {
				mean = make([]float64, len(r.losses))
			}
			if len(r.losses) == len(mean) { // seeds of one arm take as many steps
				n++
				for k, v := range smoothed[i] {
					mean[k] += v
				}
			}
		}
		for k := range mean {
			mean[k] /= float64(n)
		}
		s.path(curve(mean, x, y), "curve "+armClass(arm))
	}
	return curveView{dataset, note, s.html()}
}

// curve places values along a share of the steps; what is not finite is left out.
func curve(values []float64, x, y scale) (points [][2]float64) {
	for i, v := range values {
		if finite(v) {
			points = append(points, [2]float64{x.at(float64(i+1) / float64(len(values))), y.at(v)})
		}
	}
	return points
}

// smooth takes each value with those around it, a fifteenth of all to each
// side: losses of single batches jump. It takes fewer at the beginning, where losses fall fast.
func smooth(values []float64) []float64 {
	out := make([]float64, len(values))
	reach := len(values) / 15
	for i := range values {
		sum, n := 0.0, 0
		r := min(reach, i)
		for _, v := range values[i-r : min(len(values), i+r+1)] {
			if finite(v) {
				sum += v
				n++
			}
		}
		out[i] = sum / float64(n)
	}
	return out
}
