package trainer

import (
	"cmp"
	"math"
	"slices"
	"sync/atomic"
)

// lattice holds the words and all pieces they can be cut into.
//
// The pieces are nodes of a suffix tree: the pieces that begin at a position
// are found, the longest first, by going from the position's longest piece to
// its parent, and on until there is none. So no dictionary is searched, however
// often the words are gone through. Where a piece is dropped, the next shorter
// one takes its place.
type lattice struct {
	text    []rune  // the words, an edge after each
	begins  []int32 // of the words in text
	counts  []int64 // of the words
	longest []int32 // per position of text the longest piece that begins there
	pieces  []piece // by code points, so that a parent stands before its children
	chunks  [][2]int
	workers int
}

type piece struct {
	score  float64 // log probability, or -Inf
	parent int32   // the longest piece that this one begins with, or noPiece
	length int32   // characters
	at     int32   // a position of text where it begins
}

const noPiece = -1

// chunks is into how many parts the words are cut. Sums are made by part and
// then added in order, so it is a constant, not the number of cores.
const chunks = 8

// characterPrior is how often each character occurs besides the text, so that
// no character loses all of its probability to longer pieces.
const characterPrior = 1e-6

// newLattice returns the lattice of words with at most seeds pieces, which are
// all characters and the substrings whose length times frequency is largest, of
// equal ones the first by code points. Their probabilities are in proportion to
// that. Strings that taken says yes to are left out.
func newLattice(words []word, o UnigramOptions, seeds, workers int, taken func(string) bool) *lattice {
	l := &lattice{workers: workers}
	for _, w := range words {
		l.begins = append(l.begins, int32(len(l.text)))
		l.counts = append(l.counts, w.count)
		l.text = append(append(l.text, w.text...), edge)
	}
	for begin, c := 0, 1; c <= chunks; c++ {
		end, _ := slices.BinarySearch(l.begins, int32(len(l.text)*c/chunks))
		l.chunks = append(l.chunks, [2]int{begin, end})
		begin = end
	}

	suffixes := sortSuffixes(l.text, l.counts, max(3, o.MaxPieceLength+1), workers)
	found := substrings(l.text, suffixes, o.MaxPieceLength, int64(o.MinFrequency))
	found = slices.DeleteFunc(found, func(s substring) bool {
		at := suffixes[s.begin].at
		return s.length > 1 && taken(string(l.text[at:at+s.length]))
	})
	weight := func(s substring) float64 { return float64(s.length) * float64(s.count) }
	byText := func(a, b substring) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.length, b.length))
	}
	if len(found) > seeds {
		slices.SortFunc(found, func(a, b substring) int {
			if a, b := a.length > 1, b.length > 1; a != b {
				if b {
					return -1
				}
				return 1
			}
			return cmp.Or(cmp.Compare(weight(b), weight(a)), byText(a, b))
		})
		found = found[:seeds]
	}
	slices.SortFunc(found, byText)

	l.longest = make([]int32, len(l.text))
	last := int32(noPiece) // the longest piece that the suffix begins with
	initial := make([]float64, len(found))
	for i, s := range suffixes {
		for last != noPiece && found[last].end <= int32(i) {
			last = l.pieces[last].parent
		}
		for id := len(l.pieces); id < len(found) && found[id].begin == int32(i); id++ {
			l.pieces = append(l.pieces, piece{parent: last, length: found[id].length, at: s.at})
			initial[id] = weight(found[id])
			last = int32(id)
		}
		l.longest[s.at] = last
	}
	l.maximize(initial)
	return l
}

// textOf returns the characters of a piece.
func (l *lattice) textOf(p piece) string { return string(l.text[p.at : p.at+p.length]) }

// word returns where a word begins and its pieces' positions end.
func (l *lattice) word(i int) (begin, end int32) {
	end = int32(len(l.text))
	if i+1 < len(l.begins) {
		end = l.begins[i+1]
	}
	return l.begins[i], end - 1
}

// expect returns how often each piece is expected to occur in the words, over
// all their segmentations by their probabilities, and the log likelihood of
// the words: the E-step.
//
// The probability of what follows a position is summed from a word's end to its begin, as
// in any forward-backward algorithm. But what precedes is not summed for itself: from
// the begin on, a position's probability to lie between two pieces goes to the pieces
// from there in proportion. This needs no logarithm, and cannot overflow.
func (l *lattice) expect() (expected []float64, likelihood float64) {
	var sums [chunks][]float64
	var likelihoods [chunks]float64
	parallel(chunks, l.workers, func(c int) {
		expected := make([]float64, len(l.pieces))
		var after, between []float64
		for w := l.chunks[c][0]; w < l.chunks[c][1]; w++ {
			begin, end := l.word(w)
			longest := l.longest[begin:end]
			after = slices.Grow(after[:0], len(longest)+1)[:len(longest)+1]
			between = slices.Grow(between[:0], len(longest)+1)[:len(longest)+1]
			clear(between)

			after[len(longest)] = 0
			for i := len(longest) - 1; i >= 0; i-- {
				best := math.Inf(-1)
				for id := longest[i]; id != noPiece; {
					p := &l.pieces[id]
					best = max(best, p.score+after[i+int(p.length)])
					id = p.parent
				}
				sum := 0.0
				for id := longest[i]; id != noPiece; {
					p := &l.pieces[id]
					sum += exp(p.score + after[i+int(p.length)] - best)
					id = p.parent
				}
				after[i] = best + log(sum)
			}

			count := float64(l.counts[w])
			between[0] = 1
			for i, id := range longest {
				if between[i] == 0 {
					continue
				}
				for id != noPiece {
					p := &l.pieces[id]
					j := i + int(p.length)
					x := float64(between[i] * exp(p.score+after[j]-after[i]))
					between[j] += x
					expected[id] += float64(x * count)
					id = p.parent
				}
			}
			likelihoods[c] += float64(after[0] * count)
		}
		sums[c] = expected
	})
	expected = sums[0]
	likelihood = likelihoods[0]
	for c := 1; c < chunks; c++ {
		for i, x := range sums[c] {
			expected[i] += x
		}
		likelihood += likelihoods[c]
	}
	return expected, likelihood
}

// maximize gives the pieces the probabilities under which what is expected is
// most likely, in proportion to it: the M-step.
func (l *lattice) maximize(expected []float64) {
	total := 0.0
	for i, x := range expected {
		if l.pieces[i].length == 1 {
			x += characterPrior
			expected[i] = x
		}
		total += x
	}
	logTotal := log(total)
	for i, x := range expected {
		l.pieces[i].score = log(x) - logTotal
	}
}

// dropRare drops the pieces that are expected to be used less than once, from
// the rarest on, of equal ones the first by code points, until size pieces are
// left. It returns what is expected of the others.
func (l *lattice) dropRare(expected []float64, size int) []float64 {
	var rare []int32
	for id, x := range expected {
		if x < 1 && l.pieces[id].length > 1 {
			rare = append(rare, int32(id))
		}
	}
	slices.SortFunc(rare, func(a, b int32) int { return cmp.Or(cmp.Compare(expected[a], expected[b]), cmp.Compare(a, b)) })
	rare = rare[:min(len(rare), max(0, len(expected)-size))]
	kept := slices.Repeat([]bool{true}, len(expected))
	for _, id := range rare {
		kept[id] = false
	}
	l.keep(kept)
	left := expected[:0]
	for id, x := range expected {
		if kept[id] {
			left = append(left, x)
		}
	}
	return left
}

// path is the memory of segment.
type path struct {
	score  []float64 // of the best pieces from here to the end
	choice []int32   // the first of them
	pieces []int32
}

// segment returns the pieces of the most probable segmentation of the text
// from begin to end, and its log probability: Viterbi's algorithm. One piece
// may be excluded. Of equally probable ones it takes that with the longer first piece.
func (l *lattice) segment(path *path, begin, end, excluded int32) ([]int32, float64) {
	n := int(end - begin)
	path.score = slices.Grow(path.score[:0], n+1)[:n+1]
	path.choice = slices.Grow(path.choice[:0], n+1)[:n+1]
	path.score[n] = 0
	for i := n - 1; i >= 0; i-- {
		best, choice := math.Inf(-1), int32(noPiece)
		for id := l.longest[int(begin)+i]; id != noPiece; {
			p := &l.pieces[id]
			if j := i + int(p.length); j <= n && id != excluded {
				if s := p.score + path.score[j]; s > best {
					best, choice = s, id
				}
			}
			id = p.parent
		}
		path.score[i], path.choice[i] = best, choice
	}
	path.pieces = path.pieces[:0]
	for i := 0; i < n; {
		id := path.choice[i]
		path.pieces = append(path.pieces, id)
		i += int(l.pieces[id].length)
	}
	return path.pieces, path.score[0]
}

// used returns how often each piece occurs in the words' most probable segmentations.
func (l *lattice) used() []int64 {
	used := make([]int64, len(l.pieces))
	parallel(chunks, l.workers, func(c int) {
		var path path
		for w := l.chunks[c][0]; w < l.chunks[c][1]; w++ {
			begin, end := l.word(w)
			pieces, _ := l.segment(&path, begin, end, noPiece)
			for _, id := range pieces {
				atomic.AddInt64(&used[id], l.counts[w])
			}
		}
	})
	return used
}

// losses returns by how much the words' log likelihood falls when each piece
// is dropped and its next best segmentation stands for it, which raises the probabilities
// of the pieces that are used then. It is +Inf for characters, which must
// stay, and -Inf for pieces that are less probable than their own parts: these are never chosen.
func (l *lattice) losses() []float64 {
	used := l.used()
	var sum int64
	for _, n := range used {
		sum += n
	}
	total := float64(sum)
	losses := make([]float64, len(l.pieces))
	const span = 1 << 12
	parallel((len(l.pieces)+span-1)/span, l.workers, func(c int) {
		var path path
		for i := c * span; i < min((c+1)*span, len(l.pieces)); i++ {
			p := &l.pieces[i]
			if p.length == 1 {
				losses[i] = math.Inf(1)
				continue
			}
			parts, score := l.segment(&path, p.at, p.at+p.length, int32(i))
			if score >= p.score {
				losses[i] = math.Inf(-1)
				continue
			}
			if used[i] == 0 {
				continue
			}
			n := float64(used[i])
			logTotal := log(total + float64(n*float64(len(parts)-1)))
			alternative := 0.0
			for _, id := range parts {
				alternative += log(float64(used[id])+n) - logTotal
			}
			losses[i] = float64(n * (log(n/total) - alternative))
		}
	})
	return losses
}

// prune keeps so many pieces, those with the largest losses, of equal losses
// the more probable ones, then those first by code points, and fewer where
// others are never chosen.
func (l *lattice) prune(size int) {
	losses := l.losses()
	l.keep(l.first(size, losses, func(a, b int32) int {
		return cmp.Or(cmp.Compare(losses[b], losses[a]), cmp.Compare(l.pieces[b].score, l.pieces[a].score))
	}))
}

// first returns which are the first size pieces by an order, of those whose loss is not -Inf.
func (l *lattice) first(size int, losses []float64, order func(a, b int32) int) []bool {
	var ids []int32
	for id, loss := range losses {
		if !math.IsInf(loss, -1) {
			ids = append(ids, int32(id))
		}
	}
	slices.SortFunc(ids, func(a, b int32) int { return cmp.Or(order(a, b), cmp.Compare(a, b)) })
	kept := make([]bool, len(l.pieces))
	for _, id := range ids[:min(size, len(ids))] {
		kept[id] = true
	}
	return kept
}

// keep drops all other pieces. All characters must be kept.
func (l *lattice) keep(kept []bool) {
	renamed := make([]int32, len(l.pieces)) // the piece itself, or the longest one kept that it begins with
	pieces := l.pieces[:0]
	for id, p := range l.pieces {
		if p.parent != noPiece {
			p.parent = renamed[p.parent]
		}
		renamed[id] = p.parent
		if kept[id] {
			renamed[id] = int32(len(pieces))
			pieces = append(pieces, p)
		}
	}
	l.pieces = pieces
	for i, r := range l.text {
		if r != edge {
			l.longest[i] = renamed[l.longest[i]]
		}
	}
}
