package draw

import (
	"math"
	"strings"

	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
)

// Tile is a large figure.
type Tile struct {
	// Name is the key of the figure, or empty if the panel has one figure only.
	Name string
	// Figure is the text with its unit. Number and Unit are its parts.
	Figure, Number, Unit string
	Status               Status
	Small                []SmallFigure
	Change               *Change
	// Spark is the figure over time, from the panel's trend.
	Spark []*float64
	// SparkTexts name the intervals of the spark line with their figures.
	SparkTexts []string
}

// SmallFigure is a figure behind a large one.
type SmallFigure struct{ Label, Figure string }

// Change is how a figure differs from that of the period before.
type Change struct {
	// Arrow is ↑, ↓ or →. Word is up, down or unchanged.
	Arrow, Word string
	// Figure is the difference: in per cent, or in points for a rate. It is empty if the
	// figure before was 0 or is the same.
	Figure string
	// Period names the period before, and Before is its figure.
	Period, Before string
	// Status is good or bad if the panel says which direction is good.
	Status Status
}

// Text is the change in words: ↑ up 3.1 % on the period before.
func (c Change) Text() string {
	text := c.Arrow + " " + c.Word
	if c.Figure != "" {
		text += " " + c.Figure
	}
	return text + " on " + c.Period
}

func tiles(result query.Result, s Settings) []Tile {
	var list []Tile
	metrics := result.Panel.Layer.Metrics
	for _, row := range result.Table.Rows {
		tile := Tile{Name: joined(row.Keys)}
		for m, value := range row.Values {
			column := result.Table.Of(row, m)
			text := shown(value, column, s.zone())
			if metrics[m].Change != nil {
				tile.Change = measured(value, metrics[m], s)
				continue
			}
			if m > 0 {
				tile.Small = append(tile.Small, SmallFigure{column.Label, text})
				continue
			}
			tile.Figure, tile.Number = text, text
			if unit := Unit(column.Format); unit != "" && value != nil {
				tile.Unit, tile.Number = unit, text[:len(text)-len(unit)-1]
			}
			tile.Status = statusOf(value, metrics[m].Thresholds)
			if c := change(value, metrics[m], before(s.Before, row.Keys, m), s); c != nil {
				tile.Change = c
			}
		}
		list = append(list, tile)
	}
	if result.Trend != nil && len(list) == 1 {
		list[0].trend(result, s)
	}
	return list
}

func (t *Tile) trend(result query.Result, s Settings) {
	trend := query.Result{Panel: result.Panel, Range: result.Range, Table: *result.Trend}
	trend.Panel.Layer = view.Layer{Buckets: []view.Bucket{view.Time{}}, Metrics: result.Panel.Layer.Metrics}
	trend = checked(trend)
	x := across(trend, s)
	if len(trend.Table.Metrics) == 0 || len(trend.Table.Buckets) == 0 {
		return
	}
	t.Spark, t.SparkTexts = make([]*float64, len(x.Names)), make([]string, len(x.Names))
	for _, row := range trend.Table.Rows {
		if at := x.at(row.Keys, len(row.Keys)-1); at >= 0 {
			t.Spark[at] = row.Values[0]
			t.SparkTexts[at] = x.Names[at] + ": " + shown(row.Values[0], trend.Table.Of(row, 0), s.zone())
		}
	}
}

// before returns the figure of the same row over the period before.
func before(t *query.Table, keys []query.Key, metric int) *float64 {
	if t == nil {
		return nil
	}
	for _, row := range t.Rows {
		if joined(row.Keys) == joined(keys) && metric < len(row.Values) {
			return finite(row.Values[metric])
		}
	}
	return nil
}

func change(now *float64, metric view.Value, then *float64, s Settings) *Change {
	if now == nil || then == nil || metric.Format.Kind == view.Moment {
		return nil
	}
	c := Change{Arrow: "→", Word: "unchanged", Period: s.period(), Before: Figure(then, metric.Format)}
	difference := *now - *then
	figure := ""
	if metric.Format.Kind == view.Percent {
		figure = grouped(math.Abs(100*difference), max(1, metric.Format.Decimals)) + " points"
	} else if *then != 0 {
		figure = grouped(math.Abs(100*difference / *then), 1) + " %"
	}
	if Figure(now, metric.Format) == Figure(then, metric.Format) {
		return &c
	}
	c.Figure = figure
	better := view.Neither
	if metric.Thresholds != nil {
		better = view.Falling
		if metric.Thresholds.RisingIsGood {
			better = view.Rising
		}
	}
	c.turn(difference > 0, better)
	return &c
}

// turn sets what depends on the direction of a change.
func (c *Change) turn(rising bool, better view.Direction) {
	c.Arrow, c.Word = "↓", "down"
	if rising {
		c.Arrow, c.Word = "↑", "up"
	}
	if better != view.Neither {
		c.Status = Bad
		if rising == (better == view.Rising) {
			c.Status = Good
		}
	}
}

// measured is a change that the panel has as a figure of its own.
func measured(value *float64, metric view.Value, s Settings) *Change {
	if value == nil {
		return nil
	}
	c := Change{Arrow: "→", Word: "unchanged", Period: s.period()}
	size := math.Abs(*value)
	decimals := max(1, metric.Format.Decimals)
	figure := grouped(100*size, decimals)
	if strings.Trim(figure, "0.,") == "" {
		return &c
	}
	c.Figure = figure + " %"
	if metric.Change.Points {
		c.Figure = figure + " points"
	}
	c.turn(*value > 0, metric.Change.Better)
	return &c
}

func (s Settings) period() string {
	if s.Period == "" {
		return "the period before"
	}
	return s.Period
}
