package train

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"godwit/experiments/dataset"
	"godwit/nn"
	"godwit/tensor"
	"godwit/transformer"
	"godwit/transformer/tokenizer"
)

// PretrainSettings determine a run of masked language modelling (Devlin et al.
// 2018, §3.1): MaskRatio of the tokens are to be predicted; of these 80 % are
// shown as [MASK], 10 % as a random token and 10 % as they are.
type PretrainSettings struct {
	Epochs       int     `json:"epochs"`
	BatchTokens  int     `json:"batch_tokens"`
	LearningRate float64 `json:"learning_rate"`
	WarmupRatio  float64 `json:"warmup_ratio"`
	WeightDecay  float64 `json:"weight_decay"`
	ClipNorm     float64 `json:"clip_norm"`
	MaskRatio    float64 `json:"mask_ratio"`
	MaxLength    int     `json:"max_length"`
	Seed         uint64  `json:"seed"`
}

// DefaultPretrainSettings returns settings for small encoders from nothing.
func DefaultPretrainSettings() PretrainSettings {
	return PretrainSettings{Epochs: 10, BatchTokens: 2048, LearningRate: 1e-3, WarmupRatio: 0.1, WeightDecay: 0.01, ClipNorm: 1, MaskRatio: 0.15, MaxLength: 128}
}

// PretrainResult is what a pretraining run did.
type PretrainResult struct {
	Steps      int     `json:"steps"`
	Tokens     int     `json:"tokens"`
	Loss       float64 `json:"loss"`       // mean of the last epoch
	Perplexity float64 `json:"perplexity"` // exp of Loss
	Seconds    float64 `json:"seconds"`
}

// Pretrain trains a masked language model on texts, one a line of the corpus.
func Pretrain(ctx context.Context, model *transformer.BertForMaskedLM, tok *tokenizer.Tokenizer, texts []string, s PretrainSettings, watch func(Progress)) (*PretrainResult, error) {
	encodings, err := tok.EncodeBatch(texts, nil, tokenizer.Options{AddSpecialTokens: true, MaxLength: s.MaxLength, Truncation: tokenizer.LongestFirst})
	if err != nil {
		return nil, err
	}
	size := make([]int, len(encodings))
	for i, e := range encodings {
		size[i] = len(e.IDs)
	}
	epoch := func(n int) [][]int {
		return dataset.Batches(size, dataset.BatchOptions{TokenBudget: s.BatchTokens, SortWindow: 512, Seed: s.Seed, Epoch: n, Shuffle: true})
	}
	steps := 0
	for n := range s.Epochs {
		steps += len(epoch(n + 1))
	}
	if steps == 0 {
		return nil, fmt.Errorf("no text to train on")
	}
	schedule, err := nn.NewSchedule("linear", steps, s.WarmupRatio)
	if err != nil {
		return nil, err
	}
	parameters := nn.Parameters(model)
	optimizer := nn.NewAdamW(parameters, s.WeightDecay)
	tape := tensor.NewTape()
	tape.SetDropout(true)
	var (
		result PretrainResult
		batch  transformer.Batch
		masked []int32
		labels []int32
		recent = math.NaN()
		start  = time.Now()
	)
	for n := 1; n <= s.Epochs; n++ {
		sum, batches := 0.0, epoch(n)
		for _, which := range batches {
			if err := ctx.Err(); err != nil {
				return &result, err
			}
			batch.Reset()
			masked, labels = masked[:0], labels[:0]
			random := rand.New(rand.NewPCG(s.Seed, uint64(result.Steps)))
			for _, i := range which {
				at := int32(batch.Tokens())
				batch.Add(encodings[i].IDs, encodings[i].TypeIDs)
				ids := batch.IDs[at:]
				for j := range ids {
					if encodings[i].SpecialTokensMask[j] != 0 || random.Float64() >= s.MaskRatio {
						continue
					}
					masked, labels = append(masked, at+int32(j)), append(labels, ids[j])
					switch r := random.Float64(); {
					case r < 0.8:
						ids[j] = tok.Mask()
					case r < 0.9:
						ids[j] = int32(random.IntN(tok.VocabSize()))
					}
				}
			}
			if err := batch.Check(model.Bert.Config); err != nil {
				return &result, err
			}
			loss := 0.0
			if len(masked) > 0 {
				tape.Reset(s.Seed, uint32(result.Steps))
				loss = tape.CrossEntropy(model.Logits(tape, &batch, masked), labels)
				nn.ZeroGrad(parameters)
				tape.Backward()
				_, scale := nn.ClipGradNorm(parameters, s.ClipNorm)
				optimizer.Step(s.LearningRate*schedule.Factor(result.Steps), scale)
			}
			if math.IsNaN(loss) || math.IsInf(loss, 0) {
				return &result, fmt.Errorf("step %d: loss is %v; a lower learning rate than %g may help", result.Steps+1, loss, s.LearningRate)
			}
			sum += loss
			if math.IsNaN(recent) {
				recent = loss
			}
			recent += 0.05 * (loss - recent)
			result.Steps++
			result.Tokens += batch.Tokens()
			if watch != nil {
				watch(Progress{Step: result.Steps, Steps: steps, Epoch: float64(result.Steps) / float64(steps) * float64(s.Epochs), Loss: recent,
					LearningRate: s.LearningRate * schedule.Factor(result.Steps-1), Tokens: result.Tokens, Elapsed: time.Since(start)})
			}
		}
		result.Loss = sum / float64(len(batches))
	}
	result.Perplexity = math.Exp(result.Loss)
	result.Seconds = time.Since(start).Seconds()
	return &result, nil
}
