package study

import (
	"strings"
	"testing"

	"godwit/experiments/dataset"
	"godwit/experiments/train"
)

const goodStudy = `{"name":"s","models":[{"name":"m","path":"p"}],"tasks":[{"name":"t","kind":"regression","intermediate":{"name":"i","train":"a.csv"},
	"targets":[{"setting":"domain","name":"g","train":"b.csv","test":"c.csv"}]}]}`

func TestParseConfig(t *testing.T) {
	c, err := ParseConfig([]byte(goodStudy))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Seeds) != 3 || len(c.Arms) != 2 || c.Tasks[0].Intermediate.TextColumn != "text" || c.Tasks[0].Targets[0].LabelColumn != "label" {
		t.Errorf("defaults: %+v", c)
	}
	for _, b := range [][3]string{
		{`"name":"s"`, `"name":"a/b"`, "name"},
		{`"name":"s"`, `"name":"s","sedes":[1]`, "sedes"},
		{`"name":"s"`, `"name":"s","seeds":[1,1]`, "seeds[1]"},
		{`"name":"s"`, `"name":"s","arms":["joint"]`, "arms[0]"},
		{`"path":"p"`, `"path":""`, "models[0]"},
		{`"domain"`, `"planet"`, "tasks[0].targets[0].setting"},
		{`,"test":"c.csv"`, ``, "tasks[0].targets[0].test"},
		{`"train":"a.csv"`, `"train":"a.csv","training":{"epochs":-1}`, "tasks[0].intermediate.training.epochs"},
		{`]}]}`, `]}]} {}`, "more"},
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

func TestSummary(t *testing.T) {
	var cells []Cell
	for seed, s := range [][2]float64{{0.5, 0.7}, {0.6, 0.7}, {0.4, 0.7}} {
		cells = append(cells, Cell{Target: "g", Arm: Direct, Seed: uint64(seed), Score: s[0]}, Cell{Target: "g", Arm: Intermediate, Seed: uint64(seed), Score: s[1]})
	}
	r := summarise(&Config{Seeds: []uint64{0, 1, 2}}, cells)
	if len(r.Comparisons) != 1 {
		t.Fatalf("%d comparisons, want 1", len(r.Comparisons))
	}
	// Gains 0.2, 0.1, 0.3: mean 0.2, standard deviation 0.1, t(2) = 4.3027.
	k := r.Comparisons[0]
	if d := k.Gain - 0.2; d > 1e-9 || d < -1e-9 {
		t.Errorf("gain %v, want 0.2", k.Gain)
	}
	if want := 0.2 - 4.302652729911275*0.1/1.7320508075688772; k.Low == nil || *k.Low-want > 1e-9 || want-*k.Low > 1e-9 {
		t.Errorf("interval from %v, want %v", k.Low, want)
	}
}

func TestNotLearnedIsSaid(t *testing.T) {
	test := make([]dataset.Example, 100) // 60 of one class: chance is 0.6 + 1.96·0.049
	for i := range test {
		test[i].Label = "a"
		if i < 40 {
			test[i].Label = "b"
		}
	}
	c := chance(train.Classification, test)
	if c < 0.695 || c > 0.697 {
		t.Errorf("chance %v, want 0.696", c)
	}
	if r := chance(train.Regression, test); r < 0.1959 || r > 0.1961 {
		t.Errorf("chance of a correlation %v, want 0.196", r)
	}
	for _, x := range []struct {
		score float64
		want  bool
	}{{0.69, true}, {0.71, false}} {
		var cells []Cell
		for seed := range uint64(2) {
			cells = append(cells, Cell{Target: "g", Arm: Direct, Seed: seed, Score: 0.5, Chance: c}, Cell{Target: "g", Arm: Intermediate, Seed: seed, Score: x.score, Chance: c})
		}
		r := summarise(&Config{Seeds: []uint64{0, 1}}, cells)
		var b strings.Builder
		if err := r.WriteTable(&b); err != nil {
			t.Fatal(err)
		}
		if r.Comparisons[0].NotLearned != x.want || strings.Contains(b.String(), "not learned") != x.want {
			t.Errorf("score %v: not learned is %v, table %q", x.score, r.Comparisons[0].NotLearned, b.String())
		}
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
