// Package view is what an analyst sees, as types: dashboards, their panels, and the
// figures in them, each with its definition. Whoever draws a dashboard – Kibana by
// saved objects, a terminal, the page of definitions – and whoever asks Elasticsearch
// for its figures reads these values, so that nothing is told twice.
package view

import (
	"time"

	"codebank.dev/dashboards/kql"
)

// Columns is the width of a dashboard in units of Grid.
const Columns = 48

// Source is where a panel's documents come from: the id of a data view of Kibana,
// and the alias under which Elasticsearch reads the same indices.
type Source string

// The sources.
const (
	// Transactions has a document for each event of a customer account.
	Transactions Source = "transactions"
	// Watermarks has documents that say up to which time a partition is in the index.
	Watermarks Source = "watermarks"
)

// DataView is a source as Kibana knows it.
type DataView struct {
	Source Source
	// Name is what people choose it by.
	Name string
	// Pattern is the names of its indices.
	Pattern string
	// TimeField is the field that ranges of time choose documents by.
	TimeField string
	// Formats say how values of fields are shown where no panel says otherwise.
	Formats map[string]FieldFormat
}

// FieldFormat is a format of a data view: Kibana's name of it and its parameters.
type FieldFormat struct {
	ID     string
	Params map[string]any
}

// Dashboard is one page of panels.
type Dashboard struct {
	// ID never changes: links and imports find the dashboard by it.
	ID          string
	Title       string
	Description string
	// From is where the range of time begins when the dashboard is opened, for
	// example now-24h; it ends now.
	From string
	// Refresh is how often an open dashboard asks again.
	Refresh  time.Duration
	Controls []Control
	Panels   []Panel
}

// Control is a filter that a reader of a dashboard sets.
type Control struct {
	ID    string
	Title string
	Kind  ControlKind
	// Field is what is filtered, of Source; both are empty for a time slider.
	Field  string
	Source Source
}

// ControlKind is the way a control is set.
type ControlKind string

// The kinds of controls.
const (
	// Options is a list of the values that there are.
	Options ControlKind = "options"
	// Slider is a range of numbers.
	Slider ControlKind = "slider"
	// TimeSlider is a part of the dashboard's range of time.
	TimeSlider ControlKind = "time slider"
)

// Grid is a panel's place: columns from the left, rows from the top, and its size.
type Grid struct{ X, Y, W, H int }

// Panel is one figure, chart, table or text of a dashboard.
type Panel struct {
	// ID never changes; it is unique within the dashboard.
	ID string
	// Title says what is shown; it is unique within the dashboard.
	Title string
	// Definition says in a sentence or two how the figure comes about: what is
	// counted, of what, and what is left out.
	Definition string
	// Approximate says by how much a figure may be off and why; empty when exact.
	Approximate string
	Grid        Grid
	Chart       Chart
	Source      Source
	// Query chooses the documents that count for everything in the panel.
	Query kql.Query
	// From begins the panel's own range of time, for example now-15m or now/d; empty:
	// the dashboard's range.
	From string
	// To ends the panel's own range; empty: now. Only with From.
	To string
	// Unfiltered panels pass over what readers choose by controls, all but time.
	Unfiltered bool
	// Layer holds the figures; it is empty for Links, Text and Documents.
	Layer Layer
	// Trend is the field of time over which a Metric's first figure is also drawn,
	// behind it; empty: not drawn.
	Trend string
	// References are lines across a Line, Area or Bar chart, for an objective.
	References []Reference
	// Gauge is the scale of a Gauge.
	Gauge Scale
	// Drilldowns lead from a value in the panel to another dashboard, filtered by it.
	Drilldowns []Drilldown
	// Links are the dashboards, by id, that a Links panel leads to, in its order.
	Links []string
	// Text is what a Text panel says, in Markdown.
	Text string
	// Documents is what a Documents panel lists.
	Documents DocumentList
}

// Chart is the form of a panel.
type Chart string

// The charts. A chart with axes (Line to BarHorizontal) has the last bucket on its
// horizontal axis (BarHorizontal: vertical), and the one before it splits the series.
const (
	// Metric is a figure: the layer's first metric large, its second one small. A
	// bucket makes one figure for each of its values.
	Metric Chart = "metric"
	Line   Chart = "line"
	Area   Chart = "area"
	// AreaStacked puts the series on top of each other.
	AreaStacked Chart = "stacked area"
	Bar         Chart = "bar"
	BarStacked  Chart = "stacked bar"
	// BarPercentage shows each series' share of the whole bar.
	BarPercentage Chart = "100 % bar"
	BarHorizontal Chart = "horizontal bar"
	// Donut has a slice for each value of its buckets.
	Donut Chart = "donut"
	// Table has a column for each bucket, then one for each metric.
	Table Chart = "table"
	// Heatmap has the first bucket on the vertical axis, the second on the horizontal.
	Heatmap Chart = "heatmap"
	// Gauge is the layer's only metric on a scale.
	Gauge Chart = "gauge"
	// Links leads to other dashboards.
	Links Chart = "links"
	// Text is a note.
	Text Chart = "text"
	// Documents is a list of single documents, newest first.
	Documents Chart = "documents"
)

// Reference is a line at a fixed value.
type Reference struct {
	Label string
	// Value is in the unit of the chart's metrics, before Format.
	Value  float64
	Format Format
}

// Scale is the scale of a gauge, in the unit of its metric.
type Scale struct{ Min, Max, Goal float64 }

// Drilldown leads to another dashboard with the value clicked as its filter.
type Drilldown struct {
	ID   string
	Name string
	// To is the id of a dashboard.
	To string
}

// DocumentList is a list of documents.
type DocumentList struct {
	// ID is that of the saved search.
	ID string
	// Newest is the field of time that orders them, the newest first.
	Newest string
	// Fields are the columns, after the time.
	Fields []string
}
