package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"godwit/experiments/dataset"
	"godwit/experiments/machine"
	"godwit/experiments/stats"
	"godwit/experiments/study"
	"godwit/experiments/train"
)

// withEvidence adds to a made-up study what newer versions record: the parts of
// the tests, runs that learned nothing, machines, energy, encoders and hygiene.
func withEvidence(r *study.Results) *study.Results {
	for i := range r.Comparisons {
		k := &r.Comparisons[i]
		if k.Low == nil {
			continue
		}
		both, alone := 0.111+float64(i%7)/1e4, *k.Detectable/2
		k.Tests = &stats.Tests{SeedsAndExamples: &both, Example: 0.222, SignFlip: 0.25, Joint: k.P}
		k.Bootstrap = &stats.Bootstrap{Resamples: 10000, Low: k.Gain - 0.0123, High: k.Gain + 0.0321, Above: 0.875}
		k.DetectableAlone = &alone
	}
	k := &r.Comparisons[0]
	k.DirectFailed, k.ArmFailed = k.Seeds[:1], k.Seeds[1:2]

	fast := machine.Machine{CPU: "Quick 9000", InstructionSet: "avx512", Threads: 16, Platform: "linux/amd64", Go: "1.26", Godwit: "abc123"}
	slow := machine.Machine{CPU: "Frugal 1", InstructionSet: "neon", Threads: 4, Platform: "darwin/arm64", Go: "1.26", Godwit: "abc123"}
	for i, s := range r.Plan.Stages {
		if rec := r.Records[s.Key]; rec != nil {
			rec.Machine = fast
			if i%4 == 0 {
				rec.Machine = slow
			}
			joules := 65.5 * rec.Seconds
			rec.Joules = &joules
		}
	}
	for i := range 2 {
		key := fmt.Sprintf("%024x", 0xaaa0+i)
		r.Plan.Stages = append(r.Plan.Stages, study.Stage{Key: key, Name: fmt.Sprintf("encoder %d", i), Kind: "pretrain"})
		r.Records[key] = &study.Record{Name: fmt.Sprintf("encoder %d", i), Kind: "pretrain", Pretrain: &train.PretrainResult{}, Losses: []float64{6, 4, 3, 2.5, 2.2, 2}, Seconds: 90, Tokens: 1e6, Machine: fast}
	}

	count := func(exact, normalised, near, other int) dataset.DuplicateCount {
		return dataset.DuplicateCount{Exact: exact, Normalised: normalised, Near: near, OtherLabel: other}
	}
	classes := func(counts ...int) (list []dataset.LabelCount) {
		all := 0
		for _, n := range counts {
			all += n
		}
		for i, n := range counts {
			list = append(list, dataset.LabelCount{Label: fmt.Sprintf("class %d", i), Examples: n, Share: float64(n) / float64(all)})
		}
		return list
	}
	r.Plan.Config.Tasks = []study.Task{
		{Name: "sentiment", Kind: "classification", Intermediates: []study.Dataset{{Name: "imdb-25k", RemoveLeaks: true}}, Targets: []study.Target{
			{Setting: study.Domain, Dataset: study.Dataset{Name: "customer-reviews", RemoveLeaks: true}}, {Setting: study.CrossLingual, Dataset: study.Dataset{Name: "tweets-de", Parallel: "tweets"}}}},
		{Name: "similarity", Kind: "regression", Intermediates: []study.Dataset{{Name: "customer-reviews"}}, Targets: []study.Target{{Setting: study.Domain, Dataset: study.Dataset{Name: "customer-reviews"}}}},
	}
	r.Plan.Hygiene = map[string]dataset.Hygiene{
		"sentiment": {
			Parts: []dataset.PartHygiene{
				{Part: "customer-reviews test", Examples: 400, Labels: classes(300, 100)},
				{Part: "tweets-de test", Examples: 290, Labels: classes(145, 145)},
				{Part: "customer-reviews train", Examples: 3000, Labels: classes(1800, 1200), Duplicates: count(1, 2, 31, 4)},
				{Part: "tweets-de train", Examples: 700, Labels: classes(400, 100, 60, 50, 40, 25, 15, 10)},
				{Part: "imdb-25k train", Examples: 25000, Labels: classes(24990, 10), Duplicates: count(5, 6, 7, 0)},
			},
			Overlaps: []dataset.Overlap{
				{Part: "tweets-de test", Of: "customer-reviews test"},
				{Part: "customer-reviews train", Of: "customer-reviews test", DuplicateCount: count(9, 11, 13, 1), Share: 11.0 / 3000},
				{Part: "tweets-de train", Of: "tweets-de test", DuplicateCount: count(0, 0, 1, 0)},
				{Part: "imdb-25k train", Of: "customer-reviews train", DuplicateCount: count(0, 17, 25, 2)},
				{Part: "imdb-25k train", Of: "customer-reviews test", DuplicateCount: count(0, 3, 5, 2)},
			},
		},
		"similarity": {
			Parts: []dataset.PartHygiene{
				{Part: "customer-reviews test", Examples: 10, Scores: &dataset.ScoreRange{Min: 0, Mean: 1.254, Max: 4}},
				{Part: "customer-reviews (intermediate) train", Examples: 50, Scores: &dataset.ScoreRange{Min: 1, Mean: 2.5, Max: 5}},
			},
			Overlaps: []dataset.Overlap{{Part: "customer-reviews (intermediate) train", Of: "customer-reviews test"}},
		},
	}
	return r
}

// rows returns the texts of the cells of each row of the tables in a part of
// the page; of a cell with a figure it is empty.
func (e *element) rows() (list [][]string) {
	for _, tr := range e.all(func(c *element) bool { return c.name == "tr" }) {
		var row []string
		for _, c := range tr.children {
			text := strings.TrimSpace(c.text())
			if len(c.figures("")) > 0 {
				text = ""
			}
			row = append(row, text)
		}
		list = append(list, row)
	}
	return list
}

// section returns a part of the page.
func (e *element) section(t testing.TB, id string) *element {
	t.Helper()
	found := e.all(func(c *element) bool { return c.name == "section" && c.id == id })
	if len(found) != 1 {
		t.Fatalf("%d sections %q, want one", len(found), id)
	}
	return found[0]
}

// has checks that some row begins with the given cells.
func has(t testing.TB, rows [][]string, want ...string) {
	t.Helper()
	for _, r := range rows {
		if len(r) >= len(want) && slices.Equal(r[:len(want)], want) {
			return
		}
	}
	t.Errorf("no row %q", want)
}

func TestHygiene(t *testing.T) {
	s := parse(t, rendered(t, withEvidence(made(everything)))).section(t, "hygiene")
	rows := s.rows()
	has(t, rows, "customer-reviews domain target")
	has(t, rows, "train", "3\u202f000", "", "class\u00a00\u00a01\u202f800\u00a0(60\u00a0%) · class\u00a01\u00a01\u202f200\u00a0(40\u00a0%)", "1", "2", "31", "4")
	has(t, rows, "test", "400", "", "class\u00a00\u00a0300\u00a0(75\u00a0%) · class\u00a01\u00a0100\u00a0(25\u00a0%)", "0", "0", "0", "0")
	has(t, rows, "tweets-de cross-lingual target")
	has(t, rows, "train", "700", "", "8 classes, from class\u00a00\u00a0400\u00a0(57\u00a0%) to class\u00a07\u00a010\u00a0(1.4\u00a0%)")
	has(t, rows, "imdb-25k intermediate")
	has(t, rows, "train", "25\u202f000", "", "class\u00a00\u00a024\u202f990\u00a0(100\u00a0%) · class\u00a01\u00a010\u00a0(<\u00a00.1\u00a0%)", "5", "6", "7", "0")
	has(t, rows, "customer-reviews (intermediate) intermediate")
	has(t, rows, "train", "50", "", "1 to 5, mean 2.5")
	has(t, rows, "test", "10", "", "0 to 4, mean 1.25")
	has(t, rows, "imdb-25k", "intermediate", "bert-base", "4\u202f000", "250\u202f000", "62.5", "3.00 %", "< 0.01 %")

	// Overlaps: those with test splits first and marked, none that are empty.
	has(t, rows, "customer-reviews train", "customer-reviews test", "9", "11", "13", "0.43 %", "1", "left out", "test split")
	has(t, rows, "tweets-de train", "tweets-de test", "0", "0", "1", "0.14 %", "0", "kept: leak", "test split")
	has(t, rows, "imdb-25k train", "customer-reviews test", "0", "3", "5", "0.02 %", "2", "left out", "test split intermediate ↔ target")
	has(t, rows, "imdb-25k train", "customer-reviews train", "0", "17", "25", "0.10 %", "2", "kept", "intermediate ↔ target")
	var order []string
	for _, r := range rows {
		if len(r) == 9 && r[2] != "" && r[0] != "Examples of" {
			order = append(order, r[1])
		}
	}
	if want := []string{"customer-reviews test", "tweets-de test", "customer-reviews test", "customer-reviews train"}; !slices.Equal(order, want) {
		t.Errorf("overlaps with %q, want %q", order, want)
	}
	if n := len(s.figures("Class balance of ")) + len(s.figures("Scores of ")); n != 7 {
		t.Errorf("%d bars, want one for each of 7 splits", n)
	}
	if n := len(s.figures("Class balance of tweets-de train")[0].classed("balance")); n != 8 {
		t.Errorf("%d classes in a bar, want 8", n)
	}
	text := s.text()
	for _, want := range []string{
		"18 training or dev examples are like test examples (13 of customer-reviews, 5 of imdb-25k) and left out, as the study’s file asks.",
		"1 training or dev example is like test examples (1 of tweets-de) and kept: the study’s file does not ask to remove leaks there.",
		"25 examples of intermediate datasets are like what targets are trained or selected on: 25 of imdb-25k.",
		"38 examples are like an earlier one of the same split, most of them in customer-reviews train (31); 4 of all have another label",
		"Translations of one example are not found by likeness",
		"No training or dev example is like a test example. No split holds an example twice.",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say: %s", want)
		}
	}
}

// TestHygieneOfOlderPlans: without it the tokens still stand there.
func TestHygieneOfOlderPlans(t *testing.T) {
	s := parse(t, rendered(t, made(everything))).section(t, "hygiene")
	has(t, s.rows(), "imdb-25k", "intermediate", "bert-base", "4\u202f000", "250\u202f000")
	if text := s.text(); strings.Contains(text, "like a test example.") || strings.Contains(text, "Duplicates within") {
		t.Error("it tells of duplicates that nobody looked for")
	}
}

func TestPredictors(t *testing.T) {
	r := made(everything)
	r.Predictors = nil
	few := study.Predictor{Name: "few"}
	rising := study.Predictor{Name: "rising"}
	falling := study.Predictor{Name: "falling"}
	perTask := map[string]int{}
	for _, k := range r.Comparisons {
		if k.Arm != study.Intermediate {
			continue
		}
		q := study.PredictorPoint{Task: k.Task, Model: k.Model, Target: k.Target, Intermediate: k.Intermediate, Size: k.Size, Value: k.Gain}
		perTask[k.Task]++
		rising.Points = append(rising.Points, q)
		if len(few.Points) < 3 {
			few.Points = append(few.Points, q)
		}
		q.Value = -k.Gain
		falling.Points = append(falling.Points, q)
	}
	strays := rising.Points[0]
	strays.Target = "a target without a comparison"
	rising.Points = append(rising.Points, strays)
	r.Predictors = []study.Predictor{rising, falling, few}
	s := parse(t, rendered(t, r)).section(t, "predictors")
	marks := func(e *element, class string) int { return len(e.classed(class)) }
	up := s.figures("rising against measured gain")[0]
	if all := perTask["sentiment"] + perTask["similarity"]; marks(up, "point") != all || marks(up, "task-0") != perTask["sentiment"] || marks(up, "task-1") != perTask["similarity"] || all < 2*fewest {
		t.Errorf("%d marks, %d and %d by task, want %v", marks(up, "point"), marks(up, "task-0"), marks(up, "task-1"), perTask)
	}
	for class, outline := range map[string]string{"task-0": "circle", "task-1": "rect"} {
		for _, m := range up.classed(class) {
			if m.children[0].name != outline {
				t.Fatalf("a mark of %s is a %s, want a %s", class, m.children[0].name, outline)
			}
		}
	}
	n, m := perTask["sentiment"], perTask["similarity"]
	chance := func(n int) string { return fmt.Sprintf("±%.2f", 1/math.Sqrt(float64(n-1))) }
	want := [][][]string{
		{{"", "+1.00", fmt.Sprint(n), chance(n)}, {"", "+1.00", fmt.Sprint(m), chance(m)}, {"all", "+1.00", fmt.Sprint(n + m), chance(n + m)}},
		{{"", "−1.00", fmt.Sprint(n), chance(n)}, {"", "−1.00", fmt.Sprint(m), chance(m)}, {"all", "−1.00", fmt.Sprint(n + m), chance(n + m)}},
		{{"", "too few", "3", "–"}}, // all of one task
	}
	tables := s.classed("correlations")
	if len(tables) != len(want) {
		t.Fatalf("%d tables of correlations, want %d", len(tables), len(want))
	}
	for i, table := range tables {
		if rows := table.rows()[1:]; !slices.EqualFunc(rows, want[i], slices.Equal) {
			t.Errorf("correlations %q, want %q", rows, want[i])
		}
	}
	if !strings.Contains(s.text(), "Few points say little") {
		t.Error("no caution about few points")
	}
}

func TestEnergyAndGainPerMinute(t *testing.T) {
	cell := func(arm, target string, score float64, stages ...string) study.CellResult {
		return study.CellResult{Cell: study.Cell{Task: "t", Model: "m", Target: target, Setting: study.Domain, Size: 9, Arm: arm, Stages: stages}, Metric: "accuracy", Score: score, Tokens: 1000}
	}
	j := func(v float64) *float64 { return &v }
	results := func() *study.Results {
		r := &study.Results{Name: "n", Plan: &study.Plan{Config: &study.Config{}}, Cells: []study.CellResult{
			cell(study.Direct, "g", 0.5, "d"), cell(study.Intermediate, "g", 0.6, "p", "i", "f"),
			cell(study.Direct, "far", 0.1, "x"), cell(study.Intermediate, "near", 0.9, "i", "y"), // neither has its counterpart
		}, Records: map[string]*study.Record{
			"d": {Seconds: 60, Joules: j(600)}, "i": {Seconds: 120, Joules: j(500e3)}, "f": {Seconds: 60, Joules: j(100e3)},
			"x": {Seconds: 6000, Joules: j(1000)}, "y": {Seconds: 600}, "p": {Seconds: 900, Pretrain: &train.PretrainResult{}},
		}}
		for _, c := range r.Cells {
			r.Plan.Cells = append(r.Plan.Cells, c.Cell)
		}
		for _, key := range []string{"d", "p", "i", "f", "x", "y"} {
			r.Plan.Stages = append(r.Plan.Stages, study.Stage{Key: key, Name: key})
		}
		return r
	}
	r := results()
	s := parse(t, rendered(t, r)).section(t, "costs")
	has(t, s.rows(), "t", "direct", "2", "50.5 min", "–", "1\u202f000", "800 J", "–", "–")
	has(t, s.rows(), "", "intermediate", "2", "7.5 min", "+2.0 min", "1\u202f000", "0.17 kWh", "+0.100", "+0.050")
	if !strings.Contains(s.text(), "The 4 of them whose energy could be read took 0.17 kWh.") {
		t.Errorf("no total energy in %q", s.text())
	}
	r = results()
	for _, rec := range r.Records {
		rec.Joules = nil
	}
	page := rendered(t, r)
	s = parse(t, page).section(t, "costs")
	has(t, s.rows(), "", "intermediate", "2", "7.5 min", "+2.0 min", "1\u202f000", "+0.100", "+0.050")
	if strings.Count(page, "Energy could not be read on this machine.") != 1 || strings.Contains(page, "Energy per run") {
		t.Error("the page does not say once that energy is unknown, or has an empty column")
	}
	for v, want := range map[float64]string{0: "0 J", 999: "999 J", 12345: "12.3 kJ", 3.6e6: "1.00 kWh"} {
		if got := joules(v); got != want {
			t.Errorf("%v J: %q, want %q", v, got, want)
		}
	}
}

func TestMachines(t *testing.T) {
	r := withEvidence(made(everything))
	g := newGrid(r)
	list, unrecorded := g.machines()
	if len(list) != 2 || unrecorded != 0 || list[0].Stages+list[1].Stages != len(r.Records) || list[0].CPU != "Quick 9000" {
		t.Fatalf("%v, %d unrecorded", list, unrecorded)
	}
	s := parse(t, rendered(t, r)).section(t, "repeat")
	has(t, s.rows(), fmt.Sprint(list[0].Stages), "Quick 9000", "avx512", "16", "linux/amd64", "1.26", "abc123")
	has(t, s.rows(), fmt.Sprint(list[1].Stages), "Frugal 1", "neon", "4", "darwin/arm64", "1.26", "abc123")
	if strings.Contains(s.text(), "did not record where they ran") || !strings.Contains(s.text(), "This page was made 2026-11-23 12:00 UTC by godwit") {
		t.Errorf("what is said of machines: %q", s.text())
	}
	if list, unrecorded := newGrid(made(everything)).machines(); len(list) != 0 || unrecorded != len(made(everything).Records) {
		t.Errorf("of older stages %v, %d unrecorded", list, unrecorded)
	}
	old := parse(t, rendered(t, made(everything))).section(t, "repeat")
	if want := fmt.Sprintf("%d finished stages did not record where they ran.", len(made(everything).Records)); !strings.Contains(old.text(), want) || strings.Contains(old.text(), "CPU") {
		t.Errorf("of older stages the page says %q, want %q", old.text(), want)
	}
}

func TestHowVerdictsCameAbout(t *testing.T) {
	r := withEvidence(made(everything))
	s := parse(t, rendered(t, r)).section(t, "verdict")
	k := &r.Comparisons[0]
	has(t, s.rows(), fmt.Sprintf("%s, %d", k.Target, k.Size), k.Model, k.Arm+", "+k.Intermediate, signed(k.Gain), signed(k.Gain-0.0123)+" to "+signed(k.Gain+0.0321), "88 %",
		"0.111", "0.222", "0.250", pValue(k.P), pValue(k.AdjustedP), score(*k.DetectableAlone), score(*k.Detectable), fmt.Sprintf("direct %d; arm %d", k.Seeds[0], k.Seeds[1]), "not shown")
	details := s.all(func(e *element) bool { return e.name == "details" })
	if len(details) != 2 {
		t.Fatalf("%d foldings, want the table and how it came about", len(details))
	}
	for i, d := range details {
		body := 0
		for _, row := range d.rows() {
			if strings.Contains(strings.Join(row, " "), "base") { // a model
				body++
			}
		}
		if body != len(r.Comparisons) {
			t.Errorf("table %d has %d comparisons, want %d", i, body, len(r.Comparisons))
		}
	}
	one := everything
	one.sizes, one.intermediates = one.sizes[:1], one.intermediates[:1]
	small := withEvidence(made(one))
	k = &small.Comparisons[0]
	has(t, parse(t, rendered(t, small)).section(t, "verdict").rows(), k.Target, k.Model, k.Arm, signed(k.Gain)) // no more words than needed
	old := parse(t, rendered(t, made(everything))).section(t, "verdict")
	if strings.Contains(old.text(), "How each verdict came about") {
		t.Error("an older study has an empty table of tests")
	}
}

func TestRunsThatLearnedNothing(t *testing.T) {
	r := made(everything)
	for i := range r.Cells {
		r.Cells[i].NoLearned = false
	}
	if page := rendered(t, r); strings.Contains(page, "learned nothing (×)") || strings.Contains(page, `class="seed failed`) {
		t.Fatal("runs are marked that learned")
	}
	r = withEvidence(r)
	c := &r.Cells[len(r.Cells)-1]
	c.NoLearned = true
	k := r.Comparisons[0]
	root := parse(t, rendered(t, r))
	s := root.section(t, "targets")
	var hovers []string
	for _, f := range s.figures("Scores by arm and seed") {
		for _, e := range f.classed("failed") {
			if len(e.children) != 3 || e.children[1].name != "path" { // outline, cross, hover text
				t.Errorf("a failed run is drawn as %d elements", len(e.children))
			}
			hovers = append(hovers, e.text())
		}
	}
	if len(hovers) != 3 {
		t.Fatalf("marked are %q, want 3", hovers)
	}
	all := strings.Join(hovers, "\n")
	for _, want := range []string{
		fmt.Sprintf("%s, direct, seed %d: %s, learned nothing", k.Model, k.Seeds[0], score(k.Direct[0])),
		fmt.Sprintf("seed %d: %s, learned nothing", k.Seeds[1], score(k.Scores[1])),
		fmt.Sprintf("seed %d: %s, learned nothing", c.Seed, score(c.Score)),
	} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not among the marked %q", want, hovers)
		}
	}
	if n := len(s.classed("seed")); n != len(r.Cells)+1 { // and one in the legend
		t.Errorf("%d runs are drawn, want all %d", n-1, len(r.Cells))
	}
	text := s.text()
	if strings.Count(text, "learned nothing (×)") != 2 || !strings.Contains(text, "2 of ") || !strings.Contains(text, "1 of ") {
		t.Error("the targets' texts do not count them")
	}
	if !strings.Contains(root.section(t, "caveats").text(), fmt.Sprintf("3 runs of %d scored no better", len(r.Cells))) {
		t.Error("the caveats do not count them")
	}
}

func TestPretrainingCurves(t *testing.T) {
	root := parse(t, rendered(t, withEvidence(made(everything))))
	found := root.section(t, "training").figures("Training loss on encoder ")
	if len(found) != 2 || len(found[0].classed("run")) != 1 {
		t.Fatalf("%d curves of encoders, want 2", len(found))
	}
	first := root.section(t, "training").all(func(e *element) bool { return e.name == "h3" })[0]
	if first.text() != "pretraining" {
		t.Errorf("the first curves are of %q, want those of the encoders", first.text())
	}
}

// TestTableTellsOfTests: the notes below the tables say what the numbers rest on, where it is known.
func TestTableTellsOfTests(t *testing.T) {
	r := made(everything)
	for i := range r.Cells {
		r.Cells[i].NoLearned = false
	}
	r = withEvidence(r)
	notes := latexNotes(r)
	for _, want := range []string{"p joins tests over both", fmt.Sprintf("Learned nothing, but counted: 2 runs of %d.", len(r.Cells))} {
		if !strings.Contains(notes, want) || !strings.Contains(string(latex(r)), escape(want)) {
			t.Errorf("the notes %q do not say %q", notes, want)
		}
	}
	r.Comparisons = slices.DeleteFunc(r.Comparisons, func(k study.Comparison) bool { return k.AdjustedP != nil || len(k.DirectFailed) > 0 })
	if notes = latexNotes(r); strings.Contains(notes, "Holm") || strings.Contains(notes, "Learned nothing") {
		t.Errorf("the notes %q tell of tests that were not made", notes)
	}
}

// TestNoEmptyCurves: a half-way study has no learning curves of what has not begun.
func TestNoEmptyCurves(t *testing.T) {
	r := made(everything)
	late := r.Cells[0].Target
	r.Cells = slices.DeleteFunc(r.Cells, func(c study.CellResult) bool { return c.Target == late })
	curves := parse(t, rendered(t, r)).figures("Learning curves on ")
	if len(curves) != 2*3*2 { // tasks, models, intermediates of the other target
		t.Errorf("%d learning curves, want 12", len(curves))
	}
	for _, f := range curves {
		if strings.Contains(f.label, late) || len(f.classed("seed")) == 0 {
			t.Errorf("%s is empty", f.label)
		}
	}
}

// TestNoGainCouldBeShown: seeds so few and so different that only an impossible gain would stand out.
func TestNoGainCouldBeShown(t *testing.T) {
	for gain, want := range map[float64]string{0.0714: "0.071", 1: "none (≥ 1)", 3.76: "none (≥ 1)"} {
		if got := detectable(&gain); got != want {
			t.Errorf("%v: %q, want %q", gain, got, want)
		}
	}
	r := made(everything)
	for i := range r.Comparisons {
		much := 2.5
		r.Comparisons[i].Detectable = &much
	}
	if text := Words(r); !strings.Contains(text, "could hardly have shown any gain") || strings.Contains(text, "of about 2.5") {
		t.Error(text)
	}
}
