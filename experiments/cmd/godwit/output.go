package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"godwit/experiments/train"
)

// bar shows the progress of training on standard error: a bar on a terminal,
// a line now and then elsewhere.
type bar struct {
	bar      *progressbar.ProgressBar
	terminal bool
	prefix   string
	last     time.Time
}

func newBar() *bar { return &bar{terminal: term.IsTerminal(int(os.Stderr.Fd()))} }

// linesEvery is how often a line is written where there is no terminal.
const linesEvery = 10 * time.Second

func (b *bar) step(p train.Progress) {
	text := fmt.Sprintf("%sloss %.4f  %.0f tokens/s", b.prefix, p.Loss, p.TokensPerSecond())
	if !b.terminal {
		if now := time.Now(); p.Step == p.Steps || now.Sub(b.last) >= linesEvery {
			b.last = now
			fmt.Fprintf(os.Stderr, "step %d/%d  epoch %.2f  %s  %s left\n", p.Step, p.Steps, p.Epoch, text, p.Left().Round(time.Second))
		}
		return
	}
	if b.bar == nil {
		b.bar = progressbar.NewOptions(p.Steps, progressbar.OptionSetWriter(os.Stderr), progressbar.OptionSetPredictTime(true),
			progressbar.OptionShowCount(), progressbar.OptionSetWidth(24), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionFullWidth())
	}
	b.bar.Describe(text)
	b.bar.Set(p.Step)
}

func (b *bar) line(text string) {
	if b.bar != nil {
		b.bar.Clear()
	}
	fmt.Fprintln(os.Stderr, text)
}

func (b *bar) close() {
	if b.bar != nil {
		b.bar.Finish()
		fmt.Fprintln(os.Stderr)
		b.bar = nil
	}
}

func printJSON(v any) error {
	e := json.NewEncoder(os.Stdout)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// peakMemory returns the most memory the process had resident, in bytes; where
// the system does not tell, what the Go runtime holds.
func peakMemory() uint64 {
	if data, err := os.ReadFile("/proc/self/status"); err == nil {
		for line := range strings.Lines(string(data)) {
			var kb uint64
			if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kb); n == 1 {
				return kb << 10
			}
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Sys
}

// wrapped breaks a paragraph into lines of at most width characters, where its words allow.
func wrapped(text string, width int) string {
	var b strings.Builder
	column := 0
	for _, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case column > 0 && column+1+n > width:
			b.WriteByte('\n')
			column = 0
		case column > 0:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += n
	}
	return b.String()
}
