package query

import (
	"math"
	"slices"
	"time"

	"codebank.dev/dashboards/view"
)

// evaluate returns a figure in every row. nil is a figure without a value.
func (c *cells) evaluate(e view.Expression) []*float64 {
	switch e := e.(type) {
	case view.Aggregate:
		return c.aggregate(e)
	case view.Constant:
		return c.each(func(int) *float64 { return number(float64(e)) })
	case view.Math:
		left, right := c.evaluate(e.Left), c.evaluate(e.Right)
		return c.each(func(i int) *float64 { return combine(e.Operator, left[i], right[i]) })
	case view.AtLeast:
		return c.atLeast(c.evaluate(e.Of), float64(e.Floor))
	case view.OrElse:
		of := c.evaluate(e.Of)
		return c.each(func(i int) *float64 {
			if of[i] == nil {
				return number(float64(e.Else))
			}
			return of[i]
		})
	case view.Above:
		return c.above(c.evaluate(e.Of), float64(e.Bound))
	case view.If:
		condition, yes, no := c.evaluate(e.Condition), c.evaluate(e.Then), c.evaluate(e.Else)
		return c.each(func(i int) *float64 { return choose(condition[i], yes[i], no[i]) })
	case view.MovingAverage:
		return c.movingAverage(c.evaluate(e.Of), e.Window)
	case view.CumulativeSum:
		return c.cumulativeSum(c.evaluate(e.Of))
	case view.OverallSum:
		return c.overallSum(c.evaluate(e.Of))
	}
	panic("query: unknown kind of expression")
}

func (c *cells) atLeast(of []*float64, floor float64) []*float64 {
	return c.each(func(i int) *float64 {
		if of[i] == nil {
			return nil
		}
		return number(max(*of[i], floor))
	})
}

func (c *cells) above(of []*float64, bound float64) []*float64 {
	return c.each(func(i int) *float64 {
		switch {
		case of[i] == nil:
			return nil
		case *of[i] > bound:
			return number(1)
		}
		return number(0)
	})
}

func choose(condition, yes, no *float64) *float64 {
	switch {
	case condition == nil:
		return nil
	case *condition != 0:
		return yes
	}
	return no
}

// number returns a value, or nil if it is infinite or not a number.
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
		if !found { // Only one of the two ranges, shifted or not, has this row.
			value = amount{present: a.Function == view.Count || a.Function == view.Sum || a.Function == view.Unique}
		}
		switch {
		case !value.present:
			return nil
		case a.Function == view.Average:
			return number(value.value / value.n)
		}
		return number(value.value / by)
	})
}

// per returns the divisor of an aggregate: 1, or the number of time units in its range
// or interval.
func (q *panelQuery) per(a view.Aggregate) float64 {
	unit, known := units[a.Per]
	if !known {
		return 1
	}
	length := q.at.To.Sub(q.at.From)
	if q.interval > 0 {
		length = q.interval
	}
	if within, err := parseLength(a.Within); err == nil {
		length = min(length, within)
	}
	return max(float64(length)/float64(unit), float64(time.Millisecond)/float64(unit))
}

// combine calculates one operation. The result has no value if a part has no value, or
// if the divisor is 0.
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
		return number(*left / *right) // A division by 0 is infinite or not a number.
	}
	panic("query: unknown operator")
}

// series returns the name of each row's series: all keys of the row except the key on
// the axis. Without a bucket of time or numbers, all rows are one series.
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

// movingAverage is the mean of the window's rows before a row, among rows that have a
// value. A row without a value has no mean, and the first row of a series has none.
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

// cumulativeSum adds up along a series. A row without a value adds nothing.
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

// overallSum adds up a whole series, or all rows if there is no axis.
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
