package picture

import (
	"fmt"

	"codebank.dev/dashboards/draw"
)

// barsLayout is how the rows of a bar chart are placed.
type barsLayout struct {
	chart draw.BarChart
	// zero is the place of 0.
	zero float64
	// above puts the names above the bars, where the picture is narrow.
	above bool
	// apart puts the figures below the names, where a line has no room for both.
	apart bool
	// names, figures and shares are the widths of the columns of text.
	names, figures, shares float64
	// left and right are the ends of the bars.
	left, right float64
	short       []string
	each        float64
	shown       int
}

// bars draws horizontal bars below each other, with their names and figures.
func (p *Picture) bars(chart draw.BarChart, top, height float64) {
	y := top + 6
	if len(chart.Legend) > 0 {
		var list []entry
		for i, name := range chart.Legend {
			list = append(list, entry{name: name, paint: Of(chart.Rows[0].Bars[i].Role)})
		}
		y = p.legend(list, y) + 6
	}
	l := p.barsLayout(chart, height-(y-top))
	l.chart, l.zero = chart, l.left
	if chart.High > chart.Low {
		l.zero = l.left - chart.Low/(chart.High-chart.Low)*(l.right-l.left)
	}
	for i := range chart.Rows[:l.shown] {
		p.barRow(l, i, y)
		y += l.each
	}
	if more := len(chart.Rows) - l.shown; more > 0 {
		p.text(Mark{Class: "note", Y: y + small + 2, Text: fmt.Sprintf("and %d more, in the table", more), Size: small, Paint: Faint})
		y += row + 4
	}
	p.Height = max(y+6, top+height)
}

const (
	barHeight = 14.0
	barGap    = 4.0
)

func (p *Picture) barsLayout(chart draw.BarChart, height float64) barsLayout {
	l := barsLayout{shown: len(chart.Rows)}
	full := make([]string, len(chart.Rows))
	bars := 1
	for i, one := range chart.Rows {
		full[i] = one.Name
		l.names = max(l.names, Measure(one.Name, small, false))
		bars = max(bars, len(one.Bars))
		for _, bar := range one.Bars {
			l.figures = max(l.figures, Measure(bar.Text, small, false))
			l.shares = max(l.shares, Measure(bar.Share, small, false))
		}
	}
	if l.shares += 10; l.shares == 10 || l.figures+l.shares > p.Width-10 {
		l.shares = 0 // The share is shown on hover only.
	}
	l.above = p.Width < 440 && (l.names > 90 || l.names+l.figures+l.shares > p.Width*0.6)
	most := p.Width * 0.36
	l.each = float64(bars)*(barHeight+barGap) + 10
	if l.above {
		most = p.Width - gap - l.figures - l.shares
		l.each += row
		if l.apart = bars == 1 && most < min(80, l.names); l.apart {
			l.each += row
		}
		if bars > 1 || l.apart {
			most = p.Width
		}
	}
	l.names = min(l.names, most)
	l.short = names(full, l.names, small)
	l.right = p.Width - l.figures - l.shares - gap
	if l.above && bars == 1 {
		l.right = p.Width
	}
	if !l.above {
		l.left += l.names + 10
	}
	if l.right-l.left < 24 { // Long figures: the bars give way.
		l.right = l.left + 24
	}
	if fit := int((height - 12) / l.each); height > 0 && fit < l.shown {
		l.shown = max(1, int((height-12-row-4)/l.each))
	}
	l.shown = min(l.shown, len(chart.Rows))
	return l
}

func (p *Picture) barRow(l barsLayout, at int, y float64) {
	chart, one, zero := l.chart, l.chart.Rows[at], l.zero
	name := Mark{Class: "name", X: l.left - 10, Y: y + 5 + barHeight/2 + 4, Text: l.short[at], Size: small, Paint: Ink, Anchor: End}
	if l.above {
		name.X, name.Y, name.Anchor = l.left, y+1+small, Start
		y += row
		if l.apart {
			y += row
		}
	}
	if l.short[at] != one.Name {
		name.Title = one.Name
	}
	p.text(name)
	y += 5
	for k, bar := range one.Bars {
		title := one.Name
		if len(chart.Legend) > k {
			title += ", " + chart.Legend[k]
		}
		title += ": " + bar.Text
		if bar.Share != "" {
			title += " (" + bar.Share + ")"
		}
		p.add(Mark{Form: Box, Class: "track", Paint: Rule, Opacity: 0.45, X: l.left, Y: y, W: l.right - l.left, H: barHeight})
		if bar.Value != nil && chart.High > chart.Low {
			end := l.left + (*bar.Value-chart.Low)/(chart.High-chart.Low)*(l.right-l.left)
			left, right := min(zero, end), max(zero, end)
			if *bar.Value != 0 && right-left < 1 {
				right = left + 1
			}
			p.add(Mark{Form: Box, Class: "bar", Paint: Of(bar.Role), X: left, Y: y, W: right - left, H: barHeight, Title: title})
		}
		base := y + barHeight/2 + 4
		if l.above && len(one.Bars) == 1 {
			base = y - 4 - row + small
		}
		p.figures(l, bar, base, title)
		y += barHeight + barGap
	}
}

// figures writes the figure of a bar and its share, aligned on the right.
func (p *Picture) figures(l barsLayout, bar draw.OneBar, base float64, title string) {
	x := p.Width
	if l.shares > 0 {
		p.text(Mark{Class: "share", X: x, Y: base, Text: bar.Share, Size: small, Paint: Faint, Anchor: End, Title: title})
	}
	p.text(Mark{Class: "value", X: x - l.shares, Y: base, Text: bar.Text, Size: small, Paint: statusPaint(bar.Status, Ink), Anchor: End, Title: title})
}
