package stats

import (
	"math"
	"slices"
	"testing"
)

// TestInfluences compares them with finite differences of the score by an example's weight.
func TestInfluences(t *testing.T) {
	for _, m := range metrics {
		p := random(m, 2, 30, 8)
		p.Arm[0][3], p.Arm[0][4] = p.Arm[0][5], p.Arm[0][5] // equal answers
		s := newSeries(p, p.Arm)
		room, n := newScratch(s), len(p.Gold)
		influences := s.influences()
		// An example is drawn once more, or less, than the thousand times that all others are.
		const times = 1000
		score := func(example int, step int32) []float64 {
			var over sample
			for i := range int32(n) {
				often := int32(times)
				if int(i) == example {
					often += step
				}
				over.times = append(over.times, often)
				over.drawn = append(over.drawn, slices.Repeat([]int32{i}, int(often))...)
			}
			out := make([]float64, len(p.Arm))
			s.score(over, out, room)
			return out
		}
		for i := range n {
			up, down := score(i, 1), score(i, -1)
			for k := range p.Arm {
				// By the share of the weight: an example's part of n.
				slope := (up[k] - down[k]) / 2 * times * float64(n)
				if got := influences[k][i]; math.Abs(got-slope) > 1e-4*max(1, math.Abs(slope)) {
					t.Errorf("%s: influence of example %d on seed %d is %v, finite differences give %v", m, i, k, got, slope)
				}
			}
		}
		for k, row := range influences {
			if math.Abs(Mean(row)) > 1e-12 {
				t.Errorf("%s: the influences of seed %d have the mean %v, want 0", m, k, Mean(row))
			}
		}
	}
}
