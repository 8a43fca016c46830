// Package synthetic makes the corpora of the study that needs no download.
// They are synthetic: an invented grammar and two invented, related languages.
// What is measured on them says how godwit works, and nothing about real texts.
package synthetic

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"godwit/experiments/dataset"
)

// Seed is that of the study without flags.
const Seed = 0

// Corpora is everything that one seed makes.
type Corpora struct {
	// Unlabelled has sentences of both languages and domains, for pretraining.
	Unlabelled []string
	Tasks      []Task
}

// Task is one of classification, sentiment and similarity.
type Task struct {
	Name         string
	Regression   bool
	Intermediate Set
	Targets      []Target
}

// Target is a small dataset in another domain or language.
type Target struct {
	Setting string // "domain" or "cross-lingual"
	Set
}

// Set is a dataset with its splits.
type Set struct {
	Name, Description string
	Train, Dev, Test  []dataset.Example
}

// Sizes of the sets.
const (
	intermediateTrain = 2000
	intermediateDev   = 150
	targetTrain       = 160
	targetDev         = 100
	testSize          = 300
	unlabelled        = 6000
	topics            = 6
	domains           = 2
)

// grammar holds the concepts that sentences are made of.
type grammar struct {
	lexicon
	articles, intensifiers []int
	negation               int
	nouns                  [domains][topics][]int
	verbs                  [4][]int // by kind
	good, bad, plain       [domains][]int
}

func newGrammar(r *rand.Rand) *grammar {
	g := &grammar{lexicon: lexicon{taken: map[string]bool{}}}
	g.articles = g.concepts(r, 2)
	g.intensifiers = g.concepts(r, 3)
	g.negation = g.concepts(r, 1)[0]
	for i := range g.verbs {
		g.verbs[i] = g.concepts(r, 5)
	}
	shared := [3][]int{g.concepts(r, 6), g.concepts(r, 6), g.concepts(r, 6)}
	for d := range domains {
		for t := range topics {
			g.nouns[d][t] = g.concepts(r, 8)
			if d > 0 { // domains share a few nouns of each topic
				copy(g.nouns[d][t][:3], g.nouns[0][t][:3])
			}
		}
		for t := range topics { // topics share nouns with the next one
			copy(g.nouns[d][t][4:], g.nouns[d][(t+1)%topics][:4])
		}
		g.good[d] = append(slices.Clone(shared[0]), g.concepts(r, 6)...)
		g.bad[d] = append(slices.Clone(shared[1]), g.concepts(r, 6)...)
		g.plain[d] = append(slices.Clone(shared[2]), g.concepts(r, 6)...)
	}
	return g
}

func pick(r *rand.Rand, list []int) int { return list[r.IntN(len(list))] }

// clause makes a clause whose nouns come from the given topics.
func (g *grammar) clause(r *rand.Rand, domain, subject, object int) clause {
	noun := func(topic int) phrase {
		p := phrase{noun: pick(r, g.nouns[domain][topic])}
		if r.IntN(2) == 0 {
			p.adjectives, p.negated = []int{pick(r, g.plain[domain])}, []bool{false}
		}
		return p
	}
	return clause{subject: noun(subject), object: noun(object), verb: pick(r, g.verbs[r.IntN(len(g.verbs))])}
}

// sentence renders clauses: one makes 6 to 16 words with its full stop, two 12 to 20.
func (g *grammar) sentence(r *rand.Rand, language int, clauses ...clause) string {
	var parts []string
	for _, c := range clauses {
		parts = append(parts, g.render(r, c, language, 0.3))
	}
	return strings.Join(parts, " , ") + " ."
}

// topic makes a sentence with two of four nouns from one topic, the others from
// two others. Half of a topic's nouns belong to a second topic as well.
func (g *grammar) topic(r *rand.Rand, domain, language int) (text, label string) {
	t := r.IntN(topics)
	others := r.Perm(topics - 1)
	nouns := []int{t, t, (t + 1 + others[0]) % topics, (t + 1 + others[1]) % topics}
	r.Shuffle(len(nouns), func(i, j int) { nouns[i], nouns[j] = nouns[j], nouns[i] })
	c, d := g.clause(r, domain, nouns[0], nouns[1]), g.clause(r, domain, nouns[2], nouns[3])
	return g.sentence(r, language, c, d), fmt.Sprintf("topic%d", t)
}

// action makes a sentence whose label is the kind of its verbs: nothing that
// topics teach.
func (g *grammar) action(r *rand.Rand, domain, language int) (text, label string) {
	k := r.IntN(len(g.verbs))
	c := g.clause(r, domain, r.IntN(topics), r.IntN(topics))
	c.verb = pick(r, g.verbs[k])
	return g.sentence(r, language, c), fmt.Sprintf("action%d", k)
}

// sentiment makes a sentence with two or three judgements, some of them
// negated; their majority is the label.
func (g *grammar) sentiment(r *rand.Rand, domain, language int) (text, label string) {
	for {
		c := g.clause(r, domain, r.IntN(topics), r.IntN(topics))
		score := 0
		for _, p := range []*phrase{&c.subject, &c.object} {
			p.adjectives, p.negated = nil, nil
			for range 1 + r.IntN(2) {
				sign, list := 1, g.good[domain]
				if r.IntN(2) == 0 {
					sign, list = -1, g.bad[domain]
				}
				not := r.IntN(4) == 0
				if not {
					sign = -sign
				}
				score += sign
				p.adjectives, p.negated = append(p.adjectives, pick(r, list)), append(p.negated, not)
			}
		}
		switch {
		case score > 0:
			return g.sentence(r, language, c), "positive"
		case score < 0:
			return g.sentence(r, language, c), "negative"
		}
	}
}

// similarity makes two clauses that share some of subject, verb, object and
// one adjective, as many as shared says; the score counts what they share, from 0 to 5.
func (g *grammar) similarity(r *rand.Rand, domain, language, shared int) (text, pair, label string) {
	make := func() clause {
		c := g.clause(r, domain, r.IntN(topics), r.IntN(topics))
		c.subject.adjectives, c.subject.negated = []int{pick(r, g.plain[domain])}, []bool{false}
		c.object.adjectives, c.object.negated = nil, nil
		return c
	}
	a, b := make(), make()
	for _, part := range r.Perm(4)[:shared] {
		switch part {
		case 0:
			b.subject.noun = a.subject.noun
		case 1:
			b.object.noun = a.object.noun
		case 2:
			b.verb = a.verb
		case 3:
			b.subject.adjectives = a.subject.adjectives
		}
	}
	score := 0.0
	for _, same := range []bool{a.subject.noun == b.subject.noun, a.object.noun == b.object.noun, a.verb == b.verb, a.subject.adjectives[0] == b.subject.adjectives[0]} {
		if same {
			score += 1.25
		}
	}
	return g.sentence(r, language, a), g.sentence(r, language, b), fmt.Sprintf("%.2f", score)
}

// Make makes the corpora of a seed, the same on every machine.
func Make(seed uint64) *Corpora {
	g := newGrammar(rand.New(rand.NewPCG(seed, 1)))
	c := &Corpora{}
	r := rand.New(rand.NewPCG(seed, 2))
	for i := range unlabelled {
		domain, language := i%domains, i/domains%2
		var text string
		switch r.IntN(5) {
		case 0:
			text, _ = g.topic(r, domain, language)
		case 1:
			text, _ = g.action(r, domain, language)
		case 2:
			text, _ = g.sentiment(r, domain, language)
		default: // two sentences that have most in common, as neighbours in a text do
			a, b, _ := g.similarity(r, domain, language, 3+r.IntN(2))
			text = a + " " + b
		}
		c.Unlabelled = append(c.Unlabelled, text)
	}
	stream := uint64(10)
	set := func(name, description string, train, dev int, make func(r *rand.Rand) dataset.Example) Set {
		stream++
		r := rand.New(rand.NewPCG(seed, stream))
		seen := map[string]bool{}
		draw := func(n int) []dataset.Example {
			var list []dataset.Example
			for len(list) < n {
				e := make(r)
				if key := e.Text + "\t" + e.Pair; !seen[key] {
					seen[key] = true
					e.Line = len(list) + 1
					list = append(list, e)
				}
			}
			return list
		}
		return Set{Name: name, Description: "synthetic: " + description, Train: draw(train), Dev: draw(dev), Test: draw(testSize)}
	}
	single := func(f func(*rand.Rand, int, int) (string, string), domain, language int) func(*rand.Rand) dataset.Example {
		return func(r *rand.Rand) dataset.Example {
			text, label := f(r, domain, language)
			return dataset.Example{Text: text, Label: label}
		}
	}
	pairs := func(domain, language int) func(*rand.Rand) dataset.Example {
		return func(r *rand.Rand) dataset.Example {
			text, pair, label := g.similarity(r, domain, language, r.IntN(5))
			return dataset.Example{Text: text, Pair: pair, HasPair: true, Label: label}
		}
	}
	intermediate := func(name, description string, make func(*rand.Rand) dataset.Example) Set {
		return set(name, description, intermediateTrain, intermediateDev, make)
	}
	target := func(setting, name, description string, make func(*rand.Rand) dataset.Example) Target {
		return Target{setting, set(name, description, targetTrain, targetDev, make)}
	}
	c.Tasks = []Task{
		{Name: "classification", Intermediate: intermediate("topics-A1", "topic of a sentence, language A, domain 1", single(g.topic, 0, languageA)),
			Targets: []Target{
				target("domain", "actions-A2", "kind of the verb, language A, domain 2: unrelated to topics", single(g.action, 1, languageA)),
				target("cross-lingual", "topics-B1", "topic of a sentence, language B, domain 1", single(g.topic, 0, languageB)),
			}},
		{Name: "sentiment", Intermediate: intermediate("judgements-A1", "majority of judgements, some negated, language A, domain 1", single(g.sentiment, 0, languageA)),
			Targets: []Target{
				target("domain", "judgements-A2", "the same in domain 2, with half of the words new", single(g.sentiment, 1, languageA)),
				target("cross-lingual", "judgements-B1", "the same in language B", single(g.sentiment, 0, languageB)),
			}},
		{Name: "similarity", Regression: true, Intermediate: intermediate("overlap-A1", "shared meaning of two sentences, language A, domain 1", pairs(0, languageA)),
			Targets: []Target{
				target("domain", "overlap-A2", "the same in domain 2", pairs(1, languageA)),
				target("cross-lingual", "overlap-B1", "the same in language B", pairs(0, languageB)),
			}},
	}
	return c
}

// Vocabulary returns a WordPiece vocabulary of at most size tokens for the
// corpora: special tokens, letters and marks, then words by frequency.
func (c *Corpora) Vocabulary(size int) []string {
	vocab := []string{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ",", "."}
	for l := 'a'; l <= 'z'; l++ {
		vocab = append(vocab, string(l), "##"+string(l))
	}
	count := map[string]int{}
	for _, text := range c.Unlabelled {
		for _, w := range strings.Fields(text) {
			count[w]++
		}
	}
	words := make([]string, 0, len(count))
	for w := range count {
		if len(w) > 1 {
			words = append(words, w)
		}
	}
	slices.SortFunc(words, func(a, b string) int { return cmp.Or(count[b]-count[a], strings.Compare(a, b)) })
	return append(vocab, words[:min(len(words), max(0, size-len(vocab)))]...)
}
