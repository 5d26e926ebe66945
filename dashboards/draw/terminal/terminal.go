// Package draw shows dashboards in a terminal, as figures, bars, lines, tables and
// heatmaps made of characters. Panels stand side by side as they do in Kibana, within
// the width of the terminal. The package is pure: it turns figures into text and does
// nothing else.
package terminal

import (
	"math"
	"slices"
	"strings"
	"time"

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
}

const (
	defaultWidth = 100
	// narrow is the smallest width of a panel beside another one.
	narrow = 24
	// gap is the space between panels side by side.
	gap = 2
)

// Dashboard draws a dashboard from the results of its panels.
func (p Terminal) Dashboard(board view.Dashboard, at query.Range, results []query.Result) string {
	if p.Width <= 0 {
		p.Width = defaultWidth
	}
	lines := []line{
		{{printable(board.Title), Strong}, {"  " + moments(at), Faint}},
	}
	for _, row := range rows(results) {
		lines = append(lines, line{})
		lines = append(lines, p.row(row)...)
	}
	var text strings.Builder
	for _, l := range lines {
		text.WriteString(l.fitted(min(p.Width, max(l.width(), 1))).write(p.Colours) + "\n")
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

// row draws panels side by side, or below each other where the width is too small.
func (p Terminal) row(results []query.Result) []line {
	widths := make([]int, len(results))
	room := true
	for i, result := range results {
		widths[i] = result.Panel.Grid.W*(p.Width+gap)/view.Columns - gap
		room = room && widths[i] >= narrow
	}
	if !room || len(results) == 1 {
		var lines []line
		for i, result := range results {
			if i > 0 {
				lines = append(lines, line{})
			}
			lines = append(lines, p.panel(result, p.Width)...)
		}
		return lines
	}
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

// panel draws one panel: its title, its figures, and the notes about them.
func (p Terminal) panel(result query.Result, width int) []line {
	lines := []line{plain(result.Panel.Title, Strong)}
	for _, text := range heading(p, result, width) {
		lines = append(lines, plain(text, Faint))
	}
	switch {
	case result.Err != nil:
		for _, text := range wrapped(result.Err.Error(), width) {
			lines = append(lines, plain(text, Bad))
		}
	default:
		lines = append(lines, chart(result, width)...)
	}
	for _, note := range result.Table.Notes {
		lines = append(lines, plain(note, Faint))
	}
	for i := range lines {
		if lines[i].width() > width {
			lines[i] = lines[i].fitted(width)
		}
	}
	return lines
}

func heading(p Terminal, result query.Result, width int) []string {
	var lines []string
	if p.Definitions && result.Panel.Definition != "" {
		lines = wrapped(result.Panel.Definition, width)
	}
	if p.Definitions && result.Panel.Approximate != "" {
		lines = append(lines, wrapped("Approximate: "+result.Panel.Approximate, width)...)
	}
	if result.Panel.From != "" {
		lines = append(lines, moments(result.Range))
	}
	return lines
}

func chart(result query.Result, width int) []line {
	panel := result.Panel
	switch panel.Chart {
	case view.Links:
		return linkLines(panel.Links, width)
	case view.Text:
		var lines []line
		for _, text := range wrapped(panel.Text, width) {
			lines = append(lines, plain(text, Plain))
		}
		return lines
	}
	if len(result.Table.Rows) == 0 {
		return []line{plain("nothing in this range", Faint)}
	}
	switch panel.Chart {
	case view.Metric:
		return metric(result, width)
	case view.Gauge:
		return gauge(result, width)
	case view.Heatmap:
		return heatmap(result.Table, width)
	case view.Table, view.Documents:
		return table(panel, result.Table, width)
	case view.Donut, view.BarHorizontal:
		return bars(panel, result.Table, width)
	}
	buckets := panel.Layer.Buckets
	if len(buckets) > 0 {
		if _, overTime := buckets[len(buckets)-1].(view.Time); overTime {
			return sparklines(panel, result.Table, width)
		}
	}
	return bars(panel, result.Table, width)
}

func linkLines(ids []string, width int) []line {
	var lines []line
	for _, text := range wrapped(strings.Join(ids, " · "), width) {
		lines = append(lines, plain(text, Plain))
	}
	return lines
}

// thresholdStyle returns the style of a figure by its thresholds.
func thresholdStyle(value *float64, thresholds *view.Thresholds) Style {
	if value == nil || thresholds == nil {
		return Plain
	}
	styles := []Style{Good, Fair, Bad}
	if thresholds.RisingIsGood {
		styles = []Style{Bad, Fair, Good}
	}
	switch {
	case *value < thresholds.First:
		return styles[0]
	case *value < thresholds.Second:
		return styles[1]
	}
	return styles[2]
}

func moments(at query.Range) string {
	return moment(float64(at.From.UnixMilli())) + " to " + moment(float64(at.To.UnixMilli()))
}

func moment(millis float64) string {
	if math.Abs(millis) > 253402300799999 {
		return None // The year has more than four digits.
	}
	return time.UnixMilli(int64(millis)).UTC().Format("2006-01-02 15:04:05Z")
}
