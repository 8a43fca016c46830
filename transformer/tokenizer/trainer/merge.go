package trainer

import (
	"cmp"
	"container/heap"
	"slices"
	"strings"
)

// merger trains by byte-pair encoding: it joins the most frequent pair of
// neighbouring tokens to a new token, again and again. Of equally frequent
// pairs it takes the one with the smaller left id, then the smaller right id.
//
// Counts are kept up to date instead of counted anew. For that all words lie
// side by side in one array of character positions, and each pair remembers where it
// has occurred, so that a merge costs as much as it changes.
type merger struct {
	tokens []string
	ids    map[string]int32
	length []int32 // characters of each token; 0 of special tokens
	prefix string  // of tokens that continue a word

	// Per position. A word is between two edges.
	symbols []int32 // the token that begins here, or edge or inside
	begin   []int32 // where the token begins that ends here
	weight  []int32 // index of the word's count in counts
	counts  []int64

	pairs []pair
	index map[uint64]int32 // of pairs, by pairKey
	queue queue
	grown []int32 // pairs that became more frequent by the merge at hand
}

const (
	edge   = -1 // no token: between two words
	inside = -2 // no token begins here
)

// pair is two tokens next to each other.
type pair struct {
	left, right int32
	count       int64
	at          []int32 // where left begins, or began: checked when merging
	grown       bool    // is in the merger's grown
	merged      bool
}

func pairKey(left, right int32) uint64 { return uint64(left)<<32 | uint64(right) }

// newMerger returns a merger whose vocabulary is the special tokens.
func newMerger(special []string, prefix string) *merger {
	m := &merger{ids: map[string]int32{}, index: map[uint64]int32{}, prefix: prefix}
	for _, s := range special {
		m.addToken(s, 0)
	}
	return m
}

// addToken returns the id of a token, which is new or has the same length. It
// returns false if the text is another token's: a special one, or one that
// begins a word with what is the prefix of others.
func (m *merger) addToken(text string, length int32) (id int32, ok bool) {
	if id, ok := m.ids[text]; ok {
		return id, m.length[id] == length
	}
	id = int32(len(m.tokens))
	m.tokens, m.length = append(m.tokens, text), append(m.length, length)
	m.ids[text] = id
	return id, true
}

// addCharacter is addToken for a token of the alphabet, which may be a special
// token too.
func (m *merger) addCharacter(text string) {
	if id, ok := m.addToken(text, 1); !ok {
		m.length[id] = 1
	}
}

// addWord places a word, given by the ids of its characters.
func (m *merger) addWord(ids []int32, count int64) {
	if len(m.symbols) == 0 {
		m.place(edge, 0)
	}
	m.counts = append(m.counts, count)
	word := int32(len(m.counts) - 1)
	for i, id := range ids {
		if i > 0 {
			m.count(ids[i-1], id, int32(len(m.symbols)-1), count)
		}
		m.place(id, word)
	}
	m.place(edge, word)
}

func (m *merger) place(symbol, word int32) {
	m.begin = append(m.begin, int32(len(m.symbols)))
	m.symbols = append(m.symbols, symbol)
	m.weight = append(m.weight, word)
}

// count adds occurrences of a pair at a position.
func (m *merger) count(left, right, at int32, n int64) {
	key := pairKey(left, right)
	i, ok := m.index[key]
	if !ok {
		i = int32(len(m.pairs))
		m.pairs = append(m.pairs, pair{left: left, right: right})
		m.index[key] = i
	}
	p := &m.pairs[i]
	p.count += n
	p.at = append(p.at, at)
	if !p.grown {
		p.grown = true
		m.grown = append(m.grown, i)
	}
}

// run merges until the vocabulary has the size asked for or no pair is
// frequent enough, and returns the merges in their order.
func (m *merger) run(o Options) (merges [][2]string) {
	m.queue.pairs = func(i int32) *pair { return &m.pairs[i] }
	first := len(m.tokens)
	step := max(1, (o.VocabSize-first)/100)
	m.enqueueGrown()
	for len(m.tokens) < o.VocabSize && len(m.queue.items) > 0 {
		top := &m.queue.items[0]
		p := m.pairs[top.pair]
		if p.count != top.count { // less frequent by now
			top.count = p.count
			heap.Fix(&m.queue, 0)
			continue
		}
		if p.count < int64(o.MinFrequency) {
			break
		}
		merged := m.merge(top.pair)
		heap.Pop(&m.queue)
		m.enqueueGrown()
		// A pair comes again if another merge makes one of its tokens too.
		if !merged || p.merged {
			continue
		}
		merges = append(merges, [2]string{m.tokens[p.left], m.tokens[p.right]})
		if n := len(m.tokens) - first; n%step == 0 {
			o.Progress(n, o.VocabSize-first)
		}
	}
	o.Progress(o.VocabSize-first, o.VocabSize-first)
	return merges
}

// merge joins a pair wherever it occurs. It returns false, and the pair stays
// apart for good, if there is another token of that text.
func (m *merger) merge(index int32) bool {
	left, right := m.pairs[index].left, m.pairs[index].right
	places := m.pairs[index].at
	m.pairs[index].at = nil
	text := m.tokens[left] + strings.TrimPrefix(m.tokens[right], m.prefix)
	token, ok := m.addToken(text, m.length[left]+m.length[right])
	if !ok {
		m.pairs[index].count = 0
		return false
	}
	m.pairs[index].merged = true
	// From left to right: of "aaa" the first two are joined.
	slices.Sort(places)
	for _, at := range places {
		if m.symbols[at] != left {
			continue
		}
		second := at + m.length[left]
		if m.symbols[second] != right {
			continue
		}
		n := m.counts[m.weight[at]]
		m.pairs[index].count -= n
		end := second + m.length[right]
		if after := m.symbols[end]; after != edge {
			m.pairs[m.index[pairKey(right, after)]].count -= n
			m.count(token, after, at, n)
		}
		if m.symbols[at-1] != edge {
			start := m.begin[at-1]
			before := m.symbols[start]
			m.pairs[m.index[pairKey(before, left)]].count -= n
			m.count(before, token, start, n)
		}
		m.symbols[at], m.symbols[second] = token, inside
		m.begin[end-1] = at
	}
	return true
}

func (m *merger) enqueueGrown() {
	for _, i := range m.grown {
		p := &m.pairs[i]
		p.grown = false
		heap.Push(&m.queue, queued{i, p.count})
	}
	m.grown = m.grown[:0]
}

// queue is a heap of pairs, the one to merge first on top. A pair that has
// become less frequent keeps its place until it is at the top.
type queue struct {
	items []queued
	pairs func(int32) *pair
}

type queued struct {
	pair  int32
	count int64
}

func (q *queue) Len() int { return len(q.items) }

func (q *queue) Less(i, j int) bool {
	a, b := q.items[i], q.items[j]
	if a.count != b.count {
		return a.count > b.count
	}
	p, r := q.pairs(a.pair), q.pairs(b.pair)
	return cmp.Or(cmp.Compare(p.left, r.left), cmp.Compare(p.right, r.right)) < 0
}

func (q *queue) Swap(i, j int) { q.items[i], q.items[j] = q.items[j], q.items[i] }
func (q *queue) Push(x any)    { q.items = append(q.items, x.(queued)) }

func (q *queue) Pop() any {
	last := q.items[len(q.items)-1]
	q.items = q.items[:len(q.items)-1]
	return last
}
