package report

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"

	"godwit/experiments/metric"
	"godwit/experiments/study"
)

// predictorView is a predictor against the gains of intermediate training.
type predictorView struct {
	Name         string
	SVG          template.HTML
	Correlations []correlation
}

// correlation is the rank correlation of a predictor with gains.
type correlation struct {
	Mark                 template.HTML // of a task; none for all of them
	Of                   string
	Value, Pairs, Chance string
}

// forecast is a predictor's value with the gain that was then measured.
type forecast struct {
	task        string
	value, gain float64
	hover       string
}

// fewest is how many pairs a rank correlation is given for.
const fewest = 4

// predictors draws a panel for each of them; all have the same axis of gains.
func (g *grid) predictors() []predictorView {
	var names []string
	var found [][]forecast
	limits := []float64{0}
	for _, p := range g.Predictors {
		var list []forecast
		for _, q := range p.Points {
			k := g.gains[lane{q.Task, q.Model, q.Target, q.Size, study.Intermediate, q.Intermediate}]
			if k == nil || !finite(q.Value) || !finite(k.Gain) {
				continue
			}
			list = append(list, forecast{q.Task, q.Value, k.Gain, fmt.Sprintf("%s, %s, %s from %s, %d examples", q.Task, q.Model, q.Target, q.Intermediate, q.Size)})
			limits = append(limits, k.Gain)
		}
		if len(list) > 0 {
			names, found = append(names, p.Name), append(found, list)
		}
	}
	low, high := spread(limits)
	var views []predictorView
	for i, list := range found {
		views = append(views, predictorView{names[i], g.scatter(names[i], list, low, high), g.correlations(list)})
	}
	return views
}

// correlations are over all pairs and for each task.
func (g *grid) correlations(all []forecast) []correlation {
	var list []correlation
	for i, task := range g.tasks {
		some := slices.DeleteFunc(slices.Clone(all), func(f forecast) bool { return f.task != task })
		if len(some) > 0 {
			list = append(list, rankCorrelation(taskMark(i, task), task, some))
		}
	}
	if len(list) > 1 {
		list = append(list, rankCorrelation("", "all", all))
	}
	return list
}

// rankCorrelation is Spearman's, where the pairs are not too few, with the
// standard deviation that it has of as many unrelated pairs, 1/√(n−1).
func rankCorrelation(mark template.HTML, of string, list []forecast) correlation {
	c := correlation{mark, of, "too few", fmt.Sprint(len(list)), "–"}
	if len(list) < fewest {
		return c
	}
	var values, gains []float64
	for _, f := range list {
		values, gains = append(values, f.value), append(gains, f.gain)
	}
	s, err := metric.Regression(gains, values)
	if err != nil || !finite(s.Spearman) {
		c.Value = "undefined"
		return c
	}
	c.Value = strings.Replace(fmt.Sprintf("%+.2f", s.Spearman), "-", "−", 1)
	c.Chance = fmt.Sprintf("±%.2f", 1/math.Sqrt(float64(len(list)-1)))
	return c
}

// taskMark is a task's mark among text.
func taskMark(i int, task string) template.HTML {
	s := newSVG(12, 12, task)
	s.taskMark(6, 6, 4.2, i, "")
	return s.html()
}

// taskKeys are the marks of all tasks.
func (g *grid) taskKeys() []armView {
	var keys []armView
	for i, task := range g.tasks {
		keys = append(keys, armView{Name: task, Mark: taskMark(i, task)})
	}
	return keys
}

func (g *grid) scatter(name string, list []forecast, low, high float64) template.HTML {
	const width, height, left, right, top, bottom = 264.0, 190.0, 38.0, 8.0, 8.0, 22.0
	s := newSVG(width, height, name+" against measured gain")
	y := scale{low: low, high: high, from: height - bottom, to: top}
	var values []float64
	for _, f := range list {
		values = append(values, f.value)
	}
	low, high = spread(values)
	x := scale{low: low, high: high, from: left + 4, to: width - right - 4}
	for _, v := range y.ticks(5) {
		class := "grid"
		if math.Abs(v) < 1e-9 {
			class = "axis"
		}
		s.line(left, y.at(v), width-right, y.at(v), class)
		s.text(left-5, y.at(v)+4, "end", "small muted", tick(v))
	}
	for _, v := range x.ticks(4) {
		s.line(x.at(v), height-bottom, x.at(v), height-bottom+3, "axis")
		s.text(min(x.at(v), width-1-textWidth(tick(v), 11)/2), height-bottom+15, "middle", "small muted", tick(v))
	}
	for _, f := range list {
		s.taskMark(x.at(f.value), y.at(f.gain), 3.8, slices.Index(g.tasks, f.task), fmt.Sprintf("%s: %s %s, gain %s", f.hover, name, tick(f.value), signed(f.gain)))
	}
	return s.html()
}
