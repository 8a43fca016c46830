package report

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"

	"godwit/experiments/stats"
	"godwit/experiments/study"
)

// Outcomes of a comparison beyond the study's verdicts.
const (
	notLearned = "not learned" // neither arm passes what a model scores that learned nothing
	oneSeed    = "one seed"    // nothing can be said of other seeds
)

// outcome says in a word or two what a comparison shows. Where no tests were
// made the interval decides.
func outcome(k *study.Comparison) string {
	switch {
	case k.NotLearned:
		return notLearned
	case len(k.Seeds) < 2:
		return oneSeed
	case k.Verdict != "":
		return k.Verdict
	case k.Low != nil && *k.Low > 0:
		return study.Positive
	case k.High != nil && *k.High < 0:
		return study.Negative
	}
	return study.NotShown
}

// significant says whether a comparison shows a difference.
func significant(k *study.Comparison) (positive, negative bool) {
	o := outcome(k)
	return o == study.Positive, o == study.Negative
}

// taskView is a task's part of the verdict.
type taskView struct {
	Name     string
	Metric   string
	Settings []settingView
	Heat     []figure
}

// settingView is a task's answer for one setting.
type settingView struct{ Setting, Answer, Sentence string }

// figure is a drawing with what is said about it.
type figure struct {
	Title string
	SVG   template.HTML
}

// mainArm is the arm that the study asks about first.
func (g *grid) mainArm() string {
	for _, arm := range []string{study.Intermediate, study.ZeroShot, study.Joint, study.Control} {
		for _, l := range g.lanes {
			if l.arm == arm {
				return arm
			}
		}
	}
	return ""
}

// armWords is how an arm stands in a sentence.
func armWords(arm string) string {
	switch arm {
	case study.Intermediate:
		return "Intermediate training"
	case study.ZeroShot:
		return "Zero-shot transfer"
	case study.Joint:
		return "Joint training"
	case study.Control:
		return "Intermediate training on shuffled labels"
	}
	return arm
}

// tally counts what comparisons show.
type tally struct {
	all, positive, negative, notShown, notLearned, oneSeed int
	gains                                                  []float64
	detectable                                             []float64
}

func count(list []*study.Comparison) (t tally) {
	for _, k := range list {
		t.all++
		switch outcome(k) {
		case study.Positive:
			t.positive++
		case study.Negative:
			t.negative++
		case notLearned:
			t.notLearned++
		case oneSeed:
			t.oneSeed++
		default:
			t.notShown++
		}
		if finite(k.Gain) {
			t.gains = append(t.gains, k.Gain)
		}
		if k.Detectable != nil && finite(*k.Detectable) && !k.NotLearned {
			t.detectable = append(t.detectable, *k.Detectable)
		}
	}
	return t
}

// words says what the comparisons show, as "helped in 2, hurt in 1".
func (t tally) words() string {
	var parts []string
	for _, p := range []struct {
		n    int
		text string
	}{
		{t.positive, "helped in %d"}, {t.negative, "hurt in %d"}, {t.notShown, "showed nothing beyond chance in %d"},
		{t.oneSeed, "was tried with a single seed in %d"}, {t.notLearned, "could not be judged in %d, where neither way learned the target"},
	} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf(p.text, p.n))
		}
	}
	return list(parts)
}

// answer is the shortest form of what the comparisons show.
func (t tally) answer() string {
	judged := t.positive + t.negative + t.notShown
	switch {
	case t.all == 0:
		return "not finished"
	case judged == 0 && t.oneSeed > 0:
		return "one seed only"
	case judged == 0:
		return "not learned"
	case t.positive > 0 && t.negative > 0:
		return "mixed"
	case t.positive == judged:
		return "helps"
	case t.negative == judged:
		return "hurts"
	case t.positive > 0:
		return "helps in part"
	case t.negative > 0:
		return "hurts in part"
	}
	return study.NotShown
}

// list joins parts with commas and "and".
func list(parts []string) string {
	if len(parts) < 2 {
		return strings.Join(parts, "")
	}
	return strings.Join(parts[:len(parts)-1], ", ") + " and " + parts[len(parts)-1]
}

// comparisons returns those of a task, a setting and an arm; empty strings stand for all.
func (g *grid) comparisons(task, setting, arm string) []*study.Comparison {
	var found []*study.Comparison
	for i := range g.Comparisons {
		k := &g.Comparisons[i]
		if (task == "" || k.Task == task) && (setting == "" || k.Setting == setting) && (arm == "" || k.Arm == arm) {
			found = append(found, k)
		}
	}
	return found
}

// summaryText is the verdict over everything, in a sentence or two.
func (g *grid) summaryText() string {
	arm := g.mainArm()
	if arm == "" {
		return "The study has direct fine-tuning alone: there is nothing to compare."
	}
	t := count(g.comparisons("", "", arm))
	if t.all == 0 {
		return "No comparison is finished yet."
	}
	text := fmt.Sprintf("Over %s, each against direct fine-tuning on the same seeds and test examples, %s %s.",
		plural(t.all, "comparison"), lowerFirst(armWords(arm)), t.words())
	var metrics []string // gains of different ones have no mean
	for _, k := range g.comparisons("", "", arm) {
		metrics = with(metrics, k.Metric)
	}
	if arm == study.Intermediate && len(metrics) == 1 && len(t.gains) > 0 {
		text += fmt.Sprintf(" Its mean gain is %s in %s", signed(stats.Mean(t.gains)), metricWords(metrics[0]))
		if c := count(g.comparisons("", "", study.Control)); len(c.gains) > 0 {
			text += fmt.Sprintf("; with the intermediate labels shuffled it is %s", signed(stats.Mean(c.gains)))
		}
		text += "."
	}
	return text
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// verdicts answers the study's question for each task and setting.
func (g *grid) verdicts() []taskView {
	var views []taskView
	for _, task := range g.tasks {
		v := taskView{Name: task, Metric: g.metric(task), Heat: g.heatMaps(task)}
		var settings []string
		for _, p := range g.points(task) {
			settings = with(settings, p.setting)
		}
		for _, s := range settings {
			v.Settings = append(v.Settings, g.setting(task, s))
		}
		views = append(views, v)
	}
	return views
}

func (g *grid) setting(task, setting string) settingView {
	arm := g.mainArm()
	if arm == "" {
		return settingView{setting, "nothing to compare", "Only direct fine-tuning is in the plan."}
	}
	found := g.comparisons(task, setting, arm)
	t := count(found)
	v := settingView{Setting: setting, Answer: t.answer()}
	var b strings.Builder
	switch {
	case t.all == 0:
		b.WriteString("No comparison is finished yet.")
	case t.all == 1:
		b.WriteString(single(found[0]))
	default:
		fmt.Fprintf(&b, "Of %s, %s %s.", plural(t.all, "comparison"), lowerFirst(armWords(arm)), t.words())
		if len(t.gains) > 1 {
			fmt.Fprintf(&b, " The mean gain is %s in %s, from %s to %s.", signed(stats.Mean(t.gains)), g.metric(task), signed(slices.Min(t.gains)), signed(slices.Max(t.gains)))
		}
		b.WriteString(extremes(found))
	}
	var beside []string
	for _, other := range pageArms {
		if other == arm || other == study.Direct {
			continue
		}
		if o := count(g.comparisons(task, setting, other)); len(o.gains) > 0 {
			name := other
			if other == study.Control {
				name = "control (shuffled labels)"
			}
			beside = append(beside, name+" "+signed(stats.Mean(o.gains)))
		}
	}
	if len(beside) > 0 {
		fmt.Fprintf(&b, " Mean gains beside it: %s.", list(beside))
	}
	if n := g.explained(task, setting); n > 0 {
		fmt.Fprintf(&b, " In %d of the positive cases the control gains at least half as much: extra training alone may explain it.", n)
	}
	if t.notShown > 0 && len(t.detectable) > 0 {
		slices.Sort(t.detectable)
		if median := t.detectable[len(t.detectable)/2]; median < 1 {
			fmt.Fprintf(&b, " The design could have shown gains of about %s (median) at 80 %% power.", score(median))
		} else {
			b.WriteString(" The design could hardly have shown any gain: its seeds differ too much for so few of them.")
		}
	}
	v.Sentence = b.String()
	return v
}

// single tells of one comparison.
func single(k *study.Comparison) string {
	did := map[string]string{study.Positive: "helped", study.Negative: "hurt", study.NotShown: "showed nothing beyond chance",
		notLearned: "cannot be judged, since neither way learned the target", oneSeed: "was tried with one seed only"}[outcome(k)]
	text := fmt.Sprintf("%s %s: %s on %s, %s in %s", armWords(k.Arm), did, k.Model, k.Target, signed(k.Gain), metricWords(k.Metric))
	if k.Low != nil && k.High != nil {
		text += fmt.Sprintf(" (95 %% interval %s)", between(k.Low, k.High))
	}
	return text + "."
}

// extremes names the largest gain and the largest loss that are shown.
func extremes(found []*study.Comparison) string {
	var best, worst *study.Comparison
	sizes := map[int]bool{}
	for _, k := range found {
		sizes[k.Size] = true
		positive, negative := significant(k)
		if positive && (best == nil || k.Gain > best.Gain) {
			best = k
		}
		if negative && (worst == nil || k.Gain < worst.Gain) {
			worst = k
		}
	}
	var parts []string
	for _, e := range []struct {
		what string
		k    *study.Comparison
	}{{"Most gained", best}, {"Most lost", worst}} {
		if e.k == nil {
			continue
		}
		size := ""
		if len(sizes) > 1 {
			size = fmt.Sprintf(" with %d examples", e.k.Size)
		}
		parts = append(parts, fmt.Sprintf(" %s: %s on %s%s (%s).", e.what, e.k.Model, e.k.Target, size, signed(e.k.Gain)))
	}
	return strings.Join(parts, "")
}

// explained counts positive comparisons whose control gains at least half as much.
func (g *grid) explained(task, setting string) (n int) {
	for _, k := range g.comparisons(task, setting, study.Intermediate) {
		if outcome(k) != study.Positive {
			continue
		}
		c := g.gains[lane{k.Task, k.Model, k.Target, k.Size, study.Control, k.Intermediate}]
		if c != nil && c.Gain >= k.Gain/2 {
			n++
		}
	}
	return n
}

// heatMaps draws the gains of a task, a figure for each arm: models down, targets across.
func (g *grid) heatMaps(task string) []figure {
	limit := 0.0 // of the colours: the same for all arms of the task
	for _, k := range g.comparisons(task, "", "") {
		if finite(k.Gain) {
			limit = max(limit, math.Abs(k.Gain))
		}
	}
	var figures []figure
	for _, arm := range pageArms[1:] {
		lanes := g.of(func(l lane) bool { return l.task == task && l.arm == arm })
		if len(lanes) == 0 {
			continue
		}
		type row struct{ model, intermediate string }
		var rows []row
		for _, l := range lanes {
			rows = with(rows, row{l.model, l.intermediate})
		}
		points := ascending(g.points(task))
		several := len(intermediates(lanes)) > 1
		left := 12.0
		for _, r := range rows {
			left = max(left, 14+textWidth(r.model, 12))
			if several {
				left = max(left, 14+textWidth(r.intermediate, 11))
			}
		}
		left = min(left, 150)
		const cellHeight, top = 46.0, 40.0
		cellWidth := 108.0
		for i, p := range points {
			if alone := (i == 0 || points[i-1].target != p.target) && (i == len(points)-1 || points[i+1].target != p.target); alone {
				cellWidth = max(cellWidth, min(150, 10+textWidth(p.target, boldSize)))
			}
		}
		s := newSVG(left+cellWidth*float64(len(points)), top+cellHeight*float64(len(rows))+2, "Gains of "+arm+" over direct, "+task)
		for i := 0; i < len(points); {
			p, n := points[i], 1 // sizes of the target
			for i+n < len(points) && points[i+n].target == p.target {
				n++
			}
			from, to := left+cellWidth*float64(i), left+cellWidth*float64(i+n)
			if n == 1 {
				s.label((from+to)/2, 15, "middle", "strong", p.target, cellWidth-8)
				s.text((from+to)/2, 30, "middle", "small muted", fmt.Sprintf("%s, %d", p.setting, p.size))
			} else {
				s.label((from+to)/2, 13, "middle", "strong", p.target+", "+p.setting, to-from-8)
				s.line(from+4, 20, to-4, 20, "grid")
				for j, q := range points[i : i+n] {
					s.text(from+cellWidth*(float64(j)+0.5), 34, "middle", "small muted", fmt.Sprint(q.size))
				}
			}
			i += n
		}
		for j, r := range rows {
			y := top + cellHeight*float64(j)
			if several {
				s.label(left-8, y+20, "end", "", r.model, left-10)
				s.label(left-8, y+35, "end", "small muted", r.intermediate, left-10)
			} else {
				s.label(left-8, y+cellHeight/2+4, "end", "", r.model, left-10)
			}
			for i, p := range points {
				x := left + cellWidth*float64(i)
				g.heatCell(s, x, y, cellWidth, cellHeight, limit, lane{task, r.model, p.target, p.size, arm, r.intermediate})
			}
		}
		figures = append(figures, figure{arm, s.html()})
	}
	return figures
}

// ascending sorts the sizes of each target upwards.
func ascending(points []point) []point {
	points = slices.Clone(points)
	for i := 0; i < len(points); {
		n := 1
		for i+n < len(points) && points[i+n].target == points[i].target {
			n++
		}
		slices.Reverse(points[i : i+n])
		i += n
	}
	return points
}

// heatCell draws one gain. Colour says its size and sign; so do the number
// and the sign before it, and hatching tells losses in grey.
func (g *grid) heatCell(s *svg, x, y, w, h, limit float64, l lane) {
	middle := x + w/2
	k := g.gains[l]
	planned := g.plan[l]
	if k == nil {
		s.rect(x+1, y+1, w-2, h-2, "heat-none", 1)
		switch {
		case planned == 0:
			s.text(middle, y+h/2+4, "middle", "muted", "–")
		case len(g.scores[l]) == planned:
			s.text(middle, y+h/2+4, "middle", "small muted", "direct missing")
		default:
			s.text(middle, y+h/2+4, "middle", "small muted", "missing")
		}
		return
	}
	s.rect(x+1, y+1, w-2, h-2, "heat-base", 1)
	if finite(k.Gain) && limit > 0 {
		strength := 0.08 + 0.62*math.Abs(k.Gain)/limit
		if k.NotLearned {
			strength = 0
		}
		class := "heat-up"
		if k.Gain < 0 {
			class = "heat-down"
		}
		s.rect(x+1, y+1, w-2, h-2, class, strength)
		if k.Gain < 0 && !k.NotLearned {
			s.rect(x+1, y+1, w-2, h-2, "heat-hatch", 1)
		}
	}
	positive, negative := significant(k)
	class, words := "heat-number", outcome(k)
	switch {
	case positive:
		class, words = "heat-number strong", "▲ positive"
	case negative:
		class, words = "heat-number strong", "▼ negative"
	case words == study.NotShown:
		words = "not shown"
		if l.arm == study.Control { // no claim, but a figure
			words = "p " + pValue(k.P)
		}
	}
	number := signed(k.Gain)
	if len(k.Seeds) < planned {
		number += "*"
	}
	s.text(middle, y+20, "middle", class, number)
	s.text(middle, y+36, "middle", "small", words)
}
