package expected_test

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"codebank.dev/dashboards/expected"
	"codebank.dev/dashboards/kql"
	"codebank.dev/dashboards/view"
	"codebank.dev/schemas/event"
)

// The model of a panel, evaluated in the slow and plain way: every figure of every row
// from all documents.

type row struct {
	keys      []string
	tests     []func(d *expected.Document, shift time.Duration) bool
	documents int
	values    []*float64
}

type model struct {
	panel view.Panel
	q     expected.Input
	rows  []row
}

func evaluated(p view.Panel, q expected.Input) []row {
	m := model{panel: p, q: q, rows: []row{{}}}
	for _, bucket := range p.Layer.Buckets {
		var divided []row
		for _, r := range m.rows {
			divided = append(divided, m.divide(r, bucket)...)
		}
		m.rows = divided
	}
	for i := range m.rows {
		m.rows[i].documents = len(m.of(m.rows[i], view.Aggregate{}))
	}
	for _, metric := range p.Layer.Metrics {
		for i, value := range m.evaluate(metric.Figure) {
			m.rows[i].values = append(m.rows[i].values, value)
		}
	}
	return m.rows
}

// of returns the documents of a row that an aggregate covers.
func (m model) of(r row, a view.Aggregate) []*expected.Document {
	from, to := m.q.From, m.q.To
	if a.Within != "" {
		within, _ := time.ParseDuration(a.Within)
		from = to.Add(-within)
	}
	var shift time.Duration
	switch a.Shift {
	case "1d":
		shift = 24 * time.Hour
	case view.Previous:
		shift = m.q.To.Sub(m.q.From)
	}
	var found []*expected.Document
	for i := range m.q.Documents {
		d := &m.q.Documents[i]
		at := d.OccurredAt().Add(shift)
		if at.Before(from) || at.After(to) || !matches(m.panel.Query, d) || !matches(a.Filter, d) {
			continue
		}
		if !slices.ContainsFunc(r.tests, func(test func(*expected.Document, time.Duration) bool) bool { return !test(d, shift) }) {
			found = append(found, d)
		}
	}
	return found
}

func (m model) divide(r row, bucket view.Bucket) []row {
	var rows []row
	add := func(key string, test func(*expected.Document, time.Duration) bool) {
		rows = append(rows, row{keys: append(slices.Clone(r.keys), key), tests: append(slices.Clone(r.tests), test)})
	}
	plain := func(test func(*expected.Document) bool) func(*expected.Document, time.Duration) bool {
		return func(d *expected.Document, _ time.Duration) bool { return test(d) }
	}
	switch b := bucket.(type) {
	case view.Time:
		for start := m.q.From.Truncate(m.q.Interval); !start.After(m.q.To); start = start.Add(m.q.Interval) {
			add(start.Format(time.RFC3339), func(d *expected.Document, shift time.Duration) bool {
				return d.OccurredAt().Add(shift).Truncate(m.q.Interval).Equal(start)
			})
		}
	case view.Terms:
		shown := m.terms(r, b)
		for _, value := range shown {
			add(value, plain(func(d *expected.Document) bool { return text(d, b.Fields[0]) == value }))
		}
		if b.Other {
			add("", plain(func(d *expected.Document) bool {
				value := text(d, b.Fields[0])
				return value != "" && !slices.Contains(shown, value)
			}))
		}
	case view.Filters:
		for _, filter := range b.Filters {
			add(filter.Label, plain(func(d *expected.Document) bool { return matches(filter.Query, d) }))
		}
	case view.Numbers:
		for n := b.First; n <= b.Last; n++ {
			add(strconv.Itoa(n), plain(func(d *expected.Document) bool { return text(d, b.Field) == strconv.Itoa(n) }))
		}
	case view.Ranges:
		for _, one := range b.Ranges {
			add(one.Label, plain(func(d *expected.Document) bool {
				n, there := whole(d, b.Field)
				return there && n >= one.From && (one.Below == 0 || n < one.Below)
			}))
		}
	}
	return rows
}

func (m model) terms(r row, b view.Terms) []string {
	groups := make(map[string][]*expected.Document)
	for _, d := range m.of(r, view.Aggregate{}) {
		if value := text(d, b.Fields[0]); value != "" {
			groups[value] = append(groups[value], d)
		}
	}
	var values []string
	for value := range groups {
		values = append(values, value)
	}
	slices.Sort(values)
	if b.By != nil {
		slices.SortStableFunc(values, func(one, other string) int {
			return cmp.Compare(*aggregate(*b.By, groups[other]), *aggregate(*b.By, groups[one]))
		})
	}
	return values[:min(b.Size, len(values))]
}

// evaluate returns a figure of every row.
func (m model) evaluate(e view.Expression) []*float64 {
	values := make([]*float64, len(m.rows))
	switch e := e.(type) {
	case view.Constant:
		for i := range values {
			n := float64(e)
			values[i] = &n
		}
	case view.Aggregate:
		for i, r := range m.rows {
			values[i] = aggregate(e, m.of(r, e))
			if e.Per == "s" {
				stretch := m.q.To.Sub(m.q.From)
				if slices.ContainsFunc(m.panel.Layer.Buckets, func(b view.Bucket) bool { _, ok := b.(view.Time); return ok }) {
					stretch = m.q.Interval
				}
				*values[i] /= stretch.Seconds()
			}
		}
	case view.Math:
		left, right := m.evaluate(e.Left), m.evaluate(e.Right)
		for i := range values {
			values[i] = calculated(e.Operator, left[i], right[i])
		}
	case view.AtLeast:
		for i, value := range m.evaluate(e.Of) {
			if value != nil {
				most := max(*value, float64(e.Floor))
				values[i] = &most
			}
		}
	case view.MovingAverage:
		of := m.evaluate(e.Of)
		for i := range values {
			values[i] = mean(of[max(0, i-e.Window):i])
		}
	case view.CumulativeSum:
		var sum float64
		for i, value := range m.evaluate(e.Of) {
			sum += *value
			so := sum
			values[i] = &so
		}
	case view.OverallSum:
		var sum float64
		for _, value := range m.evaluate(e.Of) {
			sum += *value
		}
		for i := range values {
			values[i] = &sum
		}
	}
	return values
}

func calculated(operator view.Operator, left, right *float64) *float64 {
	if left == nil || right == nil || operator == view.Divide && *right == 0 {
		return nil
	}
	result := map[view.Operator]func() float64{
		view.Plus: func() float64 { return *left + *right }, view.Minus: func() float64 { return *left - *right },
		view.Times: func() float64 { return *left * *right }, view.Divide: func() float64 { return *left / *right },
	}[operator]()
	return &result
}

func mean(values []*float64) *float64 {
	if len(values) == 0 {
		return nil
	}
	var sum float64
	for _, value := range values {
		sum += *value
	}
	sum /= float64(len(values))
	return &sum
}

func aggregate(a view.Aggregate, of []*expected.Document) *float64 {
	var numbers []int64
	different := make(map[string]bool)
	for _, d := range of {
		if n, there := whole(d, a.Field); there {
			numbers = append(numbers, n)
		}
		if value := text(d, a.Field); value != "" {
			different[value] = true
		}
	}
	slices.Sort(numbers)
	var result float64
	switch {
	case a.Function == view.Count:
		result = float64(len(of))
	case a.Function == view.Unique:
		result = float64(len(different))
	case a.Function == view.Sum:
		for _, n := range numbers {
			result += float64(n)
		}
	case len(numbers) == 0:
		return nil
	case a.Function == view.Max:
		result = float64(numbers[len(numbers)-1])
	case a.Function == view.Min:
		result = float64(numbers[0])
	case a.Function == view.Percentile:
		result = float64(numbers[max(0, (a.Rank*len(numbers)+99)/100-1)])
	default:
		panic("figures_test: no way to calculate " + string(a.Function))
	}
	return &result
}

// text returns a field as text. It is empty if the document has no value.
func text(d *expected.Document, field string) string {
	if field == "" {
		return ""
	}
	if n, there := whole(d, field); there {
		return strconv.FormatInt(n, 10)
	}
	value, err := d.Get(field)
	if err != nil {
		if field == "kafka_topic" {
			return d.Topic
		}
		return ""
	}
	return value.Text
}

// whole returns the value of a number field.
func whole(d *expected.Document, field string) (int64, bool) {
	switch field {
	case "":
		return 0, false
	case "hour":
		return int64(d.OccurredAt().Hour()), true
	case "weekday":
		return int64((d.OccurredAt().Weekday()+6)%7 + 1), true
	case "kafka_partition":
		return int64(d.Partition), true
	case "kafka_offset":
		return d.Offset, true
	case "pipeline_millis":
		return d.PipelineMillis, true
	}
	value, err := d.Get(field)
	return value.Integer, err == nil && value.Type == event.Integer
}

func matches(q kql.Query, d *expected.Document) bool {
	switch q := q.(type) {
	case nil:
		return true
	case kql.And:
		return !slices.ContainsFunc(q, func(one kql.Query) bool { return !matches(one, d) })
	case kql.Or:
		return slices.ContainsFunc(q, func(one kql.Query) bool { return matches(one, d) })
	case kql.Not:
		return !matches(q.Query, d)
	case kql.Is:
		return text(d, q.Field) == q.Value
	case kql.OneOf:
		return slices.Contains(q.Values, text(d, q.Field))
	case kql.Exists:
		return text(d, q.Field) != ""
	case kql.Compare:
		n, there := whole(d, q.Field)
		bound, err := strconv.ParseInt(q.Value, 10, 64)
		if err != nil {
			panic(fmt.Sprint("figures_test: ", err))
		}
		return there && map[kql.Operator]bool{
			kql.Less: n < bound, kql.LessOrEqual: n <= bound, kql.Greater: n > bound, kql.GreaterOrEqual: n >= bound,
		}[q.Operator]
	}
	return false
}
