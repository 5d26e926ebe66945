package view

import "codebank.dev/dashboards/kql"

// Layer is a table of figures. It has a row for each combination of bucket values that
// occurs. Each row has the metrics.
type Layer struct {
	// Buckets divide the documents, the outermost first: the second bucket divides what
	// each bucket of the first holds. Without buckets there is one row for all
	// documents.
	Buckets []Bucket
	// Metrics are the figures of each row.
	Metrics []Value
}

// Bucket divides documents. It is one of Time, Terms, Filters, Numbers and Ranges.
type Bucket interface {
	// Title is the name of the column or axis.
	Title() string
	bucket()
}

type (
	// Time divides by intervals of equal length. Intervals without documents are
	// included.
	Time struct {
		Label string
		Field string
		// Interval is auto, or a length as Elasticsearch writes it: 1m, 1h, 1d.
		Interval string
	}

	// Terms divides by the values of a field, or by the combinations of values of
	// several fields. Documents without the field are left out.
	Terms struct {
		Label string
		// Fields are one or more fields. Of several fields, each combination of values
		// counts.
		Fields []string
		// Numeric says that the only field holds numbers.
		Numeric bool
		// Size is how many values are shown.
		Size int
		// By orders the values by a figure, the largest first. If it is nil, the values
		// order themselves, the smallest first.
		By *Aggregate
		// Ascending reverses By: the smallest first.
		Ascending bool
		// Other adds a last value that gathers all values not shown.
		Other bool
		// Accurate makes each shard return many more values than are shown. Without it,
		// the values with the smallest figures can be missing.
		Accurate bool
	}

	// Filters divides by queries. A document may belong to several, or to none.
	Filters struct {
		Label   string
		Filters []Filter
	}

	// Numbers divides by the whole numbers that a field holds, with one bucket for each
	// number from First to Last. Numbers without documents may be included or not.
	Numbers struct {
		Label       string
		Field       string
		First, Last int
	}

	// Ranges divides by ranges of a number. A document outside of all ranges is left
	// out.
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
	// Colour is the colour of the series. If it is empty, the chart chooses.
	Colour Colour
}

// Range is one bucket of Ranges: From ≤ number < Below.
type Range struct {
	Label string
	From  int64
	// Below is 0 if there is no upper bound.
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

// Value is one metric of a layer: a figure and how it is shown.
type Value struct {
	// ID is unique within the layer.
	ID     string
	Label  string
	Figure Expression
	Format Format
	// Thresholds colour the figure in a Metric, a Gauge or a Table.
	Thresholds *Thresholds
	// Right puts the series on a second axis on the right.
	Right bool
	// Colour is the colour of the series. If it is empty, the chart chooses.
	Colour Colour
	// Change says that the figure is the change of the panel's first figure against the
	// same length of time before. It is nil for any other figure.
	Change *Change
}

// Change is what a change means.
type Change struct {
	// Better is the direction that is good.
	Better Direction
	// Points says that the change is a difference of two rates, in percentage points.
	// Otherwise it is a share of the figure before: 0.25 is a quarter more.
	Points bool
}

// Direction is the direction of a change.
type Direction string

// The directions.
const (
	// Neither direction is good by itself.
	Neither Direction = ""
	Rising  Direction = "rising"
	Falling Direction = "falling"
)

// Format says how a figure is shown.
type Format struct {
	Kind     FormatKind
	Decimals int
	// Unit is the unit of a Duration, or the currency of Money.
	Unit string
	// As is the unit in which a Duration is shown: Milliseconds or Seconds.
	As string
	// Signed shows a plus before a figure above 0.
	Signed bool
}

// FormatKind is the kind of a figure.
type FormatKind string

// The kinds of figures.
const (
	// Number is a number without a unit.
	Number FormatKind = "number"
	// Percent shows a ratio: 0.25 is 25 %.
	Percent FormatKind = "percent"
	// Money shows an amount in major units of the currency in Unit.
	Money FormatKind = "money"
	// Duration shows how long something takes.
	Duration FormatKind = "duration"
	// Bytes shows a size.
	Bytes FormatKind = "bytes"
	// Moment shows a point in time. Its value is in milliseconds since 1970, as
	// Elasticsearch returns it.
	Moment FormatKind = "moment"
)

// Units of a Duration.
const (
	Microseconds = "microseconds"
	Milliseconds = "milliseconds"
	Seconds      = "seconds"
)

// Thresholds are the bounds of the colours of a figure. Below First the figure is green,
// below Second yellow, and from Second on red. With RisingIsGood the order is red,
// yellow, green. The bounds are in the unit of the figure before Format, and a
// percentage is a ratio.
type Thresholds struct {
	First, Second float64
	RisingIsGood  bool
}
