// Package query asks Elasticsearch for the figures of panels, without Kibana: a panel
// becomes the body of one search with aggregations, its answer a table of figures.
// Formulas – ratios, shifts of time, sums and means over rows – are reckoned here from
// their parts, by the rules of Kibana's Lens. It is pure: whoever calls it sends the
// searches. A terminal shows the tables, and tests compare them with figures that were
// reckoned from the events.
package query

import (
	"fmt"
	"time"

	"codebank.dev/dashboards/view"
)

// Table is the figures of a panel: a row for each combination of its buckets' values.
type Table struct {
	// Buckets are the columns of what divides the documents.
	Buckets []Column `json:"buckets"`
	// Metrics are the columns of figures.
	Metrics []Column `json:"metrics"`
	Rows    []Row    `json:"rows"`
	// Interval is the length of a stretch of time, 0 without a bucket of time.
	Interval time.Duration `json:"-"`
	// Notes say what is not as exact, or not as complete, as it looks.
	Notes []string `json:"notes,omitempty"`
}

// Column is one column of a table.
type Column struct {
	// ID is that of the metric; empty for a bucket.
	ID    string `json:"id,omitempty"`
	Label string `json:"label"`
	// Exact says that a figure is no estimate. Averages are as exact as a float64.
	Exact bool `json:"exact"`
	// Format is how a figure is shown.
	Format view.Format `json:"-"`
}

// Row is one row of a table.
type Row struct {
	// Keys are the values of the buckets, the outermost first.
	Keys []Key `json:"keys"`
	// Values are the figures; nil is no value, as of a division by 0.
	Values []*float64 `json:"values"`
}

// Key is the value of a bucket.
type Key struct {
	// Text names it; for a moment it is RFC 3339 in UTC.
	Text string `json:"text"`
	// Number is the value of a bucket by numbers, the beginning of a stretch of time
	// in milliseconds since 1970, and the place among those of the panel otherwise.
	Number float64 `json:"number"`
	// Other marks the row of all values that are not shown.
	Other bool `json:"other,omitempty"`
}

// Moment returns the beginning of a stretch of time.
func (k Key) Moment() time.Time { return time.UnixMilli(int64(k.Number)).UTC() }

// Find returns the figure of a metric in the row with these keys, by their texts; nil
// when there is no value or no such row.
func (t Table) Find(metric string, keys ...string) *float64 {
	for _, row := range t.Rows {
		if len(row.Keys) != len(keys) {
			continue
		}
		same := true
		for i, key := range row.Keys {
			same = same && key.Text == keys[i]
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

// ServerError is an error that the server gave as the answer to one search.
type ServerError struct {
	Status int
	Reason string
}

// Error returns the server's reason.
func (e *ServerError) Error() string {
	return fmt.Sprintf("query: the server refused the search with %d: %s", e.Status, e.Reason)
}
