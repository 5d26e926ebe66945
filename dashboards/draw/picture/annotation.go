package picture

import (
	"time"

	"codebank.dev/dashboards/draw"
)

// tip is half the width, and the height, of the small triangle of an annotation.
const tip = 3.5

// marks draws the annotations of words that are frequent, or of those that are not: a thin
// vertical line with a tip above the axes, and a pale ground behind the whole time of one that
// has a length. Lines of a frequent word are fainter and lie below the series, so that they do
// not hide what is shown.
func (p *Picture) marks(f frame, frequent bool) {
	for _, marked := range f.chart.X.Marked() {
		if marked.Frequent() != frequent {
			continue
		}
		paint, of := Ink, Ink
		if frequent {
			paint, of = Rule, Faint
		}
		for _, a := range marked.All {
			x, title := f.moment(a.At), annotationTitle(a)
			if until := f.moment(a.To); a.To.After(a.At) && until-x >= 2 {
				p.add(Mark{Form: Box, Class: "annotation span", Paint: of, Opacity: 0.08, X: x, Y: f.top, W: until - x, H: f.height(), Title: title})
			}
			line := straight("annotation", paint, rect{x, f.top, x, f.bottom}, 1)
			line.Title = title
			p.add(line, Mark{Form: Path, Class: "annotation head", Paint: of, Steps: []Step{
				{Op: 'M', X: x - tip, Y: f.top - tip}, {Op: 'L', X: x + tip, Y: f.top - tip}, {Op: 'L', X: x, Y: f.top}, {Op: 'Z'},
			}})
		}
	}
}

// words writes the words of annotations above their lines: first those that are rare, and a
// frequent one once. A word that has no room is shown on hover only.
func (p *Picture) words(f frame) {
	var taken []rect
	write := func(a draw.Annotation, label string) bool {
		m := Mark{
			Class: "annotation", X: f.moment(a.At), Y: f.top - 8, Text: fitted(label, 120, small, false), Size: small, Paint: Ink, Anchor: Middle,
			Title: annotationTitle(a),
		}
		left, right := m.Span()
		m.X += max(0, -left) - max(0, right-p.Width)
		left, right = m.Span()
		for _, other := range taken {
			if left < other.right+gap && other.left < right+gap {
				return false
			}
		}
		taken = append(taken, rect{left: left, right: right})
		p.text(m)
		return true
	}
	for _, marked := range f.chart.X.Marked() {
		for _, a := range marked.All {
			if write(a, marked.Label()) && marked.Frequent() {
				break
			}
		}
	}
}

func annotationTitle(a draw.Annotation) string {
	title := a.Span() + " " + a.Word
	if a.Text != "" {
		title += ": " + a.Text
	}
	return title
}

// moment returns the place of a point in time.
func (f frame) moment(at time.Time) float64 {
	for i := len(f.chart.X.Starts) - 1; i >= 0; i-- {
		start := f.chart.X.Starts[i]
		if at.Before(start) {
			continue
		}
		part := 0.0
		if f.chart.X.Interval > 0 {
			part = min(1, float64(at.Sub(start))/float64(f.chart.X.Interval))
		}
		return f.edges[i] + part*(f.edges[i+1]-f.edges[i])
	}
	return f.left
}
