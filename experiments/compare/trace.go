package compare

import (
	"fmt"
	"slices"
	"strings"

	"godwit/nn"
	"godwit/tensor"
	"godwit/transformer"
	"godwit/transformer/checkpoint"
)

// TraceOptions say what Trace runs.
type TraceOptions struct {
	Model     string // directory
	Input     string // safetensors file with input_ids [B, L] and the like
	Output    string
	Head      Head // "": by the labels of the input
	Gradients bool
}

// Trace runs one batch without dropout and writes hidden_states.<i> [B, L, H],
// pooler_output [B, H] and logits, with labels in the input also loss and, if
// asked for, grad.<parameter>. What the checkpoint and the input have no
// weights for is left out.
func Trace(o TraceOptions) ([]string, error) {
	c, err := transformer.LoadConfig(o.Model)
	if err != nil {
		return nil, err
	}
	f, err := checkpoint.Open(o.Input)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in, err := readInput(f, "", c)
	if err != nil {
		return nil, err
	}
	if o.Head == "" {
		o.Head = in.head()
	}
	var out []checkpoint.Tensor
	tp := tensor.NewTape()
	if !o.Gradients {
		tp = tensor.NewInference()
	}
	var (
		parameters []nn.Parameter
		logits     *tensor.Tensor
		missing    map[string]bool
	)
	hidden := func(encode func(*tensor.Tape, *transformer.Batch, transformer.Want) transformer.Output) *tensor.Tensor {
		r := encode(tp, &in.batch, transformer.Want{HiddenStates: true})
		for i, h := range r.HiddenStates {
			out = append(out, in.padded(fmt.Sprintf("hidden_states.%d", i), h))
		}
		return r.LastHidden
	}
	switch o.Head {
	case Pretraining:
		m, report, err := transformer.LoadLanguageModel(o.Model, 0)
		if err != nil {
			return nil, err
		}
		parameters = nn.Parameters(m)
		if missing, err = stillMissing(f, parameters, report); err != nil {
			return nil, err
		}
		var last *tensor.Tensor
		if in.predicted != nil { // the query stream's; the content stream has states of its own
			last = m.Encode(tp, &in.batch, transformer.Want{Only: in.predicted}).LastHidden
		} else {
			last = hidden(m.Encode)
		}
		if len(missing) == 0 {
			logits = m.Predict(tp, last)
			out = append(out, in.predictions("logits", logits))
		}
	case Classification, Regression:
		labels, newHead, err := labelCount(f, o.Model, o.Head)
		if err != nil {
			return nil, err
		}
		m, report, err := transformer.LoadSequenceClassifier(o.Model, labels, newHead, 0)
		if err != nil {
			return nil, err
		}
		parameters = nn.Parameters(m)
		if missing, err = stillMissing(f, parameters, report); err != nil {
			return nil, err
		}
		summary := tp.Gather(hidden(m.Encode), m.Summary(&in.batch))
		if bert, ok := m.(*transformer.BertForSequenceClassification); ok && !anyPrefix(missing, "bert.pooler.") {
			out = append(out, whole("pooler_output", bert.Bert.Pooler.Forward(tp, summary)))
		}
		if len(missing) == 0 {
			logits = m.Classify(tp, summary)
			out = append(out, whole("logits", logits))
		}
	default:
		return nil, fmt.Errorf("head: found %q, expected %s, %s or %s", o.Head, Classification, Regression, Pretraining)
	}
	switch {
	case in.hasLabels(o.Head) && logits != nil:
		loss, err := in.loss(tp, o.Head, logits, o.Input)
		if err != nil {
			return nil, err
		}
		out = append(out, checkpoint.Tensor{Name: "loss", Shape: []int{1}, Float32: []float32{float32(loss)}})
	case o.Gradients:
		why := "has no labels for the " + string(o.Head) + " head"
		if logits == nil {
			why = "has no param." + strings.Join(sortedKeys(missing), ", param.") + ", which " + o.Model + " lacks as well"
		}
		return nil, fmt.Errorf("%s: gradients need a loss: the file %s", o.Input, why)
	}
	if o.Gradients {
		tp.Backward()
		for _, p := range parameters {
			if p.HasGrad() {
				out = append(out, checkpoint.Tensor{Name: "grad." + p.Name, Shape: p.Shape, Float32: p.Grad})
			}
		}
	}
	names := make([]string, len(out))
	for i, t := range out {
		names[i] = t.Name
	}
	return names, checkpoint.Write(o.Output, nil, out)
}

func whole(name string, t *tensor.Tensor) checkpoint.Tensor {
	return checkpoint.Tensor{Name: name, Shape: slices.Clone(t.Shape), Float32: t.Data}
}

// stillMissing replaces weights by the file's and returns what neither the
// checkpoint nor the file has.
func stillMissing(f *checkpoint.File, parameters []nn.Parameter, report transformer.Report) (map[string]bool, error) {
	replaced, err := replaceParameters(f, parameters)
	if err != nil {
		return nil, err
	}
	missing := map[string]bool{}
	for _, name := range report.New {
		if !replaced[name] {
			missing[name] = true
		}
	}
	return missing, nil
}

func anyPrefix(names map[string]bool, prefix string) bool {
	for n := range names {
		if strings.HasPrefix(n, prefix) {
			return true
		}
	}
	return false
}

func sortedKeys(m map[string]bool) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
