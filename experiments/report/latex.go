package report

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"godwit/experiments/stats"
	"godwit/experiments/study"
)

// latex makes a table of all comparisons that needs no package.
func latex(r *study.Results) []byte {
	var b bytes.Buffer
	caption := "Study " + r.Name + ": score of each arm, and its gain over direct fine-tuning on the same seeds and test examples."
	for _, c := range r.Caveats {
		caption += " " + upperFirst(strings.TrimSuffix(c, ".")) + "."
	}
	if slices.ContainsFunc(r.Comparisons, func(k study.Comparison) bool { return k.AdjustedP != nil }) {
		caption += " Intervals are for other seeds and other test examples of the same kind; p joins tests over both, corrected by Holm within task, setting and arm."
	}
	if n := len(newGrid(r).fell); n > 0 {
		caption += fmt.Sprintf(" %s of %d learned nothing and count like the others.", plural(n, "run"), len(r.Cells))
	}
	if r.Missing > 0 {
		caption += fmt.Sprintf(" Not finished: %d of %d cells are missing.", r.Missing, len(r.Plan.Cells))
	}
	fmt.Fprintf(&b, "\\begin{table}\n\\caption{%s}\n\\small\n\\begin{tabular}{llrlllrrrrrl}\n\\hline\n", escape(caption))
	b.WriteString("Task & Target & $n$ & Setting & Model & Arm & Direct & Arm's & Gain & 95\\,\\% interval & $p$ (Holm) & Verdict \\\\\n\\hline\n")
	task := ""
	for i := range r.Comparisons {
		k := &r.Comparisons[i]
		if task != "" && task != k.Task {
			b.WriteString("\\hline\n")
		}
		task = k.Task
		arm := k.Arm
		if k.Intermediate != "" {
			arm += " (" + k.Intermediate + ")"
		}
		interval := "--"
		if k.Low != nil && k.High != nil {
			interval = mathematics(signed(*k.Low)) + " to " + mathematics(signed(*k.High))
		}
		p := pValue(k.AdjustedP)
		fmt.Fprintf(&b, "%s & %s & %d & %s & %s & %s & %s & %s & %s & %s & %s & %s \\\\\n", escape(k.Task), escape(k.Target), k.Size, escape(k.Setting), escape(k.Model), escape(arm),
			mathematics(score(stats.Mean(k.Direct))), mathematics(score(stats.Mean(k.Scores))), mathematics(signed(k.Gain)), interval, mathematics(p), escape(outcome(k)))
	}
	b.WriteString("\\hline\n\\end{tabular}\n\\end{table}\n")
	return b.Bytes()
}

// mathematics sets a number, for the sake of its minus.
func mathematics(number string) string {
	if number == "–" {
		return "--"
	}
	return "$" + strings.Replace(number, "−", "-", 1) + "$"
}

// escape makes text stand for itself in LaTeX.
func escape(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch r {
		case '\\':
			b.WriteString(`\textbackslash{}`)
		case '~':
			b.WriteString(`\textasciitilde{}`)
		case '^':
			b.WriteString(`\textasciicircum{}`)
		case '<':
			b.WriteString(`\textless{}`)
		case '>':
			b.WriteString(`\textgreater{}`)
		case '|':
			b.WriteString(`\textbar{}`)
		case '`':
			b.WriteString(`\textasciigrave{}`)
		case '"':
			b.WriteString(`\char34{}`)
		case '…':
			b.WriteString(`\ldots{}`)
		case '&', '%', '$', '#', '_', '{', '}':
			b.WriteRune('\\')
			b.WriteRune(r)
		case '[', ']', '*', '-': // a row that begins with [ or * would be read as an argument of the \\ before it; -- would be one dash
			b.WriteString("{" + string(r) + "}")
		default:
			if r < ' ' || r == 0x7f {
				r = ' '
			}
			b.WriteRune(r)
		}
	}
	return b.String()
}
