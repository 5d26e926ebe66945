package terminal

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
)

// most is how many rows a table or a bar chart has in a terminal. Kibana has pages
// instead.
const most = 20

// approximately marks estimates.
const approximately = "≈ "

func figure(value *float64, column query.Column) string {
	text := Figure(value, column.Format)
	if !column.Exact && value != nil {
		return approximately + text
	}
	return text
}

// metric draws large figures: the first figure of each row, and the second one behind
// it.
func metric(result query.Result, width int) []line {
	var lines []line
	for _, row := range result.Table.Rows {
		var drawn line
		for i, value := range row.Values {
			style := thresholdStyle(value, result.Panel.Layer.Metrics[i].Thresholds)
			text := figure(value, result.Table.Metrics[i])
			if i == 0 {
				if style == Plain {
					style = Strong
				}
				drawn = append(drawn, piece{printable(text), style})
				continue
			}
			drawn = append(drawn, piece{printable("  " + result.Table.Metrics[i].Label + " " + text), Faint})
		}
		if len(row.Keys) > 0 {
			drawn = append(drawn, piece{"  " + printable(joined(row.Keys)), Faint})
		}
		lines = append(lines, drawn)
	}
	if result.Trend != nil {
		values := column(result.Trend.Rows, 0)
		lines = append(lines, line{{spark(values, width), Faint}})
	}
	return lines
}

func column(rows []query.Row, at int) []*float64 {
	values := make([]*float64, len(rows))
	for i, row := range rows {
		values[i] = row.Values[at]
	}
	return values
}

func joined(keys []query.Key) string {
	texts := make([]string, len(keys))
	for i, key := range keys {
		texts[i] = key.Text
	}
	return strings.Join(texts, " · ")
}

// eighths are blocks of rising height.
var eighths = []rune(" ▁▂▃▄▅▆▇█")

// spark draws values as blocks, from 0 to the largest value. Any value above 0 has at
// least the lowest block; 0 and no value have none. If there are more values than
// columns, each column shows the largest of its values.
func spark(values []*float64, width int) string {
	if len(values) == 0 || width <= 0 {
		return ""
	}
	cells := min(len(values), width)
	highest := make([]float64, cells)
	top := 0.0
	for i, value := range values {
		if value != nil {
			at := i * cells / len(values)
			highest[at] = max(highest[at], *value)
			top = max(top, *value)
		}
	}
	drawn := make([]rune, cells)
	for i, value := range highest {
		drawn[i] = eighths[0]
		if value > 0 && top > 0 {
			drawn[i] = eighths[max(1, min(8, int(math.Round(8*value/top))))]
		}
	}
	return string(drawn)
}

// series are the values of a chart that belong to one name, in order.
type series struct {
	name   string
	column query.Column
	values []*float64
}

// sparklines draws series over time: a line for each series, with its highest and its
// last figure.
func sparklines(panel view.Panel, t query.Table, width int) []line {
	if panel.Chart == view.BarPercentage {
		t = shares(t)
	}
	var list []*series
	places := map[string]int{}
	for _, row := range t.Rows {
		for m, metric := range t.Metrics {
			names := []string{}
			for _, key := range row.Keys[:len(row.Keys)-1] {
				names = append(names, key.Text)
			}
			if len(t.Metrics) > 1 || len(names) == 0 {
				names = append(names, metric.Label)
			}
			name := strings.Join(names, " · ")
			at, known := places[name]
			if !known {
				at = len(list)
				places[name] = at
				list = append(list, &series{name: name, column: metric})
			}
			list[at].values = append(list[at].values, row.Values[m])
		}
	}
	label := 0
	for _, s := range list[:min(len(list), most)] {
		label = max(label, min(utf8.RuneCountInString(printable(s.name)), width/4))
	}
	var lines []line
	for _, s := range list[:min(len(list), most)] {
		note := " max " + figure(highest(s.values), s.column) + ", last " + figure(s.values[len(s.values)-1], s.column)
		room := max(8, width-label-1-utf8.RuneCountInString(note))
		lines = append(lines, line{
			{padded(printable(s.name), label, false) + " ", Plain}, {spark(s.values, room), Strong}, {printable(note), Faint},
		})
	}
	for _, reference := range panel.References {
		value := reference.Value
		lines = append(lines, plain("line at "+Figure(&value, reference.Format)+": "+reference.Label, Faint))
	}
	return append(lines, axis(t)...)
}

// shares converts figures into their shares of all figures in the same interval of
// time.
func shares(t query.Table) query.Table {
	last := len(t.Buckets) - 1
	totals := map[float64]float64{}
	for _, row := range t.Rows {
		for _, value := range row.Values {
			if value != nil {
				totals[row.Keys[last].Number] += *value
			}
		}
	}
	shared := t
	shared.Metrics, shared.Rows = slices.Clone(t.Metrics), slices.Clone(t.Rows)
	for i := range shared.Metrics {
		shared.Metrics[i].Format = view.Format{Kind: view.Percent, Decimals: 1}
	}
	for i, row := range shared.Rows {
		shared.Rows[i].Values = make([]*float64, len(row.Values))
		for m, value := range row.Values {
			if total := totals[row.Keys[last].Number]; value != nil && total > 0 {
				part := *value / total
				shared.Rows[i].Values[m] = &part
			}
		}
	}
	return shared
}

func axis(t query.Table) []line {
	last := len(t.Buckets) - 1
	first, end := t.Rows[0].Keys[last], t.Rows[0].Keys[last]
	for _, row := range t.Rows {
		first.Number, end.Number = min(first.Number, row.Keys[last].Number), max(end.Number, row.Keys[last].Number)
	}
	return []line{plain(fmt.Sprintf("%s to %s, each %s", moment(first.Number), moment(end.Number), short(t.Interval)), Faint)}
}

// short writes an interval without zero parts: 30m, not 30m0s.
func short(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = strings.TrimSuffix(text, zero[1:])
		}
	}
	return text
}

func highest(values []*float64) *float64 {
	var top *float64
	for _, value := range values {
		if value != nil && (top == nil || *value > *top) {
			top = value
		}
	}
	return top
}

// bars draws a bar for each row and metric. The slices of a donut also show their
// shares of the whole.
func bars(panel view.Panel, t query.Table, width int) []line {
	top, total := 0.0, 0.0
	label, figures := 0, 0
	names := make([]string, len(t.Rows))
	for i, row := range t.Rows {
		names[i] = printable(joined(row.Keys))
		label = max(label, min(utf8.RuneCountInString(names[i]), width*2/5))
		for m, value := range row.Values {
			figures = max(figures, utf8.RuneCountInString(figure(value, t.Metrics[m])))
			if value != nil {
				top, total = max(top, *value), total+*value
			}
		}
	}
	share := panel.Chart == view.Donut && total > 0
	room := width - label - figures - 2
	if share {
		room -= 9
	}
	var lines []line
	for i, row := range t.Rows {
		if len(lines) >= most {
			lines = append(lines, plain(fmt.Sprintf("and %d more", len(t.Rows)-i), Faint))
			break
		}
		for m, value := range row.Values {
			drawn := line{
				{padded(names[i], label, false) + " ", Plain}, {padded(bar(value, top, room), max(room, 0), false) + " ", Strong},
				{padded(printable(figure(value, t.Metrics[m])), figures, true), thresholdStyle(value, panel.Layer.Metrics[m].Thresholds)},
			}
			if share && value != nil {
				drawn = append(drawn, piece{padded(grouped(100**value/total, 1)+" %", 9, true), Faint})
			}
			lines = append(lines, drawn)
		}
	}
	return lines
}

func bar(value *float64, top float64, width int) string {
	if value == nil || *value <= 0 || top <= 0 || width <= 0 {
		return ""
	}
	return strings.Repeat("█", max(1, min(width, int(math.Round(*value/top*float64(width))))))
}

// gauge draws a figure on its scale, and marks the objective.
func gauge(result query.Result, width int) []line {
	value := result.Table.Rows[0].Values[0]
	scale := result.Panel.Gauge
	text := printable(figure(value, result.Table.Metrics[0]))
	lines := []line{{
		{text, cmp.Or(thresholdStyle(value, result.Panel.Layer.Metrics[0].Thresholds), Strong)},
		{"  goal " + printable(Figure(&scale.Goal, result.Table.Metrics[0].Format)), Faint},
	}}
	length := scale.Max - scale.Min
	if value == nil || length <= 0 || width < 2 {
		return lines
	}
	drawn := []rune(strings.Repeat("░", width))
	place := func(v float64) int { return max(0, min(width-1, int((v-scale.Min)/length*float64(width)))) }
	for i := range place(*value) + 1 {
		drawn[i] = '█'
	}
	drawn[place(scale.Goal)] = '┃'
	return append(lines, line{{string(drawn), Plain}})
}
