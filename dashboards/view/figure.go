package view

import (
	"slices"

	"codebank.dev/dashboards/kql"
)

// Expression is how a figure is reckoned. It is one of Aggregate, Constant, Math,
// MovingAverage, CumulativeSum and OverallSum. An Aggregate alone is an operation of
// Kibana's; anything else is a formula.
type Expression interface{ expression() }

// Function is what an Aggregate does with the documents of a row.
type Function string

// The functions.
const (
	// Count counts documents.
	Count Function = "count"
	// Sum adds the values of a field; 0 without documents.
	Sum Function = "sum"
	// Average, Max and Min have no value without documents.
	Average Function = "average"
	Max     Function = "max"
	Min     Function = "min"
	// Unique counts different values of a field, approximately.
	Unique Function = "unique_count"
	// Percentile is the value below which Rank per cent of the values are,
	// approximately.
	Percentile Function = "percentile"
)

// Aggregate is one figure of the documents of a row.
type Aggregate struct {
	Function Function
	// Field is empty for Count.
	Field string
	// Rank is that of a Percentile, 1 to 99.
	Rank int
	// Filter chooses documents, besides those the panel's query chooses.
	Filter kql.Query
	// Shift takes the figure of a range of time that much earlier, for example 1d.
	Shift string
	// Within takes only the last stretch of the range of time, for example 15m.
	Within string
	// Per divides by the length of the range, or of the stretch of a Time bucket, in
	// this unit: s, m, h or d. Not in formulas.
	Per string
}

// Constant is a fixed number in a formula.
type Constant int64

// Math combines two figures. What is divided by 0, or has a part without value, has
// no value.
type Math struct {
	Operator    Operator
	Left, Right Expression
}

// Operator is that of a Math.
type Operator string

// The operators.
const (
	Plus   Operator = "+"
	Minus  Operator = "-"
	Times  Operator = "*"
	Divide Operator = "/"
)

// MovingAverage is the mean of a figure over the Window buckets of time before a bucket;
// the bucket itself is not among them. The layer needs a Time bucket.
type MovingAverage struct {
	Of     Expression
	Window int
}

// CumulativeSum adds a figure up from the first bucket of time. The layer needs a
// Time bucket.
type CumulativeSum struct{ Of Expression }

// OverallSum adds a figure up over all rows.
type OverallSum struct{ Of Expression }

func (Aggregate) expression()     {}
func (Constant) expression()      {}
func (Math) expression()          {}
func (MovingAverage) expression() {}
func (CumulativeSum) expression() {}
func (OverallSum) expression()    {}

// Ratio is one figure divided by another.
func Ratio(of, by Expression) Math { return Math{Operator: Divide, Left: of, Right: by} }

// Difference is one figure less another.
func Difference(of, less Expression) Math { return Math{Operator: Minus, Left: of, Right: less} }

// Major is an amount in minor units in major ones, for a currency of two decimals.
func Major(minor Expression) Math { return Ratio(minor, Constant(100)) }

// Aggregates returns the aggregates of a figure, in the order they are written in.
func Aggregates(e Expression) []Aggregate {
	switch e := e.(type) {
	case Aggregate:
		return []Aggregate{e}
	case Math:
		return append(Aggregates(e.Left), Aggregates(e.Right)...)
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
