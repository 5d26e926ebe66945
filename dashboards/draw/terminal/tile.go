package terminal

import (
	"math"
	"strings"
	"unicode/utf8"

	"codebank.dev/dashboards/draw"
)

// tiles draws large figures: each with what belongs to it behind it, or below it where the
// line is too short.
func tiles(list []draw.Tile, width int) []line {
	var lines []line
	for _, tile := range list {
		lines = append(lines, tileLines(tile, width)...)
	}
	return lines
}

func tileLines(tile draw.Tile, width int) []line {
	first := line{{printable(tile.Figure), statusStyle(tile.Status, Strong)}}
	var parts []string
	for _, small := range tile.Small {
		parts = append(parts, printable(small.Label+" "+small.Figure))
	}
	if tile.Name != "" {
		parts = append(parts, printable(tile.Name))
	}
	lines := flow(first, parts, width)
	if tile.Change != nil {
		lines = append(lines, paragraph(tile.Change.Text(), width, statusStyle(tile.Change.Status, Faint))...)
	}
	if len(tile.Spark) > 0 {
		lines = append(lines, line{{spark(tile.Spark, between(tile.Spark), width), Faint}})
	}
	return lines
}

// flow writes parts behind the first line, and begins a new line where a part does not fit.
func flow(first line, parts []string, width int) []line {
	var lines []line
	if first.width() > width {
		lines = append(lines, paragraph(first.text(), width, first[0].style)...)
	} else {
		lines = append(lines, first)
	}
	for _, part := range parts {
		last := len(lines) - 1
		if lines[last].width()+2+utf8.RuneCountInString(part) <= width {
			lines[last] = append(lines[last], piece{"  " + part, Faint})
			continue
		}
		lines = append(lines, paragraph(part, width, Faint)...)
	}
	return lines
}

// eighths are blocks of rising height.
var eighths = []rune("▁▂▃▄▅▆▇█")

// between is the scale of values: from 0, or from the smallest value below it, to the
// largest.
func between(values []*float64) draw.Axis {
	axis := draw.Axis{}
	for _, value := range values {
		if value != nil {
			axis.Low, axis.High = min(axis.Low, *value), max(axis.High, *value)
		}
	}
	return axis
}

// spark draws values as blocks on a scale. A value at the low end has no block if the low
// end is 0, and the lowest block otherwise; any other value has at least the lowest block.
// No value is a dot. If there are more values than columns, each column shows the largest
// of its values.
func spark(values []*float64, axis draw.Axis, width int) string {
	if len(values) == 0 || width <= 0 {
		return ""
	}
	cells := min(len(values), width)
	highest := make([]*float64, cells)
	for i, value := range values {
		at := i * cells / len(values)
		if value != nil && (highest[at] == nil || *value > *highest[at]) {
			highest[at] = value
		}
	}
	drawn := make([]rune, cells)
	for i, value := range highest {
		switch {
		case value == nil:
			drawn[i] = '·'
		case *value == 0 && axis.Low == 0:
			drawn[i] = ' '
		default:
			drawn[i] = eighths[max(0, min(7, int(math.Round(8*axis.Place(*value)))-1))]
		}
	}
	return string(drawn)
}

// gauge draws a figure on its scale, and marks the goal.
func gauge(g draw.GaugeChart, width int) []line {
	lines := flow(line{{printable(g.Figure), statusStyle(g.Status, Strong)}}, []string{printable(g.GoalText)}, width)
	if !g.Known || width < 2 {
		return lines
	}
	drawn := []rune(strings.Repeat("░", width))
	place := func(part float64) int { return max(0, min(width-1, int(part*float64(width)))) }
	for i := range place(g.Place) + 1 {
		drawn[i] = '█'
	}
	drawn[place(g.Goal)] = '┃'
	return append(lines, line{{string(drawn), Plain}})
}
