package report

import (
	"fmt"
	"math"

	"godwit/experiments/stats"
	"godwit/experiments/study"
)

// costRow is what an arm costs in a task: means over its finished cells.
type costRow struct {
	Task, Arm, Time, Extra, Tokens, Energy, Gain, PerMinute string
	Cells                                                   int
	First                                                   bool // of its task
}

// cost is what it takes to get one model: all stages of a cell but the
// pretraining of encoders, as if none were shared.
type cost struct {
	seconds float64
	joules  float64 // NaN if it is unknown of a stage
}

func (g *grid) cost(c study.CellResult) (sum cost) {
	for _, key := range c.Stages {
		rec := g.Records[key]
		if rec == nil || rec.Pretrain != nil {
			continue
		}
		sum.seconds += rec.Seconds
		if rec.Joules == nil {
			sum.joules = math.NaN()
		} else {
			sum.joules += *rec.Joules
		}
	}
	return sum
}

// costs sets each arm's time beside its gain. What it takes over direct, and
// what it gains, are of the cells whose direct counterpart is finished too, so
// that the two are of the same targets and seeds in a study that is half-way.
func (g *grid) costs() []costRow {
	var rows []costRow
	for _, task := range g.tasks {
		for _, arm := range pageArms {
			var seconds, tokens, energy, extra, base, gains []float64
			for _, c := range g.Cells {
				if c.Task != task || c.Arm != arm {
					continue
				}
				own := g.cost(c)
				seconds, tokens = append(seconds, own.seconds), append(tokens, float64(c.Tokens))
				if finite(own.joules) {
					energy = append(energy, own.joules)
				}
				direct, ok := g.scores[lane{c.Task, c.Model, c.Target, c.Size, study.Direct, ""}][c.Seed]
				if arm == study.Direct || !ok || !finite(c.Score-direct.Score) {
					continue
				}
				before := g.cost(direct).seconds
				extra, base, gains = append(extra, own.seconds-before), append(base, before), append(gains, c.Score-direct.Score)
			}
			if len(seconds) == 0 {
				continue
			}
			row := costRow{Task: task, Arm: arm, Cells: len(seconds), Time: span(stats.Mean(seconds)), Tokens: thousands(stats.Mean(tokens)),
				Energy: "–", Extra: "–", Gain: "–", PerMinute: "–", First: len(rows) == 0 || rows[len(rows)-1].Task != task}
			if len(energy) > 0 {
				row.Energy = joules(stats.Mean(energy))
			}
			if len(gains) > 0 {
				more := stats.Mean(extra)
				row.Extra, row.Gain = signedSpan(more), signed(stats.Mean(gains))
				if more > stats.Mean(base)/20 { // less is the noise of the clock
					row.PerMinute = signed(stats.Mean(gains) / (more / 60))
				}
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// measured counts the finished stages whose energy is known.
func (g *grid) measured() (n int) {
	for _, rec := range g.Records {
		if rec.Joules != nil {
			n++
		}
	}
	return n
}

// total is what the finished stages took together, each counted once.
func (g *grid) total() string {
	seconds, tokens, pretraining, energy := 0.0, 0, 0.0, 0.0
	for _, s := range g.Plan.Stages { // in order, so that sums are the same each time
		rec := g.Records[s.Key]
		if rec == nil {
			continue
		}
		seconds += rec.Seconds
		tokens += rec.Tokens
		if rec.Pretrain != nil {
			pretraining += rec.Seconds
		}
		if rec.Joules != nil {
			energy += *rec.Joules
		}
	}
	text := fmt.Sprintf("All finished stages (%d), each counted once: %s of computing and %s tokens", len(g.Records), span(seconds), thousands(float64(tokens)))
	if pretraining > 0 {
		text += fmt.Sprintf("; %s of it made the encoders", span(pretraining))
	}
	switch n := g.measured(); {
	case n == 0:
		text += ". Energy could not be read on this machine"
	case n < len(g.Records):
		text += fmt.Sprintf(". The %d of them whose energy could be read took %s", n, joules(energy))
	default:
		text += fmt.Sprintf(". They took %s", joules(energy))
	}
	return text + "."
}
