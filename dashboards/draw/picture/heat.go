package picture

import (
	"codebank.dev/dashboards/draw"
)

// heat draws a grid of cells, from pale to strong, and the scale below it.
func (p *Picture) heat(chart draw.HeatChart, top, height float64) {
	if len(chart.Down) == 0 || len(chart.Across) == 0 {
		p.message(draw.Chart{Message: "Nothing in this range"}, top, height)
		return
	}
	label := 0.0
	for _, name := range chart.Down {
		label = max(label, Measure(name, small, false))
	}
	label = min(label, p.Width*0.3)
	short := names(chart.Down, label, small)
	left, y := label+gap, top+6
	each := (p.Width - left) / float64(len(chart.Across))
	tall := max(18, min(32, (height-70)/float64(len(chart.Down))))
	if height <= 0 {
		tall = 24
	}
	gap := 1.0
	if each > 12 {
		gap = 2
	}
	for i, name := range chart.Down {
		m := Mark{Class: "name", X: left - 8, Y: y + tall/2 + 4, Text: short[i], Size: small, Paint: Faint, Anchor: End}
		if short[i] != name {
			m.Title = name
		}
		p.text(m)
		for k, cell := range chart.Cells[i] {
			p.cell(cell, Of(chart.Role), rect{left + float64(k)*each, y, left + float64(k+1)*each - gap, y + tall - gap}, name+", "+chart.Across[k]+": "+cell.Text)
		}
		y += tall
	}
	y = p.heatAcross(chart, left, y, each)
	p.Height = max(p.ramp(chart, y+8), top+height)
}

func (p *Picture) cell(cell draw.HeatCell, paint Paint, in rect, title string) {
	x, y, width, height := in.left, in.top, in.right-in.left, in.bottom-in.top
	m := Mark{Form: Box, Class: "cell", Paint: paint, X: x, Y: y, W: max(width, 0.5), H: height, Title: title, Opacity: strength(cell.Strength)}
	if cell.Value == nil {
		m.Paint, m.Opacity, m.Class = Rule, 0.4, "cell none"
	}
	p.add(m)
	if cell.Value == nil && width >= 12 {
		p.text(Mark{Class: "none", X: x + width/2, Y: y + height/2 + 4, Text: draw.None, Size: small, Paint: Faint, Anchor: Middle})
	}
}

// strength converts a place on the scale to the opacity of a cell. The weakest cell is still
// visible.
func strength(place float64) float64 { return 0.08 + 0.92*place }

// heatAcross names the columns that have room, and returns the place below.
func (p *Picture) heatAcross(chart draw.HeatChart, left, y, each float64) float64 {
	free := 0.0
	for i, name := range chart.Across {
		m := Mark{Class: "tick", X: left + (float64(i)+0.5)*each - 0.5, Y: y + small + 4, Text: fitted(name, max(each-4, 40), small, false), Size: small, Paint: Faint, Anchor: Middle}
		if m.Text != name {
			m.Title = name
		}
		from, to := m.Span()
		if from < free || to > p.Width {
			continue
		}
		free = to + 6
		p.text(m)
	}
	p.text(Mark{Class: "axis", X: left, Y: y + small + 4 + row, Text: chart.AcrossLabel, Size: small, Paint: Faint})
	return y + small + 8 + row
}

// ramp draws the scale of the colours with its two ends named.
func (p *Picture) ramp(chart draw.HeatChart, y float64) float64 {
	low, high := "lowest "+chart.Lowest, "highest "+chart.Highest
	if chart.Strong != "" {
		high += " (" + chart.Strong + ")"
	}
	const steps, each = 6, 14.0
	x := 0.0
	wide := Measure(low, small, false) + Measure(high, small, false) + steps*each + 16
	two := wide > p.Width
	p.text(Mark{Class: "ramp", X: x, Y: y + small, Text: low, Size: small, Paint: Faint})
	x += Measure(low, small, false) + 8
	if two {
		x, y = 0, y+row+2
	}
	for i := range steps {
		p.add(Mark{Form: Box, Class: "cell", Paint: Of(chart.Role), X: x, Y: y + 2, W: each - 1, H: 12, Opacity: strength(float64(i) / (steps - 1))})
		x += each
	}
	x += 8
	if two && x+Measure(high, small, false) > p.Width {
		x, y = 0, y+row+2
	}
	p.text(Mark{Class: "ramp", X: x, Y: y + small, Text: high, Size: small, Paint: Faint})
	return y + row + 6
}
