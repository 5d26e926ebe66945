// Package view describes what an analyst sees, as types: dashboards, their panels, and
// the figures of the panels, each with its definition. Kibana (by saved objects), the
// terminal and the page of definitions are drawn from these values. The searches in
// Elasticsearch are made from them too. So each fact stands in one place.
package view

import (
	"cmp"
	"slices"
	"time"

	"codebank.dev/dashboards/kql"
)

// Columns is the width of a dashboard in units of Grid.
const Columns = 48

// Source is where a panel's documents come from. It is the id of a data view in Kibana,
// and the alias under which Elasticsearch reads the same indices.
type Source string

// The sources.
const (
	// Transactions has a document for each event of a customer account.
	Transactions Source = "transactions"
	// Watermarks has documents that say up to which time the index is complete for a
	// partition.
	Watermarks Source = "watermarks"
	// Charges has a document for each event of a merchant's charge, in live and in test mode.
	Charges Source = "charges"
	// PixPayments has a document for each change of a payment between banks.
	PixPayments Source = "pix-payments"
)

// DataView is a source in the form of a Kibana data view.
type DataView struct {
	Source Source
	// Name is the name under which people choose it.
	Name string
	// Pattern matches the names of its indices.
	Pattern string
	// TimeField is the field by which a range of time chooses documents.
	TimeField string
	// Formats say how the values of fields are shown where no panel sets a format.
	Formats map[string]FieldFormat
	// Labels name fields for people, for example as the heading of a column.
	Labels map[string]string
	// Words are the words for the codes that fields hold.
	Words Words
	// Colours are the colours of the values of a field. The same value has the same
	// colour in every panel.
	Colours map[string]map[string]Colour
	// Amounts are fields that hold minor units. They are shown in major units of the currency
	// that the field CurrencyField holds.
	Amounts []string
	// Decimals are how many decimals a currency has, for those that do not have two.
	Decimals map[string]int
}

// CurrencyField is the field of a document that holds the currency of its amounts.
const CurrencyField = "currency"

// CurrenciesOf returns the currencies with a number of decimals other than two, sorted.
func (v DataView) CurrenciesOf(decimals int) []string {
	var list []string
	for code, of := range v.Decimals {
		if of == decimals {
			list = append(list, code)
		}
	}
	slices.Sort(list)
	return list
}

// Label returns the name of a field for people.
func (v DataView) Label(field string) string { return cmp.Or(v.Labels[field], field) }

// FieldFormat is a format of a data view: Kibana's name for it, and its parameters.
type FieldFormat struct {
	ID     string
	Params map[string]any
}

// Dashboard is one page of panels.
type Dashboard struct {
	// ID never changes, because links and imports find the dashboard by it.
	ID    string
	Title string
	// Short is the title in links. If it is empty, links show the title.
	Short       string
	Description string
	// From is the start of the range of time when the dashboard opens, for example
	// now-24h. The range ends now.
	From string
	// Refresh is the time after which an open dashboard loads its figures again.
	Refresh  time.Duration
	Controls []Control
	Panels   []Panel
}

// Control is a filter that a reader of a dashboard sets.
type Control struct {
	ID    string
	Title string
	Kind  ControlKind
	// Field is the field of Source that is filtered. Both are empty for a time slider.
	Field  string
	Source Source
}

// ControlKind is the kind of a control.
type ControlKind string

// The kinds of controls.
const (
	// Options is a list of the values that exist.
	Options ControlKind = "options"
	// Slider is a range of numbers.
	Slider ControlKind = "slider"
	// TimeSlider is a part of the dashboard's range of time.
	TimeSlider ControlKind = "time slider"
)

// Grid is the place of a panel, in columns from the left and rows from the top, and its
// size.
type Grid struct{ X, Y, W, H int }

// Panel is one figure, chart, table or text of a dashboard.
type Panel struct {
	// ID never changes. It is unique within the dashboard.
	ID string
	// Title says what the panel shows. It is unique within the dashboard.
	Title string
	// Definition explains the figure in a few sentences: what is counted, among what,
	// and what is left out.
	Definition string
	// Approximate says how exact the figure is, and why. It is empty for an exact
	// figure.
	Approximate string
	Grid        Grid
	Chart       Chart
	Source      Source
	// Query chooses the documents of everything in the panel.
	Query kql.Query
	// From is the start of the panel's own range of time, for example now-15m or now/d.
	// If it is empty, the panel uses the dashboard's range.
	From string
	// To is the end of the panel's own range. If it is empty, the range ends now. It
	// needs From.
	To string
	// Unfiltered panels ignore what readers choose by controls, except the time.
	Unfiltered bool
	// Layer holds the figures. It is empty for Links, Text and Documents.
	Layer Layer
	// Trend is the time field of a Metric's trend line, which shows the first figure
	// over time behind the figure. If it is empty, there is no trend line.
	Trend string
	// References are lines across a Line, Area or Bar chart, for example an objective.
	References []Reference
	// Axis is the axis of the figures, in a chart with axes.
	Axis Axis
	// Shade says which end of a Heatmap's colours is which. A Heatmap needs it.
	Shade Shade
	// Annotations mark moments in a chart over time.
	Annotations []Annotation
	// Gauge is the scale of a Gauge.
	Gauge Scale
	// Drilldowns lead from a value in the panel to another dashboard, which is then
	// filtered by the value.
	Drilldowns []Drilldown
	// Links are the ids of the dashboards that a Links panel leads to, in its order.
	Links []string
	// Text is the text of a Text panel, in Markdown.
	Text string
	// Documents says what a Documents panel lists.
	Documents DocumentList
}

// Chart is the form of a panel.
type Chart string

// The charts. A chart with axes (Line to BarHorizontal) has its last bucket on the
// horizontal axis, or on the vertical axis for BarHorizontal. The bucket before the
// last splits the series.
const (
	// Metric shows the layer's first metric large and its second metric small. A bucket
	// makes one such figure for each of its values.
	Metric Chart = "metric"
	Line   Chart = "line"
	Area   Chart = "area"
	// AreaStacked stacks the series.
	AreaStacked Chart = "stacked area"
	Bar         Chart = "bar"
	BarStacked  Chart = "stacked bar"
	// BarPercentage shows the share of each series in the whole bar.
	BarPercentage Chart = "100 % bar"
	BarHorizontal Chart = "horizontal bar"
	// Donut has a slice for each value of its buckets.
	Donut Chart = "donut"
	// Table has a column for each bucket, then a column for each metric.
	Table Chart = "table"
	// Heatmap has the first bucket on the vertical axis and the second on the
	// horizontal axis.
	Heatmap Chart = "heatmap"
	// Gauge shows the layer's only metric on a scale.
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

// Axis is the axis of the figures of a chart.
type Axis struct {
	// Title says what the axis measures, and its unit once.
	Title string
	// Extent is where the axis begins and ends.
	Extent Extent
}

// Extent is where an axis begins and ends.
type Extent string

// The extents.
const (
	// FromZero begins at 0. It is the extent of counts and of money.
	FromZero Extent = ""
	// OfData begins at the smallest figure and ends at the largest. It is the extent of
	// rates, which would be flat lines between 0 and 100 %.
	OfData Extent = "data"
)

// Shade is the colour scale of a heatmap. It goes from pale to dark in one hue.
type Shade struct {
	// Dark says what a dark cell means, for example "more payments" or "better".
	Dark string
	// Colour is the hue.
	Colour Colour
}

// Annotation is a thin line with a word at a moment.
type Annotation struct {
	// ID is unique within the panel.
	ID    string
	Label string
	At    time.Time
}

// Scale is the scale of a gauge, in the unit of its metric.
type Scale struct{ Min, Max, Goal float64 }

// Drilldown leads to another dashboard, filtered by the value that the reader clicked.
type Drilldown struct {
	ID   string
	Name string
	// To is the id of a dashboard.
	To string
}

// DocumentList is a list of documents.
type DocumentList struct {
	// ID is the id of the saved search.
	ID string
	// Newest is the time field that orders the documents, the newest first.
	Newest string
	// Fields are the columns, after the time.
	Fields []string
	// Widths are the widths of columns in pixels, where the usual width does not fit.
	Widths map[string]int
}
