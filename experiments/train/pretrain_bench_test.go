package train

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"godwit/experiments/dataset"
	"godwit/experiments/dataset/synthetic"
	"godwit/transformer"
)

// BenchmarkPretraining is the table of docs/pretraining.md: a tiny encoder of
// each family learns the embedded corpus with its own vocabulary and objective,
// and is then fine-tuned on the embedded tasks, beside the same encoder from random weights.
//
//	go test ./experiments/train -run '^$' -bench Pretraining -benchtime 1x
func BenchmarkPretraining(b *testing.B) {
	corpora := synthetic.Make(synthetic.Seed)
	path := filepath.Join(b.TempDir(), "corpus.txt")
	if err := os.WriteFile(path, []byte(strings.Join(corpora.Unlabelled, "\n")), 0o644); err != nil {
		b.Fatal(err)
	}
	for _, modelType := range []string{"bert", "roberta", "xlnet"} {
		b.Run(modelType, func(b *testing.B) {
			for range b.N {
				benchmarkFamily(b, modelType, path, corpora)
			}
		})
	}
}

func benchmarkFamily(b *testing.B, modelType, path string, corpora *synthetic.Corpora) {
	const length = 64
	tok, err := TrainTokenizer(b.Context(), []string{path}, VocabularyOptions{ModelType: modelType, Size: 1000})
	if err != nil {
		b.Fatal(err)
	}
	corpus, err := ReadCorpus(b.Context(), []string{path}, tok, CorpusOptions{MaxLength: length, Lines: true})
	if err != nil {
		b.Fatal(err)
	}
	train, dev := corpus.Split(0.05, 0)
	c, err := transformer.NewConfig(modelType, tok.VocabSize(), 96, 2, 4, 256, length)
	if err != nil {
		b.Fatal(err)
	}
	c.HiddenDropoutProb, c.AttentionProbsDropoutProb, c.SummaryLastDropout = 0, 0, 0
	m, err := NewEncoder(c, tok, 0)
	if err != nil {
		b.Fatal(err)
	}
	s := DefaultPretrainSettings(modelType)
	s.Epochs, s.BatchTokens, s.LearningRate, s.Masking, s.MaskRatio = 15, 1024, 2e-3, DynamicMasking, 0.2 // as the embedded study
	if modelType == "xlnet" {
		s.MaxSpan, s.MaskRatio, s.LearningRate = 2, 0.25, 3e-3
	}
	r, err := Pretrain(b.Context(), m, tok, train, dev, s, PretrainRun{})
	if err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	if err := transformer.Save(dir, m, c); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(r.Dev.UnigramPerplexity, "unigram-perplexity")
	b.ReportMetric(r.Dev.Perplexity, "perplexity")
	b.ReportMetric(float64(r.Tokens)/r.Seconds, "tokens/s")

	// The embedded study's larger sets: 1000 to 2000 examples to learn from, 400 to be scored on.
	const seeds = 3
	sum := map[string]float64{}
	for _, task := range corpora.Tasks {
		kind, set := Classification, task.Intermediate
		if task.Regression {
			kind = Regression
		}
		prepare := func(path string, examples []dataset.Example, labels []string) []Item {
			items, _, err := Prepare(path, examples, tok, kind, labels, length)
			if err != nil {
				b.Fatal(err)
			}
			return items
		}
		for _, from := range []string{"random", "pretrained"} {
			mean := 0.0
			for seed := range uint64(seeds) {
				mean += benchmarkSet(b, dir, from == "pretrained", c, prepare, kind, set, seed) / seeds
			}
			sum[from] += mean
			b.ReportMetric(mean, set.Name+"/"+from)
		}
	}
	if sum["pretrained"] <= sum["random"] {
		b.Errorf("%s: scores from pretrained weights %v, from random ones %v", modelType, sum["pretrained"], sum["random"])
	}
}

// benchmarkSet returns the test score of a model that is fine-tuned from
// the pretrained weights in dir or from random ones.
func benchmarkSet(b *testing.B, dir string, pretrained bool, c *transformer.Config, prepare func(string, []dataset.Example, []string) []Item, kind Task, set synthetic.Set, seed uint64) float64 {
	var labels []string
	count := 1
	if kind == Classification {
		labels = dataset.LabelsOf(set.Train).Names()
		count = len(labels)
	}
	var m transformer.SequenceClassifier
	var err error
	if pretrained {
		m, _, err = transformer.LoadSequenceClassifier(dir, count, true, seed)
	} else if m, err = transformer.NewSequenceClassifier(c.Clone(), count); err == nil {
		transformer.Initialise(m, c, seed)
	}
	if err != nil {
		b.Fatal(err)
	}
	s := DefaultSettings(kind)
	s.Epochs, s.LearningRate, s.MaxLength, s.Seed = 8, 1e-3, 64, seed
	if _, err := FineTune(b.Context(), m, prepare("train", set.Train, labels), prepare("dev", set.Dev, labels), s, Watch{}); err != nil {
		b.Fatal(err)
	}
	scores, _, err := Evaluate(b.Context(), m, kind, prepare("test", set.Test, labels))
	if err != nil {
		b.Fatal(err)
	}
	return scores.Main()
}
