package view

import (
	"slices"

	"codebank.dev/dashboards/kql"
)

// Expression is how a figure is calculated. It is one of Aggregate, Constant, Math,
// AtLeast, OrElse, Above, If, MovingAverage, CumulativeSum and OverallSum. In Kibana, an Aggregate
// alone is an operation, and any other expression is a formula.
type Expression interface{ expression() }

// Function is what an Aggregate does with the documents of a row.
type Function string

// The functions.
const (
	// Count counts documents.
	Count Function = "count"
	// Sum adds the values of a field. It is 0 without documents.
	Sum Function = "sum"
	// Average, Max and Min have no value without documents.
	Average Function = "average"
	Max     Function = "max"
	Min     Function = "min"
	// Unique counts the different values of a field. The result is an estimate.
	Unique Function = "unique_count"
	// Percentile is the value below which Rank per cent of the values lie. The result
	// is an estimate.
	Percentile Function = "percentile"
)

// Aggregate is one figure over the documents of a row.
type Aggregate struct {
	Function Function
	// Field is empty for Count.
	Field string
	// Rank is the rank of a Percentile, 1 to 99.
	Rank int
	// Filter chooses among the documents that the panel's query chooses.
	Filter kql.Query
	// Shift moves the range of time back by this length, for example 1d. Previous moves
	// it back by its own length.
	Shift string
	// Within limits the figure to the last part of the range of time, for example 15m.
	Within string
	// Per divides by the length of the range, or of the interval of a Time bucket, in
	// this unit: s, m, h or d. Formulas do not support it.
	Per string
}

// Previous is the Shift to the range of time that ends where the panel's range begins,
// and is as long. It is for panels without a Time bucket.
const Previous = "previous"

// Constant is a fixed number in a formula.
type Constant int64

// Math combines two figures. The result has no value if a part has no value, or if the
// divisor is 0.
type Math struct {
	Operator    Operator
	Left, Right Expression
}

// Operator is the operator of a Math.
type Operator string

// The operators.
const (
	Plus   Operator = "+"
	Minus  Operator = "-"
	Times  Operator = "*"
	Divide Operator = "/"
)

// AtLeast is a figure, or Floor where the figure is smaller.
type AtLeast struct {
	Of    Expression
	Floor Constant
}

// OrElse is a figure, or Else where the figure has no value.
type OrElse struct {
	Of   Expression
	Else Constant
}

// Above is 1 where a figure is above Bound, and 0 elsewhere.
type Above struct {
	Of    Expression
	Bound Constant
}

// If is Then where the condition is not 0, and Else elsewhere. Kibana calculates both, so
// neither may divide by 0.
type If struct{ Condition, Then, Else Expression }

// MovingAverage is the mean of a figure over the Window time buckets before a bucket,
// without the bucket itself. The layer needs a Time bucket.
type MovingAverage struct {
	Of     Expression
	Window int
}

// CumulativeSum adds a figure up from the first time bucket. The layer needs a Time
// bucket.
type CumulativeSum struct{ Of Expression }

// OverallSum adds a figure up over all rows.
type OverallSum struct{ Of Expression }

func (Aggregate) expression()     {}
func (Constant) expression()      {}
func (Math) expression()          {}
func (AtLeast) expression()       {}
func (OrElse) expression()        {}
func (Above) expression()         {}
func (If) expression()            {}
func (MovingAverage) expression() {}
func (CumulativeSum) expression() {}
func (OverallSum) expression()    {}

// Ratio is one figure divided by another.
func Ratio(of, by Expression) Math { return Math{Operator: Divide, Left: of, Right: by} }

// Difference is one figure minus another.
func Difference(of, less Expression) Math { return Math{Operator: Minus, Left: of, Right: less} }

// Major converts an amount from minor to major units, for a currency of two decimals.
func Major(minor Expression) Math { return Ratio(minor, Constant(100)) }

// Aggregates returns the aggregates of a figure, in the order in which they are
// written.
func Aggregates(e Expression) []Aggregate {
	switch e := e.(type) {
	case Aggregate:
		return []Aggregate{e}
	case Math:
		return append(Aggregates(e.Left), Aggregates(e.Right)...)
	case AtLeast:
		return Aggregates(e.Of)
	case OrElse:
		return Aggregates(e.Of)
	case Above:
		return Aggregates(e.Of)
	case If:
		return slices.Concat(Aggregates(e.Condition), Aggregates(e.Then), Aggregates(e.Else))
	case MovingAverage:
		return Aggregates(e.Of)
	case CumulativeSum:
		return Aggregates(e.Of)
	case OverallSum:
		return Aggregates(e.Of)
	}
	return nil
}

// Fields returns the names of the fields that a figure needs, sorted, each once.
func Fields(e Expression) []string {
	var names []string
	for _, a := range Aggregates(e) {
		if a.Field != "" {
			names = append(names, a.Field)
		}
		names = append(names, kql.Fields(a.Filter)...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
