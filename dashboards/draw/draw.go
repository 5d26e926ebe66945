// Package draw turns the figures of a panel into a chart in the language of drawing:
// tiles, series on axes, bars, slices, heatmaps, scales and tables. The chart has its
// texts, its colours by role, its extents and its ticks, but no size. Package terminal
// draws it with characters, and package svg as a picture. The package is pure.
package draw

import (
	"time"

	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
)

// Settings are what a chart needs to know besides its figures.
type Settings struct {
	// Zone is the reader's zone. Every point in time is shown in it. nil means UTC.
	Zone *time.Location
	// CompleteTo is the time up to which every event is known. An interval that ends
	// later is shown as incomplete. The zero time means the end of the range.
	CompleteTo time.Time
	// Before is the figures of the same panel over the period before, for the change in
	// a tile. nil means that no change is shown.
	Before *query.Table
	// Period names the period before, for example "the day before". If it is empty, it is
	// "the period before".
	Period string
	// Annotations are marked on an axis of time.
	Annotations []Annotation
}

func (s Settings) zone() *time.Location {
	if s.Zone == nil {
		return time.UTC
	}
	return s.Zone
}

// Kind is what a chart is made of.
type Kind string

// The kinds of charts.
const (
	// Tiles are large figures.
	Tiles Kind = "tiles"
	// Plot has series on two axes.
	Plot Kind = "plot"
	// Bars are horizontal bars below each other.
	Bars Kind = "bars"
	// Donut is a ring of slices.
	Donut Kind = "donut"
	// Heat is a grid of cells, from pale to strong.
	Heat Kind = "heatmap"
	// Gauge is a figure on a scale with a goal.
	Gauge Kind = "gauge"
	// Cells is a table, which is no picture.
	Cells Kind = "table"
	// Words is a text, which is no picture.
	Words Kind = "text"
	// Links leads to other dashboards, and is no picture.
	Links Kind = "links"
	// Empty has no figures. The message says so.
	Empty Kind = "empty"
	// Failed has no figures because of an error. The message is the error.
	Failed Kind = "failed"
)

// Chart is a panel in the language of drawing. Only the part that belongs to its kind is
// filled.
type Chart struct {
	ID, Title, Definition string
	Kind                  Kind
	// Summary says in words what the chart shows, for those who cannot see it.
	Summary string
	// Message is the text of Words, Empty and Failed.
	Message string
	// Notes say what is less exact or less complete than it seems.
	Notes []string

	Tiles []Tile
	Plot  PlotChart
	Bars  BarChart
	Donut DonutChart
	Heat  HeatChart
	Gauge GaugeChart
	Table Table
	Links []string
}

// Picture reports whether the chart can be drawn as a picture.
func (c Chart) Picture() bool {
	switch c.Kind {
	case Cells, Words, Links:
		return false
	}
	return true
}

// nothing is the message of a chart without rows.
const nothing = "Nothing in this range"

// Of returns the chart of a panel.
func Of(result query.Result, s Settings) Chart {
	panel := result.Panel
	c := Chart{ID: panel.ID, Title: panel.Title, Definition: panel.Definition, Notes: result.Table.Notes}
	switch {
	case panel.Chart == view.Links:
		c.Kind, c.Links = Links, panel.Links
	case panel.Chart == view.Text:
		c.Kind, c.Message = Words, panel.Text
	case result.Err != nil:
		c.Kind, c.Message = Failed, printable(result.Err.Error())
	case IsEmpty(result):
		c.Kind, c.Message = Empty, nothing
	default:
		c.fill(checked(result), s)
	}
	c.Summary = summary(c)
	return c
}

// IsEmpty reports whether a panel of figures has nothing to draw: no rows, or axes without a
// figure.
func IsEmpty(result query.Result) bool {
	return len(result.Table.Rows) == 0 || kindOf(result.Panel.Chart) == Plot && !result.Table.HasFigures()
}

// kindOf returns how the figures of a panel are drawn.
func kindOf(chart view.Chart) Kind {
	switch chart {
	case view.Metric:
		return Tiles
	case view.Gauge:
		return Gauge
	case view.Heatmap:
		return Heat
	case view.Table, view.Documents:
		return Cells
	case view.Donut:
		return Donut
	case view.BarHorizontal:
		return Bars
	}
	return Plot
}

func (c *Chart) fill(result query.Result, s Settings) {
	c.Kind = kindOf(result.Panel.Chart)
	switch c.Kind {
	case Tiles:
		c.Tiles = tiles(result, s)
	case Gauge:
		c.Gauge = gauge(result, s)
	case Heat:
		c.Heat = heatmap(result, s)
	case Cells:
		c.Table = TableOf(result, s)
	case Donut:
		c.Donut = donut(result, s)
	case Bars:
		c.Bars = bars(result, s)
	default:
		c.Plot = plot(result, s)
		c.Notes = append(c.Notes, c.Plot.notes...)
	}
}

// checked gives every row the values and keys that its columns name, and every metric its
// description, so that a table from anywhere can be drawn.
func checked(result query.Result) query.Result {
	t := result.Table
	rows := make([]query.Row, len(t.Rows))
	for i, row := range t.Rows {
		rows[i] = query.Row{Keys: make([]query.Key, len(t.Buckets)), Values: make([]*float64, len(t.Metrics)), Rounded: row.Rounded}
		copy(rows[i].Keys, row.Keys)
		for m := range min(len(row.Values), len(t.Metrics)) {
			rows[i].Values[m] = finite(row.Values[m])
		}
	}
	result.Table.Rows = rows
	metrics := make([]view.Value, len(t.Metrics))
	copy(metrics, result.Panel.Layer.Metrics)
	result.Panel.Layer.Metrics = metrics
	return result
}
