package draw

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

// most is how many rows a table or a chart of bars has in a terminal; Kibana pages.
const most = 20

// approximately marks figures that are estimates.
const approximately = "≈ "

func figure(value *float64, column query.Column) string {
	text := Figure(value, column.Format)
	if !column.Exact && value != nil {
		return approximately + text
	}
	return text
}

// metric draws large figures: for each row the first one, the second behind it.
func metric(result query.Result, width int) []line {
	var lines []line
	for _, row := range result.Table.Rows {
		var drawn line
		for i, value := range row.Values {
			style := light(value, result.Panel.Layer.Metrics[i].Lights)
			text := figure(value, result.Table.Metrics[i])
			if i == 0 {
				if style == Plain {
					style = Strong
				}
				drawn = append(drawn, piece{harmless(text), style})
				continue
			}
			drawn = append(drawn, piece{harmless("  " + result.Table.Metrics[i].Label + " " + text), Faint})
		}
		if len(row.Keys) > 0 {
			drawn = append(drawn, piece{"  " + harmless(joined(row.Keys)), Faint})
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

// eighths are blocks of growing height.
var eighths = []rune(" ▁▂▃▄▅▆▇█")

// spark draws values as blocks from 0 to the largest; the lowest block is any value
// above 0, and no block is 0 or no value. Values that do not fit are drawn by the
// largest of neighbours.
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

// series are the values of a chart that belong together, by name, in order.
type series struct {
	name   string
	column query.Column
	values []*float64
}

// sparklines draws what runs over time: a line for each series, its highest and its
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
		label = max(label, min(utf8.RuneCountInString(harmless(s.name)), width/4))
	}
	var lines []line
	for _, s := range list[:min(len(list), most)] {
		told := " max " + figure(highest(s.values), s.column) + ", last " + figure(s.values[len(s.values)-1], s.column)
		room := max(8, width-label-1-utf8.RuneCountInString(told))
		lines = append(lines, line{
			{padded(harmless(s.name), label, false) + " ", Plain}, {spark(s.values, room), Strong}, {harmless(told), Faint},
		})
	}
	for _, reference := range panel.References {
		value := reference.Value
		lines = append(lines, plain("line at "+Figure(&value, reference.Format)+": "+reference.Label, Faint))
	}
	return append(lines, axis(t)...)
}

// shares turns figures into their shares of all figures of the same stretch of time.
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

// short writes an interval without what is zero: 30m, not 30m0s.
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

// bars draws a bar for each row and metric, with its share of all for slices.
func bars(panel view.Panel, t query.Table, width int) []line {
	top, total := 0.0, 0.0
	label, told := 0, 0
	names := make([]string, len(t.Rows))
	for i, row := range t.Rows {
		names[i] = harmless(joined(row.Keys))
		label = max(label, min(utf8.RuneCountInString(names[i]), width*2/5))
		for m, value := range row.Values {
			told = max(told, utf8.RuneCountInString(figure(value, t.Metrics[m])))
			if value != nil {
				top, total = max(top, *value), total+*value
			}
		}
	}
	share := panel.Chart == view.Donut && total > 0
	room := width - label - told - 2
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
				{padded(harmless(figure(value, t.Metrics[m])), told, true), light(value, panel.Layer.Metrics[m].Lights)},
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

// gauge draws a figure on its scale, with a mark at the goal.
func gauge(result query.Result, width int) []line {
	value := result.Table.Rows[0].Values[0]
	scale := result.Panel.Gauge
	text := harmless(figure(value, result.Table.Metrics[0]))
	lines := []line{{
		{text, cmp.Or(light(value, result.Panel.Layer.Metrics[0].Lights), Strong)},
		{"  goal " + harmless(Figure(&scale.Goal, result.Table.Metrics[0].Format)), Faint},
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
