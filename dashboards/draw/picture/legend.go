package picture

import (
	"cmp"
	"slices"

	"codebank.dev/dashboards/draw"
)

// entry is a name with the colour of its series.
type entry struct {
	name  string
	paint Paint
	dash  bool
}

func entries(list []draw.Series) []entry {
	named := make([]entry, len(list))
	for i, s := range list {
		named[i] = entry{s.Name, Of(s.Role), s.Compared}
	}
	return named
}

const (
	swatch    = 10
	swatchGap = 6
)

// legend writes the names of the series in rows, and returns the place below.
func (p *Picture) legend(list []entry, y float64) float64 {
	full := make([]string, len(list))
	for i, one := range list {
		full[i] = one.name
	}
	short := names(full, min(220, p.Width-swatch-swatchGap), small)
	x := 0.0
	for i, one := range list {
		width := swatch + swatchGap + Measure(short[i], small, false)
		if x > 0 && x+width > p.Width {
			x, y = 0, y+row+2
		}
		p.add(one.swatch(x, y+small-4))
		m := Mark{Class: "name", X: x + swatch + swatchGap, Y: y + small, Text: short[i], Size: small, Paint: Ink}
		if short[i] != full[i] {
			m.Title = full[i]
		}
		p.text(m)
		x += width + 16
	}
	return y + row
}

// swatch shows the colour of a series.
func (e entry) swatch(x, y float64) Mark {
	if e.dash {
		m := straight("swatch", e.paint, rect{x, y, x + swatch, y}, 2)
		m.Dashed = true
		return m
	}
	return Mark{Form: Box, Class: "swatch", Paint: e.paint, X: x, Y: y - swatch/2, W: swatch, H: swatch}
}

// directLabels are names beside the last values of their series.
type directLabels struct {
	width float64
	short []string
}

// direct returns the labels beside the series, or nil if they have no room and a legend is
// needed, or if there is one series only.
func (p *Picture) direct(chart draw.PlotChart, height float64) *directLabels {
	n := len(chart.Series)
	if n < 2 || !chart.X.Time || p.Width < 480 || float64(n)*row > height-72 || chart.Right != nil {
		return nil
	}
	full := make([]string, n)
	for i, s := range chart.Series {
		full[i] = s.Name
	}
	most := min(160, p.Width*0.24)
	d := &directLabels{short: names(full, most, small)}
	for i, text := range d.short {
		if Measure(full[i], small, false) > most*1.6 {
			return nil // Too much of the name would be lost; a legend has more room.
		}
		d.width = max(d.width, Measure(text, small, false))
	}
	d.width += swatch + swatchGap + 6
	return d
}

// add writes each label as near as possible to the last value of its series, without overlap.
func (d *directLabels) add(p *Picture, f frame) {
	type place struct {
		at   int
		want float64
	}
	var list []place
	base := 0.0
	for i, s := range f.chart.Series {
		last := f.bottom
		for at := len(s.Values) - 1; at >= 0; at-- {
			if s.Values[at] != nil {
				last = f.y(s, *s.Values[at])
				break
			}
		}
		if n := len(s.Values); f.chart.Stacked && n > 0 && s.Values[n-1] != nil {
			last = (f.y(s, base) + f.y(s, base+*s.Values[n-1])) / 2
			base += *s.Values[n-1]
		}
		list = append(list, place{i, last})
	}
	slices.SortStableFunc(list, func(a, b place) int { return cmp.Compare(a.want, b.want) })
	// From the top down, each label stands below the one before; then from the bottom up.
	y := f.top + row/2
	for i := range list {
		list[i].want = max(list[i].want, y)
		y = list[i].want + row
	}
	y = f.bottom - 2
	for i := len(list) - 1; i >= 0; i-- {
		list[i].want = min(list[i].want, y)
		y = list[i].want - row
	}
	for _, one := range list {
		s := f.chart.Series[one.at]
		x := f.right + 8
		p.add(entry{s.Name, Of(s.Role), s.Compared}.swatch(x, one.want))
		m := Mark{Class: "name", X: x + swatch + swatchGap, Y: one.want + 4, Text: d.short[one.at], Size: small, Paint: Ink}
		if m.Text != s.Name {
			m.Title = s.Name
		}
		p.text(m)
	}
}
