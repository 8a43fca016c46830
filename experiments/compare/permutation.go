package compare

import (
	"cmp"
	"fmt"
	"slices"

	"godwit/transformer"
	"godwit/transformer/checkpoint"
)

// readPermutation reads what permutation language modelling adds to a batch:
// perm_mask [B, L, L], 1 where a token must not see another, and
// target_mapping [B, P, L], each row one-hot for a token to predict, or all zero for none.
func (in *input) readPermutation(f *checkpoint.File, prefix string, c *transformer.Config) error {
	mask, ok, err := in.cube(f, prefix+"perm_mask", in.cols)
	if err != nil || !ok {
		return err
	}
	if c.ModelType != "xlnet" {
		return fmt.Errorf("%s: %sperm_mask: permutations are XLNet's, the model is a %s", f.Path(), prefix, c.ModelType)
	}
	token := make(map[int]int32, len(in.places)) // the batch's token at a place of the padded batch
	for t, place := range in.places {
		token[place] = int32(t)
	}
	for s := range in.rows {
		tokens := in.places[in.batch.Offsets[s]:in.batch.Offsets[s+1]]
		for _, i := range tokens {
			for _, j := range tokens {
				in.batch.Hidden = append(in.batch.Hidden, mask[i*in.cols+j%in.cols] != 0)
			}
		}
	}
	info, ok := f.Info(prefix + "target_mapping")
	if !ok {
		return nil
	}
	if len(info.Shape) != 3 {
		return fmt.Errorf("%s: %starget_mapping: found shape %v, expected [%d, targets, %d]", f.Path(), prefix, info.Shape, in.rows, in.cols)
	}
	in.width = info.Shape[1]
	mapping, _, err := in.cube(f, prefix+"target_mapping", in.width)
	if err != nil {
		return err
	}
	type target struct {
		token int32
		place int
	}
	var targets []target
	for place := range in.rows * in.width {
		row := mapping[place*in.cols : (place+1)*in.cols]
		at := -1
		for col, v := range row {
			switch {
			case v == 0:
			case v == 1 && at < 0:
				at = col
			default:
				return fmt.Errorf("%s: %starget_mapping: found %v at [%d, %d, %d], expected rows with a single 1", f.Path(), prefix, v, place/in.width, place%in.width, col)
			}
		}
		if at < 0 {
			continue
		}
		if t, ok := token[place/in.width*in.cols+at]; ok { // not one of the padding
			targets = append(targets, target{t, place})
		}
	}
	if len(targets) == 0 {
		return fmt.Errorf("%s: %starget_mapping: no row names a token", f.Path(), prefix)
	}
	slices.SortStableFunc(targets, func(a, b target) int { return cmp.Compare(a.token, b.token) })
	in.predictedPlaces = nil
	for i, t := range targets {
		if i > 0 && t.token == targets[i-1].token {
			return fmt.Errorf("%s: %starget_mapping: rows %d and %d name the same token", f.Path(), prefix, targets[i-1].place%in.width, t.place%in.width)
		}
		in.predicted, in.predictedPlaces = append(in.predicted, t.token), append(in.predictedPlaces, t.place)
	}
	return nil
}

// cube reads a tensor [rows, n, cols] of floats, and whether it is there.
func (in *input) cube(f *checkpoint.File, name string, n int) ([]float32, bool, error) {
	info, ok := f.Info(name)
	if !ok {
		return nil, false, nil
	}
	if want := []int{in.rows, n, in.cols}; !slices.Equal(info.Shape, want) {
		return nil, false, fmt.Errorf("%s: %s: found shape %v, expected %v", f.Path(), name, info.Shape, want)
	}
	x, err := f.Float32(name)
	return x, true, err
}
