package view

import "codebank.dev/dashboards/kql"

// Layer is a table of figures: a row for each combination of its buckets' values that
// there is, and in each row the metrics.
type Layer struct {
	// Buckets divide the documents, the first one outermost: the second divides what
	// each bucket of the first holds. None: one row for all documents.
	Buckets []Bucket
	// Metrics are the figures of each row.
	Metrics []Value
}

// Bucket divides documents. It is one of Time, Terms, Filters, Numbers and Ranges.
type Bucket interface {
	// Title is what the column or axis is called.
	Title() string
	bucket()
}

type (
	// Time divides by equal stretches of time. Stretches without documents are there.
	Time struct {
		Label string
		Field string
		// Interval is auto, or a stretch as Elasticsearch writes it: 1m, 1h, 1d.
		Interval string
	}

	// Terms divides by the values of a field, or by the combinations of those of
	// several. Documents without the field are left out.
	Terms struct {
		Label string
		// Fields are one or more; their combinations count.
		Fields []string
		// Numeric says that the only field holds numbers.
		Numeric bool
		// Size is how many values are shown.
		Size int
		// By orders the values, the largest first; nil: by the value itself, the
		// smallest first.
		By *Aggregate
		// Ascending turns By round: the smallest first.
		Ascending bool
		// Other gathers the values that are not shown in a last one.
		Other bool
		// Accurate asks each shard for many more values than are shown: without it
		// the smallest by a figure can be missed.
		Accurate bool
	}

	// Filters divides by queries; a document may be in several, or in none.
	Filters struct {
		Label   string
		Filters []Filter
	}

	// Numbers divides by the whole numbers that a field holds, one bucket for each,
	// from First to Last. Numbers without documents may be there or not.
	Numbers struct {
		Label       string
		Field       string
		First, Last int
	}

	// Ranges divides by ranges of a number; a document in none is left out.
	Ranges struct {
		Label  string
		Field  string
		Ranges []Range
	}
)

// Filter is one bucket of Filters.
type Filter struct {
	Label string
	Query kql.Query
}

// Range is one bucket of Ranges: From ≤ number < Below.
type Range struct {
	Label string
	From  int64
	// Below is 0 when there is no upper bound.
	Below int64
}

// Title is the label.
func (b Time) Title() string { return b.Label }

// Title is the label.
func (b Terms) Title() string { return b.Label }

// Title is the label.
func (b Filters) Title() string { return b.Label }

// Title is the label.
func (b Numbers) Title() string { return b.Label }

// Title is the label.
func (b Ranges) Title() string { return b.Label }

func (Time) bucket()    {}
func (Terms) bucket()   {}
func (Filters) bucket() {}
func (Numbers) bucket() {}
func (Ranges) bucket()  {}

// Value is one metric of a layer: a figure, and how it is shown.
type Value struct {
	// ID is unique within the layer.
	ID     string
	Label  string
	Figure Expression
	Format Format
	// Lights colour the figure, in a Metric, a Gauge or a Table.
	Lights *Lights
	// Right puts a series on a second axis, at the right.
	Right bool
}

// Format says how a figure is shown.
type Format struct {
	Kind     FormatKind
	Decimals int
	// Unit is what a Duration counts, and the currency of Money.
	Unit string
	// As is the unit a Duration is shown in: Milliseconds or Seconds.
	As string
}

// FormatKind is the kind of a figure.
type FormatKind string

// The kinds of figures.
const (
	// Number is a number without unit.
	Number FormatKind = "number"
	// Percent shows a ratio: 0.25 is 25 %.
	Percent FormatKind = "percent"
	// Money shows an amount in major units of the currency in Unit.
	Money FormatKind = "money"
	// Duration shows how long something takes.
	Duration FormatKind = "duration"
	// Bytes shows a size.
	Bytes FormatKind = "bytes"
	// Moment shows a point in time, in milliseconds since 1970 as Elasticsearch gives it.
	Moment FormatKind = "moment"
)

// Units of a Duration.
const (
	Microseconds = "microseconds"
	Milliseconds = "milliseconds"
	Seconds      = "seconds"
)

// Lights say which figures are good: up to First, up to Second, and beyond are green,
// yellow and red, or red, yellow and green when RisingIsGood. Bounds are in the unit of
// the figure before Format, a ratio for a percentage; a bound belongs to what is above it.
type Lights struct {
	First, Second float64
	RisingIsGood  bool
}
