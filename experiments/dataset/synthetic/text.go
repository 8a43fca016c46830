package synthetic

import "math/rand/v2"

// text makes two sentences without a label, each in either language. One text
// in three mixes words of both languages, and in one of four the second sentence
// translates the first: what a model of both needs to find out that different
// words mean the same (Conneau and Lample 2019, §3.3).
func (g *grammar) text(r *rand.Rand) string {
	domain := r.IntN(domains)
	s := anySituation(r)
	next := s.next(r)
	a, b := g.opinion(r, domain, s), g.opinion(r, domain, next)
	first, second := r.IntN(languages), r.IntN(languages)
	mixed := 0.0
	if r.IntN(3) == 0 {
		mixed = 0.4
	}
	link := g.link(s, next, second)
	if r.IntN(4) == 0 {
		b, second = a, 1-first
		link = g.words[second][g.restatement] + " "
	}
	return g.render(r, a, first, mixed) + " " + link + g.render(r, b, second, mixed)
}

// opinion makes a sentence that may judge more than its object, mostly alike.
func (g *grammar) opinion(r *rand.Rand, domain int, s situation) sentence {
	c := g.say(r, domain, s)
	for _, p := range []*phrase{&c.subject, &c.place} {
		switch k := r.IntN(10); {
		case k < 4:
			p.judgement = g.judge(r, domain, s.judgement)
		case k < 5:
			p.judgement = g.judge(r, domain, 1-s.judgement)
		}
	}
	return c
}
