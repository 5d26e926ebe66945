package terminal

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"codebank.dev/dashboards/draw"
)

// seriesRow is a series with its figures as texts.
type seriesRow struct {
	name, last, highest string
	series              draw.Series
	axis                draw.Axis
}

// leastSpark is the smallest width of a series beside its name and its figures.
const leastSpark = 20

// lines draws series over time. All of them have the same width, and those of one axis the
// same scale, so that they can be compared. A series has a line, with its name before it
// and its last and its highest figure behind it. Where that is too narrow, name and figures
// stand above the series.
func lines(plot draw.PlotChart, width int) []line {
	rows, names, figures := seriesRows(plot, width)
	label := min(names, max(8, width*2/5))
	room := width - label - 1 - figures
	above := room < leastSpark || names > label
	if above {
		label, room = width, width
	}
	var lines []line
	short := shortened(rows, label)
	for i, row := range rows {
		drawn := line{{spark(row.series.Values, row.axis, room), seriesStyle(row.series)}}
		behind := "  last " + row.last + ", highest " + row.highest
		if above {
			first := line{{short[i], Plain}}
			lines = append(lines, flow(first, []string{"last " + row.last, "highest " + row.highest}, width)...)
			lines = append(lines, drawn)
			continue
		}
		cells := padded(drawn.text(), min(room, len(plot.X.Names)), false)
		lines = append(lines, line{{padded(short[i], label, false) + " ", Plain}, {cells, drawn[0].style}, {behind, Faint}})
	}
	for _, reference := range plot.References {
		lines = append(lines, paragraph("line at "+reference.Text, width, Faint)...)
	}
	return append(lines, footer(plot, width)...)
}

func seriesRows(plot draw.PlotChart, width int) (rows []seriesRow, names, figures int) {
	last, highest := 0, 0
	for _, s := range plot.Series {
		row := seriesRow{name: printable(s.Name), last: draw.None, highest: draw.None, series: s, axis: plot.Alone}
		if s.Right && plot.Right != nil {
			row.axis = *plot.Right
		}
		top := -1
		for i, value := range s.Values {
			if value != nil && (top < 0 || *value > *s.Values[top]) {
				top = i
			}
		}
		if n := len(s.Texts); n > 0 {
			row.last = printable(figureOf(s, n-1))
		}
		if top >= 0 {
			row.highest = printable(figureOf(s, top))
		}
		names = max(names, utf8.RuneCountInString(row.name))
		last, highest = max(last, utf8.RuneCountInString(row.last)), max(highest, utf8.RuneCountInString(row.highest))
		rows = append(rows, row)
	}
	for i := range rows {
		if names+last+highest+leastSpark < width {
			rows[i].last, rows[i].highest = padded(rows[i].last, last, true), padded(rows[i].highest, highest, true)
		}
	}
	return rows, names, len("  last , highest ") + last + highest
}

// figureOf is a figure, and its share where the chart shows shares.
func figureOf(s draw.Series, at int) string {
	if s.Texts[at] != draw.None && s.OfWhole && s.Shares[at] != "" {
		return s.Shares[at]
	}
	return s.Texts[at]
}

func shortened(rows []seriesRow, width int) []string {
	names := make([]string, len(rows))
	for i, row := range rows {
		names[i] = row.name
	}
	return draw.Shorten(names, func(text string) bool { return utf8.RuneCountInString(text) <= width })
}

func seriesStyle(s draw.Series) Style {
	switch s.Role {
	case "approved", "good":
		return Good
	case "declined", "bad":
		return Bad
	case draw.Muted, draw.Others:
		return Faint
	}
	return Strong
}

// footer says what the scale is, which time the columns cover, and what is incomplete.
func footer(plot draw.PlotChart, width int) []line {
	var lines []line
	lines = append(lines, scaleLine("scale", plot.Alone, width)...)
	if plot.Right != nil {
		lines = append(lines, scaleLine("right scale", *plot.Right, width)...)
	}
	if n := len(plot.X.Names); n > 0 {
		text := fmt.Sprintf("%s to %s %s", plot.X.Names[0], plot.X.Names[n-1], plot.X.Zone)
		if plot.X.Interval > 0 {
			text += ", each " + length(plot.X.Interval)
		}
		switch first, last := plot.X.Incomplete[0], plot.X.Incomplete[n-1]; {
		case n == 1 && first:
			text += ", incomplete"
		case first && last:
			text += ", the first and the last incomplete"
		case last:
			text += ", the last incomplete"
		case first:
			text += ", the first incomplete"
		}
		lines = append(lines, paragraph(text, width, Faint)...)
	}
	for _, marked := range plot.X.Marked() {
		first, last := marked.All[0], marked.All[len(marked.All)-1]
		if marked.Frequent() {
			text := fmt.Sprintf("%s, %s to %s", marked.Label(), first.At.Format("2 Jan"), last.At.Format("2 Jan"))
			lines = append(lines, paragraph(text, width, Faint)...)
			continue
		}
		for _, a := range marked.All {
			lines = append(lines, paragraph(a.Word+" "+a.Span(), width, Faint)...)
		}
	}
	return lines
}

func scaleLine(name string, axis draw.Axis, width int) []line {
	if len(axis.Ticks) == 0 {
		return nil
	}
	text := fmt.Sprintf("%s %s to %s %s", name, axis.Ticks[0].Text, axis.Ticks[len(axis.Ticks)-1].Text, axis.Unit)
	return paragraph(text, width, Faint)
}

// length writes an interval without zero parts: 30m, not 30m0s.
func length(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = strings.TrimSuffix(text, zero[1:])
		}
	}
	return text
}

// columns draws series by name as bars, one for each name and series.
func columns(plot draw.PlotChart, width int) []line {
	var rows []barRow
	for at, name := range plot.X.Names {
		for _, s := range plot.Series {
			row := barRow{name: name, value: s.Values[at], text: figureOf(s, at), style: seriesStyle(s)}
			if len(plot.Series) > 1 {
				row.name = strings.TrimPrefix(name+" · "+s.Name, " · ")
			}
			rows = append(rows, row)
		}
	}
	return bars(rows, width)
}
