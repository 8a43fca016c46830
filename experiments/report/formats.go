package report

import (
	"fmt"
	"strings"
	"time"
)

// span writes a time in seconds.
func span(seconds float64) string {
	switch {
	case !finite(seconds):
		return "–"
	case seconds < 10:
		return fmt.Sprintf("%.1f s", seconds)
	case seconds < 120:
		return fmt.Sprintf("%.0f s", seconds)
	case seconds < 2*3600:
		return fmt.Sprintf("%.1f min", seconds/60)
	}
	return fmt.Sprintf("%.1f h", seconds/3600)
}

func signedSpan(seconds float64) string {
	if seconds < 0 {
		return "−" + span(-seconds)
	}
	return "+" + span(seconds)
}

// thousands writes a count in groups of three digits.
func thousands(n float64) string {
	if !finite(n) {
		return "–"
	}
	digits := fmt.Sprintf("%.0f", n)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 && digits[i-1] != '-' {
			b.WriteRune('\u202f') // narrow no-break space
		}
		b.WriteRune(d)
	}
	return b.String()
}

// joules writes an energy: in kWh, as bills do, from a tenth of one.
func joules(j float64) string {
	switch {
	case !finite(j):
		return "–"
	case j < 1000:
		return fmt.Sprintf("%.0f J", j)
	case j < 360e3:
		return fmt.Sprintf("%.1f kJ", j/1e3)
	}
	return fmt.Sprintf("%.2f kWh", j/3.6e6)
}

func percent(n, of int) string {
	switch {
	case of == 0:
		return "–"
	case n == 0:
		return "0 %"
	case float64(n)/float64(of) < 0.0001:
		return "< 0.01 %"
	}
	return fmt.Sprintf("%.2f %%", 100*float64(n)/float64(of))
}

// day writes the time at which a page was made.
func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
