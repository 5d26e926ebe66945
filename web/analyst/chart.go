package analyst

import (
	"html/template"
	"strconv"
	"strings"
	"time"

	"codebank.dev/dashboards/draw"
	"codebank.dev/dashboards/draw/svg"
	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
)

// The widths for which charts are drawn. Browsers scale them to the width of their card; a
// stylesheet shows one of the two.
const (
	pageWidth   = 1216 // of the content at 1,280 px
	phoneWidth  = 334
	gap         = 16
	cardPadding = 16
	rowHeight   = 20
	phoneHeight = 240
)

// size returns the size of a panel's chart on a wide page.
func size(panel view.Panel) (width, height int) {
	return panel.Grid.W*(pageWidth+gap)/view.Columns - gap - 2*cardPadding - 2, panel.Grid.H * rowHeight
}

// settings are what charts of a page have in common.
func (s *state) settings(f *figures, panel view.Panel) draw.Settings {
	settings := draw.Settings{Zone: s.zone, CompleteTo: f.completeTo()}
	if before, known := f.before[panel.ID]; known && before.Err == nil {
		settings.Before = &before.Table
	}
	return settings
}

// completeTo returns the time up to which the index is complete, or the zero time.
func (f *figures) completeTo() time.Time {
	result, known := f.results[completeID]
	if !known || result.Err != nil || len(result.Table.Rows) == 0 || result.Table.Rows[0].Values[0] == nil {
		return time.Time{}
	}
	return time.UnixMilli(int64(*result.Table.Rows[0].Values[0]))
}

// charts draws a result twice: for a wide page and for a phone.
func (h *handler) charts(s *state, f *figures, result query.Result) []template.HTML {
	width, height := size(result.Panel)
	options := svg.Options{
		Width: width, Height: height, Zone: s.zone, CompleteTo: f.completeTo(), ID: s.board.ID + "-" + result.Panel.ID, Annotations: h.annotations(),
	}
	wide := svg.Panel(result, options)
	if wide == nil {
		return nil
	}
	options.Width, options.Height, options.ID = phoneWidth, phoneHeight, options.ID+"-phone"
	phone := svg.Panel(result, options)
	// Package svg escapes every text.
	return []template.HTML{template.HTML(wide), template.HTML(phone)} //nolint:gosec // See above.
}

// The size of a spark line. Browsers stretch it.
const (
	sparkWidth  = 240
	sparkHeight = 32
)

// spark returns the points of a line through figures, and the area below it, as paths. Both
// are empty without two figures.
func spark(tile draw.Tile) (line, area string) {
	top := 0.0
	for _, value := range tile.Spark {
		if value != nil {
			top = max(top, *value)
		}
	}
	if len(tile.Spark) < 2 || top <= 0 {
		return "", ""
	}
	var points []string
	for i, value := range tile.Spark {
		height := 0.0
		if value != nil {
			height = max(0, *value) / top
		}
		x, y := i*sparkWidth/(len(tile.Spark)-1), int((1-height)*(sparkHeight-2))+1
		points = append(points, strconv.Itoa(x)+" "+strconv.Itoa(y))
	}
	line = "M" + strings.Join(points, "L")
	return line, line + "L" + strconv.Itoa(sparkWidth) + " " + strconv.Itoa(sparkHeight) + "L0 " + strconv.Itoa(sparkHeight) + "Z"
}

// extent returns the range of a chart over time, in milliseconds since 1970: from the start
// of its first interval to the end of its last one.
func extent(panel view.Panel, table query.Table) (from, to int64) {
	at := len(panel.Layer.Buckets) - 1
	if at < 0 || table.Interval <= 0 {
		return 0, 0
	}
	if _, isTime := panel.Layer.Buckets[at].(view.Time); !isTime {
		return 0, 0
	}
	for i, row := range table.Rows {
		start := row.Keys[at].Moment().UnixMilli()
		if i == 0 {
			from, to = start, start
		}
		from, to = min(from, start), max(to, start)
	}
	return from, to + table.Interval.Milliseconds()
}
