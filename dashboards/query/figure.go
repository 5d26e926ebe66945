package query

import (
	"math"
	"slices"
	"time"

	"codebank.dev/dashboards/view"
)

// reckon returns a figure in every row; nil where it has no value.
func (c *cells) reckon(e view.Expression) []*float64 {
	switch e := e.(type) {
	case view.Aggregate:
		return c.aggregate(e)
	case view.Constant:
		return c.each(func(int) *float64 { return number(float64(e)) })
	case view.Math:
		left, right := c.reckon(e.Left), c.reckon(e.Right)
		return c.each(func(i int) *float64 { return combine(e.Operator, left[i], right[i]) })
	case view.MovingAverage:
		return c.movingAverage(c.reckon(e.Of), e.Window)
	case view.CumulativeSum:
		return c.cumulativeSum(c.reckon(e.Of))
	case view.OverallSum:
		return c.overallSum(c.reckon(e.Of))
	}
	panic("query: an expression of another kind")
}

// number is a value, unless it is beyond all numbers.
func number(f float64) *float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil
	}
	return &f
}

func (c *cells) each(value func(row int) *float64) []*float64 {
	values := make([]*float64, len(c.rows))
	for i := range c.rows {
		values[i] = value(i)
	}
	return values
}

func (c *cells) aggregate(a view.Aggregate) []*float64 {
	key, by := keyOf(a), c.q.per(a)
	return c.each(func(i int) *float64 {
		value, found := c.rows[i][key]
		if !found { // A row that the shifted range does not have, or only it has.
			value = amount{there: a.Function == view.Count || a.Function == view.Sum || a.Function == view.Unique}
		}
		switch {
		case !value.there:
			return nil
		case a.Function == view.Average:
			return number(value.value / value.n)
		}
		return number(value.value / by)
	})
}

// per is what an aggregate is divided by: 1, or how many units of time its stretch has.
func (q *question) per(a view.Aggregate) float64 {
	unit, asked := units[a.Per]
	if !asked {
		return 1
	}
	length := q.at.To.Sub(q.at.From)
	if q.interval > 0 {
		length = q.interval
	}
	if within, err := parseStretch(a.Within); err == nil {
		length = min(length, within)
	}
	return max(float64(length)/float64(unit), float64(time.Millisecond)/float64(unit))
}

// combine reckons one step; what has a part without value, or is divided by 0, has none.
func combine(operator view.Operator, left, right *float64) *float64 {
	if left == nil || right == nil {
		return nil
	}
	switch operator {
	case view.Plus:
		return number(*left + *right)
	case view.Minus:
		return number(*left - *right)
	case view.Times:
		return number(*left * *right)
	case view.Divide:
		return number(*left / *right) // By 0 it is beyond all numbers.
	}
	panic("query: an operator of another kind")
}

// series returns for each row the series it belongs to: all its keys but the one that
// runs along the axis. Without time or numbers all rows are one series.
func (c *cells) series() []string {
	axis := slices.IndexFunc(c.q.panel.Layer.Buckets, func(b view.Bucket) bool {
		switch b.(type) {
		case view.Time, view.Numbers:
			return true
		}
		return false
	})
	names := make([]string, len(c.keys))
	for i, keys := range c.keys {
		if axis >= 0 {
			names[i] = nameOf(keys[:axis]) + "|" + nameOf(keys[axis+1:])
		}
	}
	return names
}

// movingAverage is the mean of the window's rows before a row, of those that have a
// value. A row without value has none, and the first row of a series has none.
func (c *cells) movingAverage(of []*float64, window int) []*float64 {
	before := map[string][]float64{}
	names := c.series()
	return c.each(func(i int) *float64 {
		if of[i] == nil {
			return nil
		}
		past := before[names[i]]
		before[names[i]] = append(slices.Clone(past[max(0, len(past)-window+1):]), *of[i])
		if len(past) == 0 || window < 1 {
			return nil
		}
		sum := 0.0
		for _, value := range past {
			sum += value
		}
		return number(sum / float64(len(past)))
	})
}

// cumulativeSum adds up along a series; a row without value adds nothing.
func (c *cells) cumulativeSum(of []*float64) []*float64 {
	sums := map[string]float64{}
	names := c.series()
	return c.each(func(i int) *float64 {
		if of[i] != nil {
			sums[names[i]] += *of[i]
		}
		return number(sums[names[i]])
	})
}

// overallSum adds up a whole series, or all rows when none runs along an axis.
func (c *cells) overallSum(of []*float64) []*float64 {
	sums := map[string]float64{}
	names := c.series()
	for i, value := range of {
		if value != nil {
			sums[names[i]] += *value
		}
	}
	return c.each(func(i int) *float64 { return number(sums[names[i]]) })
}
