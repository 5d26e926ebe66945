package picture

import (
	"strings"

	"codebank.dev/dashboards/draw"
)

// tiles draws large figures below each other, each with what belongs to it.
func (p *Picture) tiles(list []draw.Tile, top, height float64) {
	size := 28.0
	if len(list) > 1 {
		size = 20
	}
	y := top
	for _, tile := range list {
		y = p.tile(tile, y, size)
	}
	if len(list) == 1 && len(list[0].Spark) > 1 {
		y = p.spark(list[0], y+4, max(32, top+height-y-8))
	}
	p.Height = max(y+4, top+height)
}

func (p *Picture) tile(tile draw.Tile, y, size float64) float64 {
	room := p.Width
	for size > normal && Measure(tile.Figure, size, true) > room {
		size--
	}
	y += size + 4
	p.text(Mark{Class: "figure", Y: y, Text: tile.Figure, Size: size, Bold: true, Paint: statusPaint(tile.Status, Ink)})
	y += 4
	if word := statusWord(tile.Status); word != "" {
		x := Measure(tile.Figure, size, true) + 10
		if x+Measure(word, small, false) <= p.Width {
			p.text(Mark{Class: "status", X: x, Y: y - 4, Text: word, Size: small, Paint: Paint(tile.Status)})
		}
	}
	var small []string
	for _, one := range tile.Small {
		small = append(small, one.Label+" "+one.Figure)
	}
	for _, text := range []string{tile.Name, strings.Join(small, " · ")} {
		y = p.paragraph("small", text, Faint, y)
	}
	if tile.Change != nil {
		y = p.paragraph("change", tile.Change.Text(), statusPaint(tile.Change.Status, Faint), y)
	}
	return y + 4
}

// paragraph writes a text in as many lines as it needs, at most three.
func (p *Picture) paragraph(class, text string, paint Paint, y float64) float64 {
	for _, line := range wrapped(text, p.Width, font{small, false}, 3) {
		y += row + 2
		m := Mark{Class: class, Y: y - 2, Text: line, Size: small, Paint: paint}
		if strings.HasSuffix(line, "…") {
			m.Title = text
		}
		p.text(m)
	}
	return y
}

// statusWord says in a word what the colour of a figure says.
func statusWord(status draw.Status) string {
	switch status {
	case draw.Good:
		return "✓ Good"
	case draw.Warn:
		return "! Watch"
	case draw.Bad:
		return "! Act"
	}
	return ""
}

// spark draws a figure over time, without axes.
func (p *Picture) spark(tile draw.Tile, y, height float64) float64 {
	p.add(sparkMarks(tile, rect{0, y, p.Width, y + height})...)
	return y + height
}

func sparkMarks(tile draw.Tile, in rect) []Mark {
	x, y, width, height := in.left, in.top, in.right-in.left, in.bottom-in.top
	low, high := 0.0, 0.0
	for _, value := range tile.Spark {
		if value != nil {
			low, high = min(low, *value), max(high, *value)
		}
	}
	axis := draw.Axis{Low: low, High: high}
	n := float64(max(1, len(tile.Spark)))
	place := func(i int) (float64, float64) {
		return x + width*(float64(i)+0.5)/n, y + height - 1 - axis.Place(*tile.Spark[i])*(height-3)
	}
	var list []Mark
	for _, r := range runs(tile.Spark) {
		line := Mark{Form: Path, Class: "line", Paint: Of(draw.Accent), Stroke: 2}
		area := Mark{Form: Path, Class: "area", Paint: Of(draw.Accent), Opacity: 0.14}
		for i := r.from; i < r.until; i++ {
			px, py := place(i)
			step := Step{Op: 'L', X: px, Y: py}
			if i == r.from {
				step.Op = 'M'
			}
			line.Steps, area.Steps = append(line.Steps, step), append(area.Steps, step)
		}
		first, last := area.Steps[0].X, area.Steps[len(area.Steps)-1].X
		floor := y + height - 1 - axis.Place(0)*(height-3)
		area.Steps = append(area.Steps, Step{Op: 'L', X: last, Y: floor}, Step{Op: 'L', X: first, Y: floor}, Step{Op: 'Z'})
		if r.until-r.from == 1 {
			list = append(list, Mark{Form: Circle, Class: "point", Paint: Of(draw.Accent), X: first, Y: line.Steps[0].Y, R: 2})
			continue
		}
		list = append(list, area, line)
	}
	for i, text := range tile.SparkTexts {
		list = append(list, Mark{Form: Group, Class: "hit", Title: text, Marks: []Mark{
			{Form: Box, Class: "target", X: x + width*float64(i)/n, Y: y, W: width / n, H: height},
		}})
	}
	return list
}

// gauge draws a figure, and below it the scale with the goal.
func (p *Picture) gauge(g draw.GaugeChart, top, height float64) {
	y := p.tile(draw.Tile{Figure: g.Figure, Status: g.Status}, top, 28) + 2
	const thick = 12.0
	left, right := 0.0, p.Width
	goal := left + g.Goal*(right-left)
	y += row
	p.text(Mark{Class: "goal", X: goal, Y: y - 4, Text: g.GoalText, Size: small, Paint: Ink, Anchor: Middle})
	p.add(Mark{Form: Box, Class: "track", Paint: Rule, X: left, Y: y + 2, W: right - left, H: thick})
	if g.Known {
		p.add(Mark{Form: Box, Class: "bar", Paint: statusPaint(g.Status, Of(draw.Accent)), X: left, Y: y + 2, W: g.Place * (right - left), H: thick, Title: g.Figure})
	}
	p.add(straight("goal", Ink, rect{goal, y - 1, goal, y + thick + 5}, 2))
	y += thick + 2 + row
	p.text(Mark{Class: "tick", X: left, Y: y, Text: g.LowText, Size: small, Paint: Faint})
	p.text(Mark{Class: "tick", X: right, Y: y, Text: g.HighText, Size: small, Paint: Faint, Anchor: End})
	p.Height = max(y+6, top+height)
}
