package terminal

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"codebank.dev/dashboards/draw"
)

// most is how many rows a table or a bar chart has in a terminal. It is as many as the
// longest table of the catalogue has.
const most = 50

// mostDocuments is how many single documents a list has in a terminal.
const mostDocuments = 20

// barRow is a name with a bar.
type barRow struct {
	name, text, share string
	value             *float64
	style, figure     Style
}

func barsOf(chart draw.BarChart) []barRow {
	var rows []barRow
	for _, one := range chart.Rows {
		for k, bar := range one.Bars {
			row := barRow{name: one.Name, text: bar.Text, share: bar.Share, value: bar.Value, style: Strong, figure: statusStyle(bar.Status, Plain)}
			if len(one.Bars) > 1 {
				row.name += " · " + chart.Legend[k]
			}
			rows = append(rows, row)
		}
	}
	return rows
}

func slicesOf(chart draw.DonutChart) []barRow {
	var rows []barRow
	for _, one := range chart.Slices {
		rows = append(rows, barRow{name: one.Name, text: one.Text, share: one.Share, value: one.Value, style: Strong})
	}
	return rows
}

// leastBar is the smallest width of a bar beside its name and its figure.
const leastBar = 12

// bars draws a bar for each row, on one scale. Where a line is too short for name, bar and
// figures, the name and the figures stand above the bar.
func bars(rows []barRow, width int) []line {
	names, texts, shares, top := make([]string, len(rows)), 0, 0, 0.0
	longest := 0
	for i, row := range rows {
		names[i] = printable(row.name)
		longest = max(longest, utf8.RuneCountInString(names[i]))
		texts, shares = max(texts, utf8.RuneCountInString(printable(row.text))), max(shares, utf8.RuneCountInString(row.share))
		if row.value != nil {
			top = max(top, math.Abs(*row.value))
		}
	}
	if shares > 0 {
		shares += 2
	}
	label := min(longest, width*2/5)
	room := width - label - texts - shares - 2
	above := room < leastBar || longest > label
	if above {
		label, room = width, width
	}
	short := draw.Shorten(names, func(text string) bool { return utf8.RuneCountInString(text) <= label })
	var lines []line
	for i, row := range rows {
		if i == most {
			lines = append(lines, paragraph(fmt.Sprintf("and %d more", len(rows)-i), width, Faint)...)
			break
		}
		if above {
			figures := []string{printable(row.text)}
			if row.share != "" {
				figures = append(figures, row.share)
			}
			lines = append(lines, flow(line{{short[i], Plain}}, figures, width)...)
			lines = append(lines, line{{bar(row.value, top, room), row.style}})
			continue
		}
		lines = append(lines, line{
			{padded(short[i], label, false) + " ", Plain}, {padded(bar(row.value, top, room), room, false) + " ", row.style},
			{padded(printable(row.text), texts, true), row.figure}, {padded(row.share, shares, true), Faint},
		})
	}
	return lines
}

// bar draws a value. A value below 0 has a pale bar.
func bar(value *float64, top float64, width int) string {
	if value == nil || *value == 0 || top <= 0 || width <= 0 {
		return ""
	}
	block := "█"
	if *value < 0 {
		block = "░"
	}
	return strings.Repeat(block, max(1, min(width, int(math.Round(math.Abs(*value)/top*float64(width))))))
}
