package report

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"godwit/experiments/stats"
	"godwit/experiments/study"
)

// latex makes a table of comparisons for each task, narrow enough for a page and without
// the need of a package, and a paragraph of notes.
func latex(r *study.Results) []byte {
	var b bytes.Buffer
	b.WriteString("% Tables of a godwit study, one for each task. Names in other than Latin letters need LuaLaTeX or XeLaTeX.\n")
	for _, task := range newGrid(r).tasks {
		ways := waysOf(r.Comparisons, task)
		for len(ways) > 0 {
			lines, n := 0, 0
			for n < len(ways) && (n == 0 || lines+len(ways[n])+1 <= linesOfTable) {
				lines += len(ways[n]) + 1
				n++
			}
			latexTable(&b, r.Name, ways[:n])
			ways = ways[n:]
		}
	}
	fmt.Fprintf(&b, "{\\footnotesize\\noindent %s\\par}\n", escape(latexNotes(r)))
	return b.Bytes()
}

// linesOfTable is how many lines of a table fit on a page, with its caption.
const linesOfTable = 50

// waysOf returns the comparisons of a task, those of the same direct scores together.
func waysOf(all []study.Comparison, task string) [][]study.Comparison {
	var ways [][]study.Comparison
	var last lane
	for _, k := range all {
		if k.Task != task {
			continue
		}
		if way := (lane{model: k.Model, target: k.Target, size: k.Size}); len(ways) == 0 || way != last {
			last = way
			ways = append(ways, nil)
		}
		ways[len(ways)-1] = append(ways[len(ways)-1], k)
	}
	return ways
}

func latexTable(b *bytes.Buffer, name string, ways [][]study.Comparison) {
	first := &ways[0][0]
	fmt.Fprintf(b, "\\begin{table}\n\\caption{%s}\n\\footnotesize\\centering\\setlength{\\tabcolsep}{4pt}\n\\begin{tabular}{lrrrrl}\n\\hline\n",
		escape(fmt.Sprintf("Study %s, %s: %s of each arm, and its gain over direct fine-tuning on the same seeds and test examples.", name, first.Task, metricWords(first.Metric))))
	b.WriteString("Arm & Score & Gain & 95\\,\\% interval & $p$ (Holm) & \\\\\n")
	for _, way := range ways {
		k := &way[0]
		fmt.Fprintf(b, "\\hline\n\\multicolumn{6}{l}{\\textit{%s (%s, $n = %d$), %s: direct %s}} \\\\\n",
			escape(k.Target), escape(k.Setting), k.Size, escape(k.Model), mathematics(score(stats.Mean(k.Direct))))
		for i := range way {
			k := &way[i]
			arm := k.Arm
			if k.Intermediate != "" {
				arm += " (" + k.Intermediate + ")"
			}
			interval := "--"
			if k.Low != nil && k.High != nil {
				interval = mathematics(signed(*k.Low)) + " to " + mathematics(signed(*k.High))
			}
			fmt.Fprintf(b, "%s & %s & %s & %s & %s & %s \\\\\n", escape(arm), mathematics(score(stats.Mean(k.Scores))),
				mathematics(signed(k.Gain)), interval, mathematics(pValue(k.AdjustedP)), verdictSign(k))
		}
	}
	b.WriteString("\\hline\n\\end{tabular}\n\\end{table}\n")
}

// verdictSign says in a sign what a comparison shows; the notes explain it.
func verdictSign(k *study.Comparison) string {
	switch outcome(k) {
	case study.Positive:
		return "$+$"
	case study.Negative:
		return "$-$"
	case notLearned:
		return "$\\circ$"
	}
	return ""
}

// latexNotes says what must be known to read the tables.
func latexNotes(r *study.Results) string {
	notes := "Last column: + or - where a difference from direct fine-tuning is shown, nothing where none is; a circle where neither arm has learned anything."
	if slices.ContainsFunc(r.Comparisons, func(k study.Comparison) bool { return k.AdjustedP != nil }) {
		notes += " Intervals are for other seeds and other test examples of the same kind; p joins tests over both, corrected by Holm within task, setting and arm."
	}
	for _, c := range r.Caveats {
		notes += " " + upperFirst(strings.TrimSuffix(c, ".")) + "."
	}
	if n := len(newGrid(r).fell); n > 0 {
		notes += fmt.Sprintf(" Learned nothing, but counted: %s of %d.", plural(n, "run"), len(r.Cells))
	}
	if r.Missing > 0 {
		notes += fmt.Sprintf(" Not finished: %d of %d cells are missing.", r.Missing, len(r.Plan.Cells))
	}
	return notes
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
