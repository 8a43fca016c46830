package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"godwit/experiments/study"
	"godwit/experiments/train"
)

// hostile is a name that breaks a page or a table that does not escape it.
const hostile = `<script>alert("x")</script> & 50% $x_1$ \end{tabular}`

// made returns results of two models, two targets, all arms, three seeds, two sizes; one cell is missing.
func made() *study.Results {
	r := &study.Results{Name: "made-up", Caveats: []string{"the data are synthetic: " + hostile}, Missing: 1, Records: map[string]*study.Record{}}
	r.Plan = &study.Plan{Name: r.Name, Config: &study.Config{Name: r.Name, Seeds: []uint64{0, 1, 2}, Arms: study.Arms}, Models: map[string]string{"m": "0a", hostile: "0b"}, Datasets: map[string]string{"t/g": "0c"}, Caveats: r.Caveats}
	p := func(x float64) *float64 { return &x }
	for mi, model := range []string{"m", hostile} {
		for ti, target := range []string{"g", "other " + hostile} {
			for _, size := range []int{16, 64} {
				direct := make([]float64, 3)
				for ai, arm := range study.Arms {
					scores := make([]float64, 3)
					for seed := range uint64(3) {
						key := fmt.Sprint(model, target, size, arm, seed)
						scores[seed] = 0.5 + 0.05*float64(ai) - 0.1*float64(ai*ti) + 0.01*float64(int(seed)+mi) + float64(size)/1000
						cell := study.Cell{Task: "t", Kind: "classification", Model: model, Target: target, Setting: study.Domain, Size: size, Arm: arm, Seed: seed, Stages: []string{key}, Chance: 0.4, Majority: 0.3}
						if arm != study.Direct {
							cell.Intermediate = "i"
						}
						r.Plan.Cells = append(r.Plan.Cells, cell)
						r.Plan.Stages = append(r.Plan.Stages, study.Stage{Key: key, Name: key, Kind: "finetune"})
						r.Cells = append(r.Cells, study.CellResult{Cell: cell, Metric: "accuracy", Score: scores[seed], Tokens: 100})
						r.Records[key] = &study.Record{Name: key, Kind: "finetune", Train: &train.Result{Steps: 3}, Losses: []float64{3, 2, 1}, Tokens: 100, Text: study.TextCount{Examples: 9, Tokens: 90, Truncated: 1, Unknown: 2}, Seconds: 1.5}
					}
					if arm == study.Direct {
						direct = scores
						continue
					}
					gain := scores[0] - direct[0]
					k := study.Comparison{Task: "t", Model: model, Target: target, Setting: study.Domain, Size: size, Arm: arm, Intermediate: "i", Metric: "accuracy", Seeds: []uint64{0, 1, 2},
						Direct: direct, Scores: scores, Gain: gain, Low: p(gain - 0.02), High: p(gain + 0.02), P: p(0.01), AdjustedP: p(0.03), Detectable: p(0.04), Verdict: study.Positive}
					if gain < 0 {
						k.Verdict = study.Negative
					}
					r.Comparisons = append(r.Comparisons, k)
				}
			}
		}
	}
	return r
}

func written(t *testing.T, r *study.Results) (page, table string) {
	t.Helper()
	dir := t.TempDir()
	if err := Write(dir, r); err != nil {
		t.Fatal(err)
	}
	for _, name := range Files {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	read := func(name string) string {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	return read("report.html"), read("table.tex")
}

var drawing = regexp.MustCompile(`(?s)<svg.*?</svg>`)

func TestPageHasItsDataAndNothingFromElsewhere(t *testing.T) {
	r := made()
	page, table := written(t, r)
	for _, bad := range []string{"<script>alert", "http://", "https://", " src=", "@import"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	if rest := strings.ReplaceAll(page, "url(#", ""); strings.Contains(rest, "url(") { // its own patterns are fine
		t.Error("the page asks for something else")
	}
	figures := drawing.FindAllString(page, -1)
	marks := 0
	for _, f := range figures {
		d := xml.NewDecoder(strings.NewReader(f))
		for {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("a figure is not well-formed: %v\n%.300s", err, f)
			}
		}
		marks += strings.Count(f, "<title>")
	}
	if marks < len(r.Cells) {
		t.Errorf("%d marks in %d figures, want at least one for each of %d cells", marks, len(figures), len(r.Cells))
	}
	for _, k := range r.Comparisons { // the heat map's numbers
		if text := strings.Replace(fmt.Sprintf("%+.3f", k.Gain), "-", "−", 1); !strings.Contains(page, text) {
			t.Errorf("the gain %s is not on the page", text)
		}
	}
	for _, want := range []string{"made-up", "synthetic", "0a", "0c", "prefers-color-scheme", "positive", "negative", "control"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(table, hostile) || strings.Count(table, `\begin{tabular}`) != strings.Count(table, `\end{tabular}`) || !strings.Contains(table, `\%`) {
		t.Error("the table does not escape names")
	}
}

func TestReportsOfLess(t *testing.T) {
	r := made()
	r.Comparisons, r.Missing = nil, 40
	r.Cells = r.Cells[:1]
	if page, _ := written(t, r); !strings.Contains(page, "40") {
		t.Error("a half-way page does not say how many cells are missing")
	}
	r = made()
	r.Cells[0].Score = math.NaN()
	if _, err := render(r, options{}); err != nil {
		t.Errorf("a score that is no number: %v", err)
	}
	r.Records = nil
	if err := Write(t.TempDir(), r); err == nil || !strings.Contains(err.Error(), "at least one") {
		t.Errorf("nothing finished: error %v", err)
	}
}

func TestHandlerAnswersThisMachineAlone(t *testing.T) {
	h := Handler(t.TempDir())
	for _, c := range []struct {
		host, path string
		status     int
	}{
		{"evil.example", "/", 421}, {"localhost.evil.example:80", "/state", 421},
		{"localhost:80", "/../../etc/passwd", 307}, {"127.0.0.1", "/plan.json", 404}, {"[::1]:8080", "/state", 500}, {"localhost", "/", 500}, // no study is there
	} {
		q := httptest.NewRequest("GET", "http://"+c.host+c.path, nil)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, q)
		if w.Code != c.status || strings.Contains(w.Body.String(), "root:") {
			t.Errorf("%s%s: status %d, want %d: %s", c.host, c.path, w.Code, c.status, w.Body)
		}
	}
}
