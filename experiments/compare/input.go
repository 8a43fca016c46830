// Package compare runs recorded batches and training steps, so that godwit can
// be held against another engine number by number. Inputs and outputs are
// safetensors files.
package compare

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"godwit/nn"
	"godwit/tensor"
	"godwit/transformer"
	"godwit/transformer/checkpoint"
)

// Head says what is on top of the encoder.
type Head string

const (
	Classification Head = "classification"
	Regression     Head = "regression"
	Pretraining    Head = "pretraining"
)

// input is a padded batch of a file, made ragged.
type input struct {
	batch         transformer.Batch
	places        []int // the place of each token in the padded [rows, cols]
	rows, cols    int
	labels        []int64   // [rows], or [rows, width] for Pretraining
	targets       []float32 // [rows] for Regression
	labelsPerWord bool

	// What a language model predicts: tokens of the batch (nil: all of them), the place of each in
	// the padded [rows, width], and the width: cols, or the number of targets of a target_mapping.
	predicted       []int32
	predictedPlaces []int
	width           int
}

// readInput reads <prefix>input_ids, attention_mask, token_type_ids and labels.
func readInput(f *checkpoint.File, prefix string, c *transformer.Config) (*input, error) {
	ids, shape, err := matrix(f, prefix+"input_ids", nil)
	if err != nil {
		return nil, err
	}
	in := &input{rows: shape[0], cols: shape[1]}
	typeLimit := c.TypeVocabSize
	if typeLimit == 0 {
		typeLimit = math.MaxInt32 // XLNet only compares segments, DistilBERT has none
	}
	mask, types := slices.Repeat([]int64{1}, len(ids)), make([]int64, len(ids))
	if _, ok := f.Info(prefix + "attention_mask"); ok {
		if mask, _, err = matrix(f, prefix+"attention_mask", shape); err != nil {
			return nil, err
		}
	}
	if _, ok := f.Info(prefix + "token_type_ids"); ok {
		if types, _, err = matrix(f, prefix+"token_type_ids", shape); err != nil {
			return nil, err
		}
	}
	for r := range in.rows {
		var rowIDs, rowTypes, positions []int32
		for col := range in.cols {
			i := r*in.cols + col
			switch mask[i] {
			case 0:
				continue
			case 1:
			default:
				return nil, fmt.Errorf("%s: %sattention_mask: found %d at [%d, %d], expected 0 or 1", f.Path(), prefix, mask[i], r, col)
			}
			for _, v := range []struct {
				name  string
				value int64
				limit int
			}{{"input_ids", ids[i], c.VocabSize}, {"token_type_ids", types[i], typeLimit}, {"input_ids, position", int64(col), c.MaxLength()}} {
				if v.value < 0 || v.value >= int64(v.limit) {
					return nil, fmt.Errorf("%s: %s%s: found %d at [%d, %d], expected 0 to %d by the model's config.json", f.Path(), prefix, v.name, v.value, r, col, v.limit-1)
				}
			}
			rowIDs, rowTypes, positions = append(rowIDs, int32(ids[i])), append(rowTypes, int32(types[i])), append(positions, int32(col))
			in.places = append(in.places, i)
		}
		if len(rowIDs) == 0 {
			return nil, fmt.Errorf("%s: %sattention_mask: row %d has no token", f.Path(), prefix, r)
		}
		if n := len(positions); c.MaxPositionEmbeddings == 0 && int(positions[n-1]-positions[0]) != n-1 {
			return nil, fmt.Errorf("%s: %sattention_mask: row %d has a gap, expected padding at the ends alone: %s sees distances between tokens", f.Path(), prefix, r, c.ModelType)
		}
		in.batch.Add(rowIDs, rowTypes)
		copy(in.batch.Positions[len(in.batch.Positions)-len(positions):], positions)
	}
	in.predictedPlaces, in.width = in.places, in.cols
	if err := in.readPermutation(f, prefix, c); err != nil {
		return nil, err
	}
	if info, ok := f.Info(prefix + "labels"); ok {
		switch info.DType {
		case checkpoint.F64, checkpoint.F32, checkpoint.F16, checkpoint.BF16:
			in.targets, err = f.Float32(prefix + "labels")
			if err == nil && len(in.targets) != in.rows {
				err = fmt.Errorf("%s: %slabels: found shape %v, expected [%d]", f.Path(), prefix, info.Shape, in.rows)
			}
		default:
			in.labels, err = f.Int64(prefix + "labels")
			in.labelsPerWord = len(info.Shape) == 2 && info.Shape[1] == in.width && info.Shape[0] == in.rows
			if err == nil && !in.labelsPerWord && len(in.labels) != in.rows {
				err = fmt.Errorf("%s: %slabels: found shape %v, expected [%d] or [%d %d]", f.Path(), prefix, info.Shape, in.rows, in.rows, in.width)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return in, nil
}

// matrix reads a two-dimensional integer tensor, of the given shape unless that is nil.
func matrix(f *checkpoint.File, name string, want []int) ([]int64, []int, error) {
	info, ok := f.Info(name)
	if !ok {
		return nil, nil, fmt.Errorf("%s: %s is missing; there are %s", f.Path(), name, strings.Join(f.Names(), ", "))
	}
	if len(info.Shape) != 2 || info.Shape[0] == 0 || want != nil && !slices.Equal(info.Shape, want) {
		expected := "[batch, length]"
		if want != nil {
			expected = fmt.Sprint(want)
		}
		return nil, nil, fmt.Errorf("%s: %s: found shape %v, expected %s", f.Path(), name, info.Shape, expected)
	}
	x, err := f.Int64(name)
	return x, info.Shape, err
}

// hasLabels reports whether the input has labels for the head.
func (in *input) hasLabels(h Head) bool {
	return h == Regression && in.targets != nil || h == Classification && in.labels != nil && !in.labelsPerWord || h == Pretraining && in.labelsPerWord
}

// head returns the head that the labels are for, classification without labels.
func (in *input) head() Head {
	switch {
	case in.targets != nil:
		return Regression
	case in.labelsPerWord:
		return Pretraining
	}
	return Classification
}

// loss records the loss of the logits on the tape.
func (in *input) loss(tp *tensor.Tape, h Head, logits *tensor.Tensor, path string) (float64, error) {
	if h == Regression {
		if logits.Cols() != 1 {
			return 0, fmt.Errorf("%s: regression with a head of %d labels, expected 1", path, logits.Cols())
		}
		return tp.MeanSquaredError(logits, in.targets), nil
	}
	labels := make([]int32, logits.Rows())
	for i := range labels {
		place := i
		if h == Pretraining {
			place = in.predictedPlaces[i]
		}
		l := in.labels[place]
		if l != tensor.IgnoredLabel && (l < 0 || l >= int64(logits.Cols())) {
			return 0, fmt.Errorf("%s: labels: found %d at element %d, expected 0 to %d or %d", path, l, place, logits.Cols()-1, tensor.IgnoredLabel)
		}
		labels[i] = int32(l)
	}
	return tp.CrossEntropy(logits, labels), nil
}

// padded spreads rows of tokens, [T, n], over the padded batch, zero elsewhere.
func (in *input) padded(name string, x *tensor.Tensor) checkpoint.Tensor {
	return spread(name, x, in.places, in.rows, in.cols)
}

// predictions spreads what a language model predicts, [predicted, n], over [rows, width, n].
func (in *input) predictions(name string, x *tensor.Tensor) checkpoint.Tensor {
	return spread(name, x, in.predictedPlaces, in.rows, in.width)
}

func spread(name string, x *tensor.Tensor, places []int, rows, cols int) checkpoint.Tensor {
	n := x.Cols()
	data := make([]float32, rows*cols*n)
	for t, place := range places {
		copy(data[place*n:(place+1)*n], x.Row(t))
	}
	return checkpoint.Tensor{Name: name, Shape: []int{rows, cols, n}, Float32: data}
}

// replaceParameters takes param.<name> of the file for the model's weights and
// returns the names that it replaced.
func replaceParameters(f *checkpoint.File, parameters []nn.Parameter) (map[string]bool, error) {
	byName := map[string]nn.Parameter{}
	for _, p := range parameters {
		byName[p.Name] = p
	}
	replaced := map[string]bool{}
	for _, name := range f.Names() {
		short, ok := strings.CutPrefix(name, "param.")
		if !ok {
			continue
		}
		info, _ := f.Info(name)
		p, ok := byName[short]
		if !ok {
			return nil, fmt.Errorf("%s: %s: the model has no such parameter", f.Path(), name)
		}
		if !slices.Equal(info.Shape, p.Shape) {
			return nil, fmt.Errorf("%s: %s: found shape %v, expected %v", f.Path(), name, info.Shape, p.Shape)
		}
		if err := f.ReadFloat32(name, p.Data); err != nil {
			return nil, err
		}
		p.Changed()
		replaced[short] = true
	}
	return replaced, nil
}

// labelCount returns the rows of the layer with one row a label: its param.<name>'s, the
// checkpoint's, or those that the head needs; and whether the checkpoint has no such classifier.
func labelCount(f *checkpoint.File, dir string, h Head) (labels int, newHead bool, err error) {
	c, err := transformer.LoadConfig(dir)
	if err != nil {
		return 0, false, err
	}
	n, err := transformer.CheckpointLabels(dir)
	if err != nil {
		return 0, false, err
	}
	if info, ok := f.Info("param." + transformer.LabelLayer(c) + "weight"); ok && len(info.Shape) == 2 {
		return info.Shape[0], info.Shape[0] != n, nil
	}
	switch {
	case n > 0:
		return n, false, nil
	case h == Regression:
		return 1, true, nil
	}
	return 2, true, nil
}
