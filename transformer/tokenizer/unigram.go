package tokenizer

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"unicode/utf8"
)

// scoredPiece is an entry of the vocabulary with its log probability.
type scoredPiece = ScoredPiece

// unigram splits a word into the pieces whose probabilities have the greatest
// product: the best path by Viterbi's algorithm (Kudo, arXiv 1804.10959, §3.2).
type unigram struct {
	trie     []trieNode
	scores   []float64
	unk      int32
	unkScore float64
	// byteTokens are the tokens <0x00> to <0xFF> that stand for unknown
	// characters; nil without byte_fallback, -1 where there is none.
	byteTokens []int32
}

// unkPenalty is how much less an unknown character scores than any piece.
const unkPenalty = 10

// newUnigram builds the model. Pieces are valid UTF-8; an empty one is never found.
func newUnigram(pieces []scoredPiece, unk int, byteFallback bool) (*unigram, error) {
	if len(pieces) == 0 {
		return nil, errors.New("the vocabulary is empty")
	}
	if unk < 0 || unk >= len(pieces) {
		return nil, fmt.Errorf("unk_id: found %d, expected an id of the %d pieces", unk, len(pieces))
	}
	u := &unigram{scores: make([]float64, len(pieces)), unk: int32(unk), unkScore: math.Inf(1)}
	texts := make([]string, len(pieces))
	for i, p := range pieces {
		if math.IsNaN(p.Score) || math.IsInf(p.Score, 0) {
			return nil, fmt.Errorf("piece %d, %q: the score is %v", i, p.Piece, p.Score)
		}
		texts[i], u.scores[i] = p.Piece, p.Score
		u.unkScore = min(u.unkScore, p.Score)
	}
	u.unkScore -= unkPenalty
	u.trie = newTrie(texts)
	if byteFallback {
		u.byteTokens = make([]int32, 256)
		for c := range u.byteTokens {
			u.byteTokens[c] = u.find([]byte(fmt.Sprintf("<0x%02X>", c)))
		}
	}
	return u, nil
}

// step is the best way to a place in a word.
type step struct {
	score float64
	id    int32 // of the piece that ends here
	from  int32 // where that begins, -1 for a place that was not reached
}

// unigramScratch is what a unigram keeps from word to word.
type unigramScratch struct{ steps []step }

func (u *unigram) encode(dst []piece, word []char, s *scratch) []piece {
	b := utf8Of(s.bytes[:0], word)
	s.bytes = b
	v, ok := s.model.(*unigramScratch)
	if !ok {
		v = new(unigramScratch)
		s.model = v
	}
	v.steps = slices.Grow(v.steps[:0], len(b)+1)[:len(b)+1]
	u.forward(v.steps, b)
	steps := v.steps
	// Turn the links around: from becomes where the piece that begins here ends.
	for end, next := len(b), len(b); end > 0; {
		from := int(steps[end].from)
		steps[end].from = int32(next)
		end, next = from, end
		if end == 0 {
			steps[0].from = int32(next)
		}
	}
	first := 0 // character of word where the piece begins
	for at := 0; at < len(b); {
		end := int(steps[at].from)
		id := steps[end].id
		if id == u.unk { // unknown characters next to each other are one token
			for end < len(b) && steps[steps[end].from].id == u.unk {
				end = int(steps[end].from)
			}
		}
		last := first
		for n := utf8Len(word[first].r); at+n < end; n += utf8Len(word[last].r) {
			last++
		}
		p := piece{id: id, start: word[first].start, end: word[last].end}
		if id == u.unk {
			dst = u.unknown(dst, p, b[at:end])
		} else {
			dst = append(dst, p)
		}
		at, first = end, last+1
	}
	return dst
}

// forward fills in the best way to each place. Of two equal ones the first
// found stays: the longer piece.
func (u *unigram) forward(steps []step, b []byte) {
	for i := range steps {
		steps[i].from = -1
	}
	steps[0].score = 0
	for at := 0; at < len(b); {
		size := sizeOfRune(b[at])
		score := steps[at].score
		alone := false // the character is a piece
		node := int32(0)
		for k := at; k < len(b); k++ {
			child := u.trie[node].base + int32(b[k])
			c := &u.trie[child]
			if c.parent != node {
				break
			}
			node = child
			if c.piece < 0 {
				continue
			}
			alone = alone || k+1-at == size
			if to, total := &steps[k+1], u.scores[c.piece]+score; to.from < 0 || total > to.score {
				*to = step{total, c.piece, int32(at)}
			}
		}
		if !alone {
			if to, total := &steps[at+size], u.unkScore+score; to.from < 0 || total > to.score {
				*to = step{total, u.unk, int32(at)}
			}
		}
		at += size
	}
}

// unknown appends the token of characters that are no pieces, or the tokens of their bytes.
func (u *unigram) unknown(dst []piece, p piece, text []byte) []piece {
	if id := u.find(text); id >= 0 {
		p.id = id
		return append(dst, p)
	}
	if u.byteTokens != nil {
		begin := len(dst)
		for _, c := range text {
			if p.id = u.byteTokens[c]; p.id < 0 {
				break
			}
			dst = append(dst, p)
		}
		if p.id >= 0 {
			return dst
		}
		dst, p.id = dst[:begin], u.unk
	}
	p.text = string(text)
	return append(dst, p)
}

// find returns the id of a piece, -1 if it is none.
func (u *unigram) find(text []byte) int32 {
	node := int32(0)
	for _, c := range text {
		child := u.trie[node].base + int32(c)
		if u.trie[child].parent != node {
			return -1
		}
		node = child
	}
	return u.trie[node].piece
}

// sizeOfRune returns the length of the UTF-8 that begins with b.
func sizeOfRune(b byte) int {
	switch {
	case b < utf8.RuneSelf:
		return 1
	case b < 0xe0:
		return 2
	case b < 0xf0:
		return 3
	}
	return 4
}

// trieNode is a node of a double-array trie (Aoe, IEEE Transactions on Software
// Engineering 15(9), 1989): the child of node n by byte c is at trie[n].base+c,
// if n is its parent. Node 0 is the root.
type trieNode struct {
	base   int32
	parent int32 // -1 where there is no node
	piece  int32 // that ends here, -1 for none
}

// newTrie builds the trie of texts, which are different from each other.
func newTrie(texts []string) []trieNode {
	order := make([]int32, len(texts))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(texts[a], texts[b]) })
	t := trieBuilder{}
	t.grow(256)
	t.take(0, -1)
	// A node with the texts below it, which all begin with its bytes.
	type open struct{ node, first, end, depth int32 }
	stack := []open{{0, 0, int32(len(order)), 0}}
	var labels []byte
	var below []open
	for len(stack) > 0 {
		o := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for o.first < o.end && len(texts[order[o.first]]) == int(o.depth) {
			if o.depth > 0 {
				t.nodes[o.node].piece = order[o.first]
			}
			o.first++
		}
		labels, below = labels[:0], below[:0]
		for i := o.first; i < o.end; i++ {
			c := texts[order[i]][o.depth]
			if n := len(labels); n == 0 || labels[n-1] != c {
				labels = append(labels, c)
				below = append(below, open{first: i, depth: o.depth + 1})
			}
			below[len(below)-1].end = i + 1
		}
		if len(labels) == 0 {
			continue
		}
		base := t.place(labels)
		t.nodes[o.node].base = base
		for i, c := range labels {
			below[i].node = base + int32(c)
			t.take(below[i].node, o.node)
		}
		stack = append(stack, below...)
	}
	return t.nodes
}

type trieBuilder struct {
	nodes []trieNode
	taken []uint64 // a bit for each node
	first int      // no free place is before it
}

func (t *trieBuilder) grow(n int) {
	for len(t.nodes) < n {
		t.nodes = append(t.nodes, trieNode{0, -1, -1})
		if len(t.taken)*64 < len(t.nodes) {
			t.taken = append(t.taken, 0)
		}
	}
}

func (t *trieBuilder) take(node, parent int32) {
	t.nodes[node].parent = parent
	t.taken[node/64] |= 1 << (node % 64)
}

// free returns the first free place from i on; there is always one behind the end.
func (t *trieBuilder) free(i int) int {
	for w := i / 64; w < len(t.taken); w++ {
		left := ^t.taken[w]
		if w == i/64 {
			left &= ^uint64(0) << (i % 64)
		}
		if left != 0 {
			return w*64 + bits.TrailingZeros64(left)
		}
	}
	return max(i, len(t.taken)*64)
}

// place returns a base for children with these labels, which are in order. It
// gives up on gaps that are too small before long, and takes new places.
func (t *trieBuilder) place(labels []byte) int32 {
	const tries = 64
	t.first = t.free(t.first)
	base := -1
	at := t.free(max(t.first, int(labels[0])+1))
	for range tries {
		base = at - int(labels[0])
		if t.fits(base, labels[1:]) {
			break
		}
		base = -1
		at = t.free(at + 1)
	}
	if base < 0 {
		base = len(t.nodes)
	}
	t.grow(base + 256)
	return int32(base)
}

func (t *trieBuilder) fits(base int, labels []byte) bool {
	for _, c := range labels {
		if i := base + int(c); i/64 < len(t.taken) && t.taken[i/64]>>(i%64)&1 == 1 {
			return false
		}
	}
	return true
}
