// Package terminal draws dashboards in a terminal, as figures, bars, lines, tables and
// heatmaps made of characters, from the charts of package draw. Panels stand side by side
// where there is room, within the width of the terminal. What does not fit in a line is
// wrapped: no figure, no unit and no name that tells two series apart is cut. The package
// is pure.
package terminal

import (
	"slices"
	"strings"
	"time"

	"codebank.dev/dashboards/draw"
	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
)

// Terminal describes the terminal that dashboards are drawn for.
type Terminal struct {
	// Width is the number of characters in a line. 0 means 100.
	Width int
	// Colours turns colour codes on.
	Colours bool
	// Definitions shows each panel's definition below its title.
	Definitions bool
	// Zone is the reader's zone. nil means UTC.
	Zone *time.Location
	// Annotations are named below the charts over time that they belong to.
	Annotations []draw.Annotation
}

const (
	defaultWidth = 100
	// narrowTile and narrowChart are the smallest widths beside another panel.
	narrowTile  = 34
	narrowChart = 60
	// gap is the space between panels side by side.
	gap = 2
)

// Dashboard draws a dashboard from the results of its panels.
func (p Terminal) Dashboard(board view.Dashboard, at query.Range, results []query.Result) string {
	if p.Width <= 0 {
		p.Width = defaultWidth
	}
	var lines []line
	title := line{{printable(board.Title), Strong}, {"  " + p.moments(at), Faint}}
	if title.width() <= p.Width {
		lines = append(lines, title)
	} else {
		lines = append(lines, paragraph(board.Title, p.Width, Strong)...)
		lines = append(lines, paragraph(p.moments(at), p.Width, Faint)...)
	}
	for _, row := range rows(results) {
		for _, some := range p.fitting(row) {
			lines = append(lines, line{})
			lines = append(lines, p.row(some)...)
		}
	}
	var text strings.Builder
	for _, l := range lines {
		if l.width() > p.Width {
			l = l.fitted(p.Width)
		}
		text.WriteString(l.write(p.Colours) + "\n")
	}
	return text.String()
}

// rows groups the panels that stand side by side, in the order of their places.
func rows(results []query.Result) [][]query.Result {
	sorted := slices.Clone(results)
	slices.SortStableFunc(sorted, func(a, b query.Result) int {
		if a.Panel.Grid.Y != b.Panel.Grid.Y {
			return a.Panel.Grid.Y - b.Panel.Grid.Y
		}
		return a.Panel.Grid.X - b.Panel.Grid.X
	})
	var grouped [][]query.Result
	for _, result := range sorted {
		last := len(grouped) - 1
		if last >= 0 && grouped[last][0].Panel.Grid.Y == result.Panel.Grid.Y {
			grouped[last] = append(grouped[last], result)
			continue
		}
		grouped = append(grouped, []query.Result{result})
	}
	return grouped
}

// fitting divides a row of panels into rows that have room for each of their panels.
func (p Terminal) fitting(row []query.Result) [][]query.Result {
	least := 0
	for _, result := range row {
		need := narrowChart
		switch result.Panel.Chart {
		case view.Metric, view.Gauge, view.Text, view.Links:
			need = narrowTile
		}
		least = max(least, need)
	}
	n := min(len(row), max(1, (p.Width+gap)/(least+gap)))
	each := (len(row) + (len(row)+n-1)/n - 1) / ((len(row) + n - 1) / n) // As equal as possible.
	return slices.Collect(slices.Chunk(row, each))
}

// row draws panels side by side.
func (p Terminal) row(results []query.Result) []line {
	widths := p.widths(results)
	drawn := make([][]line, len(results))
	height := 0
	for i, result := range results {
		drawn[i] = p.panel(result, widths[i])
		height = max(height, len(drawn[i]))
	}
	lines := make([]line, height)
	for y := range lines {
		for i := range results {
			var part line
			if y < len(drawn[i]) {
				part = drawn[i][y]
			}
			width := widths[i] + gap
			if i == len(results)-1 {
				width = widths[i]
			}
			lines[y] = append(lines[y], part.fitted(width)...)
		}
	}
	return lines
}

// widths divides the width in the proportions of the dashboard, as far as each panel keeps
// the room that it needs.
func (p Terminal) widths(results []query.Result) []int {
	total, widths := 0, make([]int, len(results))
	for _, result := range results {
		total += max(1, result.Panel.Grid.W)
	}
	room := p.Width - gap*(len(results)-1)
	equal := len(results) > 1
	for i, result := range results {
		widths[i] = room * max(1, result.Panel.Grid.W) / total
		equal = equal && widths[i] >= narrowTile
	}
	if !equal {
		for i := range widths {
			widths[i] = room / len(widths)
		}
	}
	return widths
}

// panel draws one panel: its title, its figures, and the notes about them.
func (p Terminal) panel(result query.Result, width int) []line {
	chart := draw.Of(result, draw.Settings{Zone: p.Zone, Annotations: p.Annotations})
	lines := paragraph(chart.Title, width, Strong)
	if p.Definitions && result.Panel.Definition != "" {
		lines = append(lines, paragraph(result.Panel.Definition, width, Faint)...)
	}
	if p.Definitions && result.Panel.Approximate != "" {
		lines = append(lines, paragraph("Approximate: "+result.Panel.Approximate, width, Faint)...)
	}
	if result.Panel.From != "" {
		lines = append(lines, paragraph(p.moments(result.Range), width, Faint)...)
	}
	lines = append(lines, drawn(chart, width)...)
	for _, note := range chart.Notes {
		lines = append(lines, paragraph(note, width, Faint)...)
	}
	return lines
}

// drawn draws the figures of a chart.
func drawn(chart draw.Chart, width int) []line {
	switch chart.Kind {
	case draw.Tiles:
		return tiles(chart.Tiles, width)
	case draw.Plot:
		if chart.Plot.X.Time {
			return lines(chart.Plot, width)
		}
		return columns(chart.Plot, width)
	case draw.Bars:
		return bars(barsOf(chart.Bars), width)
	case draw.Donut:
		return bars(slicesOf(chart.Donut), width)
	case draw.Heat:
		return heatmap(chart.Heat, width)
	case draw.Gauge:
		return gauge(chart.Gauge, width)
	case draw.Cells:
		return table(chart.Table, width)
	case draw.Links:
		return paragraph(strings.Join(chart.Links, " · "), width, Plain)
	case draw.Failed:
		return paragraph(chart.Message, width, Bad)
	case draw.Empty:
		return paragraph(chart.Message, width, Faint)
	}
	return paragraph(chart.Message, width, Plain)
}

func (p Terminal) moments(at query.Range) string {
	if at.IsWhole() {
		return "all events"
	}
	return p.moment(at.From) + " to " + p.moment(at.To)
}

func (p Terminal) moment(at time.Time) string {
	millis := float64(at.UnixMilli())
	return draw.FigureIn(&millis, view.Format{Kind: view.Moment}, p.Zone)
}

// statusStyle returns the style of a figure by its status.
func statusStyle(status draw.Status, otherwise Style) Style {
	switch status {
	case draw.Good:
		return Good
	case draw.Warn:
		return Fair
	case draw.Bad:
		return Bad
	}
	return otherwise
}
