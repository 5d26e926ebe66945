package picture

import (
	"math"

	"codebank.dev/dashboards/draw"
)

// donut draws a ring, and beside or below it the names of the slices with their figures.
func (p *Picture) donut(chart draw.DonutChart, top, height float64) {
	each := 22.0
	if p.Width < 240 {
		each = 40 // The figures stand below the names.
	}
	list := float64(len(chart.Slices)) * each
	figures, shares := 0.0, 0.0
	for _, one := range chart.Slices {
		figures, shares = max(figures, Measure(one.Text, small, false)), max(shares, Measure(one.Share, small, false))
	}
	if figures+shares+12 > p.Width {
		shares = 0 // The share is shown on hover only.
	}
	beside := p.Width >= 420
	ring := min(200, p.Width-2*gap)
	if beside {
		ring = max(96, min(200, p.Width*0.36, max(height, list, 160)-2*gap))
	}
	need := max(ring+2*gap, list+2*gap)
	x, y := ring+32, 0.0
	if !beside {
		need = ring + list + 3*gap
		x, y = 0, ring+2*gap
	}
	height = max(height, need)
	centre := top + gap + ring/2
	if beside {
		centre, y = top+height/2, (height-list)/2
	}
	end := p.Width
	if beside {
		end = min(end, x+380)
	}
	cx := 1 + ring/2
	if !beside {
		cx = p.Width / 2
	}
	p.ring(chart, cx, centre, ring/2)
	y += top
	full := make([]string, len(chart.Slices))
	for i, one := range chart.Slices {
		full[i] = one.Name
	}
	room := end - x - swatch - swatchGap - figures - shares - 24
	if each > 22 {
		room = p.Width - x - swatch - swatchGap
	}
	short := names(full, max(room, 40), small)
	for i, one := range chart.Slices {
		base := y + 15
		p.add(entry{name: one.Name, paint: Of(one.Role)}.swatch(x, base-4))
		name := Mark{Class: "name", X: x + swatch + swatchGap, Y: base, Text: short[i], Size: small, Paint: Ink}
		if short[i] != one.Name {
			name.Title = one.Name
		}
		p.text(name)
		if each > 22 {
			base += row
		}
		if shares > 0 {
			p.text(Mark{Class: "share", X: end, Y: base, Text: one.Share, Size: small, Paint: Faint, Anchor: End})
		}
		p.text(Mark{Class: "value", X: end - shares - 12, Y: base, Text: one.Text, Size: small, Paint: Ink, Anchor: End})
		y += each
	}
	p.Height = top + height
}

// ring draws the slices, the first at the top, clockwise, and the total in the middle.
func (p *Picture) ring(chart draw.DonutChart, x, y, radius float64) {
	inner := radius * 0.64
	of := annulus{x, y, inner, radius}
	angle := -math.Pi / 2
	parts := 0
	for _, one := range chart.Slices {
		if one.Part > 0 {
			parts++
		}
	}
	if parts == 0 {
		p.add(of.arc("track", Rule, 0, 2*math.Pi))
	}
	for _, one := range chart.Slices {
		if !(one.Part > 0) { // Nor is a share that is no number drawn.
			continue
		}
		end := angle + min(one.Part, 1)*2*math.Pi
		m := of.arc("slice", Of(one.Role), angle, end)
		m.Title, m.Ring = one.Name+": "+one.Text+" ("+one.Share+")", parts > 1
		p.add(m)
		angle = end
	}
	size := 20.0
	for size > small && Measure(chart.Total, size, true) > 2*inner-12 {
		size--
	}
	if Measure(chart.Total, size, true) <= 2*inner-8 {
		p.text(Mark{Class: "total", X: x, Y: y + size/3, Text: chart.Total, Size: size, Bold: true, Paint: Ink, Anchor: Middle})
	}
	if label := fitted(chart.Label, 2*inner*0.8, small, false); label == chart.Label {
		p.text(Mark{Class: "axis", X: x, Y: y + size/3 + row, Text: label, Size: small, Paint: Faint, Anchor: Middle})
	}
}

// annulus is a ring.
type annulus struct{ x, y, inner, outer float64 }

// arc is a part of a ring between two angles.
func (a annulus) arc(class string, paint Paint, from, to float64) Mark {
	m := Mark{Form: Path, Class: class, Paint: paint}
	at := func(r, angle float64) (float64, float64) { return a.x + r*math.Cos(angle), a.y + r*math.Sin(angle) }
	x1, y1 := at(a.outer, from)
	m.Steps = append(m.Steps, Step{Op: 'M', X: x1, Y: y1})
	m.Steps = append(m.Steps, a.curves(a.outer, from, to)...)
	x2, y2 := at(a.inner, to)
	m.Steps = append(m.Steps, Step{Op: 'L', X: x2, Y: y2})
	m.Steps = append(m.Steps, a.curves(a.inner, to, from)...)
	m.Steps = append(m.Steps, Step{Op: 'Z'})
	return m
}

// curves draws an arc of a circle as curves of at most a quarter.
func (a annulus) curves(r, from, to float64) []Step {
	x, y := a.x, a.y
	n := int(math.Ceil(math.Abs(to-from) / (math.Pi / 2)))
	list := make([]Step, 0, n)
	for i := range n {
		start := from + (to-from)*float64(i)/float64(n)
		end := from + (to-from)*float64(i+1)/float64(n)
		k := 4.0 / 3 * math.Tan((end-start)/4) * r
		list = append(list, Step{
			Op: 'C', X: x + r*math.Cos(end), Y: y + r*math.Sin(end),
			X1: x + r*math.Cos(start) - k*math.Sin(start), Y1: y + r*math.Sin(start) + k*math.Cos(start),
			X2: x + r*math.Cos(end) + k*math.Sin(end), Y2: y + r*math.Sin(end) - k*math.Cos(end),
		})
	}
	return list
}
