package terminal

import (
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
)

// cell is one cell of a table.
type cell struct {
	text  string
	style Style
	right bool
}

// table draws rows under their headings. If the columns do not fit, the widest ones
// become narrower first.
func table(panel view.Panel, t query.Table, width int) []line {
	heading := []cell{}
	for _, bucket := range t.Buckets {
		heading = append(heading, cell{printable(bucket.Label), Faint, false})
	}
	for _, metric := range t.Metrics {
		heading = append(heading, cell{printable(metric.Label), Faint, true})
	}
	grid := [][]cell{heading}
	for _, row := range t.Rows[:min(len(t.Rows), most)] {
		cells := []cell{}
		for _, key := range row.Keys {
			cells = append(cells, cell{printable(key.Text), Plain, false})
		}
		for m, value := range row.Values {
			cells = append(cells, cell{printable(figure(value, t.Metrics[m])), thresholdStyle(value, panel.Layer.Metrics[m].Thresholds), true})
		}
		grid = append(grid, cells)
	}
	lines := make([]line, 0, len(grid)+1)
	widths := columns(grid, width)
	for _, cells := range grid {
		var drawn line
		for i, c := range cells {
			drawn = append(drawn, piece{padded(c.text, widths[i], c.right), c.style})
			if i < len(cells)-1 {
				drawn = append(drawn, piece{"  ", Plain})
			}
		}
		lines = append(lines, drawn)
	}
	if more := len(t.Rows) - most; more > 0 {
		lines = append(lines, plain(fmt.Sprintf("and %d more", more), Faint))
	}
	return lines
}

// least is the smallest width of a column.
const least = 6

func columns(grid [][]cell, width int) []int {
	widths := make([]int, len(grid[0]))
	total := 2 * (len(widths) - 1)
	for i := range widths {
		for _, cells := range grid {
			widths[i] = max(widths[i], utf8.RuneCountInString(cells[i].text))
		}
		total += widths[i]
	}
	for total > width {
		at := slices.Index(widths, slices.Max(widths))
		if widths[at] <= least {
			break
		}
		widths[at]--
		total--
	}
	return widths
}

// shades are blocks of rising darkness.
var shades = []rune(" ░▒▓█")

// heatmap draws the first bucket down and the second bucket across. A darker block is a
// larger value.
func heatmap(t query.Table, width int) []line {
	var down, across []query.Key
	values := map[[2]string]*float64{}
	var top, bottom *float64
	for _, row := range t.Rows {
		if len(row.Keys) != 2 || len(row.Values) == 0 {
			continue
		}
		down, across = distinct(down, row.Keys[0]), distinct(across, row.Keys[1])
		value := row.Values[0]
		values[[2]string{row.Keys[0].Text, row.Keys[1].Text}] = value
		if value != nil && (top == nil || *value > *top) {
			top = value
		}
		if value != nil && (bottom == nil || *value < *bottom) {
			bottom = value
		}
	}
	label := 0
	for _, key := range down {
		label = max(label, min(utf8.RuneCountInString(printable(key.Text)), width/3))
	}
	each := max(1, min(3, (width-label-1)/max(1, len(across))))
	var lines []line
	for _, key := range down {
		drawn := line{{padded(printable(key.Text), label, false) + " ", Plain}}
		for _, other := range across {
			shade := shaded(values[[2]string{key.Text, other.Text}], bottom, top)
			drawn = append(drawn, piece{repeated(shade, each), Plain})
		}
		lines = append(lines, drawn)
	}
	return append(lines, heatAxis(across, label, each), plain(
		fmt.Sprintf("light %s, dark %s", figure(bottom, t.Metrics[0]), figure(top, t.Metrics[0])), Faint))
}

// heatAxis names the first column, and every sixth column after it.
func heatAxis(across []query.Key, label, each int) line {
	drawn := line{{padded("", label+1, false), Plain}}
	for i := 0; i < len(across); i += 6 {
		drawn = append(drawn, piece{padded(printable(across[i].Text), each*min(6, len(across)-i), false), Faint})
	}
	return drawn
}

func distinct(keys []query.Key, key query.Key) []query.Key {
	if slices.ContainsFunc(keys, func(k query.Key) bool { return k.Text == key.Text }) {
		return keys
	}
	return append(keys, key)
}

func repeated(r rune, n int) string {
	runes := make([]rune, n)
	for i := range runes {
		runes[i] = r
	}
	return string(runes)
}

// shaded returns the block of a value between the smallest and the largest value. A
// missing value is a dot.
func shaded(value, bottom, top *float64) rune {
	switch {
	case value == nil:
		return '·'
	case *top == *bottom && *value == 0:
		return shades[0]
	case *top == *bottom:
		return shades[4]
	}
	return shades[max(0, min(4, int(math.Round(4*(*value-*bottom)/(*top-*bottom)))))]
}
