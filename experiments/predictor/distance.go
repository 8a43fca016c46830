package predictor

import (
	"errors"
	"fmt"
	"math"
)

// UnigramDistance returns 1 minus the overlap of two distributions of tokens:
// the sum over all tokens of the smaller of their shares. It is 0 for the same shares, 1 where no
// token is common.
func UnigramDistance(a, b [][]int32) (float64, error) {
	shares := func(texts [][]int32) (map[int32]float64, error) {
		count, total := map[int32]float64{}, 0.0
		for _, t := range texts {
			for _, id := range t {
				count[id]++
				total++
			}
		}
		if total == 0 {
			return nil, errors.New("predictor: found texts without tokens, expected at least one token")
		}
		for id := range count {
			count[id] /= total
		}
		return count, nil
	}
	p, err := shares(a)
	if err != nil {
		return 0, err
	}
	q, err := shares(b)
	if err != nil {
		return 0, err
	}
	// Summed in the order of a's tokens: a map's own order would change the last digits.
	overlap, seen := 0.0, map[int32]bool{}
	for _, t := range a {
		for _, id := range t {
			if !seen[id] {
				seen[id] = true
				overlap += min(p[id], q[id])
			}
		}
	}
	return min(1, max(0, 1-overlap)), nil
}

// EmbeddingDistance returns 1 minus the cosine of the mean embeddings of two
// sets of texts, [texts][features]: from 0, the same direction, to 2.
func EmbeddingDistance(a, b [][]float64) (float64, error) {
	mean := func(rows [][]float64) ([]float64, error) {
		if len(rows) == 0 {
			return nil, errors.New("predictor: found no embeddings, expected at least one")
		}
		m := make([]float64, len(rows[0]))
		for i, row := range rows {
			if len(row) != len(m) {
				return nil, fmt.Errorf("predictor: found %d features of text %d, expected %d as of the first", len(row), i, len(m))
			}
			for j, v := range row {
				m[j] += v / float64(len(rows))
			}
		}
		return m, nil
	}
	x, err := mean(a)
	if err != nil {
		return 0, err
	}
	y, err := mean(b)
	if err != nil {
		return 0, err
	}
	if len(x) != len(y) {
		return 0, fmt.Errorf("predictor: found embeddings of %d and of %d features, expected as many", len(x), len(y))
	}
	var xx, yy, xy float64
	for j := range x {
		xx += x[j] * x[j]
		yy += y[j] * y[j]
		xy += x[j] * y[j]
	}
	return finite("the distance of embeddings", 1-xy/math.Sqrt(xx*yy))
}
