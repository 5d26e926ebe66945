package picture

import (
	"codebank.dev/dashboards/draw"
)

// frame is the place of the axes of a plot.
type frame struct {
	chart                    draw.PlotChart
	left, top, right, bottom float64
	// edges are the ends of the places on the horizontal axis, one more than there are places.
	edges []float64
}

func (f frame) width() float64  { return f.right - f.left }
func (f frame) height() float64 { return f.bottom - f.top }

// middle returns the middle of a place.
func (f frame) middle(at int) float64 { return (f.edges[at] + f.edges[at+1]) / 2 }

// y returns the height of a value of a series.
func (f frame) y(s draw.Series, value float64) float64 {
	axis := f.chart.Left
	if s.Right && f.chart.Right != nil {
		axis = *f.chart.Right
	}
	return f.on(axis, value)
}

func (f frame) on(axis draw.Axis, value float64) float64 {
	return f.bottom - axis.Place(value)*f.height()
}

const (
	// gap is the space between labels and what they belong to.
	gap = 8
	// leastPlot is the smallest height between the axes.
	leastPlot = 96
)

// plot draws series on axes: the labels around, the grid, the series, and what is shown on
// hover.
func (p *Picture) plot(chart draw.PlotChart, top, height float64) {
	f := frame{chart: chart, top: top + 6, right: p.Width}
	natural := height <= 0
	if natural {
		height = max(200, min(320, p.Width*0.42))
	}
	labels := p.direct(chart, height)
	if labels == nil && len(chart.Series) > 1 {
		f.top = p.legend(entries(chart.Series), f.top) + 4
		if natural {
			height += f.top - top
		}
	}
	f.top = p.units(chart, f.top)
	if len(chart.X.Annotations) > 0 {
		f.top += row
	}
	if chart.Shape != draw.Line && chart.Shape != draw.Area && !chart.X.Time && len(chart.Series) == 1 {
		f.top += 12 // Room for the figure above the highest value.
	}
	f.left = tickRoom(chart.Left)
	if chart.Right != nil {
		f.right -= tickRoom(*chart.Right)
	}
	if labels != nil {
		f.right -= labels.width
	}
	f.place()
	across := p.across(f)
	f.bottom = max(top+height-across.height, f.top+leastPlot)
	p.Height = f.bottom + across.height
	p.grid(f)
	p.incomplete(f)
	across.add(p, f)
	p.marks(f, true)
	p.series(f)
	p.references(f)
	p.marks(f, false)
	p.words(f)
	if labels != nil {
		labels.add(p, f)
	}
	p.hits(f)
}

// place divides the width among the places of the horizontal axis: by time where the
// intervals are known, and equally otherwise.
func (f *frame) place() {
	x := f.chart.X
	n := max(1, len(x.Names))
	f.edges = make([]float64, n+1)
	for i := range f.edges {
		f.edges[i] = f.left + f.width()*float64(i)/float64(n)
	}
}

// units writes the unit of each axis above it, and returns the place below.
func (p *Picture) units(chart draw.PlotChart, y float64) float64 {
	right := ""
	if chart.Right != nil {
		right = chart.Right.Unit
	}
	if chart.Left.Unit == "" && right == "" {
		return y + 6
	}
	p.text(Mark{Class: "unit", Y: y + small, Text: chart.Left.Unit, Size: small, Paint: Faint})
	p.text(Mark{Class: "unit", X: p.Width, Y: y + small, Text: right, Size: small, Paint: Faint, Anchor: End})
	return y + row + 6
}

func tickRoom(axis draw.Axis) float64 {
	room := 0.0
	for _, tick := range axis.Ticks {
		room = max(room, Measure(tick.Text, small, false))
	}
	return room + gap
}

// grid draws a line and a label for each tick of the left axis, and the labels of the right
// axis.
func (p *Picture) grid(f frame) {
	for _, tick := range spaced(f.chart.Left.Ticks, f.height()) {
		y := f.on(f.chart.Left, tick.Value)
		class := "grid"
		if tick.Value == 0 {
			class = "grid zero"
		}
		p.add(straight(class, Rule, rect{f.left, y, f.right, y}, 1))
		p.text(Mark{Class: "tick", X: f.left - gap, Y: y + 4, Text: tick.Text, Size: small, Paint: Faint, Anchor: End})
	}
	if f.chart.Right == nil {
		return
	}
	for _, tick := range spaced(f.chart.Right.Ticks, f.height()) {
		y := f.on(*f.chart.Right, tick.Value)
		p.text(Mark{Class: "tick", X: f.right + gap, Y: y + 4, Text: tick.Text, Size: small, Paint: Faint})
	}
}

// spaced returns the ticks that have room. The two bounds always stay.
func spaced(ticks []draw.Tick, height float64) []draw.Tick {
	const least = 26
	n := len(ticks)
	for every := 1; every < n; every++ {
		if float64(every)*height/float64(n-1) < least {
			continue
		}
		var list []draw.Tick
		for i := 0; i < n-1; i += every {
			if i == 0 || n-1-i >= every {
				list = append(list, ticks[i])
			}
		}
		return append(list, ticks[n-1])
	}
	return ticks
}

// incomplete marks the intervals that are not complete with hatching over their whole
// height.
func (p *Picture) incomplete(f frame) {
	for i, cut := range f.chart.X.Incomplete {
		if cut {
			p.add(hatch(Rule, rect{f.edges[i], f.top, f.edges[i+1], f.bottom}))
		}
	}
}

// hatch fills a box with thin slanting lines.
func hatch(paint Paint, at rect) Mark {
	left, top, right, bottom := at.left, at.top, at.right, at.bottom
	m := Mark{Form: Path, Class: "incomplete", Paint: paint, Stroke: 1}
	const distance = 5
	for c := left + distance; c < right+(bottom-top); c += distance {
		// The line runs from the left lower to the right upper end: x + y = c + top.
		x1, y1 := max(left, c-(bottom-top)), 0.0
		y1 = top + c - x1
		x2 := min(right, c)
		y2 := top + c - x2
		if x2 > x1 && y1 <= bottom+0.01 {
			m.Steps = append(m.Steps, Step{Op: 'M', X: x1, Y: y1}, Step{Op: 'L', X: x2, Y: y2})
		}
	}
	return m
}

// references draws lines at fixed values. A value outside of the axis is named at its edge.
func (p *Picture) references(f frame) {
	var taken []float64
	for _, reference := range f.chart.References {
		y, text := f.on(f.chart.Left, reference.Value), reference.Text
		switch {
		case reference.Value > f.chart.Left.High:
			text = "↑ " + text
		case reference.Value < f.chart.Left.Low:
			text = "↓ " + text
		default:
			line := straight("reference", Warn, rect{f.left, y, f.right, y}, 1.5)
			line.Dashed, line.Title = true, text
			p.add(line)
		}
		y = max(y-4, f.top+small)
		for _, other := range taken {
			if y-other < row && other-y < row {
				y = other + row
			}
		}
		taken = append(taken, y)
		p.note(f, Mark{Class: "reference", X: f.left + 4, Y: y, Text: text, Paint: Warn})
	}
}

// note writes a text inside the axes, on a ground of its own.
func (p *Picture) note(f frame, m Mark) {
	m.Size = small
	full := m.Text
	if m.Text = fitted(full, f.width()-8, small, false); m.Text != full {
		m.Title = full
	}
	m.Form, m.Anchor = Text, Start
	left, right := m.Span()
	p.add(Mark{Form: Box, Class: "ground", Paint: Raised, Opacity: 0.85, X: left - 2, Y: m.Y - small + 1, W: right - left + 4, H: small + 2})
	p.text(m)
}
