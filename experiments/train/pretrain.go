package train

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"godwit/experiments/dataset"
	"godwit/nn"
	"godwit/tensor"
	"godwit/transformer"
	"godwit/transformer/tokenizer"
)

// Masking says when the tokens to be predicted are drawn.
type Masking string

const (
	StaticMasking  Masking = "static"  // once for each sequence: BERT
	DynamicMasking Masking = "dynamic" // anew in each epoch: RoBERTa (Liu et al. 2019, §4.1), XLNet
)

// PretrainSettings determine a run of pretraining together with the model and the corpus.
type PretrainSettings struct {
	Epochs       int     `json:"epochs"`
	MaxSteps     int     `json:"max_steps,omitempty"` // 0: as many as the epochs have
	BatchTokens  int     `json:"batch_tokens"`
	LearningRate float64 `json:"learning_rate"`
	WarmupRatio  float64 `json:"warmup_ratio"`
	WeightDecay  float64 `json:"weight_decay"`
	ClipNorm     float64 `json:"clip_norm"`
	Masking      Masking `json:"masking"`
	MaskRatio    float64 `json:"mask_ratio"`           // share of the tokens that are predicted
	WholeWord    bool    `json:"whole_word,omitempty"` // masked LM: the tokens of a word are masked together
	MaxSpan      int     `json:"max_span,omitempty"`   // permutation LM: longest span of tokens that are predicted
	Seed         uint64  `json:"seed"`
}

// DefaultPretrainSettings returns settings for small encoders from nothing,
// with the objective of the family as it was published.
func DefaultPretrainSettings(modelType string) PretrainSettings {
	s := PretrainSettings{Epochs: 10, BatchTokens: 2048, LearningRate: 1e-3, WarmupRatio: 0.1, WeightDecay: 0.01, ClipNorm: 1, Masking: StaticMasking, MaskRatio: 0.15}
	switch modelType {
	case "roberta", "xlm-roberta":
		s.Masking = DynamicMasking
	case "xlnet":
		s.Masking, s.MaskRatio, s.MaxSpan = DynamicMasking, 1./6, 5
	}
	return s
}

// Check reports the first setting that makes no sense for the family.
func (s PretrainSettings) Check(modelType string) error {
	for _, f := range []struct {
		name            string
		value, min, max float64
	}{
		{"epochs", float64(s.Epochs), 1, 1 << 24}, {"max_steps", float64(s.MaxSteps), 0, math.MaxInt32}, {"batch_tokens", float64(s.BatchTokens), 1, 1 << 24},
		{"learning_rate", s.LearningRate, 0, math.MaxFloat32}, {"weight_decay", s.WeightDecay, 0, math.MaxFloat32}, {"clip_norm", s.ClipNorm, 0, math.MaxFloat32},
		{"mask_ratio", s.MaskRatio, 0.01, 0.99},
	} {
		if !(f.value >= f.min && f.value <= f.max) {
			return fmt.Errorf("%s: found %v, expected a number from %v to %v", f.name, f.value, f.min, f.max)
		}
	}
	switch {
	case s.Masking != StaticMasking && s.Masking != DynamicMasking:
		return fmt.Errorf("masking: found %q, expected %q or %q", s.Masking, StaticMasking, DynamicMasking)
	case modelType == "xlnet" && (s.MaxSpan < 1 || s.MaxSpan > 1000):
		return fmt.Errorf("max_span: found %d, expected a number from 1 to 1000", s.MaxSpan)
	case modelType == "xlnet" && s.WholeWord:
		return errors.New("whole_word: xlnet predicts spans of tokens, expected it to be off")
	}
	_, err := nn.NewSchedule("linear", 1, s.WarmupRatio)
	return err
}

// pass returns which of [draws] an epoch uses.
func (s PretrainSettings) pass(epoch int) uint32 {
	if s.Masking == DynamicMasking {
		return uint32(epoch)
	}
	return 0
}

// PretrainScore is how well tokens are predicted.
type PretrainScore struct {
	Loss        float64 `json:"loss"`       // mean over the predicted tokens, in nats
	Perplexity  float64 `json:"perplexity"` // exp of Loss
	Predictions int     `json:"predictions"`
	// UnigramPerplexity is what predicting every token by its frequency in
	// the training corpus reaches on the same tokens.
	UnigramPerplexity float64 `json:"unigram_perplexity,omitempty"`
}

// PretrainEpoch is the state at the end of an epoch.
type PretrainEpoch struct {
	Epoch int            `json:"epoch"`
	Step  int            `json:"step"`
	Train PretrainScore  `json:"train"` // while it was trained
	Dev   *PretrainScore `json:"dev,omitempty"`
}

// PretrainResult is what a pretraining run did.
type PretrainResult struct {
	Epochs     []PretrainEpoch `json:"epochs"`
	Steps      int             `json:"steps"`
	Tokens     int             `json:"tokens"`
	Loss       float64         `json:"loss"`       // of the last epoch
	Perplexity float64         `json:"perplexity"` // exp of Loss
	Dev        *PretrainScore  `json:"dev,omitempty"`
	Seconds    float64         `json:"seconds"` // in steps, those before an interruption included
}

// PretrainRun says what happens during pretraining. Nothing need be set.
type PretrainRun struct {
	// State is a file from which the run goes on if it is there, and which is
	// written at the beginning, every Every steps, after each epoch and when the run is stopped.
	State string
	Every int
	// Spec is kept in the state: what the caller must have the same to go on.
	Spec any
	// Step is called after each step, Epoch after each epoch: it may save the model.
	Step  func(Progress)
	Epoch func(*PretrainResult) error
}

// newObjective returns what a model of that family is pretrained for.
func newObjective(modelType string, tok *tokenizer.Tokenizer, s PretrainSettings) objective {
	special := make([]bool, tok.VocabSize())
	for _, id := range []int32{tok.Pad(), tok.Unk(), tok.CLS(), tok.SEP(), tok.Mask()} {
		if id >= 0 && int(id) < len(special) {
			special[id] = true
		}
	}
	if modelType == "xlnet" {
		return &permutationLM{ratio: s.MaskRatio, maxSpan: s.MaxSpan, special: special}
	}
	m := &maskedLM{ratio: s.MaskRatio, mask: tok.Mask(), vocabulary: tok.VocabSize(), special: special}
	if s.WholeWord {
		m.continues = continuations(tok)
	}
	return m
}

// continuations tells by id which tokens go on with a word: in WordPiece those
// that begin with ##, elsewhere those that do not begin with the mark of a space.
func continuations(tok *tokenizer.Tokenizer) []bool {
	marks := []string{"##", "▁", "Ġ"}
	count := make([]int, len(marks))
	for id := range tok.VocabSize() {
		for i, m := range marks {
			if strings.HasPrefix(tok.Token(int32(id)), m) {
				count[i]++
			}
		}
	}
	most := 0
	for i := range marks {
		if count[i] > count[most] {
			most = i
		}
	}
	out := make([]bool, tok.VocabSize())
	for id := range out {
		out[id] = strings.HasPrefix(tok.Token(int32(id)), marks[most]) == (most == 0)
	}
	return out
}

// pretrainer takes steps of pretraining on a model.
type pretrainer struct {
	model      transformer.LanguageModel
	settings   PretrainSettings
	objective  objective
	parameters []nn.Parameter
	optimizer  *nn.Adam
	schedule   nn.Schedule
	tape       *tensor.Tape

	draws *draws
	batch transformer.Batch
	asked predictions
	ids   []int32
	types []int32
}

// fill makes the batch of the given sequences, with the tokens to be predicted as that pass draws them.
func (t *pretrainer) fill(c *Corpus, which []int, pass uint32) error {
	t.batch.Reset()
	t.asked.reset()
	for _, i := range which {
		t.ids = c.Append(t.ids[:0], i)
		t.objective.draw(t.ids, int32(t.batch.Tokens()), t.draws.of(t.settings.Seed, pass, int(c.which[i])), &t.asked)
		t.types = c.addTo(&t.batch, t.ids, t.types)
	}
	if len(t.asked.hidden) > 0 {
		t.batch.Hidden = t.asked.hidden
	}
	return t.batch.Check(t.model.Configuration())
}

// step takes one step; of no tokens to predict it learns nothing.
func (t *pretrainer) step(number int) (loss float64) {
	if len(t.asked.rows) == 0 {
		return 0
	}
	t.tape.Reset(t.settings.Seed, uint32(number))
	loss = t.tape.CrossEntropy(transformer.TokenLogits(t.tape, t.model, &t.batch, t.asked.rows), t.asked.labels)
	nn.ZeroGrad(t.parameters)
	t.tape.Backward()
	_, scale := nn.ClipGradNorm(t.parameters, t.settings.ClipNorm)
	t.optimizer.Step(t.settings.LearningRate*t.schedule.Factor(number), scale)
	return loss
}

// evaluate returns the score on held-out sequences. Their tokens to be
// predicted are always the same.
func (t *pretrainer) evaluate(ctx context.Context, dev *Corpus, unigram []float64) (*PretrainScore, error) {
	tape := tensor.NewInference()
	var score PretrainScore
	sum, byFrequency := 0.0, 0.0
	for _, which := range dataset.Batches(dev.lengths(), dataset.BatchOptions{TokenBudget: t.settings.BatchTokens, SortWindow: dev.Len()}) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := t.fill(dev, which, heldOut); err != nil {
			return nil, err
		}
		if len(t.asked.rows) == 0 {
			continue
		}
		tape.Reset(0, 0)
		n := len(t.asked.rows)
		sum += float64(n) * tape.CrossEntropy(transformer.TokenLogits(tape, t.model, &t.batch, t.asked.rows), t.asked.labels)
		for _, id := range t.asked.labels {
			byFrequency += unigram[id]
		}
		score.Predictions += n
	}
	if score.Predictions == 0 {
		return nil, nil // too few tokens were held out
	}
	score.Loss = sum / float64(score.Predictions)
	score.Perplexity = math.Exp(score.Loss)
	score.UnigramPerplexity = math.Exp(byFrequency / float64(score.Predictions))
	return &score, nil
}

// lengths returns the number of tokens of each sequence.
func (c *Corpus) lengths() []int {
	n := make([]int, c.Len())
	for i := range n {
		n[i] = c.Length(i)
	}
	return n
}

// unigramLosses returns -log p of each token by its frequency in a corpus.
// Every token counts once more than it occurs.
func unigramLosses(c *Corpus, vocabulary int) []float64 {
	loss := make([]float64, vocabulary)
	var ids []int32
	total := vocabulary
	edges := len(c.frame.before) + len(c.frame.after)
	for i := range c.Len() {
		ids = c.Append(ids[:0], i)
		for _, id := range ids[len(c.frame.before) : len(ids)-len(c.frame.after)] {
			loss[id]++
		}
		total += len(ids) - edges
	}
	for id, n := range loss {
		loss[id] = math.Log(float64(total)) - math.Log(n+1)
	}
	return loss
}

// Pretrain trains a language model on a corpus with the objective of its
// family, and scores it after each epoch on held-out sequences, if there are any
// (dev may be nil). When ctx is done it writes the state and returns ctx's error. A run that was
// stopped, however, and goes on from its state ends with the same bits as one that was not.
func Pretrain(ctx context.Context, model transformer.LanguageModel, tok *tokenizer.Tokenizer, train, dev *Corpus, s PretrainSettings, run PretrainRun) (*PretrainResult, error) {
	config := model.Configuration()
	if err := s.Check(config.ModelType); err != nil {
		return nil, err
	}
	if config.ModelType != "xlnet" && tok.Mask() < 0 {
		return nil, errors.New("the tokenizer has no mask token, which masked language modelling needs")
	}
	size := train.lengths()
	batches := func(epoch int) [][]int {
		return dataset.Batches(size, dataset.BatchOptions{TokenBudget: s.BatchTokens, SortWindow: 512, Seed: s.Seed, Epoch: epoch, Shuffle: true})
	}
	steps := 0
	for epoch := 1; epoch <= s.Epochs && (s.MaxSteps == 0 || steps < s.MaxSteps); epoch++ {
		steps += len(batches(epoch))
	}
	if s.MaxSteps > 0 {
		steps = min(steps, s.MaxSteps)
	}
	if steps == 0 {
		return nil, fmt.Errorf("no text to train on")
	}
	schedule, err := nn.NewSchedule("linear", steps, s.WarmupRatio)
	if err != nil {
		return nil, err
	}
	parameters := nn.Parameters(model)
	t := &pretrainer{model: model, settings: s, objective: newObjective(config.ModelType, tok, s), parameters: parameters,
		optimizer: nn.NewAdamW(parameters, s.WeightDecay), schedule: schedule, tape: tensor.NewTape(), draws: newDraws()}
	t.tape.SetDropout(true)
	var unigram []float64
	if dev != nil && dev.Len() > 0 {
		unigram = unigramLosses(train, tok.VocabSize())
	}

	// The state before the first step, or that of the run that goes on.
	now := runState{Steps: steps, Epoch: 1, Settings: s}
	if run.State != "" {
		if now.Spec, err = json.Marshal(run.Spec); err != nil {
			return nil, err
		}
		now.Train = train.Digest()
		if dev != nil {
			now.Dev = dev.Digest()
		}
		found, err := loadRun(run.State, now, t.parameters, t.optimizer)
		if err != nil {
			return nil, err
		}
		if found != nil {
			now = *found
		} else if err := now.save(run.State, t.parameters, t.optimizer); err != nil {
			return nil, err
		}
	}
	var result PretrainResult
	report := func() *PretrainResult {
		result = PretrainResult{Epochs: now.Epochs, Steps: now.Step, Tokens: now.Tokens, Seconds: now.Seconds}
		if n := len(now.Epochs); n > 0 {
			last := now.Epochs[n-1]
			result.Loss, result.Perplexity, result.Dev = last.Train.Loss, last.Train.Perplexity, last.Dev
		}
		return &result
	}
	// save writes the state, where one is kept.
	save := func() error {
		if run.State == "" {
			return nil
		}
		return now.save(run.State, t.parameters, t.optimizer)
	}
	// stop saves what was done before ctx was done.
	stop := func(err error) (*PretrainResult, error) {
		return report(), errors.Join(err, save())
	}

	for ; now.Epoch <= s.Epochs; now.Epoch++ {
		list := batches(now.Epoch)
		perEpoch := float64(len(list))
		list = list[:min(len(list), now.InEpoch+steps-now.Step)]
		for now.InEpoch < len(list) {
			if err := ctx.Err(); err != nil {
				return stop(err)
			}
			began := time.Now()
			if err := t.fill(train, list[now.InEpoch], s.pass(now.Epoch)); err != nil {
				return report(), err
			}
			loss := t.step(now.Step)
			if math.IsNaN(loss) || math.IsInf(loss, 0) {
				return report(), fmt.Errorf("step %d: loss is %v; a lower learning rate than %g may help", now.Step+1, loss, s.LearningRate)
			}
			now.count(loss, len(t.asked.rows), t.batch.Tokens(), time.Since(began))
			if run.Step != nil {
				run.Step(Progress{Step: now.Step, Steps: steps, Epoch: float64(now.Epoch-1) + float64(now.InEpoch)/perEpoch, Loss: now.Recent,
					LearningRate: s.LearningRate * schedule.Factor(now.Step-1), Tokens: now.Tokens, Elapsed: time.Duration(now.Seconds * float64(time.Second))})
			}
			if run.Every > 0 && now.Step%run.Every == 0 && now.InEpoch < len(list) {
				if err := save(); err != nil {
					return report(), err
				}
			}
		}
		if len(now.Epochs) < now.Epoch {
			e := PretrainEpoch{Epoch: now.Epoch, Step: now.Step, Train: PretrainScore{Loss: now.LossSum / float64(max(1, now.Predictions)), Predictions: now.Predictions}}
			e.Train.Perplexity = math.Exp(e.Train.Loss)
			if unigram != nil {
				if e.Dev, err = t.evaluate(ctx, dev, unigram); err != nil {
					return stop(err)
				}
			}
			now.Epochs = append(now.Epochs, e)
			if err := save(); err != nil {
				return report(), err
			}
			if run.Epoch != nil {
				if err := run.Epoch(report()); err != nil {
					return report(), err
				}
			}
		}
		if now.Step == steps {
			break
		}
		now.InEpoch, now.LossSum, now.Predictions = 0, 0, 0
	}
	return report(), nil
}

// NewEncoder returns a new language model for a tokenizer, whose padding token
// the config takes over, with weights determined by seed.
func NewEncoder(c *transformer.Config, tok *tokenizer.Tokenizer, seed uint64) (transformer.LanguageModel, error) {
	length := c.MaxLength()
	c.PadTokenID = nil
	if pad := int(tok.Pad()); pad >= 0 {
		c.PadTokenID = &pad
	}
	if c.MaxPositionEmbeddings > 0 {
		c.MaxPositionEmbeddings += length - c.MaxLength() // RoBERTa counts positions from the padding token's id
	}
	m, err := transformer.NewLanguageModel(c)
	if err != nil {
		return nil, err
	}
	transformer.Initialise(m, c, seed)
	return m, nil
}
