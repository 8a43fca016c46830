package report

import (
	"fmt"
	"html/template"
	"slices"
	"strings"

	"godwit/experiments/dataset"
	"godwit/experiments/study"
)

// hygieneView is what there is to know of a task's data.
type hygieneView struct {
	Name      string
	Sentences []string
	Parts     []partRow
	Scores    bool // the task's labels are scores
	Overlaps  []overlapRow
	Tokens    []tokenRow
}

// partRow is a split of a dataset.
type partRow struct {
	Dataset, Role                       string // of the first row of each
	Split                               string
	Examples                            string
	Balance                             template.HTML
	Labels                              string
	Exact, Normalised, Near, OtherLabel string // duplicates
}

// overlapRow counts the examples of one split that are like some of another.
type overlapRow struct {
	Part, Of                                   string
	Exact, Normalised, Near, OtherLabel, Share string
	Marks                                      []string
	Test                                       bool // one of the two is a test split
	Fate                                       string
}

// tokenRow is what a model's tokenizer makes of a dataset.
type tokenRow struct {
	Dataset, Role, Model                             string
	Examples, Tokens, PerExample, Truncated, Unknown string
}

// hygiene tells of the data of each task of which something is known.
func (g *grid) hygiene() []hygieneView {
	var views []hygieneView
	for _, task := range g.tasks {
		v := hygieneView{Name: task, Tokens: g.tokenRows(task)}
		if h, ok := g.Plan.Hygiene[task]; ok {
			roles := g.roles(task)
			v.Parts, v.Scores = partRows(h, roles)
			v.Overlaps = overlapRows(h, roles)
			v.Sentences = sentences(h, roles)
		}
		if len(v.Parts)+len(v.Tokens) > 0 {
			views = append(views, v)
		}
	}
	return views
}

// role is what a dataset is to its task.
type role struct {
	name         string // as parts are called, without the split
	intermediate bool
	setting      string // of a target
	leaksRemoved bool
	parallel     bool
}

func (r role) words() string {
	if r.intermediate {
		return "intermediate"
	}
	return r.setting + " target"
}

// roles lists a task's datasets under the names that [dataset.Hygiene] has for them.
func (g *grid) roles(task string) []role {
	var roles []role
	for _, t := range g.Plan.Config.Tasks {
		if t.Name != task {
			continue
		}
		for _, d := range t.Targets {
			roles = append(roles, role{d.Name, false, d.Setting, d.RemoveLeaks, d.Parallel != ""})
		}
		for _, d := range t.Intermediates {
			name := d.Name
			if slices.ContainsFunc(roles, func(r role) bool { return r.name == name }) {
				name += " (intermediate)"
			}
			roles = append(roles, role{name, true, "", d.RemoveLeaks, d.Parallel != ""})
		}
	}
	return roles
}

// partOf splits the name of a part into a dataset and a split.
func partOf(part string, roles []role) (r role, split string) {
	name := part
	if i := strings.LastIndexByte(part, ' '); i >= 0 {
		name, split = part[:i], part[i+1:]
	}
	for _, r := range roles {
		if r.name == name {
			return r, split
		}
	}
	return role{name: name}, split
}

var splitOrder = []string{"train", "dev", "test"}

// partRows lists the splits dataset by dataset, intermediate ones first.
func partRows(h dataset.Hygiene, roles []role) (rows []partRow, scores bool) {
	type place struct {
		p     dataset.PartHygiene
		r     role
		split string
	}
	var places []place
	low, high := 0.0, 0.0 // of all scores
	for _, p := range h.Parts {
		r, split := partOf(p.Part, roles)
		places = append(places, place{p, r, split})
		if p.Scores != nil {
			if !scores {
				low, high = p.Scores.Min, p.Scores.Max
			}
			scores = true
			low, high = min(low, p.Scores.Min), max(high, p.Scores.Max)
		}
	}
	slices.SortStableFunc(places, func(a, b place) int {
		at := func(p place) int {
			i := slices.IndexFunc(roles, func(r role) bool { return r.name == p.r.name })
			if p.r.intermediate {
				i -= len(roles)
			}
			return i*len(splitOrder) + slices.Index(splitOrder, p.split)
		}
		return at(a) - at(b)
	})
	for i, p := range places {
		row := partRow{Split: p.split, Examples: thousands(float64(p.p.Examples)),
			Exact: thousands(float64(p.p.Duplicates.Exact)), Normalised: thousands(float64(p.p.Duplicates.Normalised)),
			Near: thousands(float64(p.p.Duplicates.Near)), OtherLabel: thousands(float64(p.p.Duplicates.OtherLabel))}
		if i == 0 || places[i-1].r.name != p.r.name {
			row.Dataset, row.Role = p.r.name, p.r.words()
		}
		if s := p.p.Scores; s != nil {
			row.Balance = rangeBar(p.p.Part, s, low, high)
			row.Labels = fmt.Sprintf("%s to %s, mean %s", tick(s.Min), tick(s.Max), tick(float64(int(s.Mean*100+0.5))/100))
		} else {
			row.Balance = balanceBar(p.p.Part, p.p.Labels)
			row.Labels = balance(p.p.Labels)
		}
		rows = append(rows, row)
	}
	return rows, scores
}

// mostClasses is how many are named one by one.
const mostClasses = 6

// balance writes the number of examples of each class with its share; of many
// classes only the most and the least frequent one.
func balance(labels []dataset.LabelCount) string {
	one := func(l dataset.LabelCount) string { // no line ends within it
		return strings.ReplaceAll(fmt.Sprintf("%s %s (%s)", l.Label, thousands(float64(l.Examples)), share(l.Share)), " ", "\u00a0")
	}
	if n := len(labels); n > mostClasses {
		return fmt.Sprintf("%d classes, from %s to %s", n, one(labels[0]), one(labels[n-1]))
	}
	var parts []string
	for _, l := range labels {
		parts = append(parts, one(l))
	}
	return strings.Join(parts, " · ")
}

// share writes a part of a whole.
func share(v float64) string {
	switch {
	case v == 0:
		return "0 %"
	case v < 0.001:
		return "< 0.1 %"
	case v < 0.0995:
		return fmt.Sprintf("%.1f %%", 100*v)
	}
	return fmt.Sprintf("%.0f %%", 100*v)
}

const barWidth, barHeight = 120.0, 11.0

// balanceBar draws the classes' shares, the most frequent first.
func balanceBar(part string, labels []dataset.LabelCount) template.HTML {
	s := newSVG(barWidth, barHeight, "Class balance of "+part)
	at := 0.0
	for i, l := range labels {
		width := l.Share * barWidth
		strength := 0.85
		if i%2 == 1 {
			strength = 0.45
		}
		s.hoverRect(at, 0, max(width-1, 0.3), barHeight, "balance", strength, fmt.Sprintf("%s: %d, %s", l.Label, l.Examples, share(l.Share)))
		at += width
	}
	return s.html()
}

// rangeBar draws where the scores of a part lie, on a scale of all parts' scores, with their mean.
func rangeBar(part string, r *dataset.ScoreRange, low, high float64) template.HTML {
	s := newSVG(barWidth, barHeight, "Scores of "+part)
	x := scale{low: low, high: high, from: 2, to: barWidth - 2}
	s.line(2, barHeight/2, barWidth-2, barHeight/2, "grid")
	s.rect(x.at(r.Min), barHeight/2-2.5, max(x.at(r.Max)-x.at(r.Min), 1), 5, "balance", 0.45)
	s.rect(x.at(r.Mean)-1.5, 0, 3, barHeight, "balance", 1)
	return s.html()
}

// overlapRows lists the overlaps that there are, those with test splits first.
func overlapRows(h dataset.Hygiene, roles []role) []overlapRow {
	var rows []overlapRow
	for _, o := range h.Overlaps {
		if o.Exact+o.Normalised+o.Near == 0 {
			continue
		}
		part, split := partOf(o.Part, roles)
		of, ofSplit := partOf(o.Of, roles)
		row := overlapRow{Part: o.Part, Of: o.Of, Exact: thousands(float64(o.Exact)), Normalised: thousands(float64(o.Normalised)), Near: thousands(float64(o.Near)),
			OtherLabel: thousands(float64(o.OtherLabel)), Share: "–", Test: ofSplit == "test" || split == "test"}
		if i := slices.IndexFunc(h.Parts, func(p dataset.PartHygiene) bool { return p.Part == o.Part }); i >= 0 {
			row.Share = percent(o.Near, h.Parts[i].Examples)
		}
		if row.Test {
			row.Marks = append(row.Marks, "test split")
		}
		if part.intermediate != of.intermediate {
			row.Marks = append(row.Marks, "intermediate ↔ target")
		}
		switch {
		case ofSplit != "test" || split == "test":
			row.Fate = "kept"
		case part.leaksRemoved:
			row.Fate = "left out"
		default:
			row.Fate = "kept: leak"
		}
		rows = append(rows, row)
	}
	slices.SortStableFunc(rows, func(a, b overlapRow) int {
		switch {
		case a.Test == b.Test:
			return 0
		case a.Test:
			return -1
		}
		return 1
	})
	return rows
}

// leak is how many examples of a dataset are like test examples.
type leak struct {
	name string
	n    int
}

// sentences sum up a task's hygiene in words.
func sentences(h dataset.Hygiene, roles []role) []string {
	var removed, kept, shared []leak
	add := func(to *[]leak, name string, n int) {
		for i := range *to {
			if (*to)[i].name == name {
				(*to)[i].n += n
				return
			}
		}
		*to = append(*to, leak{name, n})
	}
	tests, parallel := 0, false
	for _, r := range roles {
		parallel = parallel || r.parallel
	}
	for _, o := range h.Overlaps {
		part, split := partOf(o.Part, roles)
		of, ofSplit := partOf(o.Of, roles)
		switch {
		case o.Near == 0:
		case split == "test":
			tests += o.Near
		case ofSplit == "test" && part.leaksRemoved:
			add(&removed, part.name, o.Near)
		case ofSplit == "test":
			add(&kept, part.name, o.Near)
		case part.intermediate && !of.intermediate:
			add(&shared, part.name, o.Near)
		}
	}
	var list []string
	if len(removed)+len(kept) == 0 {
		list = append(list, "No training or dev example is like a test example.")
	}
	if n, where := sum(removed); n > 0 {
		list = append(list, fmt.Sprintf("%s %s like test examples (%s) and left out, as the study’s file asks.", plural(n, "training or dev example"), areOf(n), where))
	}
	if n, where := sum(kept); n > 0 {
		list = append(list, fmt.Sprintf("%s %s like test examples (%s) and kept: the study’s file does not ask to remove leaks there.", plural(n, "training or dev example"), areOf(n), where))
	}
	if n, where := sum(shared); n > 0 {
		list = append(list, fmt.Sprintf("%s of intermediate datasets %s like what targets are trained or selected on: %s.", plural(n, "example"), areOf(n), where))
	}
	if tests > 0 {
		list = append(list, fmt.Sprintf("%s of one test split %s like one of another.", plural(tests, "example"), areOf(tests)))
	}
	var inside []leak
	other := 0
	for _, p := range h.Parts {
		if p.Duplicates.Near > 0 {
			inside = append(inside, leak{p.Part, p.Duplicates.Near})
			other += p.Duplicates.OtherLabel
		}
	}
	if n, _ := sum(inside); n > 0 {
		slices.SortStableFunc(inside, func(a, b leak) int { return b.n - a.n })
		most := inside[0]
		text := fmt.Sprintf("%s %s like an earlier one of the same split, most of them in %s (%d)", plural(n, "example"), areOf(n), most.name, most.n)
		if len(inside) == 1 {
			text = fmt.Sprintf("%s of %s %s like an earlier one there", plural(n, "example"), most.name, areOf(n))
		}
		if other > 0 {
			text += fmt.Sprintf("; %d of all have another label than the example that they repeat", other)
		}
		list = append(list, text+".")
	} else {
		list = append(list, "No split holds an example twice.")
	}
	if parallel {
		list = append(list, "Translations of one example are not found by likeness; their ids keep them on one side of a split.")
	}
	return list
}

// sum adds leaks up and says where they are.
func sum(leaks []leak) (n int, where string) {
	var parts []string
	for _, l := range leaks {
		n += l.n
		parts = append(parts, fmt.Sprintf("%d of %s", l.n, l.name))
	}
	return n, strings.Join(parts, ", ")
}

func areOf(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// tokenRows is what the tokenizers made of a task's datasets.
func (g *grid) tokenRows(task string) []tokenRow {
	var rows []tokenRow
	type place struct{ dataset, model string }
	seen := map[place]bool{}
	for _, c := range g.Plan.Cells {
		if c.Task != task {
			continue
		}
		for i, key := range c.Stages {
			p, role := place{c.Intermediate, c.Model}, "intermediate"
			if i == len(c.Stages)-1 {
				if c.Arm != study.Direct {
					continue
				}
				p.dataset, role = c.Target, c.Setting+" target"
			}
			rec := g.Records[key]
			if seen[p] || rec == nil || rec.Text.Examples == 0 {
				continue
			}
			seen[p] = true
			t := rec.Text
			rows = append(rows, tokenRow{
				Dataset: p.dataset, Role: role, Model: p.model,
				Examples: thousands(float64(t.Examples)), Tokens: thousands(float64(t.Tokens)), PerExample: fmt.Sprintf("%.1f", float64(t.Tokens)/float64(t.Examples)),
				Truncated: percent(t.Truncated, t.Examples), Unknown: percent(t.Unknown, t.Tokens),
			})
		}
	}
	order := func(r tokenRow) int { // intermediate datasets first
		if r.Role == "intermediate" {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(rows, func(a, b tokenRow) int {
		if d := slices.Index(g.models, a.Model) - slices.Index(g.models, b.Model); d != 0 {
			return d
		}
		return order(a) - order(b)
	})
	return rows
}
