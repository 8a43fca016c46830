package transformer

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"

	"godwit/nn"
	"godwit/tensor"
)

// XLNet (Yang et al., arXiv 1906.08237): attention by relative distance (Dai et
// al., arXiv 1901.02860), segments compared instead of embedded, and for
// pretraining a second stream of queries that know their place but not their token.
// There is no memory of earlier segments: sequences are whole.
// Shapes: N heads of size d, N·d = H; otherwise as in bert.go.

const xlnetPrefix = "transformer."

func xlnetDefaults() Config {
	c := bertDefaults(5, 0, 1e-12)
	c.VocabSize, c.HiddenSize, c.NumHiddenLayers, c.NumAttentionHeads, c.IntermediateSize, c.TypeVocabSize = 32000, 1024, 24, 16, 4096, 0
	c.AttnType, c.ClampLen = "bi", -1
	c.SummaryType, c.SummaryUseProj, c.SummaryActivation, c.SummaryLastDropout = "last", true, "tanh", 0.1
	return c
}

// checkXLNet reports variants that godwit does not compute.
func (c *Config) checkXLNet() error {
	if c.AttnType != "bi" || c.BiData {
		return fmt.Errorf("attn_type: found %q with bi_data %v, expected \"bi\" with false", c.AttnType, c.BiData)
	}
	if !slices.Contains([]string{"last", "cls_index", "first"}, c.SummaryType) {
		return fmt.Errorf("summary_type: found %q, expected last, first or cls_index", c.SummaryType)
	}
	if c.SummaryActivation != "" && activations[c.SummaryActivation] == nil {
		return fmt.Errorf("summary_activation: found %q, expected null or one of %s", c.SummaryActivation, strings.Join(slices.Sorted(maps.Keys(activations)), ", "))
	}
	if d := string(c.other["d_head"]); d != "" && d != "null" && d != fmt.Sprint(c.HiddenSize/c.NumAttentionHeads) {
		return fmt.Errorf("d_head: found %s, expected d_model / n_head = %d", d, c.HiddenSize/c.NumAttentionHeads)
	}
	return nil
}

// XLNetModel is the encoder.
type XLNetModel struct {
	MaskEmb       *tensor.Tensor `name:"mask_emb"` // [1, 1, H], where the query stream begins
	WordEmbedding *nn.Embedding  `name:"word_embedding"`
	Layer         []*XLNetLayer  `name:"layer"`

	Config    *Config
	distances distanceTable
}

type XLNetLayer struct {
	RelAttn *XLNetRelativeAttention `name:"rel_attn"`
	FF      *XLNetFeedForward       `name:"ff"`
}

type XLNetRelativeAttention struct {
	Q         *tensor.Tensor `name:"q"`         // [H, N, d]
	K         *tensor.Tensor `name:"k"`         // [H, N, d]
	V         *tensor.Tensor `name:"v"`         // [H, N, d]
	O         *tensor.Tensor `name:"o"`         // [H, N, d]
	R         *tensor.Tensor `name:"r"`         // [H, N, d]
	RRBias    *tensor.Tensor `name:"r_r_bias"`  // [N, d], of the score by distance
	RSBias    *tensor.Tensor `name:"r_s_bias"`  // [N, d], of the score by segment
	RWBias    *tensor.Tensor `name:"r_w_bias"`  // [N, d], of the score by content
	SegEmbed  *tensor.Tensor `name:"seg_embed"` // [2, N, d], same segment and another
	LayerNorm *nn.LayerNorm  `name:"layer_norm"`
}

type XLNetFeedForward struct {
	LayerNorm *nn.LayerNorm `name:"layer_norm"`
	Layer1    *nn.Linear    `name:"layer_1"` // H → I
	Layer2    *nn.Linear    `name:"layer_2"` // I → H
}

// NewXLNetModel returns an encoder whose weights are not yet initialised.
func NewXLNetModel(c *Config) *XLNetModel {
	h, heads := c.HiddenSize, c.NumAttentionHeads
	d := h / heads
	m := &XLNetModel{MaskEmb: tensor.NewParameter(1, 1, h), WordEmbedding: nn.NewEmbedding(c.VocabSize, h), Config: c}
	for range c.NumHiddenLayers {
		weight := func() *tensor.Tensor { return tensor.NewParameter(h, heads, d) }
		bias := func() *tensor.Tensor { return tensor.NewParameter(heads, d) }
		m.Layer = append(m.Layer, &XLNetLayer{
			RelAttn: &XLNetRelativeAttention{
				Q: weight(), K: weight(), V: weight(), O: weight(), R: weight(), RRBias: bias(), RSBias: bias(), RWBias: bias(),
				SegEmbed: tensor.NewParameter(2, heads, d), LayerNorm: nn.NewLayerNorm(h, c.LayerNormEps),
			},
			FF: &XLNetFeedForward{nn.NewLayerNorm(h, c.LayerNormEps), nn.NewLinear(h, c.IntermediateSize), nn.NewLinear(c.IntermediateSize, h)},
		})
	}
	return m
}

// Forward runs the encoder over a batch that passed [Batch.Check]. If the
// batch has a permutation, want.Only names the tokens that the query stream stands for.
func (m *XLNetModel) Forward(tp *tensor.Tape, b *Batch, want Want) Output {
	c := m.Config
	distances := tp.Dropout(m.distances.upTo(b.longest(), c), float32(c.HiddenDropoutProb))
	if len(b.Hidden) > 0 && want.Only != nil {
		return Output{LastHidden: m.twoStreams(tp, b, distances, want.Only)}
	}
	out := stack(tp, b, c, want,
		func() *tensor.Tensor { return m.embed(tp, m.WordEmbedding.Lookup(b.IDs)) },
		func(i int, x *tensor.Tensor, only []int32) *tensor.Tensor {
			layer := m.Layer[i]
			return layer.forward(tp, gather(tp, x, only), layer.RelAttn.see(tp, x, distances), b, c, only)
		})
	out.LastHidden = tp.Dropout(out.LastHidden, float32(c.HiddenDropoutProb))
	return out
}

func (m *XLNetModel) embed(tp *tensor.Tape, l tensor.Lookup) *tensor.Tensor {
	return tp.Dropout(tp.EmbeddingSum(l), float32(m.Config.HiddenDropoutProb))
}

// twoStreams returns the query stream's output for the targets,
// [len(targets), H] (Yang et al., §2.3): it sees the content stream, and of its own token only the place.
func (m *XLNetModel) twoStreams(tp *tensor.Tape, b *Batch, distances *tensor.Tensor, targets []int32) *tensor.Tensor {
	c := m.Config
	content := m.embed(tp, m.WordEmbedding.Lookup(b.IDs))
	query := m.embed(tp, tensor.Lookup{Table: m.MaskEmb, IDs: make([]int32, len(targets))})
	for i, layer := range m.Layer {
		seen := layer.RelAttn.see(tp, content, distances)
		query = layer.forward(tp, query, seen, b, c, targets)
		if i < len(m.Layer)-1 { // nothing looks at the content after the last layer
			content = layer.forward(tp, content, seen, b, c, nil)
		}
	}
	return tp.Dropout(query, float32(c.HiddenDropoutProb))
}

// forward computes a layer for the tokens rows (nil: all) with the stream's
// values x, [rows, H] → [rows, H].
func (l *XLNetLayer) forward(tp *tensor.Tape, x *tensor.Tensor, seen seen, b *Batch, c *Config, rows []int32) *tensor.Tensor {
	return l.FF.forward(tp, l.RelAttn.forward(tp, x, seen, b, c, rows), c)
}

// seen is what queries of either stream meet: keys and values of the content
// [T, H], and the projected distances.
type seen struct{ key, value, distance *tensor.Tensor }

func (a *XLNetRelativeAttention) see(tp *tensor.Tape, content, distances *tensor.Tensor) seen {
	return seen{tp.Project(content, a.K), tp.Project(content, a.V), tp.Project(distances, a.R)}
}

func (a *XLNetRelativeAttention) forward(tp *tensor.Tape, x *tensor.Tensor, seen seen, b *Batch, c *Config, rows []int32) *tensor.Tensor {
	hidden := b.Hidden
	if len(hidden) == 0 {
		hidden = nil
	}
	context := tp.RelativeAttention(tp.Project(x, a.Q), seen.key, seen.value, seen.distance, tensor.RelativeAttention{
		Offsets: b.Offsets, Heads: c.NumAttentionHeads, TypeIDs: b.TypeIDs, Queries: rows, Hidden: hidden,
		RWBias: a.RWBias, RRBias: a.RRBias, RSBias: a.RSBias, SegEmbed: a.SegEmbed, Dropout: float32(c.AttentionProbsDropoutProb),
	})
	return a.LayerNorm.Forward(tp, tp.Linear(context, a.O, nil, nil), x, c.HiddenDropoutProb)
}

func (f *XLNetFeedForward) forward(tp *tensor.Tape, x *tensor.Tensor, c *Config) *tensor.Tensor {
	y := tp.Dropout(f.Layer1.Forward(tp, x, activations[c.HiddenAct]), float32(c.HiddenDropoutProb))
	return f.LayerNorm.Forward(tp, f.Layer2.Forward(tp, y, nil), x, c.HiddenDropoutProb)
}

// distanceTable holds the encodings of the distances n-1 … -(n-1), sines beside
// cosines (Dai et al., §3.3). It grows with the longest sequence seen.
type distanceTable struct {
	mutex sync.Mutex
	data  []float32 // [2·size-1, H]
	size  int
}

// upTo returns the rows for sequences of up to n tokens, [2n-1, H].
func (t *distanceTable) upTo(n int, c *Config) *tensor.Tensor {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	h := c.HiddenSize
	if n > t.size {
		t.size = max(n, 2*t.size)
		t.data = make([]float32, (2*t.size-1)*h)
		half := (h + 1) / 2
		for k := range half {
			// Hugging Face computes frequencies and angles in float32.
			frequency := 1 / float32(math.Pow(10000, float64(float32(2*k)/float32(h))))
			for i := range 2*t.size - 1 {
				distance := t.size - 1 - i
				if c.ClampLen > 0 {
					distance = max(-c.ClampLen, min(c.ClampLen, distance))
				}
				sin, cos := math.Sincos(float64(float32(distance) * frequency))
				row := t.data[i*h : (i+1)*h]
				row[k] = float32(sin)
				if half+k < h {
					row[half+k] = float32(cos)
				}
			}
		}
	}
	return tensor.New(t.data[(t.size-n)*h:(t.size+n-1)*h], 2*n-1, h)
}

// XLNetForSequenceClassification has a classifier, or with one label a
// regressor, on the last token.
type XLNetForSequenceClassification struct {
	Transformer     *XLNetModel           `name:"transformer"`
	SequenceSummary *XLNetSequenceSummary `name:"sequence_summary"`
	LogitsProj      *nn.Linear            `name:"logits_proj"` // H → labels
}

type XLNetSequenceSummary struct {
	Summary *nn.Linear `name:"summary"` // H → H; nil without summary_use_proj
}

// NewXLNetForSequenceClassification returns the model with weights not yet initialised.
func NewXLNetForSequenceClassification(c *Config, labels int) *XLNetForSequenceClassification {
	m := &XLNetForSequenceClassification{NewXLNetModel(c), &XLNetSequenceSummary{}, nn.NewLinear(c.HiddenSize, labels)}
	if c.SummaryUseProj {
		m.SequenceSummary.Summary = nn.NewLinear(c.HiddenSize, c.HiddenSize)
	}
	return m
}

// Encode runs the encoder.
func (m *XLNetForSequenceClassification) Encode(tp *tensor.Tape, b *Batch, want Want) Output {
	return m.Transformer.Forward(tp, b, want)
}

// Summary returns the last token of each sequence, or the first if the configuration says so.
func (m *XLNetForSequenceClassification) Summary(b *Batch) []int32 {
	if m.Transformer.Config.SummaryType == "first" {
		return b.first()
	}
	return b.last()
}

// Classify returns the logits, [B, labels], of the summary tokens [B, H].
func (m *XLNetForSequenceClassification) Classify(tp *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
	c := m.Transformer.Config
	if m.SequenceSummary.Summary != nil {
		x = m.SequenceSummary.Summary.Forward(tp, x, nil)
	}
	if act := activations[c.SummaryActivation]; act != nil {
		x = tp.Activate(x, act)
	}
	return m.LogitsProj.Forward(tp, tp.Dropout(x, float32(c.SummaryLastDropout)), nil)
}

// Configuration returns the model's config.json.
func (m *XLNetForSequenceClassification) Configuration() *Config { return m.Transformer.Config }

// XLNetLMHeadModel predicts tokens; its output embedding is the input embedding.
type XLNetLMHeadModel struct {
	Transformer *XLNetModel  `name:"transformer"`
	LMLoss      *XLNetLMLoss `name:"lm_loss"`
}

type XLNetLMLoss struct {
	Bias *tensor.Tensor `name:"bias"` // [vocabulary]
}

// NewXLNetLMHeadModel returns the model with weights not yet initialised.
func NewXLNetLMHeadModel(c *Config) *XLNetLMHeadModel {
	return &XLNetLMHeadModel{NewXLNetModel(c), &XLNetLMLoss{tensor.NewParameter(c.VocabSize)}}
}

// Encode runs the encoder.
func (m *XLNetLMHeadModel) Encode(tp *tensor.Tape, b *Batch, want Want) Output {
	return m.Transformer.Forward(tp, b, want)
}

// Predict returns the scores of the vocabulary for hidden states [rows, H].
func (m *XLNetLMHeadModel) Predict(tp *tensor.Tape, hidden *tensor.Tensor) *tensor.Tensor {
	return tp.Linear(hidden, m.Transformer.WordEmbedding.Weight, m.LMLoss.Bias, nil)
}

// Configuration returns the model's config.json.
func (m *XLNetLMHeadModel) Configuration() *Config { return m.Transformer.Config }
