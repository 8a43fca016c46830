// Package synthetic makes the corpora of the study that needs no download.
// They are synthetic: an invented grammar, two invented languages that share
// names and borrowed words, two domains that share some of their words. What is
// measured on them says how godwit works, and nothing about real texts.
//
// Each task has a larger intermediate set in language A and domain 1, and three
// small targets: the same question in domain 2, the same in language B, and
// another question about the same kind of texts, for which what the intermediate
// set teaches is beside the point.
package synthetic

import (
	"math/rand/v2"

	"godwit/experiments/dataset"
)

// Seed is that of the study without flags.
const Seed = 0

// Corpora is everything that one seed makes.
type Corpora struct {
	// Unlabelled has texts of both languages and domains, for pretraining, each
	// a document of two sentences.
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

// Sizes of the corpora, in texts and examples. Training sets are as large as
// their questions need: intermediate ones to be learned, targets to be learned in part.
const (
	unlabelled = 8000
	devSize    = 100
	testSize   = 400
)

// Make makes the corpora of a seed, the same on every machine.
func Make(seed uint64) *Corpora {
	g := newGrammar(rand.New(rand.NewPCG(seed, 1)))
	c := &Corpora{}
	r := rand.New(rand.NewPCG(seed, 2))
	for range unlabelled {
		c.Unlabelled = append(c.Unlabelled, g.text(r))
	}
	const domain1, domain2 = 0, 1
	stream := uint64(10)
	// set draws examples that are all different.
	set := func(name, description string, train int, ask asker, domain, language int) Set {
		stream++
		r := rand.New(rand.NewPCG(seed, stream))
		seen := map[string]bool{}
		draw := func(n int) []dataset.Example {
			var list []dataset.Example
			for len(list) < n {
				e := ask(g, r, domain, language)
				if key := e.Text + "\t" + e.Pair; !seen[key] {
					seen[key] = true
					e.Line = len(list) + 1
					list = append(list, e)
				}
			}
			return list
		}
		return Set{Name: name, Description: "synthetic: " + description, Train: draw(train), Dev: draw(devSize), Test: draw(testSize)}
	}
	c.Tasks = []Task{
		{
			Name:         "classification",
			Intermediate: set("topics-A1", "topic of two of three nouns, language A, domain 1", 1000, topic, domain1, languageA),
			Targets: []Target{
				{"domain", set("topics-A2", "the same in domain 2, with most of the nouns new", 80, topic, domain2, languageA)},
				{"cross-lingual", set("topics-B1", "the same in language B", 80, topic, domain1, languageB)},
				{"domain", set("actions-A2", "action of two of verb, manner and time, language A, domain 2: topics say nothing about it", 80, action, domain2, languageA)},
			},
		},
		{
			Name:         "sentiment",
			Intermediate: set("judgements-A1", "majority of three judgements, some negated, language A, domain 1", 1500, sentiment, domain1, languageA),
			Targets: []Target{
				{"domain", set("judgements-A2", "the same in domain 2, with half of the judgements new", 160, sentiment, domain2, languageA)},
				{"cross-lingual", set("judgements-B1", "the same in language B", 160, sentiment, domain1, languageB)},
				{"domain", set("tastes-A2", "liking of a topic, language A, domain 2: judgements say nothing about it", 80, taste, domain2, languageA)},
			},
		},
		{
			Name: "similarity", Regression: true,
			Intermediate: set("overlap-A1", "same topic and action in two sentences, language A, domain 1", 2000, similarity, domain1, languageA),
			Targets: []Target{
				{"domain", set("overlap-A2", "the same in domain 2", 256, similarity, domain2, languageA)},
				{"cross-lingual", set("overlap-B1", "the same in language B", 256, similarity, domain1, languageB)},
				{"domain", set("accord-A2", "same judgement and person in two sentences, language A, domain 2: topic and action say nothing about it", 256, accord, domain2, languageA)},
			},
		},
	}
	return c
}
