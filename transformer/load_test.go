package transformer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"godwit/nn"
	"godwit/transformer/checkpoint"
)

// saved writes a small model and returns its directory and its tensors.
func saved(t *testing.T) (string, []checkpoint.Tensor) {
	t.Helper()
	m, _ := small(t, "bert")
	dir := t.TempDir()
	m.Configuration().SetLabels([]string{"a", "b", "c"})
	if err := Save(dir, m, m.Configuration()); err != nil {
		t.Fatal(err)
	}
	var list []checkpoint.Tensor
	for _, p := range nn.Parameters(m) {
		list = append(list, checkpoint.Tensor{Name: p.Name, Shape: p.Shape, Float32: p.Data})
	}
	return dir, list
}

func rewrite(t *testing.T, dir string, list []checkpoint.Tensor) {
	t.Helper()
	if err := checkpoint.Write(filepath.Join(dir, "model.safetensors"), nil, list); err != nil {
		t.Fatal(err)
	}
}

func TestSaveAndLoadKeepsBits(t *testing.T) {
	dir, list := saved(t)
	m, report, err := LoadSequenceClassifier(dir, 3, false, 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.New)+len(report.Unused) > 0 {
		t.Errorf("report %+v, want nothing new or unused", report)
	}
	for i, p := range nn.Parameters(m) {
		if !slices.Equal(p.Data, list[i].Float32) {
			t.Errorf("%s changed", p.Name)
		}
	}
	if names, _ := m.Configuration().Labels(); !slices.Equal(names, []string{"a", "b", "c"}) {
		t.Errorf("labels %q", names)
	}
}

func TestOlderNames(t *testing.T) {
	dir, list := saved(t)
	for i, x := range list {
		n := strings.TrimPrefix(x.Name, "bert.")
		n = strings.Replace(n, "LayerNorm.weight", "LayerNorm.gamma", 1)
		list[i].Name = strings.Replace(n, "LayerNorm.bias", "LayerNorm.beta", 1)
	}
	list = append(list, checkpoint.Tensor{Name: "embeddings.position_ids", Shape: []int{1, 80}, Int64: make([]int64, 80)})
	rewrite(t, dir, list)
	m, report, err := LoadSequenceClassifier(dir, 3, false, 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.New)+len(report.Unused) > 0 {
		t.Errorf("report %+v", report)
	}
	for i, p := range nn.Parameters(m) {
		if !slices.Equal(p.Data, list[i].Float32) {
			t.Errorf("%s is not %s", p.Name, list[i].Name)
		}
	}
}

func TestNewHeadIsSaid(t *testing.T) {
	dir, list := saved(t)
	without := func(prefixes ...string) []checkpoint.Tensor {
		return slices.DeleteFunc(slices.Clone(list), func(x checkpoint.Tensor) bool {
			return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(x.Name, p) })
		})
	}
	rewrite(t, dir, without("classifier.", "bert.pooler."))
	m, report, err := LoadSequenceClassifier(dir, 5, false, 1)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"bert.pooler.dense.weight", "bert.pooler.dense.bias", "classifier.weight", "classifier.bias"}; !slices.Equal(report.New, want) {
		t.Errorf("new %q, want %q", report.New, want)
	}
	if x := m.(*BertForSequenceClassification).Classifier.Weight.Data; slices.Max(x) <= 0 || slices.Max(x) > 0.2 {
		t.Errorf("classifier weights up to %v, want them drawn with standard deviation 0.02", slices.Max(x))
	}
	rewrite(t, dir, list)
	mlm, report, err := LoadLanguageModel(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.New) != 5 || len(report.Unused) != 4 {
		t.Errorf("masked LM: %d new, %d unused, want its head of 5 new, and pooler and classifier unused", len(report.New), len(report.Unused))
	}
	if mlm.(*BertForMaskedLM).Cls.Predictions.Transform.LayerNorm.Weight.Data[0] != 1 {
		t.Error("the new LayerNorm does not begin at 1")
	}
}

func TestLoadErrors(t *testing.T) {
	for name, c := range map[string]struct {
		change func(dir string, list []checkpoint.Tensor) []checkpoint.Tensor
		says   []string
	}{
		"missing": {func(_ string, l []checkpoint.Tensor) []checkpoint.Tensor { return l[1:] }, []string{"missing", "bert.embeddings.word_embeddings.weight"}},
		"spare": {func(_ string, l []checkpoint.Tensor) []checkpoint.Tensor {
			return append(l, checkpoint.Tensor{Name: "bert.encoder.layer.2.extra", Shape: []int{1}, Float32: []float32{1}})
		}, []string{"bert.encoder.layer.2.extra", "2 layers"}},
		"shape": {func(_ string, l []checkpoint.Tensor) []checkpoint.Tensor {
			l[0].Shape, l[0].Float32 = []int{96, 40}, l[0].Float32[:96*40]
			return l
		}, []string{"word_embeddings", "[96 40]", "[97 40]", "config.json"}},
		"twice": {func(_ string, l []checkpoint.Tensor) []checkpoint.Tensor {
			x := l[0]
			x.Name = strings.TrimPrefix(x.Name, "bert.")
			return append(l, x)
		}, []string{"same parameter"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir, list := saved(t)
			rewrite(t, dir, c.change(dir, list))
			_, _, err := LoadSequenceClassifier(dir, 3, false, 0)
			if err == nil {
				t.Fatal("no error")
			}
			for _, s := range append(c.says, "model.safetensors") {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("error %q does not say %q", err, s)
				}
			}
		})
	}
	if _, _, err := LoadSequenceClassifier(t.TempDir(), 3, false, 0); err == nil || !strings.Contains(err.Error(), "config.json") {
		t.Errorf("empty directory: %v", err)
	}
}

func TestConfigRefusesWhatNoModelCanHave(t *testing.T) {
	good := `{"model_type":"bert","vocab_size":10,"hidden_size":8,"num_attention_heads":2,"num_hidden_layers":1,"intermediate_size":4`
	for extra, says := range map[string]string{
		`,"num_attention_heads":0}`:                      "num_attention_heads",
		`,"num_attention_heads":3}`:                      "hidden_size",
		`,"vocab_size":1000000000000}`:                   "vocab_size",
		`,"vocab_size":-1}`:                              "vocab_size",
		`,"hidden_act":"mish"}`:                          "hidden_act",
		`,"hidden_size":"big"}`:                          "hidden_size",
		`,"layer_norm_eps":-1}`:                          "layer_norm_eps",
		`,"hidden_dropout_prob":1.5}`:                    "hidden_dropout_prob",
		`,"model_type":"gpt2"}`:                          "model_type",
		`,"position_embedding_type":"relative_key"}`:     "position_embedding_type",
		`,"id2label":{"1":"a"}}`:                         "id2label",
		`,"hidden_size":1048576,"vocab_size":200000000}`: "parameters",
		``: "JSON",
	} {
		_, err := ParseConfig([]byte(good + extra))
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: error %v, want one that says %s", extra, err, says)
		}
	}
	if _, err := ParseConfig([]byte(good + "}")); err != nil {
		t.Error(err)
	}
}

func TestConfigKeepsWhatItDoesNotKnow(t *testing.T) {
	c, err := ParseConfig([]byte(`{"model_type":"bert","hidden_size":24,"num_attention_heads":2,"my_key":{"a":[1,2]},"torch_dtype":"float16"}`))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := c.Save(dir); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{`"my_key"`, `"hidden_size": 24`, `"dtype": "float32"`} {
		if !strings.Contains(string(data), s) {
			t.Errorf("written config lacks %s", s)
		}
	}
	if strings.Contains(string(data), "float16") {
		t.Error("written config has the type of the file that was read")
	}
	if err := c.Save(filepath.Join(dir, "no", "such")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("saving into a directory that is not there: %v", err)
	}
}

func TestBatchErrors(t *testing.T) {
	c := NewBertConfig(10, 8, 1, 1, 8)
	c.MaxPositionEmbeddings = 4
	for says, add := range map[string]func(b *Batch){
		"no sequences": func(*Batch) {},
		"no tokens":    func(b *Batch) { b.Add(nil, nil) },
		"positions":    func(b *Batch) { b.Add(make([]int32, 5), nil) },
		"id 10":        func(b *Batch) { b.Add([]int32{1, 10}, nil) },
		"segment id 2": func(b *Batch) { b.Add([]int32{1}, []int32{2}) },
	} {
		var b Batch
		add(&b)
		if err := b.Check(c); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v, want one that says %q", err, says)
		}
	}
}

// TestConfigErrorsSayWhatWasFound: a file that is no object, or has a value of
// the wrong type, is refused in words that name the key.
func TestConfigErrorsSayWhatWasFound(t *testing.T) {
	for data, says := range map[string][]string{
		"":                 {"JSON"},
		"[]":               {"object", "array"},
		`"bert"`:           {"object", "string"},
		"null":             {"model_type"},
		"{}":               {"model_type", "bert"},
		`{"model_type":3}`: {"model_type", "string"},
		`{"model_type":"bert","vocab_size":1e12}`:           {"vocab_size", "1e12"},
		`{"model_type":"bert","vocab_size":2.5}`:            {"vocab_size", "2.5"},
		`{"model_type":"bert","vocab_size":[1]}`:            {"vocab_size", "array"},
		`{"model_type":"bert","id2label":["a"]}`:            {"id2label", "array"},
		`{"model_type":"bert","id2label":{"0":1}}`:          {"id2label", "number"},
		`{"model_type":"bert","hidden_act":null,"x":`:       {"JSON"},
		`{"model_type":"bert","hidden_act":""}`:             {"hidden_act", "gelu"},
		`{"model_type":"bert","classifier_dropout":1}`:      {"classifier_dropout", "1"},
		`{"model_type":"bert","num_hidden_layers":-1}`:      {"num_hidden_layers", "-1"},
		`{"model_type":"bert","max_position_embeddings":0}`: {"max_position_embeddings", "0"},
	} {
		_, err := ParseConfig([]byte(data))
		if err == nil {
			t.Errorf("accepted %s", data)
			continue
		}
		for _, s := range says {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%s: error %q does not say %q", data, err, s)
			}
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte("[]"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadConfig(dir); err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "config.json")) {
		t.Errorf("error %v does not name the file", err)
	}
}

func TestBatchIsReusable(t *testing.T) {
	var b Batch
	b.Add([]int32{1, 2, 3}, []int32{0, 0, 1})
	b.Add([]int32{4}, nil)
	want := Batch{IDs: []int32{1, 2, 3, 4}, TypeIDs: []int32{0, 0, 1, 0}, Positions: []int32{0, 1, 2, 0}, Offsets: []int32{0, 3, 4}}
	if fmt.Sprint(b) != fmt.Sprint(want) || b.Sequences() != 2 || b.Tokens() != 4 {
		t.Errorf("batch %v, want %v", b, want)
	}
	b.Reset()
	if b.Sequences() != 0 || b.Tokens() != 0 {
		t.Errorf("after Reset: %v", b)
	}
	b.Add([]int32{7, 8}, nil)
	if want := (Batch{IDs: []int32{7, 8}, TypeIDs: []int32{0, 0}, Positions: []int32{0, 1}, Offsets: []int32{0, 2}}); fmt.Sprint(b) != fmt.Sprint(want) {
		t.Errorf("after Reset and Add: %v, want %v", b, want)
	}
	defer func() {
		if p := fmt.Sprint(recover()); !strings.Contains(p, "2 tokens") || !strings.Contains(p, "1 segment") {
			t.Errorf("panic %q does not say both lengths", p)
		}
	}()
	b.Add([]int32{1, 2}, []int32{0})
}

func FuzzParseConfig(f *testing.F) {
	f.Add([]byte(`{"model_type":"bert","hidden_size":24,"num_attention_heads":2}`))
	f.Add([]byte(`{"model_type":"bert","id2label":{"0":"a","1":"b"},"classifier_dropout":null}`))
	f.Add([]byte(`{"model_type":"roberta","hidden_size":24,"num_attention_heads":2,"pad_token_id":1}`))
	f.Add([]byte(`{"model_type":"xlnet","d_model":24,"n_head":2,"d_inner":10,"summary_activation":null,"dropout":0.2}`))
	f.Add([]byte(`{"model_type":"distilbert","dim":24,"n_heads":2,"seq_classif_dropout":0.1}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseConfig(data)
		if err != nil {
			return
		}
		if c.HiddenSize%c.NumAttentionHeads != 0 || c.parameters() > maxParameters {
			t.Errorf("accepted %s", data)
		}
		dir := t.TempDir()
		if err := c.Save(dir); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		again, err := LoadConfig(dir)
		if err != nil {
			t.Fatalf("%s: refused what was saved: %v", data, err)
		}
		a, b := *c, *again
		a.other, b.other = nil, nil
		if x, y := fmt.Sprintf("%q", mustJSON(t, a)), fmt.Sprintf("%q", mustJSON(t, b)); x != y {
			t.Errorf("saved %s, loaded %s", x, y)
		}
	})
}

func mustJSON(t *testing.T, c Config) []byte {
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
