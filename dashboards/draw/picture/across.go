package picture

import (
	"time"

	"codebank.dev/dashboards/draw"
)

// acrossLabels are the labels below the horizontal axis.
type acrossLabels struct {
	height float64
	// marks have places relative to the lower end of the axes.
	marks []Mark
}

func (a acrossLabels) add(p *Picture, f frame) {
	for _, m := range a.marks {
		if m.Form == Text {
			m.Y += f.bottom
			p.text(m)
			continue
		}
		for i := range m.Steps {
			m.Steps[i].Y += f.bottom
		}
		p.add(m)
	}
}

// across lays out the labels of the horizontal axis.
func (p *Picture) across(f frame) acrossLabels {
	if f.chart.X.Time {
		return p.clock(f)
	}
	return p.named(f)
}

// named writes the names of places below them, in up to three lines. Names without room are
// left out, and shown on hover.
func (p *Picture) named(f frame) acrossLabels {
	x := f.chart.X
	a := acrossLabels{height: gap}
	if len(x.Names) == 1 && x.Names[0] == "" {
		return a
	}
	const apart = 3 // Texts are measured wide enough, so this is the least distance.
	each := f.edges[1] - f.edges[0]
	every := 1
	for float64(every)*each-apart < 25 {
		every++
	}
	room := float64(every)*each - apart
	lines := 0
	for i := 0; i < len(x.Names); i += every {
		texts := wrapped(x.Names[i], room, font{small, false}, 3)
		lines = max(lines, len(texts))
		for n, text := range texts {
			m := Mark{Class: "tick", X: f.middle(i), Y: float64(n)*14 + 17, Text: text, Size: small, Paint: Faint, Anchor: Middle}
			if len(texts) > 1 || text != x.Names[i] {
				m.Title = x.Names[i]
			}
			a.marks = append(a.marks, m)
		}
	}
	a.height = float64(lines)*14 + 10
	if x.Label != "" {
		a.marks = append(a.marks, Mark{Form: "", Class: "axis", X: (f.left + f.right) / 2, Y: a.height + 10, Text: x.Label, Size: small, Paint: Faint, Anchor: Middle})
		a.height += row
	}
	for i := range a.marks {
		a.marks[i].Form = Text
	}
	return a
}

// clock writes round times below the axis, the date below the first of them and where it
// changes, and the zone.
func (p *Picture) clock(f frame) acrossLabels {
	x := f.chart.X
	a := acrossLabels{height: gap}
	if len(x.Starts) == 0 {
		return a
	}
	from, until := x.Starts[0], x.Starts[len(x.Starts)-1].Add(max(x.Interval, time.Second))
	each := Measure("00:00", small, false) + 16
	if x.Interval < time.Minute || x.Interval >= 24*time.Hour {
		each = Measure("00:00:00", small, false) + 16
	}
	ticks := draw.TimeTicks(from, until, x.Interval, int(f.width()/each))
	free, dates := 0.0, []Mark{}
	for _, tick := range ticks {
		at := f.moment(tick.At)
		m := Mark{Form: Text, Class: "tick", X: at, Y: 18, Text: tick.Text, Size: small, Paint: Faint, Anchor: Middle}
		if x.Interval >= 24*time.Hour {
			m.X += (f.edges[1] - f.edges[0]) / 2 // A day is named in its middle.
		}
		if left, _ := m.Span(); left < 0 {
			m.X -= left
		}
		left, right := m.Span()
		if left < free || right > p.Width {
			continue
		}
		free = right + 6
		a.marks = append(a.marks, straight("tick", Rule, rect{at, 0, at, 4}, 1), m)
		if tick.Below != "" {
			dates = append(dates, Mark{Form: Text, Class: "tick date", X: left, Y: 33, Text: tick.Below, Size: small, Paint: Faint, Anchor: Start})
		}
	}
	a.height = 40
	p.dates(&a, dates, x.Zone)
	return a
}

// dates adds the dates that have room, and the zone: behind the first date, at the right
// end, or in a line of its own.
func (p *Picture) dates(a *acrossLabels, dates []Mark, zone string) {
	free := 0.0
	var kept []Mark
	for _, m := range dates {
		if left, right := m.Span(); left >= free && right <= p.Width {
			kept, free = append(kept, m), right+gap
		}
	}
	end := Mark{Form: Text, Class: "tick zone", X: p.Width, Y: 33, Text: zone, Size: small, Paint: Faint, Anchor: End}
	left, _ := end.Span()
	if len(kept) > 0 {
		first := kept[0]
		first.Text += ", " + zone
		if _, right := first.Span(); right <= p.Width && (len(kept) == 1 || right+gap <= kept[1].X) {
			kept[0] = first
			a.marks = append(a.marks, kept...)
			return
		}
	}
	a.marks = append(a.marks, kept...)
	if left < free {
		end.Y += row
		a.height += row
	}
	a.marks = append(a.marks, end)
}
