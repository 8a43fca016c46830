package study

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"godwit/experiments/dataset"
	"godwit/experiments/train"
)

const goodStudy = `{"name":"s","models":[{"name":"m","path":"p"}],"tasks":[{"name":"t","kind":"regression","intermediates":[{"name":"i","train":"a.csv"}],
	"targets":[{"setting":"domain","name":"g","train":"b.csv","test":"c.csv"}]}]}`

func TestParseConfig(t *testing.T) {
	c, err := ParseConfig([]byte(goodStudy))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Seeds) != 3 || len(c.Arms) != 2 || c.Tasks[0].Intermediates[0].TextColumn != "text" || c.Tasks[0].Targets[0].LabelColumn != "label" {
		t.Errorf("defaults: %+v", c)
	}
	for _, b := range [][3]string{
		{`"name":"s"`, `"name":"a/b"`, "name: found \"a/b\""},
		{`"name":"s"`, `"name":"s","sedes":[1]`, "the study: additional properties 'sedes' not allowed"},
		{`"name":"s"`, `"name":"s","seeds":[1,1]`, "seeds"},
		{`"name":"s"`, `"name":"s","seeds":["1"]`, "seeds[0]: found \"1\": got string, want integer"},
		{`"name":"s"`, `"name":"s","arms":["joined"]`, "arms[0]: found \"joined\""},
		{`"name":"s"`, `"name":"s","arms":["joint"]`, "expected \"direct\""},
		{`"path":"p"`, `"path":""`, "models[0].path"},
		{`"path":"p"}`, `"path":"p"},{"name":"m","path":"q"}`, "models[1].name: \"m\" stands there twice"},
		{`"kind":"regression"`, `"kind":"regression","models":["n"]`, "tasks[0].models[0]: found \"n\""},
		{`"domain"`, `"planet"`, "tasks[0].targets[0].setting: found \"planet\""},
		{`"setting":"domain"`, `"setting":"domain","intermediates":["j"]`, "tasks[0].targets[0].intermediates[0]: found \"j\""},
		{`,"test":"c.csv"`, ``, "tasks[0].targets[0].test"},
		{`"train":"a.csv"`, `"train":"a.csv","training":{"epochs":-1}`, "tasks[0].intermediates[0].training.epochs: found -1"},
		{`"train":"a.csv"`, `"train":"a.csv","training":{"learning_rate":1,"learning_rates":[1]}`, "tasks[0].intermediates[0].training"},
		{`"train":"a.csv"`, `"train":"a.csv","trian":"a"`, "trian"},
		{`"setting":"domain"`, `"setting":"domain","models":["n"]`, "tasks[0].targets[0].models[0]: found \"n\""},
		{`"train":"a.csv"`, `"train":"a.csv","parallel":"p"`, "tasks[0].intermediates[0].id_column: found none"},
		{`"train":"a.csv"`, `"train":"a.csv","drop_unmapped":true`, "tasks[0].intermediates[0].labels: found none"},
		{`]}]}`, `]}]} {}`, "JSON"},
	} {
		bad := strings.Replace(goodStudy, b[0], b[1], 1)
		if _, err := ParseConfig([]byte(bad)); err == nil || !strings.Contains(err.Error(), b[2]) {
			t.Errorf("%s instead of %s: error %v, want one that says %s", b[1], b[0], err, b[2])
		}
	}
}

// TestKeys checks that whatever determines a stage's outcome is in its key.
func TestKeys(t *testing.T) {
	base := spec{Version: 1, Kind: "finetune", Start: "a", Data: "b", Labels: []string{"x"}, Settings: Training{Epochs: 1}.settings("classification", 1)}
	keys := map[string]string{base.key(): "base"}
	for name, change := range map[string]func(s *spec){
		"start": func(s *spec) { s.Start = "c" }, "data": func(s *spec) { s.Data = "c" }, "labels": func(s *spec) { s.Labels = []string{"y"} },
		"seed": func(s *spec) { s.Settings = Training{Epochs: 1}.settings("classification", 2) }, "epochs": func(s *spec) { s.Settings = Training{Epochs: 2}.settings("classification", 1) },
	} {
		s := base
		change(&s)
		if other, ok := keys[s.key()]; ok {
			t.Errorf("another %s has the key of %s", name, other)
		}
		keys[s.key()] = name
	}
	if again := base; keys[again.key()] != "base" {
		t.Error("the same stage has another key")
	}
	one := splits{Train: []dataset.Example{{Text: "ab", Pair: "c", Label: "l"}}}
	two := splits{Train: []dataset.Example{{Text: "a", Pair: "bc", Label: "l"}}}
	three := splits{Dev: one.Train}
	if one.digest() == two.digest() || one.digest() == three.digest() {
		t.Error("different examples have one digest")
	}
}

func TestChance(t *testing.T) {
	test := make([]dataset.Example, 100) // 60 of one class: chance is 0.6 + 1.96·0.049
	for i := range test {
		test[i].Label = "a"
		if i < 40 {
			test[i].Label = "b"
		}
	}
	if majority, c := chance(train.Classification, test); majority != 0.6 || c < 0.695 || c > 0.697 {
		t.Errorf("majority %v and chance %v, want 0.6 and 0.696", majority, c)
	}
	if majority, r := chance(train.Regression, test); majority != 0 || r < 0.1959 || r > 0.1961 {
		t.Errorf("chance of a correlation %v, want 0.196", r)
	}
}

// scored returns results of cells that say right which share of 200 test examples, and what each said.
func scored(scores map[string][]float64, chance float64) (*Results, map[string]*record) {
	r, outcomes := &Results{}, map[string]*record{}
	for _, arm := range Arms {
		for seed, score := range scores[arm] {
			key := fmt.Sprint(arm, seed)
			rec := &record{Gold: make([]float64, 200), Predicted: make([]float64, 200)}
			for i := range rec.Gold {
				if (i*37+seed*11)%200 >= int(score*200) { // other examples with each seed
					rec.Predicted[i] = 1
				}
			}
			outcomes[key] = rec
			r.Cells = append(r.Cells, CellResult{Cell: Cell{Kind: string(train.Classification), Target: "g", Arm: arm, Seed: uint64(seed), Stages: []string{key}, Chance: chance}, Score: score})
		}
	}
	return r, outcomes
}

func TestComparisons(t *testing.T) {
	// The intermediate arm has a fourth seed that direct has not finished.
	r, outcomes := scored(map[string][]float64{Direct: {0.5, 0.6, 0.4}, Intermediate: {0.7, 0.7, 0.7, 1}, Control: {0.6, 0.7, 0.5}}, 0.65)
	r.compare(outcomes)
	if len(r.Comparisons) != 2 {
		t.Fatalf("%d comparisons, want 2", len(r.Comparisons))
	}
	k := r.Comparisons[0]
	if d := k.Gain - 0.2; d > 1e-9 || d < -1e-9 || !slices.Equal(k.Seeds, []uint64{0, 1, 2}) {
		t.Errorf("gain %v of seeds %v, want 0.2 of 0, 1, 2", k.Gain, k.Seeds)
	}
	// Gains 0.2, 0.1, 0.3: over seeds alone 0.2 ± 4.30·0.1/√3.
	if k.Low == nil || *k.Low > 0.2-0.2 || *k.Low < 0.2-0.3 || math.Abs(*k.Low+*k.High-0.4) > 1e-9 {
		t.Errorf("interval from %v to %v", *k.Low, *k.High)
	}
	if k.Tests.SignFlip != 0.25 || *k.P < 0.05 || *k.AdjustedP != *k.P || k.Tests.Example > 0.05 || k.Verdict != NotShown || *k.Detectable < *k.High-k.Gain {
		t.Errorf("seeds %v, p %v, adjusted %v, examples %v, verdict %s, detectable %v", k.Tests.SignFlip, *k.P, *k.AdjustedP, k.Tests.Example, k.Verdict, *k.Detectable)
	}
	if k.NotLearned || !r.Comparisons[1].NotLearned { // 0.7 passes 0.65, a mean of 0.6 does not
		t.Errorf("not learned: %v and %v, want false and true", k.NotLearned, r.Comparisons[1].NotLearned)
	}
	var b strings.Builder
	if err := r.WriteTable(&b); err != nil || strings.Count(b.String(), "not learned") != 2 { // its row and the note
		t.Errorf("error %v, table %s", err, b.String())
	}
}

func TestVerdicts(t *testing.T) {
	for want, scores := range map[string][2][]float64{
		Positive: {{0.3, 0.31, 0.3}, {0.8, 0.82, 0.8}},
		Negative: {{0.8, 0.82, 0.8}, {0.3, 0.31, 0.3}},
		NotShown: {{0.5, 0.52, 0.5}, {0.51, 0.5, 0.52}},
	} {
		r, outcomes := scored(map[string][]float64{Direct: scores[0], Intermediate: scores[1], Joint: scores[0], ZeroShot: scores[0], Control: scores[1]}, 0.2)
		r.compare(outcomes)
		k := r.Comparisons[0]
		if k.Verdict != want {
			t.Errorf("%v: %s (p %v), want %s", scores, k.Verdict, *k.AdjustedP, want)
		}
		for _, other := range r.Comparisons[1:] { // one target each: nothing to correct for
			if other.Arm == Control && other.Verdict != NotShown || *other.AdjustedP != *other.P {
				t.Errorf("%s: %s, adjusted p %v of %v", other.Arm, other.Verdict, *other.AdjustedP, *other.P)
			}
		}
	}
	// Three targets make a family: the least p-value is tripled.
	r, outcomes := scored(map[string][]float64{Direct: {0.3, 0.31, 0.3}, Intermediate: {0.8, 0.82, 0.8}}, 0.2)
	one := r.Cells
	for _, target := range []string{"h", "i"} {
		for _, c := range one {
			c.Target = target
			if c.Arm == Intermediate { // as direct: no gain
				c.Stages = []string{fmt.Sprint(Direct, c.Seed)}
				c.Score = one[c.Seed].Score
			}
			r.Cells = append(r.Cells, c)
		}
	}
	r.compare(outcomes)
	if k := r.Comparisons[0]; math.Abs(*k.AdjustedP-3**k.P) > 1e-12 || k.Verdict != Positive {
		t.Errorf("of three targets: %s, adjusted p %v of %v", k.Verdict, *k.AdjustedP, *k.P)
	}
	// One seed: no interval over seeds, and no verdict.
	r, outcomes = scored(map[string][]float64{Direct: {0.3}, Intermediate: {0.9}}, 0.2)
	r.compare(outcomes)
	if k := r.Comparisons[0]; k.Low != nil || k.AdjustedP != nil || k.Verdict != NotShown || k.Tests.Example > 1e-6 {
		t.Errorf("one seed: %+v", k)
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add([]byte(goodStudy))
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := ParseConfig(data); err == nil && (len(c.Models) == 0 || len(c.Tasks) == 0) {
			t.Errorf("accepted %s", data)
		}
	})
}

// FuzzCollect: whatever a study's files hold, there is an outcome or an error.
func FuzzCollect(f *testing.F) {
	plan := `{"config":{"name":"s"},"stages":[{"key":"a"},{"key":"b"}],"cells":[
		{"kind":"classification","arm":"direct","seed":0,"stages":["a"]},{"kind":"classification","arm":"intermediate","intermediate":"i","seed":0,"stages":["b"]}]}`
	stage := `{"spec":{"ask":["x","y"]},"test":{"classification":{"accuracy":0.5}},"gold":[0,1,1,0],"predicted":[0,1,0,1],"forecast":{"leep":-1}}`
	f.Add([]byte(plan), []byte(stage))
	f.Add([]byte(strings.ReplaceAll(plan, "classification", "regression")), []byte(`{"test":{"regression":{"pearson":0.5}},"gold":[0,1,2,3,5],"predicted":[0,1,0,1,9]}`))
	f.Add([]byte(`{"config":{},"stages":[{"key":"a"}],"cells":[{"stages":[]}]}`), []byte(`{"test":{},"gold":[1]}`))
	f.Fuzz(func(t *testing.T, plan, stage []byte) {
		dir := t.TempDir()
		for name, data := range map[string][]byte{"plan.json": plan, "stages/a/stage.json": stage, "stages/b/stage.json": stage} {
			path := filepath.Join(dir, filepath.FromSlash(name))
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, data, 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		r, err := Collect(dir)
		if err == nil && len(r.Cells)+r.Missing != len(r.Plan.Cells) {
			t.Errorf("%d cells and %d missing of %d", len(r.Cells), r.Missing, len(r.Plan.Cells))
		}
	})
}
