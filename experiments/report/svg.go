package report

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"strconv"
	"strings"
	"unicode"

	"godwit/experiments/study"
)

// svg is a figure being drawn: coordinates in pixels from the upper left.
// Colours are classes of the page's style sheet, so that figures follow light and dark.
type svg struct {
	b strings.Builder
}

// newSVG begins a figure; title is what screen readers say.
func newSVG(width, height float64, title string) *svg {
	s := &svg{}
	fmt.Fprintf(&s.b, `<svg viewBox="0 0 %[1]s %[2]s" width="%[1]s" height="%[2]s" role="img" aria-label="%[3]s">`,
		number(width), number(height), html.EscapeString(title))
	return s
}

// html ends the figure. What the user named went through [html.EscapeString].
func (s *svg) html() template.HTML { return template.HTML(s.b.String() + "</svg>") }

// number writes a coordinate: a tenth of a pixel is enough.
func number(x float64) string { return strconv.FormatFloat(math.Round(x*10)/10, 'f', -1, 64) }

func (s *svg) line(x1, y1, x2, y2 float64, class string) {
	fmt.Fprintf(&s.b, `<line x1="%s" y1="%s" x2="%s" y2="%s" class="%s"/>`, number(x1), number(y1), number(x2), number(y2), class)
}

// rect draws a rectangle, with a fill that lets the given share of light from below through.
func (s *svg) rect(x, y, w, h float64, class string, opacity float64) {
	fmt.Fprintf(&s.b, `<rect x="%s" y="%s" width="%s" height="%s" class="%s"`, number(x), number(y), number(w), number(h), class)
	if opacity < 1 {
		fmt.Fprintf(&s.b, ` fill-opacity="%.3f"`, opacity)
	}
	s.b.WriteString("/>")
}

// hoverRect draws a rectangle with a hover text.
func (s *svg) hoverRect(x, y, w, h float64, class string, opacity float64, hover string) {
	s.b.WriteString("<g>")
	s.rect(x, y, w, h, class, opacity)
	fmt.Fprintf(&s.b, "<title>%s</title></g>", html.EscapeString(hover))
}

// text places text; anchor is start, middle or end.
func (s *svg) text(x, y float64, anchor, class, text string) {
	fmt.Fprintf(&s.b, `<text x="%s" y="%s" text-anchor="%s" class="%s">%s</text>`, number(x), number(y), anchor, class, html.EscapeString(text))
}

// boldSize makes up for bold letters of 12 pixels, which are wider.
const boldSize = 13.2

// label places text within a width: what does not fit is cut, and shown whole on hovering.
func (s *svg) label(x, y float64, anchor, class, text string, width float64) {
	size := 12.0
	if class == "strong" {
		size = boldSize
	}
	short := fit(text, width, size)
	if short == text {
		s.text(x, y, anchor, class, text)
		return
	}
	fmt.Fprintf(&s.b, `<text x="%s" y="%s" text-anchor="%s" class="%s">%s<title>%s</title></text>`,
		number(x), number(y), anchor, class, html.EscapeString(short), html.EscapeString(text))
}

// path draws a line through points.
func (s *svg) path(points [][2]float64, class string) {
	if len(points) == 0 {
		return
	}
	var d strings.Builder
	for i, p := range points {
		c := 'L'
		if i == 0 {
			c = 'M'
		}
		fmt.Fprintf(&d, "%c%s %s", c, number(p[0]), number(p[1]))
	}
	fmt.Fprintf(&s.b, `<path d="%s" class="%s"/>`, d.String(), class)
}

// mark draws an arm's mark, which tells it without colour, with a hover text.
func (s *svg) mark(x, y, r float64, arm, class, hover string) {
	s.group(class+" "+armClass(arm), outline(armOrder(arm), x, y, r), hover)
}

// failedMark draws the mark of a run that learned nothing: crossed out.
func (s *svg) failedMark(x, y, r float64, arm, hover string) {
	reach := 1.6 * r
	cross := fmt.Sprintf(`<path d="M%[1]s %[2]sL%[3]s %[4]sM%[1]s %[4]sL%[3]s %[2]s"/>`, number(x-reach), number(y-reach), number(x+reach), number(y+reach))
	s.group("seed failed "+armClass(arm), outline(armOrder(arm), x, y, r)+cross, hover)
}

// taskMark draws the mark of the i-th task.
func (s *svg) taskMark(x, y, r float64, i int, hover string) {
	i %= shapes
	s.group(fmt.Sprintf("point task-%d", i), outline(i, x, y, r), hover)
}

func (s *svg) group(class, shape, hover string) {
	fmt.Fprintf(&s.b, `<g class="%s">%s`, class, shape)
	if hover != "" {
		fmt.Fprintf(&s.b, "<title>%s</title>", html.EscapeString(hover))
	}
	s.b.WriteString("</g>")
}

// shapes is how many can be told apart.
const shapes = 5

// outline draws one of them; numbers beyond the last stand for it.
func outline(i int, x, y, r float64) string {
	switch i {
	case 0:
		return fmt.Sprintf(`<circle cx="%s" cy="%s" r="%s"/>`, number(x), number(y), number(r))
	case 1:
		return fmt.Sprintf(`<rect x="%s" y="%s" width="%s" height="%s"/>`, number(x-r*0.9), number(y-r*0.9), number(1.8*r), number(1.8*r))
	case 2:
		return polygon(x, y, r, [][2]float64{{0, 1.2}, {1.1, -0.8}, {-1.1, -0.8}})
	case 3:
		return polygon(x, y, r, [][2]float64{{0, -1.2}, {1.1, 0.8}, {-1.1, 0.8}})
	}
	return polygon(x, y, r, [][2]float64{{0, -1.25}, {1.25, 0}, {0, 1.25}, {-1.25, 0}})
}

func polygon(x, y, r float64, corners [][2]float64) string {
	var d strings.Builder
	for i, c := range corners {
		if i > 0 {
			d.WriteByte(' ')
		}
		d.WriteString(number(x+c[0]*r) + "," + number(y+c[1]*r))
	}
	return `<polygon points="` + d.String() + `"/>`
}

// armClass is the style of an arm's marks and lines. A name that is no arm,
// from a plan that somebody wrote, gets none.
func armClass(arm string) string {
	for _, a := range study.Arms {
		if a == arm {
			return "arm-" + a
		}
	}
	return "arm-unknown"
}

// textWidth estimates how wide a text is at a size in pixels, in a font that
// is on the wide side: which one a browser has is not known here.
func textWidth(text string, size float64) float64 {
	w := 0.0
	for _, r := range text {
		switch {
		case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul):
			w++
		case unicode.Is(unicode.Mn, r):
		case strings.ContainsRune("iljtf.,:;|!'()[] ", r):
			w += 0.36
		case strings.ContainsRune("mwMW—", r), unicode.IsUpper(r):
			w += 0.8
		default:
			w += 0.62
		}
	}
	return w * size
}

// fit cuts a text that is wider than a width in the middle, since names often
// differ at the end, and marks the cut.
func fit(text string, width, size float64) string {
	if textWidth(text, size) <= width {
		return text
	}
	runes := []rune(text)
	for n := len(runes) - 1; n > 1; n-- {
		tail := n * 2 / 5
		short := string(runes[:n-tail]) + "…" + string(runes[len(runes)-tail:])
		if textWidth(short, size) <= width {
			return short
		}
	}
	return string(runes[:1]) + "…"
}

// scale maps values to pixels.
type scale struct {
	low, high  float64 // values
	from, to   float64 // pixels
	logarithms bool
}

// at returns the place of a value; values beyond the limits are put on them.
func (s scale) at(v float64) float64 {
	v = max(s.low, min(s.high, v))
	low, high := s.low, s.high
	if s.logarithms {
		v, low, high = math.Log(v), math.Log(low), math.Log(high)
	}
	if high == low {
		return (s.from + s.to) / 2
	}
	return s.from + (v-low)/(high-low)*(s.to-s.from)
}

// ticks returns at most about n round values within the scale.
func (s scale) ticks(n int) []float64 {
	span := s.high - s.low
	if !(span > 0) || math.IsInf(span, 0) || n < 1 {
		return []float64{s.low}
	}
	power := math.Pow(10, math.Floor(math.Log10(span/float64(n))))
	step := power * 10
	for _, m := range []float64{1, 2, 5} {
		if span/(power*m) <= float64(n) {
			step = power * m
			break
		}
	}
	var list []float64
	for i := math.Ceil(s.low/step - 1e-9); i*step <= s.high+step*1e-9; i++ {
		list = append(list, i*step)
	}
	return list
}

// spread returns a scale's limits for values: their range, widened a little.
// What is not a finite number does not count.
func spread(values []float64) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if finite(v) {
			low, high = min(low, v), max(high, v)
		}
	}
	if low > high {
		return 0, 1
	}
	margin := (high - low) * 0.06
	if margin == 0 {
		margin = max(0.05, math.Abs(low)*0.05)
	}
	return low - margin, high + margin
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// tick writes an axis value: with a true minus, and no noise of binary fractions.
func tick(v float64) string {
	rounded := math.Round(v*1e6)/1e6 + 0 // no minus before zero
	return strings.Replace(strconv.FormatFloat(rounded, 'g', 6, 64), "-", "−", 1)
}

// score writes a score, or a dash where there is none.
func score(v float64) string {
	if !finite(v) {
		return "–"
	}
	return strings.Replace(fmt.Sprintf("%.3f", v), "-", "−", 1)
}

// signed writes a gain with its sign.
func signed(v float64) string {
	if !finite(v) {
		return "–"
	}
	return strings.Replace(fmt.Sprintf("%+.3f", v), "-", "−", 1)
}

// between writes an interval.
func between(low, high *float64) string {
	if low == nil || high == nil {
		return "–"
	}
	return signed(*low) + " to " + signed(*high)
}
