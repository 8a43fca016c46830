package trainer

import (
	"cmp"
	"slices"
)

// suffix is the rest of a word from a position of the text on.
type suffix struct {
	start uint64 // its first three characters, see sortSuffixes
	at    int32
	count int64 // of the word
}

// sortSuffixes returns the suffixes of the words by their first limit
// characters (at least three), then by position.
func sortSuffixes(text []rune, counts []int64, limit, workers int) []suffix {
	suffixes := make([]suffix, 0, len(text))
	for at, word := 0, 0; at < len(text); at++ {
		if text[at] == edge {
			word++
			continue
		}
		// Three characters in one number, each in 21 bits, 0 for the end of the
		// word, decide most comparisons.
		var start uint64
		for i := 0; i < 3 && text[at+i] != edge; i++ {
			start |= uint64(text[at+i]+1) << (42 - 21*i)
		}
		suffixes = append(suffixes, suffix{start, int32(at), counts[word]})
	}
	compare := func(a, b suffix) int {
		if a.start != b.start {
			return cmp.Compare(a.start, b.start)
		}
		if a.start&(1<<21-1) != 0 {
			if n := 3 + common(text[a.at+3:], text[b.at+3:], limit-3); n < limit {
				if c := cmp.Compare(text[int(a.at)+n], text[int(b.at)+n]); c != 0 {
					return c
				}
			}
		}
		return cmp.Compare(a.at, b.at)
	}
	// Each core sorts a part, then pairs of parts are merged.
	parts := slices.Collect(slices.Chunk(suffixes, max(1, (len(suffixes)+workers-1)/workers)))
	parallel(len(parts), workers, func(i int) { slices.SortFunc(parts[i], compare) })
	for len(parts) > 1 {
		merged := make([][]suffix, (len(parts)+1)/2)
		parallel(len(merged), workers, func(i int) {
			if merged[i] = parts[2*i]; 2*i+1 < len(parts) {
				merged[i] = mergeSorted(parts[2*i], parts[2*i+1], compare)
			}
		})
		parts = merged
	}
	return slices.Concat(parts...)
}

func mergeSorted[T any](a, b []T, compare func(T, T) int) []T {
	merged := make([]T, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if compare(b[0], a[0]) < 0 {
			merged, b = append(merged, b[0]), b[1:]
		} else {
			merged, a = append(merged, a[0]), a[1:]
		}
	}
	return append(append(merged, a...), b...)
}

// common returns how many characters two suffixes have in common, at most limit.
func common(a, b []rune, limit int) int {
	n := 0
	for n < limit && a[n] == b[n] && a[n] != edge {
		n++
	}
	return n
}

// substring is a string that all suffixes from begin to end, in their order,
// begin with.
type substring struct {
	length     int32
	begin, end int32 // indices of suffixes
	count      int64 // how often it occurs in the text
}

// substrings returns, in no particular order, all characters and all strings of up to maxLength
// characters that occur at least minFrequency times and that not all go on with
// the same character: the longer string does for those. They are the inner nodes of
// the suffix tree, and are found in one pass over the suffix array, as the intervals with a
// common beginning (Kasai et al., CPM 2001). The suffixes must be sorted by more
// than maxLength characters.
func substrings(text []rune, suffixes []suffix, maxLength int, minFrequency int64) []substring {
	var found []substring
	open := []substring{{}} // those the last suffix begins with, the shortest first; the first is the empty one
	top := func() *substring { return &open[len(open)-1] }
	// closeTo closes all that are longer than length; one of just that length is open then.
	closeTo := func(length, end int32) {
		for top().length > length {
			s := *top()
			open = open[:len(open)-1]
			if top().length < length {
				open = append(open, substring{length: length, begin: s.begin})
			}
			top().count += s.count
			if s.length == 1 || int(s.length) <= maxLength && s.count >= minFrequency {
				s.end = end
				found = append(found, s)
			}
		}
	}
	for i, s := range suffixes {
		at := text[s.at:]
		same := 0
		if i > 0 {
			same = common(text[suffixes[i-1].at:], at, maxLength+1)
		}
		closeTo(int32(same), int32(i))
		if same == 0 {
			open = append(open, substring{length: 1, begin: int32(i)})
		}
		if length := int32(common(at, at, maxLength+1)); top().length < length {
			open = append(open, substring{length: length, begin: int32(i)})
		}
		top().count += s.count
	}
	closeTo(0, int32(len(suffixes)))
	return found
}
