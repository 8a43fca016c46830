package synthetic

import (
	"math/rand/v2"
	"slices"
)

// How many there are of each.
const (
	domains = 2
	topics  = 3
	actions = 3
	people  = 3 // in each domain
)

// grammar holds the concepts that sentences are made of. Domains share some
// words of each kind and have others of their own.
type grammar struct {
	lexicon
	people     [domains][]int
	nouns      [domains][topics][]int
	verbs      [domains][actions][]int
	manners    [domains][actions][]int // adverbs that go with the verbs of an action
	times      [domains][actions][]int
	judgements [domains][2][]int // adjectives, bad and good
	negation   int

	// Words between two sentences that say how the second relates to the first.
	relations   [2][2]int // by whether topic and action are the same
	agreements  [2][2]int // by whether person and judgement are the same
	restatement int       // the second says the same again
}

func newGrammar(r *rand.Rand) *grammar {
	g := &grammar{lexicon: lexicon{taken: map[string]bool{}}}
	for d := range domains {
		g.people[d] = g.concepts(r, people, alwaysBorrowed)
	}
	// words makes concepts for each domain, the first of which are those of all domains.
	words := func(shared, own int, of func(domain int) *[]int) {
		common := g.concepts(r, shared, oftenBorrowed)
		for d := range domains {
			*of(d) = append(slices.Clone(common), g.concepts(r, own, oftenBorrowed)...)
		}
	}
	for t := range topics {
		words(3, 5, func(d int) *[]int { return &g.nouns[d][t] })
	}
	for a := range actions {
		words(2, 3, func(d int) *[]int { return &g.verbs[d][a] })
		words(2, 3, func(d int) *[]int { return &g.manners[d][a] })
		words(2, 3, func(d int) *[]int { return &g.times[d][a] })
	}
	for j := range 2 {
		words(4, 4, func(d int) *[]int { return &g.judgements[d][j] })
	}
	links := g.concepts(r, 10, notBorrowed)
	g.relations = [2][2]int{{links[0], links[1]}, {links[2], links[3]}}
	g.agreements = [2][2]int{{links[4], links[5]}, {links[6], links[7]}}
	g.restatement, g.negation = links[8], links[9]
	return g
}

func pick(r *rand.Rand, list []int) int { return list[r.IntN(len(list))] }

// situation is what a sentence is about, and all of its meaning that the tasks ask for.
type situation struct {
	person, topic, action int
	judgement             int // 0 bad, 1 good
}

func anySituation(r *rand.Rand) situation {
	return situation{r.IntN(people), r.IntN(topics), r.IntN(actions), r.IntN(2)}
}

// next makes a situation that shares each part with s half of the time.
func (s situation) next(r *rand.Rand) situation {
	change := func(x, n int) int {
		if r.IntN(2) == 0 {
			return x
		}
		return other(r, x, n)
	}
	return situation{change(s.person, people), change(s.topic, topics), change(s.action, actions), change(s.judgement, 2)}
}

// other draws a number below n that is not x.
func other(r *rand.Rand, x, n int) int { return (x + 1 + r.IntN(n-1)) % n }

// one is 1 for true: an index, or a point.
func one(b bool) int {
	if b {
		return 1
	}
	return 0
}
