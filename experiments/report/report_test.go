package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"godwit/experiments/metric"
	"godwit/experiments/stats"
	"godwit/experiments/study"
	"godwit/experiments/train"
)

// shape says what a made-up study has.
type shape struct {
	models, arms  []string
	sizes         []int
	seeds         int
	intermediates []string
	targets       []string
	missing       int // of n stages, the last 1 is left out
}

var everything = shape{
	models: []string{"bert-base", "roberta-base", "xlnet-base"}, arms: study.Arms, sizes: []int{16, 64, 2000}, seeds: 3,
	intermediates: []string{"imdb-25k", "yelp-polarity-reviews"}, targets: []string{"customer-reviews", "tweets-de"}, missing: 9,
}

// made makes up a study: tasks of both kinds, gains of both signs.
func made(s shape) *study.Results {
	rng := rand.New(rand.NewPCG(1, 2))
	config := &study.Config{Name: "made-up", Arms: s.arms}
	r := &study.Results{Name: "made-up", Records: map[string]*study.Record{}, Plan: &study.Plan{Name: "made-up", Config: config,
		Models: map[string]string{}, Datasets: map[string]string{}}}
	p := r.Plan
	stage := func(name, kind string, rec *study.Record) string {
		key := fmt.Sprintf("%024x", len(p.Stages)+1)
		p.Stages = append(p.Stages, study.Stage{Key: key, Name: name, Kind: kind})
		if s.missing == 0 || len(p.Stages)%s.missing != 0 {
			rec.Name, rec.Kind = name, kind
			r.Records[key] = rec
		}
		return key
	}
	losses := func(from, to float64) (list []float64) {
		for i := range 100 {
			list = append(list, to+(from-to)*math.Exp(-float64(i)/20)+0.05*rng.Float64())
		}
		return list
	}
	for ti, task := range []string{"sentiment", "similarity"} {
		kind := []string{"classification", "regression"}[ti]
		metricName := []string{"accuracy", "pearson"}[ti]
		for mi, model := range s.models {
			p.Models[model] = fmt.Sprintf("%024x", 0xabc+mi)
			for seed := range uint64(s.seeds) {
				firsts := map[string]string{}
				for gi, target := range s.targets {
					p.Datasets[task+"/"+target] = fmt.Sprintf("%024x", 0xdef+gi)
					for ni, n := range s.sizes {
						for ai, arm := range s.arms {
							ways := s.intermediates
							if arm == study.Direct {
								ways = []string{""}
							}
							for wi, way := range ways {
								c := study.Cell{Task: task, Kind: kind, Model: model, Target: target, Setting: []string{study.Domain, study.CrossLingual}[gi%2], Size: n, Arm: arm, Intermediate: way, Seed: seed}
								if kind == "classification" {
									c.Majority, c.Chance = 0.55, 0.6
								} else {
									c.Chance = 0.09
								}
								if arm != study.Direct && arm != study.Joint {
									name := way
									if arm == study.Control {
										name += " (labels shuffled)"
									}
									id := name + fmt.Sprint(ni >= 0)
									if firsts[id] == "" {
										firsts[id] = stage(fmt.Sprintf("%s, %s, seed %d: %s", task, model, seed, name), "finetune", &study.Record{
											Losses: losses(1, 0.1+0.5*float64(ai%2)), Tokens: 100000, Seconds: 60 + 5*float64(ai), Text: study.TextCount{Examples: 4000, Tokens: 250000, Truncated: 120, Unknown: 20}})
									}
									c.Stages = append(c.Stages, firsts[id])
								}
								value := 0.62 + 0.08*float64(ni) + 0.02*float64(mi) + 0.03*rng.Float64() - 0.1*float64(gi)
								switch arm {
								case study.Intermediate:
									value += 0.12 - 0.2*float64(gi)*float64(wi) - 0.02*float64(ni)
								case study.ZeroShot:
									value = 0.66 - 0.2*float64(gi) + 0.05*rng.Float64()
								case study.Joint:
									value += 0.03 - 0.05*float64(wi)
								case study.Control:
									value -= 0.04 * rng.Float64()
								}
								score := train.Scores{Classification: &metric.ClassificationScores{Accuracy: value, Confusion: [][]int{{50, 5}, {20, 25}}}}
								if kind == "regression" {
									score = train.Scores{Regression: &metric.RegressionScores{Pearson: value, Spearman: value}}
								}
								rec := &study.Record{Test: &score, Tokens: 900 * n, Seconds: 4 + float64(n)/40, Losses: losses(1.2, 0.2), Text: study.TextCount{Examples: n + 200, Tokens: 40 * (n + 200)}}
								if arm == study.ZeroShot {
									rec.Losses = nil
								}
								key := stage(fmt.Sprintf("%s, %s, seed %d: %s with %d examples (%s %s)", task, model, seed, target, n, arm, way), "finetune", rec)
								c.Stages = append(c.Stages, key)
								p.Cells = append(p.Cells, c)
								if r.Records[key] == nil {
									r.Missing++
									continue
								}
								r.Cells = append(r.Cells, study.CellResult{Cell: c, Metric: metricName, Score: value, Scores: score, NoLearned: value <= c.Majority, Tokens: 1000 * n})
							}
						}
					}
				}
			}
		}
	}
	compare(r)
	return r
}

// compare fills in the comparisons of made-up cells, some with tests.
func compare(r *study.Results) {
	g := newGrid(r)
	for i, l := range g.lanes {
		if l.arm == study.Direct {
			continue
		}
		k := study.Comparison{Task: l.task, Model: l.model, Target: l.target, Setting: g.first[l].Setting, Size: l.size, Arm: l.arm, Intermediate: l.intermediate}
		var gains []float64
		for _, c := range g.cells(l) {
			d, ok := g.scores[lane{l.task, l.model, l.target, l.size, study.Direct, ""}][c.Seed]
			if ok {
				k.Metric = c.Metric
				k.Seeds, k.Direct, k.Scores = append(k.Seeds, c.Seed), append(k.Direct, d.Score), append(k.Scores, c.Score)
				gains = append(gains, c.Score-d.Score)
			}
		}
		if len(gains) == 0 {
			continue
		}
		k.Gain, k.Verdict = stats.Mean(gains), study.NotShown
		if len(gains) > 1 {
			low, high := stats.TInterval(gains, 0.95)
			p, detectable := 0.0004+0.2*float64(i%5), high-k.Gain
			k.Low, k.High, k.P, k.AdjustedP, k.Detectable = &low, &high, &p, &p, &detectable
			if l.arm != study.Control && low > 0 {
				k.Verdict = study.Positive
			} else if l.arm != study.Control && high < 0 {
				k.Verdict = study.Negative
			}
		}
		k.NotLearned = max(stats.Mean(k.Direct), stats.Mean(k.Scores)) <= g.first[l].Chance
		r.Comparisons = append(r.Comparisons, k)
	}
}

func withPredictors(r *study.Results) *study.Results {
	for _, name := range []string{"LogME", "unigram overlap"} {
		p := study.Predictor{Name: name}
		for i, k := range r.Comparisons {
			if k.Arm == study.Intermediate {
				p.Points = append(p.Points, study.PredictorPoint{Task: k.Task, Model: k.Model, Target: k.Target, Intermediate: k.Intermediate, Size: k.Size, Value: k.Gain*2 + 0.01*float64(i%7)})
			}
		}
		r.Predictors = append(r.Predictors, p)
	}
	return r
}

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func rendered(t testing.TB, r *study.Results) string {
	t.Helper()
	html, err := render(r, options{Made: noon})
	if err != nil {
		t.Fatal(err)
	}
	return string(html)
}

// element is one of a page that was read.
type element struct {
	name, class, label, id string
	builder                strings.Builder // of the text
	children               []*element
}

// text is that of the element and of all within.
func (e *element) text() string { return e.builder.String() }

// parse reads the page as strictly as XML allows: what HTML leaves open is
// closed first. Every attribute is quoted and every element ends.
func parse(t testing.TB, page string) *element {
	t.Helper()
	page = strings.TrimPrefix(page, "<!DOCTYPE html>")
	page = regexp.MustCompile(`<meta([^>]*)>`).ReplaceAllString(page, `<meta$1/>`)
	style := regexp.MustCompile(`(?s)<style>.*?</style>`)
	page = style.ReplaceAllString(page, "<style></style>")
	d := xml.NewDecoder(strings.NewReader(page))
	root := &element{}
	stack := []*element{root}
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			line, column := d.InputPos()
			t.Fatalf("line %d, column %d: %v", line, column, err)
		}
		switch x := token.(type) {
		case xml.StartElement:
			e := &element{name: x.Name.Local}
			for _, a := range x.Attr {
				switch a.Name.Local {
				case "class":
					e.class = a.Value
				case "aria-label":
					e.label = a.Value
				case "id":
					e.id = a.Value
				}
			}
			top := stack[len(stack)-1]
			top.children = append(top.children, e)
			stack = append(stack, e)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			for _, e := range stack {
				e.builder.Write(x)
			}
		}
	}
	return root
}

// all returns the elements below e that fit.
func (e *element) all(fits func(*element) bool) (found []*element) {
	for _, c := range e.children {
		if fits(c) {
			found = append(found, c)
		}
		found = append(found, c.all(fits)...)
	}
	return found
}

func (e *element) figures(label string) []*element {
	return e.all(func(c *element) bool { return c.name == "svg" && strings.HasPrefix(c.label, label) })
}

func (e *element) classed(class string) []*element {
	return e.all(func(c *element) bool { return strings.Contains(" "+c.class+" ", " "+class+" ") })
}

// selfContained checks that nothing in the page asks for anything outside it.
func selfContained(t testing.TB, page string) {
	t.Helper()
	if found := regexp.MustCompile(`(?i)<(script|img|link|iframe|object|embed|image|use|audio|video|source|base|form)\b|\s(src|srcset|xlink:href|action|onload|onclick|onerror)\s*=|@import|javascript:`).FindString(page); found != "" {
		t.Errorf("the page holds %q", found)
	}
	for _, m := range regexp.MustCompile(`\shref="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if !strings.HasPrefix(m[1], "#") {
			t.Errorf("the page leads to %q", m[1])
		}
	}
	for _, m := range regexp.MustCompile(`url\(([^)]*)\)`).FindAllStringSubmatch(page, -1) {
		if !strings.HasPrefix(m[1], "#") {
			t.Errorf("the style asks for %q", m[1])
		}
	}
	if regexp.MustCompile(`https?://`).MatchString(page) {
		t.Error("the page holds an address")
	}
}

func TestFiguresHaveTheirData(t *testing.T) {
	r := withPredictors(made(everything))
	page := rendered(t, r)
	selfContained(t, page)
	root := parse(t, page)
	if len(root.classed("muted")) == 0 || r.Missing == 0 {
		t.Fatal("the made-up study lacks what is tested here")
	}

	seeds, means := 0, 0
	for _, f := range root.figures("Scores by arm and seed") {
		seeds, means = seeds+len(f.classed("seed")), means+len(f.classed("mean"))
	}
	g := newGrid(r)
	wantMeans := 0
	for _, l := range g.lanes {
		if len(g.scores[l]) > 0 {
			wantMeans++
		}
	}
	if seeds != len(r.Cells) || means != wantMeans {
		t.Errorf("%d seeds and %d means are drawn, want %d and %d", seeds, means, len(r.Cells), wantMeans)
	}

	var numbers []string
	for _, f := range root.figures("Gains of") {
		for _, e := range f.classed("heat-number") {
			numbers = append(numbers, e.text())
		}
	}
	if len(numbers) != len(r.Comparisons) {
		t.Errorf("%d gains in heat maps, want %d", len(numbers), len(r.Comparisons))
	}
	drawn := map[string]int{}
	for _, n := range numbers {
		drawn[n]++
	}
	for _, k := range r.Comparisons {
		want := signed(k.Gain)
		if len(k.Seeds) < everything.seeds {
			want += "*"
		}
		if drawn[want]--; drawn[want] < 0 {
			t.Errorf("no cell has the gain %s of %s %s %s", want, k.Model, k.Target, k.Arm)
		}
	}

	seeds = 0
	curves := root.figures("Learning curves")
	for _, f := range curves {
		seeds += len(f.classed("seed"))
	}
	wantSeeds := len(r.Cells)
	for _, c := range r.Cells {
		if c.Arm == study.Direct { // stands beside both intermediates
			wantSeeds++
		}
	}
	if len(curves) != 2*2*3*2 || seeds != wantSeeds { // tasks, targets, models, intermediates
		t.Errorf("%d learning curves with %d seeds, want 24 with %d", len(curves), seeds, wantSeeds)
	}

	training := root.figures("Training loss")
	if len(training) != 2*3*4 { // tasks, models, two intermediates and two targets
		t.Errorf("%d panels of losses, want 24", len(training))
	}
	for _, f := range training {
		if len(f.classed("run")) < 3 || len(f.classed("curve")) < 2 {
			t.Errorf("%s: %d runs, %d curves", f.label, len(f.classed("run")), len(f.classed("curve")))
		}
	}

	scatters := root.all(func(e *element) bool { return e.name == "svg" && strings.HasSuffix(e.label, "against measured gain") })
	intermediate := len(g.comparisons("", "", study.Intermediate))
	for _, f := range scatters {
		if n := len(f.classed("point")); n != intermediate {
			t.Errorf("%s: %d marks, want %d", f.label, n, intermediate)
		}
	}
	if len(scatters) != 2 || !strings.Contains(page, `<td> all</td><td class="n">&#43;0.9`) {
		t.Errorf("%d scatters, want 2 with their correlations", len(scatters))
	}

	for _, want := range []string{
		fmt.Sprintf("%d of %d cells are missing", r.Missing, len(r.Plan.Cells)), "A star: fewer seeds than planned", "▲ positive", "▼ negative", "&lt; 0.001",
		"id=\"costs\"", "Gain per extra minute", "3.00 %", "&lt; 0.01 %", "prefers-color-scheme", r.Plan.Stages[5].Key,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not hold %q", want)
		}
	}
	order := []string{`id="verdict"`, `id="targets"`, `id="learning"`, `id="training"`, `id="predictors"`, `id="costs"`, `id="hygiene"`, `id="repeat"`, `id="caveats"`}
	for i := 1; i < len(order); i++ {
		if strings.Index(page, order[i]) < strings.Index(page, order[i-1]) {
			t.Errorf("%s stands before %s", order[i], order[i-1])
		}
	}
}

func TestSmallStudies(t *testing.T) {
	for name, s := range map[string]shape{
		"one of each":  {models: []string{"m"}, arms: []string{study.Direct, study.Intermediate}, sizes: []int{100}, seeds: 1, intermediates: []string{"i"}, targets: []string{"g"}},
		"direct alone": {models: []string{"m"}, arms: []string{study.Direct}, sizes: []int{100}, seeds: 2, targets: []string{"g"}},
		"half-way":     {models: []string{"m"}, arms: study.Arms, sizes: []int{100}, seeds: 3, intermediates: []string{"i"}, targets: []string{"g", "h"}, missing: 2},
	} {
		t.Run(name, func(t *testing.T) {
			r := made(s)
			page := rendered(t, r)
			selfContained(t, page)
			root := parse(t, page)
			if len(root.figures("Learning curves")) > 0 || strings.Contains(page, "id=\"predictors\"") {
				t.Error("figures without data")
			}
			seeds := 0
			for _, f := range root.figures("Scores by") {
				seeds += len(f.classed("seed"))
			}
			if seeds != len(r.Cells) || seeds == 0 {
				t.Errorf("%d seeds are drawn, want %d", seeds, len(r.Cells))
			}
			if half := strings.Contains(page, "Not finished:"); half != (r.Missing > 0) {
				t.Errorf("says that it is not finished: %v; %d missing", half, r.Missing)
			}
		})
	}
}

func TestOnlyPretrainingFinished(t *testing.T) {
	r := made(shape{models: []string{"m"}, arms: study.Arms, sizes: []int{9}, seeds: 2, intermediates: []string{"i"}, targets: []string{"g"}})
	r.Cells, r.Comparisons, r.Missing = nil, nil, len(r.Plan.Cells)
	r.Records = map[string]*study.Record{r.Plan.Stages[0].Key: {Kind: "pretrain", Pretrain: &train.PretrainResult{}, Tokens: 12345, Losses: []float64{3, 2, 1}, Seconds: 5}}
	page := rendered(t, r)
	root := parse(t, page)
	if !strings.Contains(page, "No comparison is finished yet.") || len(root.figures("Training loss")) != 1 || !strings.Contains(page, "12\u202f345 tokens") {
		t.Errorf("the page does not show what is there: %d curves; %s", len(root.figures("Training loss")), newGrid(r).total())
	}
}

// TestNumbersThatAreNone has scores and losses that are not numbers.
func TestNumbersThatAreNone(t *testing.T) {
	r := made(shape{models: []string{"m"}, arms: study.Arms, sizes: []int{16, 99}, seeds: 2, intermediates: []string{"i"}, targets: []string{"g"}})
	nan := math.NaN()
	for i := range r.Cells {
		r.Cells[i].Score = nan
		if s := r.Cells[i].Scores.Regression; s != nil {
			s.Pearson = nan
		}
	}
	for i := range r.Comparisons {
		r.Comparisons[i].Gain, r.Comparisons[i].Low, r.Comparisons[i].P = nan, &nan, &nan
	}
	for _, rec := range r.Records {
		for i := range rec.Losses {
			rec.Losses[i] = []float64{nan, math.Inf(1), 1e300}[i%3]
		}
	}
	page := rendered(t, withPredictors(r))
	root := parse(t, page)
	for _, e := range root.all(func(e *element) bool { return e.name == "svg" }) {
		if strings.Contains(e.text(), "NaN") {
			t.Errorf("%s: shows NaN", e.label)
		}
	}
	if found := regexp.MustCompile(`="[^"]*(NaN|Inf)`).FindString(page); found != "" {
		t.Errorf("a coordinate is %s", found)
	}
	if !strings.Contains(page, "no defined score") || !strings.Contains(page, "not finite") {
		t.Error("the page does not say that scores and losses are undefined")
	}
}

const hostile = `<script>alert("1")</script> & 'x' \input{y} $_^~%#{}] ]]> --> javascript: {{.}} `

func TestHostileNames(t *testing.T) {
	s := everything
	s.models, s.targets, s.intermediates, s.missing = []string{hostile + "m"}, []string{hostile + "t", "[x]*"}, []string{hostile + "i", "—" + strings.Repeat("長い名前", 30)}, 0
	r := withPredictors(made(s))
	r.Name, r.Caveats = hostile, []string{hostile}
	r.Predictors[0].Name = hostile
	r.Plan.Config.Name = hostile
	for i := range r.Plan.Cells {
		r.Plan.Cells[i].Setting = hostile
	}
	r.Comparisons[0].Verdict = hostile
	page := rendered(t, r)
	if strings.Contains(strings.ToLower(page), "<script") || strings.Contains(page, "<text>alert") {
		t.Error("a name became an element")
	}
	root := parse(t, page)
	if h := root.all(func(e *element) bool { return e.name == "h1" }); len(h) != 1 || h[0].text() != hostile {
		t.Errorf("the heading is %v", h)
	}
	tex := string(latex(r))
	rows := 0
	ours := regexp.MustCompile(`^\\(begin|end)\{(table|tabular)\}(\{[lr]+\})?$|^\\(hline|footnotesize\\centering.*)$|^%.*|^\\caption\{(.*)\}$|^\\multicolumn\{6\}\{l\}\{\\textit\{(.*)\}\} \\\\$|^\{\\footnotesize\\noindent (.*)\\par\}$`)
	for i, line := range strings.Split(tex, "\n") {
		if m := ours.FindStringSubmatch(line); m != nil { // commands of our own, and the text in them
			line = strings.Join(m[5:], "")
		} else if line != "" {
			if rows++; strings.Count(regexp.MustCompile(`\\.`).ReplaceAllString(line, ""), "&") != 5 {
				t.Errorf("line %d has not 6 columns: %s", i+1, line)
			}
		}
		bare := regexp.MustCompile(`\\(textbackslash|textasciitilde|textasciicircum|textless|textgreater|textbar|textasciigrave|char34|ldots)\{\}|\{[-\[\]*]\}|\\[&%$#_{}]|\\,|\\\\$|\$[-+0-9.< ]*\$|\$[np]\$|\$n = [0-9]+\$|\$\\circ\$`).ReplaceAllString(line, "")
		if strings.ContainsAny(bare, `\{}$%#_^~`) {
			t.Errorf("line %d is not safe: %s", i+1, bare)
		}
	}
	if want := len(r.Comparisons) + strings.Count(tex, "\\begin{tabular}"); rows != want {
		t.Errorf("%d rows, want %d", rows, want)
	}
	if strings.Contains(tex, `\input`) {
		t.Error("a name became a command")
	}
}

// Where there is a LaTeX, it takes the tables and finds them narrow enough for a page.
func TestTablesInLaTeX(t *testing.T) {
	command, err := exec.LookPath("pdflatex")
	if err != nil {
		t.Skip("no pdflatex here: the tables are checked by their characters alone")
	}
	dir := t.TempDir()
	for name, text := range map[string][]byte{
		"table.tex":    latex(made(everything)),
		"document.tex": []byte("\\documentclass{article}\n\\begin{document}\n\\input{table}\n\\end{document}\n"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run := exec.Command(command, "-interaction=nonstopmode", "-halt-on-error", "document.tex")
	run.Dir = dir
	out, err := run.CombinedOutput()
	if err != nil || regexp.MustCompile(`Overfull|too large`).Match(out) || !bytes.Contains(out, []byte("Output written")) {
		t.Errorf("pdflatex: %v\n%s", err, out)
	}
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	r := made(everything)
	if err := Write(dir, r); err != nil {
		t.Fatal(err)
	}
	first := map[string][]byte{}
	for _, name := range Files {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		first[name] = data
	}
	if err := Write(dir, r); err != nil {
		t.Fatal(err)
	}
	for _, name := range Files[1:] { // the page says when it was made
		if again, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !bytes.Equal(again, first[name]) {
			t.Errorf("%s differs the second time (%v)", name, err)
		}
	}
	var back study.Results
	if err := json.Unmarshal(first["results.json"], &back); err != nil || len(back.Cells) != len(r.Cells) || bytes.Contains(first["results.json"], []byte(time.Now().UTC().Format("2006-01-02"))) {
		t.Errorf("results.json: %v, %d cells", err, len(back.Cells))
	}
	if rows := bytes.Count(first["results.csv"], []byte("\n")); rows != len(r.Cells)+1 {
		t.Errorf("results.csv has %d rows, want %d", rows, len(r.Cells)+1)
	}
	tables := bytes.Count(first["table.tex"], []byte("\\begin{table}"))
	if rows := bytes.Count(first["table.tex"], []byte(" & ")); rows != 5*(len(r.Comparisons)+tables) {
		t.Errorf("table.tex has %d columns' ends, want %d", rows, 5*(len(r.Comparisons)+tables))
	}
	r.Records = nil
	if err := Write(t.TempDir(), r); err == nil || !strings.Contains(err.Error(), "stages finished") {
		t.Errorf("no finished stage: %v", err)
	}
	if err := Write(filepath.Join(dir, "none"), made(everything)); err == nil {
		t.Error("a directory that is not there: no error")
	}
}

// TestVerdictWords pins what is said of comparisons.
func TestVerdictWords(t *testing.T) {
	number := func(v float64) *float64 { return &v }
	k := func(arm, verdict string, gain, low, high float64) study.Comparison {
		return study.Comparison{Task: "t", Setting: "domain", Model: "m", Target: "g", Size: 9, Arm: arm, Metric: "accuracy", Seeds: []uint64{0, 1, 2},
			Direct: []float64{.5, .5, .5}, Scores: []float64{.5, .5, .5}, Gain: gain, Low: number(low), High: number(high), Verdict: verdict}
	}
	unlearned := k(study.Intermediate, study.NotShown, 0, -1, 1)
	unlearned.NotLearned = true
	single := k(study.Intermediate, study.NotShown, 0.1, 0, 0)
	single.Seeds, single.Low, single.High = single.Seeds[:1], nil, nil
	for _, c := range []struct {
		list     []study.Comparison
		answer   string
		sentence string
	}{
		{nil, "not finished", "No comparison is finished yet."},
		{[]study.Comparison{k(study.Intermediate, study.Positive, .1, .05, .15)}, "helps", "Intermediate training helped: m on g, +0.100 in accuracy (95 % interval +0.050 to +0.150)."},
		{[]study.Comparison{k(study.Intermediate, "", -.1, -.2, -.05), k(study.Intermediate, study.NotShown, .1, .05, .2)}, "hurts in part",
			"Of 2 comparisons, intermediate training hurt in 1 and showed nothing beyond chance in 1. The mean gain is +0.000 in accuracy, from −0.100 to +0.100. Most lost: m on g (−0.100)."},
		{[]study.Comparison{k(study.Intermediate, study.Positive, .1, .05, .15), k(study.Control, study.NotShown, .06, -.05, .15)}, "helps",
			"Mean gains beside it: control (shuffled labels) +0.060. In 1 of the positive cases the control gains at least half as much: extra training alone may explain it."},
		{[]study.Comparison{unlearned}, "not learned", "cannot be judged, since neither way learned the target"},
		{[]study.Comparison{single}, "one seed only", "was tried with one seed only: m on g, +0.100 in accuracy."},
		{[]study.Comparison{k(study.Intermediate, study.Positive, .1, .05, .15), k(study.Intermediate, study.Negative, -.1, -.2, -.05)}, "mixed", "Of 2 comparisons, intermediate training helped in 1 and hurt in 1."},
	} {
		r := &study.Results{Plan: &study.Plan{}, Comparisons: c.list, Cells: []study.CellResult{{Cell: study.Cell{Task: "t"}, Metric: "accuracy"}}}
		for _, arm := range []string{study.Direct, study.Intermediate, study.Control} {
			r.Plan.Cells = append(r.Plan.Cells, study.Cell{Task: "t", Model: "m", Target: "g", Setting: "domain", Size: 9, Arm: arm})
		}
		v := newGrid(r).setting("t", "domain")
		if v.Answer != c.answer || !strings.Contains(v.Sentence, c.sentence) {
			t.Errorf("%s: %s\nwant %s: %s", v.Answer, v.Sentence, c.answer, c.sentence)
		}
	}
}

func TestScales(t *testing.T) {
	for _, c := range []struct {
		low, high float64
		n         int
		want      string
	}{
		{0, 1, 5, "0 0.2 0.4 0.6 0.8 1"}, {-0.03, 0.31, 4, "0 0.1 0.2 0.3"}, {-1, 1, 4, "−1 −0.5 0 0.5 1"}, {3, 3, 5, "3"}, {0, math.Inf(1), 5, "0"}, {1234, 5678, 3, "2000 4000"},
	} {
		var got []string
		for _, v := range (scale{low: c.low, high: c.high}).ticks(c.n) {
			got = append(got, tick(v))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%v to %v: %q, want %q", c.low, c.high, got, c.want)
		}
	}
	s := scale{low: 16, high: 1024, from: 0, to: 60, logarithms: true}
	if got := s.at(128); math.Abs(got-30) > 1e-9 || s.at(1e9) != 60 || s.at(1) != 0 {
		t.Errorf("128 is at %v, want 30", got)
	}
	if low, high := spread([]float64{math.NaN(), math.Inf(1)}); low != 0 || high != 1 {
		t.Errorf("limits of nothing are %v and %v", low, high)
	}
	if fit("a long name of a model", 60, 12) == "a long name of a model" || fit("short", 60, 12) != "short" {
		t.Error("names are not cut to the width")
	}
	for n, want := range map[float64]string{0: "0", 999: "999", 1000: "1\u202f000", 42835830: "42\u202f835\u202f830", math.NaN(): "–"} {
		if got := thousands(n); got != want {
			t.Errorf("%v: %q, want %q", n, got, want)
		}
	}
}
