package train

import "math/rand/v2"

// permutationLM is permutation language modelling with partial prediction
// (Yang et al. 2019, §2.2 and §2.3): the tokens to be predicted come last in a
// random order of factorisation, each predicted from all others but those
// that come with or after it.
//
// The tokens are spans: for a span of s tokens, 1 to maxSpan, a stretch of
// s/ratio tokens is set apart, in which the span lies somewhere, as Hugging
// Face's DataCollatorForPermutationLanguageModeling does. That collator also writes
// the mask token in place of every predicted token, so that later ones don't see it even when
// the order would let them, and orders special tokens with the predicted
// ones. Here, as in the paper, the content of a predicted token is its own embedding, and
// so nothing that all may see (text around the spans, special tokens) sees a predicted
// token: it would pass it on, a layer later, to those that must not.
type permutationLM struct {
	ratio   float64
	maxSpan int
	special []bool // by id: tokens that are never predicted

	order []int32 // by place: number in the order, -1 for what all may see
	spans []int32 // places of the tokens to be predicted
}

func (m *permutationLM) draw(ids []int32, at int32, r *rand.Rand, p *predictions) {
	n := len(ids)
	m.spans = m.spans[:0]
	for begin := 0; begin < n; {
		span := 1 + r.IntN(m.maxSpan)
		stretch := max(span, int(float64(span)/m.ratio))
		start := begin + r.IntN(stretch-span+1)
		for i := start; i < min(n, start+span); i++ {
			if !m.special[ids[i]] {
				m.spans = append(m.spans, int32(i))
			}
		}
		begin += stretch
	}
	m.order = m.order[:0]
	for range n {
		m.order = append(m.order, -1)
	}
	for k, j := range r.Perm(len(m.spans)) {
		m.order[m.spans[j]] = int32(k)
	}
	for _, i := range m.spans {
		p.rows, p.labels = append(p.rows, at+i), append(p.labels, ids[i])
	}
	for i := range n {
		for j := range n {
			p.hidden = append(p.hidden, m.order[j] >= 0 && m.order[j] >= m.order[i])
		}
	}
}
