package transformer

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"godwit/nn"
	"godwit/transformer/checkpoint"
)

// TestEveryFamilyLoadsAnEncoderAlone: checkpoints of an encoder have its names
// without the prefix, and no head; a head is made, said by name, and drawn from the seed.
func TestEveryFamilyLoadsAnEncoderAlone(t *testing.T) {
	heads := map[string]int{"bert": 4, "roberta": 4, "xlm-roberta": 4, "distilbert": 4, "xlnet": 4}
	for _, modelType := range ModelTypes() {
		t.Run(modelType, func(t *testing.T) {
			m, _ := small(t, modelType)
			dir := t.TempDir()
			if err := Save(dir, m, m.Configuration()); err != nil {
				t.Fatal(err)
			}
			f := families[modelType]
			var encoder []checkpoint.Tensor
			for _, p := range nn.Parameters(m) {
				if rest, ok := strings.CutPrefix(p.Name, f.prefix); ok && !f.isHead(p.Name) {
					encoder = append(encoder, checkpoint.Tensor{Name: rest, Shape: p.Shape, Float32: p.Data})
				}
			}
			rewrite(t, dir, encoder)
			loaded, report, err := LoadSequenceClassifier(dir, 5, false, 3)
			if err != nil {
				t.Fatal(err)
			}
			if len(report.New) != heads[modelType] || len(report.Unused) != 0 {
				t.Errorf("new %q, unused %q: want %d new", report.New, report.Unused, heads[modelType])
			}
			again, _, err := LoadSequenceClassifier(dir, 5, false, 4)
			if err != nil {
				t.Fatal(err)
			}
			others := nn.Parameters(again)
			for i, p := range nn.Parameters(loaded) {
				if f.isHead(p.Name) {
					if strings.HasSuffix(p.Name, "weight") && slices.Equal(p.Data, others[i].Data) {
						t.Errorf("%s does not depend on the seed", p.Name)
					}
					continue
				}
				j := slices.IndexFunc(encoder, func(x checkpoint.Tensor) bool { return f.prefix+x.Name == p.Name })
				if j < 0 || !slices.Equal(p.Data, encoder[j].Float32) {
					t.Errorf("%s is not what was saved", p.Name)
				}
			}
		})
	}
}

// TestANewHeadReplacesTheLayerOfTheLabelsOnly: what lies below it is kept.
func TestANewHeadReplacesTheLayerOfTheLabelsOnly(t *testing.T) {
	for modelType, kept := range map[string]string{
		"bert": "bert.pooler.dense.weight", "roberta": "classifier.dense.weight", "distilbert": "pre_classifier.weight", "xlnet": "sequence_summary.summary.weight",
	} {
		t.Run(modelType, func(t *testing.T) {
			m, _ := small(t, modelType)
			dir := t.TempDir()
			if err := Save(dir, m, m.Configuration()); err != nil {
				t.Fatal(err)
			}
			if n, err := CheckpointLabels(dir); n != 3 || err != nil {
				t.Errorf("%d labels, error %v, want 3", n, err)
			}
			loaded, report, err := LoadSequenceClassifier(dir, 2, true, 1)
			if err != nil {
				t.Fatal(err)
			}
			layer := LabelLayer(m.Configuration())
			if want := []string{layer + "weight", layer + "bias"}; !slices.Equal(report.New, want) {
				t.Errorf("new %q, want %q", report.New, want)
			}
			find := func(model any, name string) []float32 {
				for _, p := range nn.Parameters(model) {
					if p.Name == name {
						return p.Data
					}
				}
				t.Fatalf("no parameter %s", name)
				return nil
			}
			if !slices.Equal(find(loaded, kept), find(m, kept)) {
				t.Errorf("%s was not kept", kept)
			}
		})
	}
}

// TestLanguageModelsAreTied: a copy of the input embedding as output embedding
// is expected, another one refused, since the model would not be the checkpoint's.
func TestLanguageModelsAreTied(t *testing.T) {
	for _, modelType := range architectures {
		t.Run(modelType, func(t *testing.T) {
			m, err := NewLanguageModel(smallConfig(t, modelType))
			if err != nil {
				t.Fatal(err)
			}
			Initialise(m, m.Configuration(), 1)
			dir := t.TempDir()
			if err := Save(dir, m, m.Configuration()); err != nil {
				t.Fatal(err)
			}
			var list []checkpoint.Tensor
			var copied checkpoint.Tensor
			output, input, _ := strings.Cut(families[modelType].tied[0], "=")
			for _, p := range nn.Parameters(m) {
				x := checkpoint.Tensor{Name: p.Name, Shape: p.Shape, Float32: p.Data}
				list = append(list, x)
				if p.Name == input {
					copied = checkpoint.Tensor{Name: output, Shape: p.Shape, Float32: slices.Clone(p.Data)}
				}
			}
			rewrite(t, dir, append(list, copied))
			if _, report, err := LoadLanguageModel(dir, 0); err != nil || len(report.New)+len(report.Unused) > 0 {
				t.Errorf("a tied copy: report %+v, error %v", report, err)
			}
			copied.Float32[5]++
			rewrite(t, dir, append(list, copied))
			if _, _, err := LoadLanguageModel(dir, 0); err == nil || !strings.Contains(err.Error(), output) || !strings.Contains(err.Error(), "tied") {
				t.Errorf("an output embedding of its own: error %v", err)
			}
			if _, _, err := LoadSequenceClassifier(dir, 2, false, 0); err != nil {
				t.Errorf("a classifier does not need it: %v", err)
			}
		})
	}
}

// TestConfigKeepsTheFamilysKeys: what is read is written under the same names,
// with what godwit does not use, and nothing of another family.
func TestConfigKeepsTheFamilysKeys(t *testing.T) {
	for modelType, c := range map[string]struct{ has, lacks []string }{
		"bert":        {[]string{"hidden_size", "type_vocab_size", "position_embedding_type"}, []string{"d_model", "dim", "summary_type", "attn_type"}},
		"xlm-roberta": {[]string{"hidden_size", "type_vocab_size", "pad_token_id"}, []string{"d_model", "dim", "summary_type"}},
		"distilbert":  {[]string{"dim", "n_heads", "hidden_dim", "activation", "dropout", "seq_classif_dropout"}, []string{"hidden_size", "hidden_act", "type_vocab_size", "layer_norm_eps"}},
		"xlnet":       {[]string{"d_model", "n_head", "d_inner", "ff_activation", "dropout", "summary_type", "clamp_len"}, []string{"hidden_size", "max_position_embeddings", "attention_probs_dropout_prob"}},
	} {
		t.Run(modelType, func(t *testing.T) {
			config, err := NewConfig(modelType, 50, 12, 1, 2, 20, 30)
			if err != nil {
				t.Fatal(err)
			}
			config.other = map[string]json.RawMessage{"position_embedding_type": []byte(`"absolute"`), "mem_len": []byte("null"), "Hidden_Size": []byte("3")}
			dir := t.TempDir()
			if err := config.Save(dir); err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(filepath.Join(dir, "config.json"))
			if err != nil {
				t.Fatal(err)
			}
			var keys map[string]any
			if err := json.Unmarshal(data, &keys); err != nil {
				t.Fatal(err)
			}
			for _, k := range append(c.has, "mem_len", "vocab_size", "model_type", "dtype", "Hidden_Size") {
				if _, ok := keys[k]; !ok {
					t.Errorf("%s is missing in %s", k, data)
				}
			}
			for _, k := range c.lacks {
				if _, ok := keys[k]; ok {
					t.Errorf("%s is in %s", k, data)
				}
			}
			again, err := LoadConfig(dir)
			if err != nil {
				t.Fatal(err)
			}
			if again.HiddenSize != 12 || again.IntermediateSize != 20 || again.NumAttentionHeads != 2 {
				t.Errorf("loaded %+v: a key is taken in another case than its own", again)
			}
			if modelType != "xlnet" && again.MaxLength() != 30 {
				t.Errorf("sequences of up to %d tokens, want 30", again.MaxLength())
			}
		})
	}
}

func TestConfigErrorsUseTheFamilysKeys(t *testing.T) {
	for text, says := range map[string][]string{
		`{"model_type":"electra"}`:                                                                      {"electra", "xlm-roberta", "xlnet"},
		`{"model_type":"xlnet","d_model":30,"n_head":4}`:                                                {"d_model", "30", "n_head = 4"},
		`{"model_type":"xlnet","n_head":0}`:                                                             {"n_head", "0"},
		`{"model_type":"xlnet","d_model":"wide"}`:                                                       {"d_model", "string"},
		`{"model_type":"xlnet","attn_type":"uni"}`:                                                      {"attn_type", "uni"},
		`{"model_type":"xlnet","summary_type":"mean"}`:                                                  {"summary_type", "mean"},
		`{"model_type":"xlnet","ff_activation":"softplus"}`:                                             {"ff_activation", "softplus", "gelu"},
		`{"model_type":"xlnet","d_model":64,"n_head":4,"d_head":8}`:                                     {"d_head", "8", "16"},
		`{"model_type":"distilbert","dim":30,"n_heads":4}`:                                              {"dim", "n_heads = 4"},
		`{"model_type":"distilbert","seq_classif_dropout":7}`:                                           {"seq_classif_dropout", "7"},
		`{"model_type":"roberta","vocab_size":1000000000000}`:                                           {"vocab_size", "1000000000000"},
		`{"model_type":"roberta","pad_token_id":null}`:                                                  {"pad_token_id", "null"},
		`{"model_type":"roberta","pad_token_id":600,"max_position_embeddings":514}`:                     {"pad_token_id", "600", "512"},
		`{"model_type":"roberta","is_decoder":true}`:                                                    {"is_decoder", "true"},
		`{"model_type":"bert","hidden_size":1048576,"num_attention_heads":16,"num_hidden_layers":4000}`: {"parameters"},
		`{"model_type":"bert","position_embedding_type":"relative_key"}`:                                {"position_embedding_type", "relative_key"},
	} {
		_, err := ParseConfig([]byte(text))
		if err == nil {
			t.Errorf("%s: no error", text)
			continue
		}
		for _, s := range says {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%s: error %q does not say %q", text, err, s)
			}
		}
	}
}

// TestAConfigLargerThanItsFileIsRefusedBeforeMemoryIsTaken: this one asks for 200 GB.
func TestAConfigLargerThanItsFileIsRefusedBeforeMemoryIsTaken(t *testing.T) {
	dir, _ := saved(t)
	config := `{"model_type":"bert","vocab_size":250000000,"hidden_size":200,"num_attention_heads":2,"num_hidden_layers":2,"intermediate_size":88}`
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := LoadSequenceClassifier(dir, 2, false, 0); err == nil || !strings.Contains(err.Error(), "5e+10") || !strings.Contains(err.Error(), "model.safetensors") {
		t.Errorf("error %v, want both sizes", err)
	}
}

func TestRobertaCountsPositionsFromThePaddingToken(t *testing.T) {
	c := smallConfig(t, "roberta")
	var b Batch
	b.Add([]int32{0, 9, 1, 8, 2}, nil) // a padding token within the text takes no position
	b.Add([]int32{0, 2}, nil)
	if got, want := b.positions(c), []int32{2, 3, 1, 4, 5, 2, 3}; !slices.Equal(got, want) {
		t.Errorf("positions %v, want %v", got, want)
	}
	if c.MaxLength() != 80 || c.MaxPositionEmbeddings != 82 {
		t.Errorf("%d positions for %d tokens", c.MaxPositionEmbeddings, c.MaxLength())
	}
}
