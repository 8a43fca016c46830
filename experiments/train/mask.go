package train

import (
	"math"
	"math/rand/v2"
	"slices"
)

// An objective is what a model is pretrained for: it chooses the tokens of a
// sequence that are to be predicted, and what the model sees in their place.
type objective interface {
	// draw chooses tokens of a sequence, whose first token is row at of its
	// batch, and appends them to p. It may change ids.
	draw(ids []int32, at int32, r *rand.Rand, p *predictions)
}

// predictions are the tokens of a batch that are to be predicted.
type predictions struct {
	rows   []int32 // of the batch
	labels []int32 // the tokens
	// hidden has n² entries for each sequence of n tokens: hidden[i*n+j] is
	// true where token i must not see token j. Only permutations fill it.
	hidden []bool
}

func (p *predictions) reset() { p.rows, p.labels, p.hidden = p.rows[:0], p.labels[:0], p.hidden[:0] }

// maskedLM is masked language modelling (Devlin et al. 2018, §3.1): of the
// tokens to be predicted 80 % are shown as the mask, 10 % as a random token
// and 10 % as they are.
type maskedLM struct {
	ratio      float64 // share of the tokens that are to be predicted
	mask       int32
	vocabulary int    // random tokens are less than that
	special    []bool // by id: tokens that are never predicted
	continues  []bool // by id: tokens that go on with a word; nil unless words are masked whole

	units  []unit
	chosen []int32
}

// unit is what is masked as one: a token or a word, as places in a sequence.
type unit struct{ start, end int32 }

// draw chooses ⌊ratio·n + u⌋ of the n tokens that are not special, where u is uniform
// in [0, 1): ratio·n in the mean, and seldom none even in a short sequence. Whole
// words are taken in random order, each that still fits.
func (m *maskedLM) draw(ids []int32, at int32, r *rand.Rand, p *predictions) {
	m.units = m.units[:0]
	n := 0
	for i, id := range ids {
		if m.special[id] {
			continue
		}
		n++
		if last := len(m.units) - 1; m.continues != nil && m.continues[id] && last >= 0 && m.units[last].end == int32(i) {
			m.units[last].end++
			continue
		}
		m.units = append(m.units, unit{int32(i), int32(i) + 1})
	}
	left := int32(math.Floor(m.ratio*float64(n) + r.Float64()))
	m.chosen = m.chosen[:0]
	for i := 0; i < len(m.units) && left > 0; i++ {
		j := i + r.IntN(len(m.units)-i)
		m.units[i], m.units[j] = m.units[j], m.units[i]
		u := m.units[i]
		if u.end-u.start > left {
			continue
		}
		left -= u.end - u.start
		for ; u.start < u.end; u.start++ {
			m.chosen = append(m.chosen, u.start)
		}
	}
	slices.Sort(m.chosen)
	for _, i := range m.chosen {
		p.rows, p.labels = append(p.rows, at+i), append(p.labels, ids[i])
		switch x := r.Float64(); {
		case x < 0.8:
			ids[i] = m.mask
		case x < 0.9:
			ids[i] = int32(r.IntN(m.vocabulary))
		}
	}
}

// draws are random numbers that depend on a seed, a sequence and a pass over
// the corpus, and not on the order in which sequences are taken.
type draws struct {
	source rand.PCG
	random *rand.Rand
}

func newDraws() *draws {
	d := new(draws)
	d.random = rand.New(&d.source)
	return d
}

// of returns the random numbers of a sequence in a pass. Passes are epochs;
// masks that are drawn once belong to pass 0, those of held-out texts to [heldOut].
func (d *draws) of(seed uint64, pass uint32, sequence int) *rand.Rand {
	d.source.Seed(seed, scramble(scramble(uint64(pass))+uint64(sequence)))
	return d.random
}

const heldOut = math.MaxUint32

// scramble is the output function of SplitMix64 (Steele et al. 2014): near
// numbers give unlike ones.
func scramble(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
