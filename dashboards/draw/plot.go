package draw

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
)

// Shape is the form of the series of a plot.
type Shape string

// The shapes.
const (
	Line Shape = "line"
	// Area is a line with the space below it filled.
	Area Shape = "area"
	// Column is a bar that stands on the axis.
	Column Shape = "column"
	// Dot is a point, for rates: a bar would have to begin at 0 %.
	Dot Shape = "dot"
)

// PlotChart is series on a horizontal axis of time or names and a vertical axis of figures.
type PlotChart struct {
	Shape Shape
	// Stacked says that the series stand on each other. Series without a value add nothing.
	Stacked bool
	X       Across
	// Left is the vertical axis, and Right the second one, for series that are on the right.
	Left  Axis
	Right *Axis
	// Alone is the left axis for series that are drawn each by itself instead of on each other.
	Alone      Axis
	Series     []Series
	References []Reference

	notes []string
	// title and ofData are what the panel says about the axis.
	title  string
	ofData bool
}

// Series is the values of one name.
type Series struct {
	Name string
	Role Role
	// Values has a value for each place of the horizontal axis. nil is no value.
	Values []*float64
	// Texts are the exact figures, and Shares the share of each value in the sum of all
	// series at its place, for series that add up.
	Texts, Shares []string
	// OfWhole says that the values are shares of the whole, and the texts what is counted.
	OfWhole bool
	// Unit is the unit of the figures, at the end of their texts.
	Unit string
	// Compared is a series that is only there to be compared with.
	Compared bool
	// Right puts the series on the right axis.
	Right bool

	column query.Column
	// exact has the places whose figure is exact although others of the column are rounded.
	exact map[int]bool
	adds  bool
	order int
	id    string
}

// Reference is a line at a fixed value.
type Reference struct {
	Value float64
	Text  string
}

// plot returns the chart of series over the last bucket.
func plot(result query.Result, s Settings) PlotChart {
	panel := result.Panel
	p := PlotChart{X: across(result, s), title: panel.Axis.Title, ofData: panel.Axis.Extent == view.OfData}
	switch panel.Chart {
	case view.Line:
		p.Shape = Line
	case view.Area, view.AreaStacked:
		p.Shape = Area
	default:
		p.Shape = Column
	}
	p.Stacked = panel.Chart == view.AreaStacked || panel.Chart == view.BarStacked || panel.Chart == view.BarPercentage
	all := seriesOf(result, p.X)
	p.Series, p.notes = few(all, len(p.X.Names))
	if p.Shape == Column && !p.Stacked && len(p.Series) > 0 && p.Series[0].column.Format.Kind == view.Percent {
		p.Shape = Dot
	}
	if p.Shape != Column && !p.X.Time && !p.Stacked {
		p.Shape = Dot // A line between names would say that there is something between them.
	}
	colour(p.Series)
	for i := range p.Series {
		p.Series[i].texts(s)
	}
	if adding(p.Series) || panel.Chart == view.BarPercentage {
		share(p.Series, len(p.X.Names))
	}
	if panel.Chart == view.BarPercentage {
		p.whole()
	}
	for _, reference := range panel.References {
		value := reference.Value
		p.References = append(p.References, Reference{value, strings.TrimSpace(reference.Label + " " + Figure(&value, reference.Format))})
	}
	p.axes()
	return p
}

// identity names a series by the values of its keys, which stay when their words change.
func identity(keys []query.Key, metric int) string {
	id := strconv.Itoa(metric)
	for _, key := range keys {
		id += "|" + key.Text
	}
	return id
}

// seriesKey tells the series of a chart apart, whatever the texts of its keys are.
func seriesKey(keys []query.Key, metric int) string {
	id := strconv.Itoa(metric)
	for _, key := range keys {
		id += " " + strconv.Quote(key.Text) + strconv.FormatBool(key.Other)
	}
	return id
}

// seriesOf divides the rows into series: one for each combination of keys before the last,
// and each metric.
func seriesOf(result query.Result, x Across) []Series {
	t, metrics := result.Table, result.Panel.Layer.Metrics
	var list []Series
	places := map[string]int{}
	known := coloursOf(result.Panel.Source)
	for _, row := range t.Rows {
		before, last := row.Keys[:max(0, len(row.Keys)-1)], len(row.Keys)-1
		for m, column := range t.Metrics {
			name := joined(before)
			id := seriesKey(before, m)
			if len(t.Metrics) > 1 || len(before) == 0 {
				name = strings.TrimPrefix(name+" · "+column.Label, " · ")
			}
			at, found := places[id]
			if !found {
				at = len(list)
				places[id] = at
				one := Series{
					Name: name, Values: make([]*float64, len(x.Names)), Compared: compared(metrics[m].Figure), Right: metrics[m].Right,
					column: column, exact: map[int]bool{}, adds: adds(metrics[m].Figure), order: at, id: identity(before, m),
					Role: chosen[metrics[m].Colour],
				}
				if len(before) > 0 && one.Role == "" && len(t.Metrics) == 1 {
					one.Role = known.each(t.Buckets, before)
				}
				if len(before) == 0 && len(t.Metrics) > 1 && one.Role == "" && !one.Compared {
					one.Role = ordered(metrics, m)
				}
				list = append(list, one)
			}
			if place := x.at(row.Keys, last); place >= 0 {
				list[at].Values[place] = row.Values[m]
				if !column.Exact && t.Of(row, m).Exact {
					list[at].exact[place] = true
				}
			}
		}
	}
	for i := range list {
		if list[i].adds && x.Time {
			list[i].fillZero()
		}
	}
	return list
}

// ordered returns the slot of a figure among those that are not only for comparison. A
// figure that is the only one has no slot.
func ordered(metrics []view.Value, m int) Role {
	at, n := 0, 0
	for i, metric := range metrics {
		if !compared(metric.Figure) {
			n++
			if i < m {
				at++
			}
		}
	}
	if n == 1 {
		return ""
	}
	return slot(at)
}

// fillZero gives a sum without documents its value, which is 0.
func (s *Series) fillZero() {
	if !slices.ContainsFunc(s.Values, func(v *float64) bool { return v != nil }) {
		return
	}
	for i, value := range s.Values {
		if value == nil {
			s.Values[i] = new(float64)
		}
	}
}

func (s Series) total() float64 {
	total := 0.0
	for _, value := range s.Values {
		if value != nil {
			total += *value
		}
	}
	return total
}

// few returns at most six series, and one that gathers the others if their figures can be
// added up. The largest series stay.
func few(all []Series, places int) ([]Series, []string) {
	named := slices.DeleteFunc(slices.Clone(all), func(s Series) bool { return s.Role == Others })
	if len(named) <= Slots {
		return all, nil
	}
	sorted := slices.Clone(named)
	slices.SortStableFunc(sorted, func(a, b Series) int { return cmp.Compare(b.total(), a.total()) })
	kept, rest := sorted[:Slots], sorted[Slots:]
	slices.SortStableFunc(kept, func(a, b Series) int { return cmp.Compare(a.order, b.order) })
	kept = slices.Clone(kept)
	if slices.ContainsFunc(all, func(s Series) bool { return !s.adds }) {
		if n := len(all) - len(kept); n > 1 {
			return kept, []string{fmt.Sprintf("%d more series are not drawn", n)}
		}
		return kept, []string{"one more series is not drawn"}
	}
	for _, s := range all {
		if s.Role == Others {
			rest = append(rest, s)
		}
	}
	other := Series{Name: otherSeries(len(rest)), Role: Others, Values: make([]*float64, places), column: rest[0].column, adds: true, Right: rest[0].Right}
	for i := range other.Values {
		for _, s := range rest {
			if s.Values[i] != nil {
				if other.Values[i] == nil {
					other.Values[i] = new(float64)
				}
				*other.Values[i] += *s.Values[i]
			}
		}
	}
	return append(kept, other), nil
}

// otherSeries is the name of what gathers n series or slices.
func otherSeries(n int) string { return fmt.Sprintf("(%d others)", n) }

// colour gives each series its role, unless it has one.
func colour(list []Series) {
	if len(list) == 1 && list[0].Role == "" {
		list[0].Role = Accent
		return
	}
	var names []string
	var given []Role
	single := -1
	for i, s := range list {
		if s.Compared && s.Role == "" {
			list[i].Role = Muted
		} else if !s.Compared {
			single++
		}
		names, given = append(names, s.id), append(given, list[i].Role)
	}
	for i, role := range spread(names, given) {
		list[i].Role = role
		// A series beside those that it is compared with is the only one that counts.
		if single == 0 && !list[i].Compared && given[i] == "" {
			list[i].Role = Accent
		}
	}
}

func (s *Series) texts(settings Settings) {
	s.Unit = Unit(s.column.Format)
	s.Texts = make([]string, len(s.Values))
	for i, value := range s.Values {
		column := s.column
		column.Exact = column.Exact || s.exact[i]
		s.Texts[i] = shown(value, column, settings.zone())
	}
}

// adding reports whether the series are parts of a whole.
func adding(list []Series) bool {
	return len(list) > 1 && !slices.ContainsFunc(list, func(s Series) bool {
		return !s.adds || s.Compared || s.column.ID != list[0].column.ID
	})
}

// share adds to each value its share in the sum of all series at its place.
func share(list []Series, places int) {
	for i := range list {
		list[i].Shares = make([]string, places)
	}
	for at := range places {
		total := totalAt(list, at)
		for i := range list {
			if value := list[i].Values[at]; value != nil && total > 0 && *value >= 0 {
				list[i].Shares[at] = grouped(100**value/total, 1) + " %"
			}
		}
	}
}

func totalAt(list []Series, at int) float64 {
	total := 0.0
	for _, s := range list {
		if s.Values[at] != nil {
			total += *s.Values[at]
		}
	}
	return total
}

// whole converts values into their shares of the whole.
func (p *PlotChart) whole() {
	for at := range p.X.Names {
		total := totalAt(p.Series, at)
		for i := range p.Series {
			value := p.Series[i].Values[at]
			p.Series[i].Values[at] = nil
			if value != nil && total > 0 {
				part := *value / total
				p.Series[i].Values[at] = &part
			}
		}
	}
	for i := range p.Series {
		p.Series[i].column.Format = view.Format{Kind: view.Percent, Decimals: 1}
		p.Series[i].OfWhole = true
	}
}
