// Package picture lays out a chart in a given size. The result is a list of marks with
// places in pixels, which package svg writes as SVG and package png paints. Texts are
// measured by a table of widths, so that they never overlap and never leave the picture.
// The package is pure.
package picture

import (
	"codebank.dev/dashboards/draw"
)

// Size is the size of a picture in pixels.
type Size struct {
	// Width is at least 160. 0 means 640.
	Width int
	// Height is at least the height that the chart needs for its texts. 0 means the height
	// that suits the chart and its width.
	Height int
	// Heading writes the title above the chart, for a picture that stands alone.
	Heading bool
}

// Picture is the marks of a chart, in the order of painting.
type Picture struct {
	Width, Height float64
	Kind          draw.Kind
	Title, Text   string
	Marks         []Mark
}

// Form is the form of a mark.
type Form string

// The forms.
const (
	Box    Form = "box"
	Path   Form = "path"
	Circle Form = "circle"
	Text   Form = "text"
	// Group holds marks that are shown on hover only, and a title.
	Group Form = "group"
)

// Paint is what a mark is painted with: the role of a colour.
type Paint string

// The paints that do not belong to a series.
const (
	Surface Paint = "surface"
	Raised  Paint = "surface-raised"
	Ink     Paint = "text"
	Faint   Paint = "text-muted"
	Rule    Paint = "line"
	Good    Paint = "good"
	Bad     Paint = "bad"
	Warn    Paint = "warn"
)

// Of returns the paint of a series.
func Of(role draw.Role) Paint { return Paint("series-" + string(role)) }

// statusPaint returns the paint of a figure by its status.
func statusPaint(status draw.Status, otherwise Paint) Paint {
	if status == draw.Neutral {
		return otherwise
	}
	return Paint(status)
}

// Mark is one thing in a picture.
type Mark struct {
	Form Form
	// Class says what the mark is: grid, bar, line, area, point, label and so on.
	Class string
	// Paint fills the mark, or draws its outline if Stroke is above 0.
	Paint  Paint
	Stroke float64
	// Dashed draws the outline with gaps.
	Dashed bool
	// Ring draws a thin outline in the colour of the surface around a filled mark.
	Ring bool
	// Opacity is 0 for a mark that is opaque.
	Opacity float64
	// X and Y are the left upper corner of a box, the centre of a circle, or the place of a
	// text on its base line.
	X, Y, W, H, R float64
	Steps         []Step
	Text          string
	Size          float64
	Bold          bool
	Anchor        Anchor
	// Title is shown on hover. For a shortened text it is the full text.
	Title string
	Marks []Mark
}

// Anchor says which end of a text stands at its place.
type Anchor string

// The anchors.
const (
	Start  Anchor = "start"
	Middle Anchor = "middle"
	End    Anchor = "end"
)

// Step is one step of a path: M moves, L draws a line, C draws a curve with two control
// points, and Z closes the path.
type Step struct {
	Op             byte
	X, Y           float64
	X1, Y1, X2, Y2 float64
}

const (
	leastWidth   = 160
	defaultWidth = 640
	// small is the size of labels, and normal of names.
	small  = 12.0
	normal = 14.0
	// row is the height of a line of labels.
	row = 16.0
)

// New lays out a chart. A chart that is no picture has no marks.
func New(chart draw.Chart, size Size) Picture {
	if size.Width <= 0 {
		size.Width = defaultWidth
	}
	size.Width = max(size.Width, leastWidth)
	p := &Picture{Width: float64(size.Width), Kind: chart.Kind, Title: chart.Title, Text: chart.Summary}
	if !chart.Picture() {
		p.Height = float64(max(size.Height, 1))
		return *p
	}
	top := 0.0
	if size.Heading {
		p.Width -= 2 * margin
		size.Height -= 2 * margin
		top = p.heading(chart)
	}
	height := float64(size.Height) - top
	switch chart.Kind {
	case draw.Tiles:
		p.tiles(chart.Tiles, top, height)
	case draw.Plot:
		p.plot(chart.Plot, top, height)
	case draw.Bars:
		p.bars(chart.Bars, top, height)
	case draw.Donut:
		p.donut(chart.Donut, top, height)
	case draw.Heat:
		p.heat(chart.Heat, top, height)
	case draw.Gauge:
		p.gauge(chart.Gauge, top, height)
	default:
		p.message(chart, top, height)
	}
	if size.Heading {
		p.frame()
	}
	return *p
}

// margin is the space around a picture with a heading.
const margin = 16

// heading writes the title and returns the place below it.
func (p *Picture) heading(chart draw.Chart) float64 {
	y := normal
	for _, text := range wrapped(chart.Title, p.Width, font{normal, true}, 3) {
		p.text(Mark{Class: "heading", Y: y, Text: text, Size: normal, Bold: true, Paint: Ink})
		y += 20
	}
	return y - 8
}

// frame puts a margin around the picture.
func (p *Picture) frame() {
	p.Width, p.Height = p.Width+2*margin, p.Height+2*margin
	for i := range p.Marks {
		p.Marks[i].move(margin)
	}
}

// move moves a mark to the right and down.
func (m *Mark) move(by float64) {
	m.X, m.Y = m.X+by, m.Y+by
	for i := range m.Steps {
		s := &m.Steps[i]
		s.X, s.Y, s.X1, s.Y1, s.X2, s.Y2 = s.X+by, s.Y+by, s.X1+by, s.Y1+by, s.X2+by, s.Y2+by
	}
	for i := range m.Marks {
		m.Marks[i].move(by)
	}
}

// message writes the text of a chart without figures.
func (p *Picture) message(chart draw.Chart, top, height float64) {
	lines := wrapped(chart.Message, p.Width, font{normal, false}, 6)
	need := float64(len(lines))*20 + 32
	height = max(height, need)
	y := top + (height-float64(len(lines))*20)/2 + normal
	paint := Faint
	if chart.Kind == draw.Failed {
		paint = Bad
	}
	for _, line := range lines {
		p.text(Mark{Class: "message", X: p.Width / 2, Y: y, Anchor: Middle, Text: line, Size: normal, Paint: paint})
		y += 20
	}
	p.Height = top + height
}

func (p *Picture) add(marks ...Mark) { p.Marks = append(p.Marks, marks...) }

// text adds a text. A text that would leave the picture is moved inside, and shortened if
// it is wider than the picture.
func (p *Picture) text(m Mark) {
	m.Form = Text
	if m.Anchor == "" {
		m.Anchor = Start
	}
	if m.Text == "" {
		return
	}
	if full := m.Text; Measure(full, m.Size, m.Bold) > p.Width {
		m.Text = fitted(full, p.Width, m.Size, m.Bold)
		if m.Title == "" {
			m.Title = full
		}
	}
	left, right := m.Span()
	if left < 0 {
		m.X -= left
	} else if right > p.Width {
		m.X -= right - p.Width
	}
	p.add(m)
}

// Span returns the left and the right end of a text, by its measured width.
func (m Mark) Span() (left, right float64) {
	width := Measure(m.Text, m.Size, m.Bold)
	switch m.Anchor {
	case Middle:
		return m.X - width/2, m.X + width/2
	case End:
		return m.X - width, m.X
	}
	return m.X, m.X + width
}

// rect is a part of the picture, or a straight line from one corner to the other.
type rect struct{ left, top, right, bottom float64 }

// straight returns a straight line from the left upper to the right lower corner.
func straight(class string, paint Paint, at rect, stroke float64) Mark {
	return Mark{Form: Path, Class: class, Paint: paint, Stroke: stroke, Steps: []Step{{Op: 'M', X: at.left, Y: at.top}, {Op: 'L', X: at.right, Y: at.bottom}}}
}
