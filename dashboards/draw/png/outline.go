package png

import (
	"image"
	"math"

	"codebank.dev/dashboards/draw/picture"
)

// point is a place in pixels of the layout.
type point struct{ x, y float64 }

// outline returns the lines of a mark. Curves become short straight lines.
func outline(m picture.Mark) [][]point {
	switch m.Form {
	case picture.Box:
		x, y := m.X+max(0, m.W), m.Y+max(0, m.H)
		return [][]point{{{m.X, m.Y}, {x, m.Y}, {x, y}, {m.X, y}}}
	case picture.Circle:
		const corners = 32
		line := make([]point, corners)
		for i := range line {
			angle := 2 * math.Pi * float64(i) / corners
			line[i] = point{m.X + m.R*math.Cos(angle), m.Y + m.R*math.Sin(angle)}
		}
		return [][]point{line}
	}
	var lines [][]point
	for _, s := range m.Steps {
		last := len(lines) - 1
		switch {
		case s.Op == 'M':
			lines = append(lines, []point{{s.X, s.Y}})
		case last < 0:
		case s.Op == 'L':
			lines[last] = append(lines[last], point{s.X, s.Y})
		case s.Op == 'C':
			lines[last] = append(lines[last], curve(lines[last][len(lines[last])-1], s)...)
		}
	}
	return lines
}

// curve divides a curve into short lines.
func curve(from point, s picture.Step) []point {
	const parts = 16
	list := make([]point, parts)
	for i := range list {
		t := float64(i+1) / parts
		u := 1 - t
		a, b, c, d := u*u*u, 3*u*u*t, 3*u*t*t, t*t*t
		list[i] = point{a*from.x + b*s.X1 + c*s.X2 + d*s.X, a*from.y + b*s.Y1 + c*s.Y2 + d*s.Y}
	}
	return list
}

// polygon adds a closed line to the shape.
func (c *canvas) polygon(line []point) { c.shape = append(c.shape, line) }

// bounds returns the pixels that lines touch.
func bounds(lines [][]point) image.Rectangle {
	var all image.Rectangle
	for _, line := range lines {
		for _, p := range line {
			x, y := int(math.Floor(p.x*scale)), int(math.Floor(p.y*scale))
			all = all.Union(image.Rect(x-1, y-1, x+2, y+2))
		}
	}
	return all
}

// stroke adds lines of a width to the shape.
func (c *canvas) stroke(lines [][]point, width float64, isDashed bool) {
	for _, line := range lines {
		if isDashed {
			for _, part := range dashed(line) {
				c.strip(part, width)
			}
			continue
		}
		c.strip(line, width)
	}
}

// strip adds one line: a box for each of its parts, and a round corner between them. All of
// them turn the same way, so that they add up where they overlap.
func (c *canvas) strip(line []point, width float64) {
	half := width / 2
	for i := 1; i < len(line); i++ {
		a, b := line[i-1], line[i]
		length := math.Hypot(b.x-a.x, b.y-a.y)
		if length == 0 {
			continue
		}
		x, y := -(b.y-a.y)/length*half, (b.x-a.x)/length*half
		c.polygon([]point{{a.x - x, a.y - y}, {b.x - x, b.y - y}, {b.x + x, b.y + y}, {a.x + x, a.y + y}})
		if i < len(line)-1 && width >= 1.5 {
			c.polygon(outline(picture.Mark{Form: picture.Circle, X: b.x, Y: b.y, R: half})[0])
		}
	}
}

// dashed cuts a line into dashes of 4 and gaps of 3.
func dashed(line []point) [][]point {
	const dash, gap = 4.0, 3.0
	var parts [][]point
	left, on := dash, true
	for i := 1; i < len(line); i++ {
		a, b := line[i-1], line[i]
		length := math.Hypot(b.x-a.x, b.y-a.y)
		for at := 0.0; at < length; {
			step := min(left, length-at)
			if on {
				from, to := at/length, (at+step)/length
				parts = append(parts, []point{{a.x + (b.x-a.x)*from, a.y + (b.y-a.y)*from}, {a.x + (b.x-a.x)*to, a.y + (b.y-a.y)*to}})
			}
			at += step
			if left -= step; left <= 0 {
				on = !on
				left = gap
				if on {
					left = dash
				}
			}
		}
	}
	return parts
}
