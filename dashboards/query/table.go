// Package query requests the figures of panels from Elasticsearch, without Kibana. A
// panel becomes the body of one search with aggregations, and the response becomes a
// table of figures. Formulas (ratios, time shifts, sums and means over rows) are
// calculated here from their parts, by the rules of Kibana's Lens. The package is pure:
// its caller sends the searches. A terminal shows the tables. Tests compare them with
// figures calculated from the events.
package query

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"codebank.dev/dashboards/view"
)

// Table is the figures of a panel, with a row for each combination of its bucket
// values.
type Table struct {
	// Buckets are the columns of the buckets.
	Buckets []Column `json:"buckets"`
	// Metrics are the columns of the figures.
	Metrics []Column `json:"metrics"`
	Rows    []Row    `json:"rows"`
	// Interval is the length of an interval, or 0 without a time bucket.
	Interval time.Duration `json:"-"`
	// Notes say what is less exact or less complete than it seems.
	Notes []string `json:"notes,omitempty"`
}

// HasFigures reports whether any figure of the table has a value.
func (t Table) HasFigures() bool {
	return slices.ContainsFunc(t.Rows, func(row Row) bool {
		return slices.ContainsFunc(row.Values, func(value *float64) bool { return value != nil })
	})
}

// Of returns the column of a figure as it is true of one row: without Rounded, and Exact, if
// only figures of other rows are rounded.
func (t Table) Of(row Row, metric int) Column {
	column := t.Metrics[metric]
	if column.Rounded {
		column.Rounded = metric < len(row.Rounded) && row.Rounded[metric]
		column.Exact = !column.Rounded && !column.estimated
	}
	return column
}

// Column is one column of a table.
type Column struct {
	// ID is the id of the metric. It is empty for a bucket.
	ID    string `json:"id,omitempty"`
	Label string `json:"label"`
	// Exact says that no figure is an estimate or rounded. Averages are as exact as a float64.
	Exact bool `json:"exact"`
	// Rounded says that a figure is too large to be exact in the decimals that are shown. The
	// rows say which. See Table.Of.
	Rounded bool `json:"rounded,omitempty"`
	// Format says how a figure is shown.
	Format view.Format `json:"-"`
	// Field is the field whose values are the keys of a bucket. It is empty for a bucket
	// of several fields or of none, and for a metric.
	Field string `json:"-"`
	// estimated says that every figure is an estimate.
	estimated bool
}

// Row is one row of a table.
type Row struct {
	// Keys are the values of the buckets, the outermost first.
	Keys []Key `json:"keys"`
	// Values are the figures. nil is a figure without a value, such as a division by 0.
	Values []*float64 `json:"values"`
	// Rounded says for each figure whether it is rounded. It is nil if none of the row is.
	Rounded []bool `json:"rounded,omitempty"`
}

// Key is the value of a bucket.
type Key struct {
	// Text is the value as the index holds it. A point in time is in RFC 3339, in UTC. It is
	// empty if Other is set: a value may be called anything, so no text is safe for the rest.
	Text string `json:"text"`
	// Label is the value in words, if the index holds a code or a text that people could
	// not see or could take for something else. See Name.
	Label string `json:"label,omitempty"`
	// Number is the value of a number bucket, or the start of an interval in
	// milliseconds since 1970. For other buckets it is the place among the buckets of
	// the panel.
	Number float64 `json:"number"`
	// Other marks the row of all values that are not shown. Its label is AllOthers.
	Other bool `json:"other,omitempty"`
}

// Name returns the value as people read it: in words if there are words for it.
func (k Key) Name() string { return cmp.Or(k.Label, k.Text) }

// Moment returns the start of an interval.
func (k Key) Moment() time.Time { return time.UnixMilli(int64(k.Number)).UTC() }

// Find returns the figure of a metric in the row whose keys have these texts. It
// returns nil if there is no value or no such row. It does not find the row of all values
// that are not shown.
func (t Table) Find(metric string, keys ...string) *float64 {
	for _, row := range t.Rows {
		if len(row.Keys) != len(keys) {
			continue
		}
		same := true
		for i, key := range row.Keys {
			same = same && key.Text == keys[i] && !key.Other
		}
		if !same {
			continue
		}
		for i, column := range t.Metrics {
			if column.ID == metric {
				return row.Values[i]
			}
		}
	}
	return nil
}

// ServerError is an error that the server returned for one search.
type ServerError struct {
	Status int
	Reason string
}

// Error returns the server's reason.
func (e *ServerError) Error() string {
	return fmt.Sprintf("query: the server refused the search with %d: %s", e.Status, e.Reason)
}
