package query

import (
	"math"
	"slices"

	"codebank.dev/dashboards/view"
)

// firstRounded is the first whole number that a float64 may hold in place of another one.
// Elasticsearch adds and answers in float64, so a figure from here on may be off.
const firstRounded = 1 << 53

// mayBeRounded reports whether a whole number that was answered as a float64 may be another one.
func mayBeRounded(value float64) bool { return math.Abs(value) >= firstRounded }

// rounds reports which of the values of a figure may be off in the decimals that are shown: it
// was calculated from a sum or an extreme that may be rounded, or it is so large that a float64
// cannot tell it from its neighbours. Averages and ratios of exact figures are as exact as a
// float64, which is more than is shown of them. A figure over several rows is as exact as the
// least exact of all rows.
func (c *cells) rounds(figure view.Expression, values []*float64, format view.Format) []bool {
	rounded := make([]bool, len(values))
	for i, value := range values {
		rounded[i] = value != nil && isCoarse(*value, format)
		for _, a := range view.Aggregates(figure) {
			rounded[i] = rounded[i] || value != nil && c.rows[i][keyOf(a)].rounded
		}
	}
	if !overRows(figure) {
		return rounded
	}
	for _, a := range view.Aggregates(figure) {
		key := keyOf(a)
		if slices.ContainsFunc(c.rows, func(row map[string]amount) bool { return row[key].rounded }) {
			for i, value := range values {
				rounded[i] = value != nil
			}
		}
	}
	return rounded
}

// overRows reports whether a figure of one row is calculated from other rows, too.
func overRows(figure view.Expression) bool {
	switch e := figure.(type) {
	case view.OverallSum, view.CumulativeSum, view.MovingAverage:
		return true
	case view.Math:
		return overRows(e.Left) || overRows(e.Right)
	case view.AtLeast:
		return overRows(e.Of)
	case view.OrElse:
		return overRows(e.Of) || overRows(e.Else)
	case view.Above:
		return overRows(e.Of) || overRows(e.Bound)
	case view.If:
		return overRows(e.Condition) || overRows(e.Then) || overRows(e.Else)
	}
	return false
}

// isCoarse reports whether the distance of a value to its neighbours is larger than the last
// decimal that is shown.
func isCoarse(value float64, format view.Format) bool {
	if format.Kind == view.Percent {
		value *= 100
	}
	value = math.Abs(value)
	return math.Nextafter(value, math.Inf(1))-value > math.Pow10(-format.Decimals)
}

// roundedNote explains a column of rounded figures.
func roundedNote(label string) string {
	return label + ": a figure here is rounded, because it is too large for Elasticsearch to add up exactly"
}
