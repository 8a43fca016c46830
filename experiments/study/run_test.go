package study

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"godwit/experiments/dataset"
	"godwit/experiments/train"
	"godwit/transformer"
	"godwit/transformer/tokenizer"
)

// tinyModel writes an untrained encoder that a stage trains in milliseconds.
func tinyModel(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	vocab := []string{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}
	for i := range 20 {
		vocab = append(vocab, fmt.Sprintf("w%d", i))
	}
	tok, err := tokenizer.NewWordPiece(vocab, tokenizer.WordPieceOptions{Lowercase: true})
	if err != nil {
		t.Fatal(err)
	}
	c, err := transformer.NewConfig("bert", len(vocab), 8, 1, 2, 8, 16)
	if err != nil {
		t.Fatal(err)
	}
	m, err := transformer.NewLanguageModel(c)
	if err != nil {
		t.Fatal(err)
	}
	transformer.Initialise(m, c, 1)
	if err := errors.Join(transformer.Save(dir, m, c), tok.Save(dir)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// tinySet returns examples whose label is told by their first word.
func tinySet(seed uint64, labels ...string) *splits {
	r := rand.New(rand.NewPCG(seed, 0))
	make := func(n int) (list []dataset.Example) {
		for i := range n {
			k := i % len(labels)
			list = append(list, dataset.Example{Text: fmt.Sprintf("w%d w%d w%d", k, 5+r.IntN(15), 5+r.IntN(15)), Label: labels[k]})
		}
		return list
	}
	return &splits{Train: make(24), Dev: make(8), Test: make(12)}
}

// tinyStudy has all arms, two targets, of which one has other labels, and two sizes.
func tinyStudy(t *testing.T, model string) *Config {
	t.Helper()
	training := Training{Epochs: 2, BatchSize: 8, LearningRate: 1e-2, MaxLength: 8}
	c := &Config{
		Name: "tiny", Output: filepath.Join(t.TempDir(), "out"), Seeds: []uint64{0, 1}, Arms: Arms, Models: []Model{{"m", model}},
		Tasks: []Task{{
			Name: "words", Kind: string(train.Classification),
			Intermediates: []Dataset{{Name: "big", made: tinySet(1, "x", "y", "z"), Training: training}},
			Targets: []Target{
				{Setting: Domain, Sizes: []int{8, 0}, Dataset: Dataset{Name: "same", made: tinySet(2, "x", "y"), Training: training}},
				{Setting: CrossLingual, Dataset: Dataset{Name: "other", made: tinySet(3, "p", "q"), Training: Training{Epochs: 1, LearningRates: []float64{1e-3, 1e-2}, MaxLength: 8}}},
			},
		}},
	}
	if err := c.check(); err != nil {
		t.Fatal(err)
	}
	return c
}

func resultsFile(t *testing.T, dir string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestStudyRunsEveryArm(t *testing.T) {
	c := tinyStudy(t, tinyModel(t))
	var events [5]int
	r, err := Run(context.Background(), c, Options{Watch: func(e Event) { events[e.Kind]++ }})
	if err != nil {
		t.Fatal(err)
	}
	// Per seed: the intermediate stage and its control once; of "same" two sizes of direct, intermediate,
	// control, joint and one zero-shot; of "other" all but zero-shot.
	if want := 2 * (2 + 2*4 + 1 + 4); len(r.Plan.Stages) != want || r.StagesRun != want || events[Started] != want || events[Finished] != want {
		t.Errorf("%d stages, %d run, %d started and %d finished, want %d", len(r.Plan.Stages), r.StagesRun, events[Started], events[Finished], want)
	}
	count := map[string]int{}
	for _, cell := range r.Cells {
		count[fmt.Sprint(cell.Target, " ", cell.Size, " ", cell.Arm)]++
	}
	for _, want := range []string{"same 8 direct", "same 24 joint", "same 8 zero-shot", "same 24 zero-shot", "other 24 control", "other 24 joint"} {
		if count[want] != 2 {
			t.Errorf("%d cells %s, want one a seed: %v", count[want], want, count)
		}
	}
	if count["other 24 zero-shot"] != 0 || !slices.ContainsFunc(r.Caveats, func(s string) bool { return strings.Contains(s, "no zero-shot from big to other") }) {
		t.Errorf("zero-shot between other labels: %d cells, caveats %q", count["other 24 zero-shot"], r.Caveats)
	}
	if len(r.Comparisons) != 4+4+3 {
		t.Errorf("%d comparisons, want 11", len(r.Comparisons))
	}
	for _, s := range r.Plan.Stages {
		rec := r.Records[s.Key]
		if rec == nil || rec.Machine.Platform == "" || rec.Kind == kindFinetune && (rec.Tokens == 0 || rec.Text.Tokens == 0 || len(rec.Losses) == 0) {
			t.Errorf("%s: record %+v", s.Name, rec)
		}
		// Dev examples of the target are classified among its labels, not among those of both.
		if strings.Contains(s.Name, "other (joint") && len(rec.Train.BestDev.Classification.Confusion) != 2 {
			t.Errorf("%s: dev scores of %d labels, want 2", s.Name, len(rec.Train.BestDev.Classification.Confusion))
		}
	}
	// All seven predictors, for both targets, of which one has two sizes.
	if len(r.Predictors) != 7 {
		t.Errorf("%d predictors, want 7", len(r.Predictors))
	}
	for _, p := range r.Predictors {
		if len(p.Points) != 3 {
			t.Errorf("%s: points %+v, want 3", p.Name, p.Points)
		}
		for _, q := range p.Points {
			low, high := -1000.0, 1000.0
			switch {
			case p.Name == "LEEP":
				high = 0
			case strings.HasSuffix(p.Name, "unigrams"):
				low, high = 0, 1
			case p.Name == "H-score":
				low, high = 0, 1+1e-9 // of two classes
			}
			if !(q.Value >= low && q.Value <= high) {
				t.Errorf("%s of %s: %v, expected from %v to %v", p.Name, q.Target, q.Value, low, high)
			}
		}
	}
	if h := r.Plan.Hygiene["words"]; len(h.Parts) != 2+6 || h.Parts[0].Part != "same test" || h.Parts[0].Examples != 12 || h.Parts[0].Labels[0].Examples != 6 {
		t.Errorf("hygiene %+v", h)
	}

	// Again: nothing runs, and the results are the same.
	before := resultsFile(t, c.Output)
	if r, err = Run(context.Background(), c, Options{}); err != nil || r.StagesRun != 0 {
		t.Errorf("again: %d stages run, error %v", r.StagesRun, err)
	}
	if resultsFile(t, c.Output) != before {
		t.Error("again: other results")
	}
}

// TestOutcomeDoesNotDependOnHowItRan: one stage at a time or several, on one core or more,
// stopped again and again or not.
func TestOutcomeDoesNotDependOnHowItRan(t *testing.T) {
	model := tinyModel(t)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	var want string
	for name, o := range map[string]struct{ cores, jobs, stopAfter int }{
		"one core": {1, 1, 0}, "two cores": {2, 1, 0}, "two at a time": {2, 2, 0}, "three at a time, stopped": {2, 3, 9}, "stopped": {1, 1, 5},
	} {
		runtime.GOMAXPROCS(o.cores)
		c := tinyStudy(t, model)
		stops := 0
		for {
			ctx, cancel := context.WithCancel(context.Background())
			steps := 0
			_, err := Run(ctx, c, Options{Jobs: o.jobs, Watch: func(e Event) {
				if steps++; e.Kind == Step && o.stopAfter > 0 && steps > o.stopAfter+3*stops {
					cancel()
				}
			}})
			cancel()
			if err == nil {
				break
			}
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("%s: %v", name, err)
			}
			stops++
		}
		if o.stopAfter > 0 && stops < 3 {
			t.Errorf("%s: stopped %d times only", name, stops)
		}
		got := strings.ReplaceAll(resultsFile(t, c.Output), c.Output, "")
		if want == "" {
			want = got
		}
		if got != want {
			t.Errorf("%s: other results", name)
		}
	}
}

func TestOnlyRunsWhatIsAskedForAndWhatItNeeds(t *testing.T) {
	c := tinyStudy(t, tinyModel(t))
	r, err := Run(context.Background(), c, Options{Only: []string{"seed 1: same with 8 examples (intermediate"}})
	if err != nil {
		t.Fatal(err)
	}
	if r.StagesRun != 2 || len(r.Cells) != 1 || r.Missing == 0 {
		t.Errorf("%d stages run, %d cells, %d missing; want the stage and its intermediate, one cell", r.StagesRun, len(r.Cells), r.Missing)
	}
}

func TestChangedDataRunAgainAndItIsSaid(t *testing.T) {
	c := tinyStudy(t, tinyModel(t))
	if _, err := Run(context.Background(), c, Options{}); err != nil {
		t.Fatal(err)
	}
	c.Tasks[0].Targets[1].made.Test[0].Text = "w9"
	var notes []string
	r, err := Run(context.Background(), c, Options{Watch: func(e Event) {
		if e.Kind == Note {
			notes = append(notes, e.Outcome)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if r.StagesRun != 8 { // the last stages of "other": four arms, two seeds
		t.Errorf("%d stages run, want 8", r.StagesRun)
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "words/other") {
		t.Errorf("notes %q, want one of words/other", notes)
	}
}

func TestTwoRunsOfOneDirectoryAreKeptApart(t *testing.T) {
	c := tinyStudy(t, tinyModel(t))
	inner := errors.New("not tried")
	_, err := Run(context.Background(), c, Options{Watch: func(e Event) {
		if e.Kind == Started && inner.Error() == "not tried" {
			_, inner = Run(context.Background(), c, Options{})
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if inner == nil || !strings.Contains(inner.Error(), ".lock") || !strings.Contains(inner.Error(), fmt.Sprint(os.Getpid())) {
		t.Errorf("a second run at the same time: error %v, want one that names the owner", inner)
	}
}

// TestTimeLeft: each encoder has its own pace, and until it has one that of the others.
func TestTimeLeft(t *testing.T) {
	r := &runner{atOnce: 2}
	small, large := &job{encoder: "small"}, &job{encoder: "large"}
	r.pace(small).cost, r.pace(large).cost = 100, 50
	if left := r.left(); left != 0 {
		t.Errorf("%v s left before anything has run, want 0: unknown", left)
	}
	r.pace(small).spent, r.pace(small).seconds = 20, 10
	if left := r.left(); left != (80*0.5+50*0.5)/2 {
		t.Errorf("%v s left, want 32.5: all at the pace of the one that has run", left)
	}
	r.pace(large).spent, r.pace(large).seconds = 10, 40
	if left := r.left(); left != (80*0.5+40*4)/2 {
		t.Errorf("%v s left, want 100: each at its own pace", left)
	}
}

func TestPrune(t *testing.T) {
	c := tinyStudy(t, tinyModel(t))
	if _, err := Run(context.Background(), c, Options{}); err != nil {
		t.Fatal(err)
	}
	before := resultsFile(t, c.Output)
	stages := filepath.Join(c.Output, "stages")
	for _, stale := range []string{"0123", unfinishedPrefix + "4567"} {
		if err := os.MkdirAll(filepath.Join(stages, stale, "model"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	removed, err := Prune(c.Output, "intermediate")
	if err != nil || removed.Stages != 2 || removed.Models != 0 {
		t.Errorf("removed %+v, error %v: want two stages that the plan does not have", removed, err)
	}
	if removed, err = Prune(c.Output, "none"); err != nil || removed.Models != 4 || removed.Bytes == 0 {
		t.Errorf("removed %+v, error %v: want the models of the intermediate and control stages of two seeds", removed, err)
	}
	if r, err := Run(context.Background(), c, Options{}); err != nil || r.StagesRun != 0 || resultsFile(t, c.Output) != before {
		t.Errorf("after pruning: %v", err)
	}
}

func TestLeaksAreRemovedWhereAskedFor(t *testing.T) {
	c := tinyStudy(t, tinyModel(t))
	big, target := &c.Tasks[0].Intermediates[0], c.Tasks[0].Targets[0].made
	big.made.Train[3].Text = "  W7 w8\tw9 "
	big.made.Dev[1].Text = "w7 w8 w9"
	target.Test[2].Text = "w7 W8 w9"
	p, err := makePlan(c, cache{c.Output})
	if err != nil {
		t.Fatal(err)
	}
	kept := p.Datasets["words/big"]
	big.RemoveLeaks = true
	if p, err = makePlan(c, cache{c.Output}); err != nil {
		t.Fatal(err)
	}
	if p.Datasets["words/big"] == kept || !slices.ContainsFunc(p.Caveats, func(s string) bool { return strings.Contains(s, "of the training and dev examples of big, 2 like") }) {
		t.Errorf("caveats %q", p.Caveats)
	}
	for i := range big.made.Train {
		big.made.Train[i].Text = "w7 w8 w9"
	}
	if _, err = makePlan(c, cache{c.Output}); err == nil || !strings.Contains(err.Error(), "big") {
		t.Errorf("nothing left: %v", err)
	}
}

func TestSizesLieWithinOneAnother(t *testing.T) {
	l := &loaded{splits: tinySet(1, "x", "y", "z"), labels: []string{"x", "y", "z"}}
	var last map[string]bool
	for _, size := range []int{3, 6, 11, 24} {
		s, err := l.few(size, 5)
		if err != nil {
			t.Fatal(err)
		}
		texts, labels := map[string]bool{}, map[string]int{}
		for _, e := range s.Train {
			texts[e.Text] = true
			labels[e.Label]++
		}
		if len(s.Train) != size || len(labels) != 3 {
			t.Errorf("size %d: %d examples of labels %v", size, len(s.Train), labels)
		}
		for text := range last {
			if !texts[text] {
				t.Errorf("size %d lacks %q of the smaller size", size, text)
			}
		}
		last = texts
	}
	a, _ := l.few(6, 5)
	b, _ := l.few(6, 6)
	if a.digest() == b.digest() {
		t.Error("another seed draws the same examples")
	}
	if _, err := l.few(25, 0); err == nil || !strings.Contains(err.Error(), "24") || !strings.Contains(err.Error(), "25") {
		t.Errorf("a size of more than there are: %v", err)
	}
}

func TestControlDealsLabelsOut(t *testing.T) {
	l := &loaded{splits: tinySet(1, "x", "y", "z")}
	s := l.shuffled(3)
	same, count := 0, map[string]int{}
	for i, e := range s.Train {
		if e.Text != l.Train[i].Text {
			t.Fatal("texts moved")
		}
		if e.Label == l.Train[i].Label {
			same++
		}
		count[e.Label]++
	}
	if same > 16 || count["x"] != 8 || count["y"] != 8 || count["z"] != 8 {
		t.Errorf("%d of 24 labels stayed, counts %v", same, count)
	}
	if l.Train[0].Label != "x" || len(s.Test) != 0 {
		t.Error("the dataset itself was changed, or its test split kept")
	}
}

func TestRestrictAsksForTheTargetsLabels(t *testing.T) {
	items := []train.Item{{Label: 2}, {Label: 0}}
	logits := [][]float32{{1, 9, 3}, {4, 5, 6}}
	gotItems, got := restrict(items, logits, []string{"x", "y", "z"}, []string{"z", "x"})
	if gotItems[0].Label != 0 || gotItems[1].Label != 1 || !slices.Equal(got[0], []float32{3, 1}) || !slices.Equal(got[1], []float32{6, 4}) {
		t.Errorf("items %+v, logits %v", gotItems, got)
	}
}

func TestCheckFindsWhatIsWrong(t *testing.T) {
	model := tinyModel(t)
	c := tinyStudy(t, model)
	report, err := Check(context.Background(), c, CheckOptions{Measure: true, Jobs: 1})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Stages) != 30 || report.Finished != 0 || report.Estimate <= 0 || report.DiskNeed == 0 || report.Cells != 28 {
		t.Errorf("report %+v", report)
	}
	if _, err := os.Stat(c.Output); err == nil {
		t.Error("a check made the output directory")
	}
	for says, change := range map[string]func(c *Config){
		"max_length 99":            func(c *Config) { c.Tasks[0].Intermediates[0].Training.MaxLength = 99 },
		"expected a model":         func(c *Config) { c.Models[0].Path = t.TempDir() },
		"expected at least two":    func(c *Config) { c.Tasks[0].Targets[0].made = tinySet(1, "x") },
		"expected at least one":    func(c *Config) { c.Tasks[0].Targets[1].made.Dev = c.Tasks[0].Targets[1].made.Dev[:1] },
		"fewer than the size 1000": func(c *Config) { c.Tasks[0].Targets[0].Sizes = []int{1000} },
	} {
		c := tinyStudy(t, model)
		change(c)
		if _, err := Check(context.Background(), c, CheckOptions{}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v, want one that says %q", err, says)
		}
	}
}

// TestCheckEstimatesTheEmbeddedStudy: also the models that it makes first.
func TestCheckEstimatesTheEmbeddedStudy(t *testing.T) {
	c := Embedded()
	c.Output = filepath.Join(t.TempDir(), "out")
	report, err := Check(context.Background(), c, CheckOptions{Measure: true, Jobs: 2})
	if err != nil {
		t.Fatal(err)
	}
	seconds := map[string]float64{}
	for _, s := range report.Stages {
		if s.Seconds <= 0 {
			t.Errorf("%s: no estimate", s.Name)
		}
		seconds[s.Kind] += s.Seconds
	}
	total := seconds[kindPretrain] + seconds[kindFinetune] + seconds[kindEvaluate]
	if left := total/2 - report.Estimate.Seconds(); math.Abs(left) > 1e-3 || seconds[kindPretrain] <= seconds[kindEvaluate] {
		t.Errorf("%v in all of %v", report.Estimate, seconds)
	}
}

func TestCollectOfNothing(t *testing.T) {
	if _, err := Collect(t.TempDir()); err == nil || !strings.Contains(err.Error(), "plan.json") {
		t.Errorf("error %v", err)
	}
	c := tinyStudy(t, tinyModel(t))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, c, Options{}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	r, err := Collect(c.Output)
	if err != nil || len(r.Cells) != 0 || r.Missing == 0 {
		t.Errorf("%d cells, %d missing, error %v", len(r.Cells), r.Missing, err)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
}

func TestBegunKnowsTheEmbeddedStudy(t *testing.T) {
	c := Embedded()
	c.Output = t.TempDir()
	p, err := makePlan(c, cache{c.Output})
	if err != nil {
		t.Fatal(err)
	}
	if err := writeJSON(planPath(c.Output), &p.Plan); err != nil {
		t.Fatal(err)
	}
	again, err := Begun(c.Output)
	if err != nil || again.Output != c.Output || len(again.made) != 3 {
		t.Fatalf("%+v, error %v", again, err)
	}
	q, err := makePlan(again, cache{c.Output})
	if err != nil || !slices.EqualFunc(p.Stages, q.Stages, func(a, b Stage) bool { return a.Key == b.Key }) {
		t.Errorf("another plan, error %v", err)
	}
	if err := os.WriteFile(planPath(c.Output), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Begun(c.Output); err == nil || !strings.Contains(err.Error(), "no config") {
		t.Errorf("an empty plan: %v", err)
	}
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestParallelDatasets: the same examples are held out and drawn in every
// language, and what one language is tested on no other trains on.
func TestParallelDatasets(t *testing.T) {
	table := func(language string, from, to int) string {
		var b strings.Builder
		b.WriteString("number\ttext\tlabel\n")
		for i := range to - from {
			n := from + (i*7+len(language))%(to-from) // in another order in each language
			fmt.Fprintf(&b, "%d\t%s%d %s\t%s\n", n, language, n, language, []string{"x", "y"}[n%2])
		}
		return writeFile(t, language+".tsv", b.String())
	}
	set := func(language string, from int) Dataset {
		return Dataset{Name: language, Train: table(language, from, 100), Test: table(language+"-test", 0, 10), Parallel: "p", IDColumn: "number", MaxTrain: 60, RemoveLeaks: true}
	}
	c := &Config{Name: "parallel", Output: t.TempDir(), Seeds: []uint64{0}, Arms: []string{Direct, Intermediate}, Models: []Model{{"m", tinyModel(t)}}, Tasks: []Task{{
		Name: "words", Kind: string(train.Classification),
		Intermediates: []Dataset{set("en", 0)}, // with the first ten, which other languages are tested on
		Targets:       []Target{{Setting: CrossLingual, Sizes: []int{20}, Dataset: set("de", 10)}, {Setting: CrossLingual, Sizes: []int{20}, Dataset: set("zhong", 10)}},
	}}}
	if err := c.check(); err != nil {
		t.Fatal(err)
	}
	p, err := makePlan(c, cache{c.Output})
	if err != nil {
		t.Fatal(err)
	}
	ids := func(examples []dataset.Example) (list []string) {
		for _, e := range examples {
			list = append(list, e.ID)
		}
		slices.Sort(list)
		return list
	}
	var direct [][2][]string
	for _, j := range p.jobs {
		switch {
		case strings.Contains(j.Name, "(direct)"):
			direct = append(direct, [2][]string{ids(j.data.Train), ids(j.data.Dev)})
		case len(j.after) == 0:
			for _, e := range slices.Concat(j.data.Train, j.data.Dev) {
				if len(e.ID) == 1 { // 0 to 9
					t.Errorf("%s trains on %s, a translation of a test example", j.Name, e.ID)
				}
			}
		}
	}
	if len(direct) != 2 || len(direct[0][0]) != 20 || len(direct[0][1]) == 0 || !slices.Equal(direct[0][0], direct[1][0]) || !slices.Equal(direct[0][1], direct[1][1]) {
		t.Errorf("training and dev examples by language: %v", direct)
	}
}

func TestLabelMap(t *testing.T) {
	path := writeFile(t, "a.tsv", "text\tlabel\na\tneg\nb\tpos\nc\tneutral\nd\tneg\ne\tpos\n")
	d := Dataset{Name: "d", Train: path, Dev: path, Test: path, TextColumn: "text", LabelColumn: "label", Labels: map[string]string{"neg": "negative", "pos": "positive"}}
	if _, err := d.load(train.Classification); err == nil || !strings.Contains(err.Error(), "a.tsv:4:") || !strings.Contains(err.Error(), "neutral") {
		t.Errorf("a label that the map lacks: %v", err)
	}
	d.DropUnmapped = true
	if l, err := d.load(train.Classification); err != nil || !slices.Equal(l.labels, []string{"negative", "positive"}) || len(l.Train) != 4 {
		t.Errorf("without it: %+v, %v", l, err)
	}
}

func TestUnwritableDirectory(t *testing.T) {
	if runtime.GOOS == "windows" || os.Getuid() == 0 {
		// The superuser writes everywhere: a file in the directory's place is what it cannot write into.
		c := tinyStudy(t, tinyModel(t))
		if err := os.WriteFile(c.Output, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Run(context.Background(), c, Options{}); err == nil || !strings.Contains(err.Error(), c.Output) {
			t.Errorf("error %v, want one that names %s", err, c.Output)
		}
		return
	}
	c := tinyStudy(t, tinyModel(t))
	if err := os.Mkdir(c.Output, 0o555); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(context.Background(), c, Options{}); err == nil || !strings.Contains(err.Error(), c.Output) {
		t.Errorf("error %v, want one that names %s", err, c.Output)
	}
}

// TestFailedWriteKeepsWhatIsFinished: a stage whose record cannot be written, as on a full
// disk, ends the run; what was finished stays, and the next run goes on to the same results.
func TestFailedWriteKeepsWhatIsFinished(t *testing.T) {
	model := tinyModel(t)
	whole := tinyStudy(t, model)
	if _, err := Run(context.Background(), whole, Options{Jobs: 1}); err != nil {
		t.Fatal(err)
	}
	c := tinyStudy(t, model)
	blocked := ""
	_, err := Run(context.Background(), c, Options{Jobs: 1, Watch: func(e Event) {
		if e.Kind == Started && e.Done == 5 && blocked == "" {
			var p Plan
			data, err := os.ReadFile(planPath(c.Output))
			if err == nil {
				err = json.Unmarshal(data, &p)
			}
			if err != nil {
				t.Error(err)
			}
			for _, s := range p.Stages {
				if s.Name == e.Stage { // a directory stands where its record belongs
					blocked = filepath.Join(c.Output, "stages", unfinishedPrefix+s.Key, "stage.json")
				}
			}
			if err := os.MkdirAll(filepath.Join(blocked, "x"), 0o755); err != nil {
				t.Error(err)
			}
		}
	}})
	if err == nil || !strings.Contains(err.Error(), "stage.json") {
		t.Fatalf("error %v, want one that names stage.json", err)
	}
	if err := os.RemoveAll(blocked); err != nil {
		t.Fatal(err)
	}
	r, err := Run(context.Background(), c, Options{Jobs: 1})
	if err != nil {
		t.Fatal(err)
	}
	if r.StagesRun != len(r.Plan.Stages)-5 || resultsFile(t, c.Output) != resultsFile(t, whole.Output) {
		t.Errorf("%d of %d stages run after the failure, want all but 5, and the same results", r.StagesRun, len(r.Plan.Stages))
	}
}
