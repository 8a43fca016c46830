package dataset

import (
	"fmt"
	"slices"
)

// BatchOptions says how to form batches.
type BatchOptions struct {
	// Size is the most sequences of a batch, 0 for any number.
	Size int
	// TokenBudget is the most tokens of a batch, 0 for any number. A sequence
	// that is longer makes a batch of its own.
	TokenBudget int
	// SortWindow is how many sequences, taken in order, are sorted by length,
	// so that the sequences of a batch have near lengths. 0 sorts nothing.
	SortWindow int
	// Seed and Epoch choose the random order, if Shuffle asks for one.
	Seed    uint64
	Epoch   int
	Shuffle bool
}

// Batches distributes sequences of the given lengths, in tokens, over batches,
// and returns their numbers: each exactly once. Size or TokenBudget must be
// positive.
//
// With Shuffle the sequences are taken in the order of [Shuffle]; if they are
// sorted, the batches are then shuffled too, so that lengths do not come in
// order during an epoch. With Size alone there are ⌈len(lengths)/Size⌉ batches,
// all but one full.
func Batches(lengths []int, opt BatchOptions) [][]int {
	if opt.Size <= 0 && opt.TokenBudget <= 0 {
		panic(fmt.Sprintf("dataset.Batches: Size is %d and TokenBudget %d, expected one of them to be positive", opt.Size, opt.TokenBudget))
	}
	order := count(len(lengths))
	if opt.Shuffle {
		order = Shuffle(len(lengths), opt.Seed, opt.Epoch)
	}
	if opt.SortWindow > 0 {
		// Every other window is sorted downwards, so that lengths are near
		// also in a batch that spans two windows.
		direction := 1
		for window := range slices.Chunk(order, opt.SortWindow) {
			slices.SortStableFunc(window, func(a, b int) int { return direction * (lengths[a] - lengths[b]) })
			direction = -direction
		}
	}

	var batches [][]int
	var batch []int
	tokens := 0
	for _, i := range order {
		full := opt.Size > 0 && len(batch) == opt.Size
		over := opt.TokenBudget > 0 && tokens+lengths[i] > opt.TokenBudget
		if len(batch) > 0 && (full || over) {
			batches = append(batches, batch)
			batch, tokens = nil, 0
		}
		batch = append(batch, i)
		tokens += lengths[i]
	}
	if len(batch) > 0 {
		batches = append(batches, batch)
	}
	if opt.Shuffle && opt.SortWindow > 0 {
		shuffle(generator(opt.Seed, siteBatches, opt.Epoch), batches)
	}
	return batches
}
