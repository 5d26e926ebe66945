package draw

import (
	"cmp"
	"slices"

	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
)

// BarChart is horizontal bars below each other, from 0.
type BarChart struct {
	Label string
	// Legend names the figures of a row if there are several.
	Legend []string
	Rows   []BarRow
	// Low and High are the ends of the scale. One of them is 0.
	Low, High float64
}

// BarRow is a name with a bar for each figure.
type BarRow struct {
	Name string
	Bars []OneBar
}

// OneBar is one bar.
type OneBar struct {
	Value  *float64
	Text   string
	Role   Role
	Status Status
	// Share is the share in the sum of the figures, if they add up.
	Share string
}

func bars(result query.Result, s Settings) BarChart {
	t, metrics := result.Table, result.Panel.Layer.Metrics
	chart := BarChart{Label: labels(t)}
	if len(t.Metrics) > 1 {
		for _, column := range t.Metrics {
			chart.Legend = append(chart.Legend, column.Label)
		}
	}
	known := coloursOf(result.Panel.Source)
	for _, row := range t.Rows {
		one := BarRow{Name: joined(row.Keys)}
		for m, value := range row.Values {
			role := cmp.Or(chosen[metrics[m].Colour], known.each(t.Buckets, row.Keys), Accent)
			if len(t.Metrics) > 1 {
				role = slot(m)
			}
			one.Bars = append(one.Bars, OneBar{
				Value: value, Text: shown(value, t.Of(row, m), s.zone()), Role: role, Status: statusOf(value, metrics[m].Thresholds),
			})
			if value != nil {
				chart.Low, chart.High = min(chart.Low, *value), max(chart.High, *value)
			}
		}
		chart.Rows = append(chart.Rows, one)
	}
	chart.shares(metrics, result.Panel.Layer.Buckets)
	return chart
}

// shares adds the share of each bar. Steps and ranges that overlap have none.
func (c *BarChart) shares(metrics []view.Value, buckets []view.Bucket) {
	for _, bucket := range buckets {
		if _, overlap := bucket.(view.Filters); overlap {
			return
		}
	}
	for m, metric := range metrics {
		total := 0.0
		for _, row := range c.Rows {
			if value := row.Bars[m].Value; value != nil {
				total += max(0, *value)
			}
		}
		for i := range c.Rows {
			if value := c.Rows[i].Bars[m].Value; value != nil && *value >= 0 && total > 0 && adds(metric.Figure) {
				c.Rows[i].Bars[m].Share = grouped(100**value/total, 1) + " %"
			}
		}
	}
}

func labels(t query.Table) string {
	keys := make([]query.Key, len(t.Buckets))
	for i, column := range t.Buckets {
		keys[i].Text = column.Label
	}
	return joined(keys)
}

// DonutChart is a ring of slices with their shares of the whole.
type DonutChart struct {
	Slices []Slice
	// Total is the sum of the slices, as a text. Label names what is counted.
	Total, Label string
}

// Slice is one part of a ring.
type Slice struct {
	Name, Text string
	Value      *float64
	// Part is the share of the whole, 0 to 1. A value below 0 has none.
	Part  float64
	Share string
	Role  Role
}

func donut(result query.Result, s Settings) DonutChart {
	t := result.Table
	if len(t.Metrics) == 0 {
		return DonutChart{}
	}
	known := coloursOf(result.Panel.Source)
	all := make([]Slice, 0, len(t.Rows))
	total := 0.0
	for _, row := range t.Rows {
		one := Slice{
			Name: joined(row.Keys), Value: row.Values[0], Text: shown(row.Values[0], t.Of(row, 0), s.zone()), Role: known.each(t.Buckets, row.Keys),
		}
		if one.Value != nil {
			total += max(0, *one.Value)
		}
		all = append(all, one)
	}
	chart := DonutChart{Slices: fewSlices(all, t.Metrics[0], s), Total: shown(&total, t.Metrics[0], s.zone()), Label: t.Metrics[0].Label}
	var names []string
	var given []Role
	for i, one := range chart.Slices {
		if one.Value != nil && total > 0 && finite(&total) != nil {
			chart.Slices[i].Part = max(0, *one.Value) / total
			chart.Slices[i].Share = grouped(100*chart.Slices[i].Part, 1) + " %"
		}
		names, given = append(names, one.Name), append(given, one.Role)
	}
	for i, role := range spread(names, given) {
		chart.Slices[i].Role = role
	}
	return chart
}

// fewSlices returns at most six slices and one of all others.
func fewSlices(all []Slice, column query.Column, s Settings) []Slice {
	if len(all) <= Slots+1 {
		return all
	}
	value := func(one Slice) float64 {
		if one.Value == nil || one.Role == Others {
			return -1
		}
		return *one.Value
	}
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b Slice) int { return cmp.Compare(value(b), value(a)) })
	kept, rest := sorted[:Slots:Slots], sorted[Slots:]
	sum := 0.0
	for _, one := range rest {
		if one.Value != nil {
			sum += max(0, *one.Value)
		}
	}
	return append(kept, Slice{Name: otherSeries(len(rest)), Role: Others, Value: &sum, Text: shown(&sum, column, s.zone())})
}

// HeatChart is a grid of cells, from pale to strong.
type HeatChart struct {
	Down, Across           []string
	DownLabel, AcrossLabel string
	// Cells has a row for each name down, with a cell for each name across.
	Cells [][]HeatCell
	// Lowest and Highest are the figures of the pale and of the strong end.
	Lowest, Highest string
	// Strong says what a strong colour means, for example "better". Role is its hue.
	Strong string
	Role   Role
}

// HeatCell is one cell.
type HeatCell struct {
	Value *float64
	Text  string
	// Strength is the place between the lowest and the highest value, 0 to 1.
	Strength float64
}

func heatmap(result query.Result, s Settings) HeatChart {
	t := result.Table
	h := HeatChart{}
	if len(t.Buckets) < 2 || len(t.Metrics) == 0 {
		return h
	}
	h.DownLabel, h.AcrossLabel = t.Buckets[0].Label, t.Buckets[1].Label
	for _, row := range t.Rows {
		h.Down, h.Across = distinct(h.Down, printable(row.Keys[0].Name())), distinct(h.Across, printable(row.Keys[1].Name()))
	}
	for range h.Down {
		cells := make([]HeatCell, len(h.Across))
		for i := range cells {
			cells[i].Text = None
		}
		h.Cells = append(h.Cells, cells)
	}
	var low, high *float64
	for _, row := range t.Rows {
		value := row.Values[0]
		cell := &h.Cells[slices.Index(h.Down, printable(row.Keys[0].Name()))][slices.Index(h.Across, printable(row.Keys[1].Name()))]
		cell.Value, cell.Text = value, shown(value, t.Of(row, 0), s.zone())
		if value != nil && (low == nil || *value < *low) {
			low = value
		}
		if value != nil && (high == nil || *value > *high) {
			high = value
		}
	}
	h.Lowest, h.Highest = shown(low, t.Metrics[0], s.zone()), shown(high, t.Metrics[0], s.zone())
	shade := result.Panel.Shade
	h.Strong, h.Role = shade.Dark, cmp.Or(chosen[shade.Colour], Accent)
	for _, cells := range h.Cells {
		for i, cell := range cells {
			if cell.Value != nil && *high > *low {
				cells[i].Strength = (*cell.Value - *low) / (*high - *low)
			} else if cell.Value != nil && *cell.Value != 0 {
				cells[i].Strength = 1
			}
		}
	}
	return h
}

func distinct(names []string, name string) []string {
	if slices.Contains(names, name) {
		return names
	}
	return append(names, name)
}

// GaugeChart is a figure on a scale with a goal.
type GaugeChart struct {
	Figure string
	Status Status
	// Place and Goal lie between 0 and 1. Known says that there is a figure.
	Place, Goal                 float64
	Known                       bool
	LowText, HighText, GoalText string
	// Reached says whether the figure is at the goal or above.
	Reached bool
}

func gauge(result query.Result, s Settings) GaugeChart {
	t := result.Table
	if len(t.Metrics) == 0 {
		return GaugeChart{Figure: None}
	}
	value, span, column := t.Rows[0].Values[0], result.Panel.Gauge, t.Metrics[0]
	g := GaugeChart{
		Figure: shown(value, column, s.zone()), Status: statusOf(value, result.Panel.Layer.Metrics[0].Thresholds),
		LowText: scaleText(span.Min, column), HighText: scaleText(span.Max, column), GoalText: "goal " + scaleText(span.Goal, column),
	}
	axis := Axis{Low: span.Min, High: span.Max}
	g.Goal = axis.Place(span.Goal)
	if value != nil && span.Max > span.Min {
		g.Known, g.Place, g.Reached = true, axis.Place(*value), *value >= span.Goal
	}
	return g
}

// scaleText writes a bound of a scale without needless decimals.
func scaleText(value float64, column query.Column) string {
	text := brief(scaled(value, column.Format), scaled(value, column.Format))
	if unit := Unit(column.Format); unit != "" {
		text += " " + unit
	}
	return text
}
