package train

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"godwit/experiments/dataset/synthetic"
	"godwit/kernels"
	"godwit/transformer"
	"godwit/transformer/tokenizer"
)

// embedded is the tokenizer of the synthetic corpora and their first texts.
func embedded(t testing.TB, vocabulary, texts int) (*tokenizer.Tokenizer, []string) {
	t.Helper()
	corpora := synthetic.Make(synthetic.Seed)
	tok, err := tokenizer.NewWordPiece(corpora.Vocabulary(vocabulary), tokenizer.WordPieceOptions{Lowercase: true, ChineseChars: true})
	if err != nil {
		t.Fatal(err)
	}
	return tok, corpora.Unlabelled[:min(texts, len(corpora.Unlabelled))]
}

// encoderOf returns a new language model of a family.
func encoderOf(t testing.TB, modelType string, vocabulary, hidden, layers int, dropout float64) transformer.LanguageModel {
	t.Helper()
	c, err := transformer.NewConfig(modelType, vocabulary, hidden, layers, 2, 2*hidden, 64)
	if err != nil {
		t.Fatal(err)
	}
	c.HiddenDropoutProb, c.AttentionProbsDropoutProb = dropout, dropout
	m, err := transformer.NewLanguageModel(c)
	if err != nil {
		t.Fatal(err)
	}
	transformer.Initialise(m, c, 1)
	return m
}

// bits are the weights of a model as they are written.
func bits(t testing.TB, m transformer.LanguageModel) []byte {
	t.Helper()
	dir := t.TempDir()
	if err := transformer.Save(dir, m, m.Configuration()); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// small is a run of three epochs of a few steps, with dropout, so that all that is random counts.
type small struct {
	tok        *tokenizer.Tokenizer
	train, dev *Corpus
	settings   PretrainSettings
	modelType  string
}

func newSmall(t testing.TB, modelType string) *small {
	t.Helper()
	tok, texts := embedded(t, 300, 60)
	corpus, err := NewCorpus(t.Context(), texts, tok, CorpusOptions{MaxLength: 48})
	if err != nil {
		t.Fatal(err)
	}
	s := &small{tok: tok, settings: DefaultPretrainSettings(modelType), modelType: modelType}
	s.train, s.dev = corpus.Split(0.1, 0)
	s.settings.Epochs, s.settings.BatchTokens = 3, 400
	return s
}

func (s *small) run(t testing.TB, ctx context.Context, run PretrainRun) (transformer.LanguageModel, *PretrainResult, error) {
	t.Helper()
	m := encoderOf(t, s.modelType, s.tok.VocabSize(), 16, 2, 0.1)
	r, err := Pretrain(ctx, m, s.tok, s.train, s.dev, s.settings, run)
	return m, r, err
}

// TestResumedRunsHaveTheSameBits stops runs at several steps, by ctx or by a
// panic that stands for a kill, and lets them go on.
func TestResumedRunsHaveTheSameBits(t *testing.T) {
	for _, modelType := range transformer.ModelTypes() {
		s := newSmall(t, modelType)
		m, want, err := s.run(t, t.Context(), PretrainRun{})
		if err != nil {
			t.Fatal(err)
		}
		undisturbed := bits(t, m)
		perEpoch := want.Epochs[0].Step
		if want.Steps < 9 || len(want.Epochs) != 3 || perEpoch*3 > want.Steps+3 {
			t.Fatalf("%s: %+v is too short for the test", modelType, want)
		}
		type killed struct{}
		for _, stops := range [][]int{{1}, {2, 3, 7}, {perEpoch}, {perEpoch + 1, want.Steps - 1}, {want.Steps}} {
			for _, kill := range []bool{false, true} {
				state := filepath.Join(t.TempDir(), "state")
				for _, stop := range append(stops, -1) {
					ctx, cancel := context.WithCancel(t.Context())
					var r *PretrainResult
					died := func() (died bool) {
						defer func() {
							if p := recover(); p != nil {
								if _, ok := p.(killed); !ok {
									panic(p)
								}
								died = true
							}
						}()
						m, r, err = s.run(t, ctx, PretrainRun{State: state, Every: 2, Step: func(p Progress) {
							if p.Step == stop {
								if kill {
									panic(killed{})
								}
								cancel()
							}
						}})
						return false
					}()
					cancel()
					switch {
					case stop < 0 && err != nil:
						t.Fatalf("%s: stopped at %v: %v", modelType, stops, err)
					case stop >= 0 && died != kill, stop >= 0 && !kill && !errors.Is(err, context.Canceled):
						t.Fatalf("%s: did not stop at %d: %v", modelType, stop, err)
					case stop >= 0:
						continue
					}
					r.Seconds = want.Seconds
					if got, w := fmt.Sprintf("%+v", flat(r)), fmt.Sprintf("%+v", flat(want)); got != w {
						t.Errorf("%s: stopped at %v (killed: %v): result %s, undisturbed %s", modelType, stops, kill, got, w)
					}
					if !bytes.Equal(bits(t, m), undisturbed) {
						t.Errorf("%s: stopped at %v (killed: %v): other weights than undisturbed", modelType, stops, kill)
					}
				}
			}
		}
	}
}

// TestFailedWriteLeavesTheState: a run whose state cannot be written ends with an error that
// says so, and goes on from the state before.
func TestFailedWriteLeavesTheState(t *testing.T) {
	s := newSmall(t, "bert")
	m, _, err := s.run(t, t.Context(), PretrainRun{})
	if err != nil {
		t.Fatal(err)
	}
	undisturbed := bits(t, m)
	dir := filepath.Join(t.TempDir(), "dir")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	run := PretrainRun{State: filepath.Join(dir, "state"), Every: 2}
	run.Step = func(p Progress) {
		if p.Step == 6 { // the folder goes away before the third state is written
			if err := os.Rename(dir, dir+" elsewhere"); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, _, err := s.run(t, t.Context(), run); err == nil || !strings.Contains(err.Error(), run.State) {
		t.Fatalf("a state that cannot be written: %v", err)
	}
	if err := os.Rename(dir+" elsewhere", dir); err != nil {
		t.Fatal(err)
	}
	first := 0
	run.Step = func(p Progress) {
		if first == 0 {
			first = p.Step
		}
	}
	if m, _, err = s.run(t, t.Context(), run); err != nil || first != 5 || !bytes.Equal(bits(t, m), undisturbed) {
		t.Errorf("went on with step %d (%v): other weights than undisturbed", first, err)
	}
}

// flat gives a result without pointers.
func flat(r *PretrainResult) []any {
	out := []any{r.Steps, r.Tokens, r.Loss, r.Perplexity, *r.Dev}
	for _, e := range r.Epochs {
		out = append(out, e.Epoch, e.Step, e.Train, *e.Dev)
	}
	return out
}

func TestPretrainingDoesNotDependOnTheMachine(t *testing.T) {
	defer kernels.SetISA(kernels.ISA())
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, modelType := range transformer.ModelTypes() {
		s := newSmall(t, modelType)
		s.settings.MaxSteps = 4
		var first []byte
		for _, way := range []struct {
			cores int
			isa   string
		}{{1, ""}, {2, ""}, {7, ""}, {2, "generic"}} {
			runtime.GOMAXPROCS(way.cores)
			isa := kernels.ISA()
			if way.isa != "" {
				if err := kernels.SetISA(way.isa); err != nil {
					t.Fatal(err)
				}
			}
			m, r, err := s.run(t, t.Context(), PretrainRun{})
			if err != nil || r.Steps != 4 {
				t.Fatalf("%s: %v, %+v", modelType, err, r)
			}
			if err := kernels.SetISA(isa); err != nil {
				t.Fatal(err)
			}
			if data := bits(t, m); first == nil {
				first = data
			} else if !bytes.Equal(first, data) {
				t.Errorf("%s: other weights with %+v", modelType, way)
			}
		}
		s.settings.Seed = 2
		if m, _, err := s.run(t, t.Context(), PretrainRun{}); err != nil || bytes.Equal(bits(t, m), first) {
			t.Errorf("%s: the seed makes no difference (%v)", modelType, err)
		}
	}
}

// TestStateOfAnotherRunIsRefused: what determines the outcome must be the same, and the file whole.
func TestStateOfAnotherRunIsRefused(t *testing.T) {
	s := newSmall(t, "bert")
	state := filepath.Join(t.TempDir(), "state")
	s.settings.MaxSteps = 3
	if _, _, err := s.run(t, t.Context(), PretrainRun{State: state, Spec: map[string]int{"a": 1, "b": 2}}); err != nil {
		t.Fatal(err)
	}
	spec := map[string]int{"a": 1, "b": 2}
	if u, err := FindRun(state, spec); err != nil || u == nil || u.Step != 3 || u.Steps != 3 || len(u.Differing) > 0 {
		t.Errorf("%+v, %v", u, err)
	}
	if u, err := FindRun(state, map[string]int{"a": 1, "b": 3, "c": 4}); err != nil || u == nil || !slices.Equal(u.Differing, []string{"b", "c"}) {
		t.Errorf("%+v, %v", u, err)
	}
	if u, err := FindRun(state+"2", spec); err != nil || u != nil {
		t.Errorf("a run where there is none: %+v, %v", u, err)
	}
	refused := func(says string) {
		t.Helper()
		_, _, err := s.run(t, t.Context(), PretrainRun{State: state, Spec: spec})
		if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), state) {
			t.Errorf("%v, want %q", err, says)
		}
	}
	spec = map[string]int{"a": 2, "b": 2}
	refused("other settings")
	spec = map[string]int{"a": 1, "b": 2}
	s.settings.LearningRate *= 2
	refused("other settings")
	s.settings.LearningRate /= 2
	train, dev := s.train, s.dev
	s.train = dev
	s.settings.Epochs = 30 // so that the number of steps is the same
	refused("other settings")
	s.settings.Epochs = 3
	refused("corpus")
	s.train, s.dev = train, train
	refused("held-out")
	s.dev = dev
	data, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	for says, bad := range map[string][]byte{"state": data[:len(data)/2], "format": bytes.Replace(data, []byte("godwit pretraining 1"), []byte("godwit pretraining 9"), 1)} {
		if err := os.WriteFile(state, bad, 0o644); err != nil {
			t.Fatal(err)
		}
		refused(says)
	}
}

func TestPretrainErrors(t *testing.T) {
	s := newSmall(t, "bert")
	good := s.settings
	for says, change := range map[string]func(){
		"epochs":                 func() { s.settings.Epochs = 0 },
		"batch_tokens":           func() { s.settings.BatchTokens = 0 },
		"learning_rate":          func() { s.settings.LearningRate = math.NaN() },
		"mask_ratio":             func() { s.settings.MaskRatio = 0 },
		"masking":                func() { s.settings.Masking = "never" },
		"warm-up":                func() { s.settings.WarmupRatio = 2 },
		"a lower learning rate":  func() { s.settings.LearningRate = 1e30 },
		"state: no such file":    nil,
		"positions for 64":       nil,
		"id 299, expected 0 to ": nil,
	} {
		s.settings = good
		run := PretrainRun{}
		m := encoderOf(t, "bert", s.tok.VocabSize(), 16, 1, 0)
		train := s.train
		switch {
		case change != nil:
			change()
		case strings.HasPrefix(says, "state"):
			run.State = filepath.Join(t.TempDir(), "no", "state")
			says = "no such file"
		case strings.HasPrefix(says, "positions"):
			long, err := NewCorpus(t.Context(), []string{strings.Repeat("a ", 100)}, s.tok, CorpusOptions{MaxLength: 80})
			if err != nil {
				t.Fatal(err)
			}
			train = long
		default:
			m = encoderOf(t, "bert", 20, 16, 1, 0)
			says = "expected 0 to 19"
		}
		if _, err := Pretrain(t.Context(), m, s.tok, train, nil, s.settings, run); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %q", err, says)
		}
	}
	s.settings = DefaultPretrainSettings("xlnet")
	s.settings.WholeWord = true
	if err := s.settings.Check("xlnet"); err == nil || !strings.Contains(err.Error(), "whole_word") {
		t.Errorf("whole words for xlnet: %v", err)
	}
	s.settings.WholeWord, s.settings.MaxSpan = false, 0
	if err := s.settings.Check("xlnet"); err == nil || !strings.Contains(err.Error(), "max_span") {
		t.Errorf("no spans for xlnet: %v", err)
	}
}

// TestMasksByEpoch: static masks are the same in each epoch, dynamic ones are not.
func TestMasksByEpoch(t *testing.T) {
	for modelType, dynamic := range map[string]bool{"bert": false, "distilbert": false, "roberta": true, "xlm-roberta": true, "xlnet": true} {
		s := newSmall(t, "bert")
		settings := DefaultPretrainSettings(modelType)
		if (settings.Masking == DynamicMasking) != dynamic {
			t.Errorf("%s: masking is %s", modelType, settings.Masking)
		}
		p := &pretrainer{model: encoderOf(t, "bert", s.tok.VocabSize(), 16, 1, 0), settings: settings, objective: newObjective(modelType, s.tok, settings), draws: newDraws()}
		drawn := func(epoch int, which ...int) string {
			if err := p.fill(s.train, which, settings.pass(epoch)); err != nil {
				t.Fatal(err)
			}
			return fmt.Sprint(p.batch.IDs, p.asked)
		}
		one, two := drawn(1, 0, 1, 2, 3), drawn(2, 0, 1, 2, 3)
		if (one != two) != dynamic {
			t.Errorf("%s: draws of two epochs differ: %v", modelType, one != two)
		}
		if drawn(1, 0, 1, 2, 3) != one {
			t.Errorf("%s: the same epoch draws otherwise the second time", modelType)
		}
		before := p.batch.IDs[p.batch.Offsets[3]:]
		if len(before) == 0 {
			t.Fatal("no fourth sequence")
		}
		all := slices.Clone(before)
		drawn(1, 3)
		if !slices.Equal(p.batch.IDs, all) {
			t.Errorf("%s: masks of a sequence depend on the others of its batch", modelType)
		}
	}
}

// TestWholeWordsOfVocabularies: which tokens go on with a word is told by the vocabulary.
func TestWholeWordsOfVocabularies(t *testing.T) {
	byteLevel, err := tokenizer.NewByteLevelBPE([]string{"<s>", "<pad>", "</s>", "<unk>", "<mask>", "Ġ", "a", "b", "Ġa", "ab", "Ġab"},
		[][2]string{{"Ġ", "a"}, {"a", "b"}, {"Ġa", "b"}}, tokenizer.ByteLevelBPEOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		tok  *tokenizer.Tokenizer
		want func(token string) bool
	}{
		{letters(t, 0), func(token string) bool { return strings.HasPrefix(token, "##") }},
		{byteLevel, func(token string) bool { return !strings.HasPrefix(token, "Ġ") }},
	} {
		for id, found := range continuations(c.tok) {
			if token := c.tok.Token(int32(id)); found != c.want(token) {
				t.Errorf("%q goes on with a word: %v", token, found)
			}
		}
	}
}

// TestPretrainingLearns: a short run predicts held-out tokens far better than by their frequency.
func TestPretrainingLearns(t *testing.T) {
	tok, texts := embedded(t, 1800, 1500)
	corpus, err := NewCorpus(t.Context(), texts, tok, CorpusOptions{MaxLength: 64, Lines: true})
	if err != nil {
		t.Fatal(err)
	}
	train, dev := corpus.Split(0.1, 0)
	for _, modelType := range transformer.ModelTypes() {
		m := encoderOf(t, modelType, tok.VocabSize(), 48, 2, 0)
		s := DefaultPretrainSettings(modelType)
		s.Epochs, s.BatchTokens, s.LearningRate, s.Masking = 12, 1024, 5e-3, DynamicMasking
		r, err := Pretrain(t.Context(), m, tok, train, dev, s, PretrainRun{})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d steps, %.1f s, train %.1f, held-out %.1f, unigram %.1f", modelType, r.Steps, r.Seconds, r.Perplexity, r.Dev.Perplexity, r.Dev.UnigramPerplexity)
		if r.Dev.Perplexity > r.Dev.UnigramPerplexity/2 || r.Dev.Predictions < 200 {
			t.Errorf("%s: held-out %+v: expected a perplexity of less than half the unigram's", modelType, *r.Dev)
		}
	}
}

// TestUnigramLosses: probabilities sum to 1 and go by frequency.
func TestUnigramLosses(t *testing.T) {
	tok := letters(t, 0)
	corpus, err := NewCorpus(t.Context(), []string{"a a a b"}, tok, CorpusOptions{MaxLength: 8})
	if err != nil {
		t.Fatal(err)
	}
	loss := unigramLosses(corpus, tok.VocabSize())
	sum := 0.0
	for _, l := range loss {
		sum += math.Exp(-l)
	}
	a, _ := tok.ID("a")
	if total := float64(tok.VocabSize() + 4); math.Abs(sum-1) > 1e-12 || math.Abs(math.Exp(-loss[a])-4/total) > 1e-12 || loss[tok.CLS()] != loss[tok.Mask()] {
		t.Errorf("sum %v, p(a) %v", sum, math.Exp(-loss[a]))
	}
}
