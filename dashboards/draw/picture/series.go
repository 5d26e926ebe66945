package picture

import (
	"fmt"
	"strings"

	"codebank.dev/dashboards/draw"
)

// series draws the series, each in its shape.
func (p *Picture) series(f frame) {
	switch f.chart.Shape {
	case draw.Column:
		p.columns(f)
	case draw.Dot:
		p.dots(f)
	case draw.Area:
		p.areas(f)
	default:
		p.lines(f)
	}
}

// run is a part of a series without gaps: the places from the first to before the end.
type run struct{ from, until int }

func runs(values []*float64) []run {
	var list []run
	for i, value := range values {
		if value == nil {
			continue
		}
		if n := len(list); n > 0 && list[n-1].until == i {
			list[n-1].until++
			continue
		}
		list = append(list, run{i, i + 1})
	}
	return list
}

// lines draws each series as a line. Series to compare with lie below the others.
func (p *Picture) lines(f frame) {
	for _, first := range []bool{true, false} {
		for _, s := range f.chart.Series {
			if s.Compared == first {
				p.line(f, s)
			}
		}
	}
}

// line draws one series. The parts that lead to an incomplete interval are dashed.
func (p *Picture) line(f frame, s draw.Series) {
	stroke := 2.0
	if s.Compared {
		stroke = 1.5
	}
	for _, r := range runs(s.Values) {
		if r.until-r.from == 1 {
			p.add(Mark{Form: Circle, Class: "point", Paint: Of(s.Role), X: f.middle(r.from), Y: f.y(s, *s.Values[r.from]), R: 3})
			continue
		}
		whole := Mark{Form: Path, Class: "line", Paint: Of(s.Role), Stroke: stroke, Dashed: s.Compared}
		for i := r.from; i < r.until; i++ {
			step := Step{Op: 'L', X: f.middle(i), Y: f.y(s, *s.Values[i])}
			cut := i > r.from && (f.cut(i) || f.cut(i-1))
			if i == r.from || cut {
				step.Op = 'M'
			}
			if cut {
				before := Step{Op: 'M', X: f.middle(i - 1), Y: f.y(s, *s.Values[i-1])}
				p.add(Mark{Form: Path, Class: "line incomplete", Paint: Of(s.Role), Stroke: stroke, Dashed: true, Steps: []Step{before, {Op: 'L', X: step.X, Y: step.Y}}})
			}
			whole.Steps = append(whole.Steps, step)
		}
		p.add(whole)
	}
}

func (f frame) cut(at int) bool {
	return at < len(f.chart.X.Incomplete) && f.chart.X.Incomplete[at]
}

// areas draws each series as a filled line, on each other if they are stacked.
func (p *Picture) areas(f frame) {
	base := make([]float64, len(f.chart.X.Names))
	for _, s := range f.chart.Series {
		for _, r := range runs(s.Values) {
			area := Mark{Form: Path, Class: "area", Paint: Of(s.Role), Opacity: 0.18}
			line := Mark{Form: Path, Class: "line", Paint: Of(s.Role), Stroke: 2}
			if f.chart.Stacked {
				area.Opacity, line.Stroke = 0.75, 1
			}
			for i := r.from; i < r.until; i++ {
				step := Step{Op: 'L', X: f.middle(i), Y: f.y(s, base[i]+*s.Values[i])}
				if i == r.from {
					step.Op = 'M'
				}
				area.Steps, line.Steps = append(area.Steps, step), append(line.Steps, step)
			}
			for i := r.until - 1; i >= r.from; i-- {
				area.Steps = append(area.Steps, Step{Op: 'L', X: f.middle(i), Y: f.y(s, base[i])})
			}
			area.Steps = append(area.Steps, Step{Op: 'Z'})
			if r.until-r.from == 1 {
				p.add(Mark{Form: Circle, Class: "point", Paint: Of(s.Role), X: f.middle(r.from), Y: line.Steps[0].Y, R: 3})
				continue
			}
			p.add(area, line)
		}
		if f.chart.Stacked {
			for i, value := range s.Values {
				if value != nil {
					base[i] += *value
				}
			}
		}
	}
}

// columns draws bars that stand on the axis: on each other, or side by side.
func (p *Picture) columns(f frame) {
	n := 1
	if !f.chart.Stacked {
		n = max(1, len(f.chart.Series))
	}
	for at := range f.chart.X.Names {
		above, below := 0.0, 0.0
		left, each := f.bars(at, n)
		for k, s := range f.chart.Series {
			if s.Values[at] == nil {
				continue
			}
			value := *s.Values[at]
			from := 0.0
			if f.chart.Stacked && value >= 0 {
				from = above
				above += value
			} else if f.chart.Stacked {
				from = below
				below += value
			}
			x := left
			if !f.chart.Stacked {
				x += float64(k) * each
			}
			p.column(f, s, at, part{x, each, from, from + value})
		}
	}
}

// bars returns the left end of the bars of a place, and the width of one of n bars.
func (f frame) bars(at, n int) (left, each float64) {
	const widest = 56
	room := f.edges[at+1] - f.edges[at]
	space := max(1, room*0.24)
	if room < 3 {
		space = 0
	}
	each = min(widest, (room-space)/float64(n))
	return f.middle(at) - each*float64(n)/2, each
}

// part is the place of a bar, and the two values between which it stands.
type part struct{ x, width, from, to float64 }

func (p *Picture) column(f frame, s draw.Series, at int, of part) {
	x, width, from, to := of.x, of.width, of.from, of.to
	top, bottom := f.y(s, max(from, to)), f.y(s, min(from, to))
	if from != to && bottom-top < 1 && !f.chart.Stacked {
		top = bottom - 1 // A value above 0 is never invisible.
	}
	bar := Mark{Form: Box, Class: "bar", Paint: Of(s.Role), X: x, Y: top, W: width, H: bottom - top}
	if f.chart.Stacked && width >= 6 && bar.H > 2 && top > f.top {
		bar.Y, bar.H = bar.Y+1, bar.H-1 // A gap between the parts of a stack.
	}
	p.add(bar)
	if f.cut(at) && bar.H > 0 {
		p.add(hatch(Raised, rect{bar.X, bar.Y, bar.X + bar.W, bar.Y + bar.H}))
	}
	text := figureOf(s, at)
	if f.chart.X.Time || f.chart.Stacked || len(f.chart.Series) > 1 || Measure(text, small, false) > f.edges[at+1]-f.edges[at]-4 {
		return
	}
	if y := top - 5; y > f.top-6 {
		p.text(Mark{Class: "value", X: f.middle(at), Y: y, Text: text, Size: small, Paint: Ink, Anchor: Middle})
	}
}

// figureOf is a figure without its unit, which stands on the axis.
func figureOf(s draw.Series, at int) string {
	return strings.TrimSuffix(s.Texts[at], " "+s.Unit)
}

// dots draws rates by name: a point for each, with its figure.
func (p *Picture) dots(f frame) {
	for k, s := range f.chart.Series {
		for at, value := range s.Values {
			if value == nil {
				continue
			}
			left, each := f.bars(at, len(f.chart.Series))
			x, y := left+each*(float64(k)+0.5), f.y(s, *value)
			p.add(straight("stem", Rule, rect{x, f.bottom, x, y}, 2))
			p.add(Mark{Form: Circle, Class: "point", Paint: Of(s.Role), X: x, Y: y, R: 5})
			if text := figureOf(s, at); len(f.chart.Series) == 1 && Measure(text, small, false) <= f.edges[at+1]-f.edges[at]-4 {
				above := y - 10
				if above < f.top-11 {
					above = y + 20
				}
				p.text(Mark{Class: "value", X: x, Y: above, Text: text, Size: small, Paint: Ink, Anchor: Middle})
			}
		}
	}
}

// hits adds to each place what is shown on hover: a line, the points, and the exact figures
// with their shares.
func (p *Picture) hits(f frame) {
	for at := range f.chart.X.Names {
		group := Mark{Form: Group, Class: "hit", Title: hitTitle(f.chart, at), Marks: []Mark{
			{Form: Box, Class: "target", X: f.edges[at], Y: f.top, W: f.edges[at+1] - f.edges[at], H: f.height()},
		}}
		if f.chart.Shape == draw.Line || f.chart.Shape == draw.Area {
			group.Marks = append(group.Marks, straight("guide", Faint, rect{f.middle(at), f.top, f.middle(at), f.bottom}, 1))
			base := 0.0
			for _, s := range f.chart.Series {
				if s.Values[at] == nil {
					continue
				}
				group.Marks = append(group.Marks, Mark{Form: Circle, Class: "point", Paint: Of(s.Role), Ring: true, X: f.middle(at), Y: f.y(s, base+*s.Values[at]), R: 4})
				if f.chart.Stacked {
					base += *s.Values[at]
				}
			}
		}
		p.add(group)
	}
}

// mostTitles is how many annotations of one place are shown on hover.
const mostTitles = 6

func hitTitle(chart draw.PlotChart, at int) string {
	lines := []string{chart.X.Names[at]}
	if chart.X.Time {
		lines[0] += " " + draw.ZoneName(chart.X.Starts[at])
	}
	if at < len(chart.X.Incomplete) && chart.X.Incomplete[at] {
		lines[0] += " (incomplete)"
	}
	for _, s := range chart.Series {
		text := s.Name + ": " + s.Texts[at]
		if at < len(s.Shares) && s.Shares[at] != "" {
			text += " (" + s.Shares[at] + ")"
		}
		lines = append(lines, text)
	}
	marked := chart.X.On(at)
	for i, a := range marked {
		if i == mostTitles {
			lines = append(lines, fmt.Sprintf("and %d more", len(marked)-i))
			break
		}
		lines = append(lines, annotationTitle(a))
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}
