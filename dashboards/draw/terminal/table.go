package terminal

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"codebank.dev/dashboards/draw"
)

// table draws rows under their headings. Figures are never cut. If the columns do not fit,
// the names become shorter, and stay different; if that is not enough, each row becomes a
// paragraph.
func table(t draw.Table, width int) []line {
	limit := most
	if !slices.ContainsFunc(t.Columns, func(c draw.TableColumn) bool { return c.Right }) {
		limit = mostDocuments
	}
	shown := t.Rows[:min(len(t.Rows), limit)]
	lines := grid(t, shown, width)
	if lines == nil {
		lines = paragraphs(t, shown, width)
	}
	if more := len(t.Rows) - limit; more > 0 {
		lines = append(lines, paragraph(fmt.Sprintf("and %d more", more), width, Faint)...)
	}
	return lines
}

// heading is the text above a column, with the unit of its figures.
func heading(c draw.TableColumn) string {
	if c.Unit != "" {
		return printable(c.Label + " (" + c.Unit + ")")
	}
	return printable(c.Label)
}

// leastName is the smallest width of a column of names that is shortened.
const leastName = 12

// grid draws the rows as a grid, or returns nil if they have no room.
func grid(t draw.Table, rows [][]draw.Cell, width int) []line {
	columns := make([][]string, len(t.Columns))
	widths, heads := make([]int, len(t.Columns)), make([]int, len(t.Columns))
	total := 2 * (len(t.Columns) - 1)
	for i, column := range t.Columns {
		for _, row := range rows {
			text := printable(row[i].Text)
			columns[i] = append(columns[i], text)
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
		}
		for _, word := range strings.Fields(heading(column)) {
			heads[i] = max(heads[i], utf8.RuneCountInString(word)) // A heading wraps between its words.
		}
		widths[i] = max(widths[i], heads[i])
		total += widths[i]
	}
	for total > width {
		at := -1
		for i, column := range t.Columns {
			if !column.Right && widths[i] > max(leastName, heads[i]) && (at < 0 || widths[i] > widths[at]) {
				at = i
			}
		}
		if at < 0 {
			return nil
		}
		widths[at]--
		total--
	}
	lines := headings(t, widths, width-total)
	for i := range columns {
		if !t.Columns[i].Right {
			columns[i] = draw.Shorten(columns[i], func(text string) bool { return utf8.RuneCountInString(text) <= widths[i] })
		}
	}
	for r, row := range rows {
		var drawn line
		for i, cell := range row {
			drawn = append(drawn, piece{padded(columns[i][r], widths[i], t.Columns[i].Right), statusStyle(cell.Status, Plain)})
			if i < len(row)-1 {
				drawn = append(drawn, piece{"  ", Plain})
			}
		}
		lines = append(lines, drawn)
	}
	return lines
}

// headings draws the headings, in as many lines as they need. Room that is left makes
// columns as wide as their headings.
func headings(t draw.Table, widths []int, left int) []line {
	for i, column := range t.Columns {
		more := min(left, max(0, utf8.RuneCountInString(heading(column))-widths[i]))
		widths[i] += more
		left -= more
	}
	parts, height := make([][]string, len(t.Columns)), 0
	for i, column := range t.Columns {
		parts[i] = wrapped(heading(column), widths[i])
		height = max(height, len(parts[i]))
	}
	lines := make([]line, height)
	for y := range lines {
		for i, column := range t.Columns {
			text := ""
			if skip := height - len(parts[i]); y >= skip {
				text = parts[i][y-skip]
			}
			lines[y] = append(lines[y], piece{padded(text, widths[i], column.Right), Faint})
			if i < len(t.Columns)-1 {
				lines[y] = append(lines[y], piece{"  ", Plain})
			}
		}
	}
	return lines
}

// paragraphs draws each row as its names, and below them each figure with its heading.
func paragraphs(t draw.Table, rows [][]draw.Cell, width int) []line {
	var lines []line
	var labels []string
	for _, column := range t.Columns {
		if !column.Right {
			labels = append(labels, printable(column.Label))
		}
	}
	lines = append(lines, paragraph(strings.Join(labels, " · "), width, Faint)...)
	for _, row := range rows {
		var names, figures []string
		for i, cell := range row {
			switch {
			case !t.Columns[i].Right:
				if cell.Text != "" {
					names = append(names, printable(cell.Text))
				}
			case t.Columns[i].Unit != "":
				figures = append(figures, printable(t.Columns[i].Label+" "+cell.Text+" "+t.Columns[i].Unit))
			default:
				figures = append(figures, printable(t.Columns[i].Label+" "+cell.Text))
			}
		}
		lines = append(lines, paragraph(strings.Join(names, " · "), width, Strong)...)
		if len(figures) > 0 {
			lines = append(lines, flow(line{{figures[0], Plain}}, figures[1:], width)...)
		}
	}
	return lines
}

// shades are blocks of rising darkness.
var shades = []rune(" ░▒▓█")

// heatmap draws the first bucket down and the second bucket across. A darker block is a
// larger value, and a dot is no value. Columns without room continue below.
func heatmap(h draw.HeatChart, width int) []line {
	label := 0
	for _, name := range h.Down {
		label = max(label, min(utf8.RuneCountInString(printable(name)), width/3))
	}
	room := max(1, width-label-1)
	each := max(1, min(3, room/max(1, len(h.Across))))
	per := max(1, room/each)
	short := draw.Shorten(h.Down, func(text string) bool { return utf8.RuneCountInString(text) <= label })
	var lines []line
	for from := 0; from < len(h.Across); from += per {
		until := min(len(h.Across), from+per)
		for i := range h.Down {
			drawn := line{{padded(printable(short[i]), label, false) + " ", Plain}}
			for _, cell := range h.Cells[i][from:until] {
				drawn = append(drawn, piece{strings.Repeat(string(shade(cell)), each), Plain})
			}
			lines = append(lines, drawn)
		}
		lines = append(lines, heatAxis(h.Across[from:until], label, each))
	}
	scale := "light " + h.Lowest + ", dark " + h.Highest
	if h.Strong != "" {
		scale += " (" + h.Strong + ")"
	}
	lines = append(lines, paragraph(strings.TrimSpace("across: "+h.AcrossLabel), width, Faint)...)
	return append(lines, paragraph(scale, width, Faint)...)
}

// heatAxis names the columns that have room.
func heatAxis(across []string, label, each int) line {
	text := []rune(strings.Repeat(" ", label+1+each*len(across)))
	free := label + 1
	for i, name := range across {
		at, runes := label+1+i*each, []rune(printable(name))
		if at < free || at+len(runes) > len(text) {
			continue
		}
		copy(text[at:], runes)
		free = at + len(runes) + 1
	}
	return line{{string(text), Faint}}
}

func shade(cell draw.HeatCell) rune {
	if cell.Value == nil {
		return '·'
	}
	return shades[max(0, min(4, int(4*cell.Strength+0.5)))]
}
