package analyst

import (
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"codebank.dev/dashboards/draw"
	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
	"codebank.dev/web/design"
)

// card is a panel on a page.
type card struct {
	// Of identifies the panel among those of all dashboards.
	Of         string
	ID, Title  string
	Definition string
	// Approximate says how exact the figure is.
	Approximate string
	Kind        view.Chart
	Width       int
	// Own is the panel's own range of time, if it has one.
	Own     string
	Tiles   []tile
	Charts  []template.HTML
	Table   *grid
	Notes   []string
	Problem *design.Message
	// Links lead to the same figures in other forms.
	Links cardLinks
	// From and To are the range of a chart over time, in milliseconds since 1970, for zooming
	// by dragging. Both are 0 for other charts.
	From, To int64
}

// cardLinks are the addresses of a panel's page, documents, and files.
type cardLinks struct{ Page, Documents, CSV, PNG, Definition string }

// tile is a large figure.
type tile struct {
	Name   string
	Figure shown
	// Number and Unit are the parts of the figure's text.
	Number, Unit string
	Grade        *design.Chip
	Change       *change
	Second       []shown
	// Line and Area are the paths of the spark line.
	Line, Area, SparkTitle string
}

// change is how a figure differs from that of the period before.
type change struct {
	Text, Before, Tone string
	// Value and Metric are those of a panel that has the change as a figure of its own.
	Value, Metric string
}

// shown is a figure as people and programs read it.
type shown struct {
	Label string
	// Value is the figure for programs, in the unit of the index. Empty: no value.
	Value string
	Text  string
	// Approximate and Rounded figures have a mark.
	Approximate bool
	// Grade is good, fair or bad by the thresholds, or empty.
	Grade string
	// Metric is the id of the figure in its panel.
	Metric string
}

// grid is a table.
type grid struct {
	Heads []head
	Rows  []gridRow
	// Caption says what the table holds.
	Caption string
	// More says that a last column has further links of the rows.
	More bool
}

type head struct {
	Label  string
	Number bool
	// Unit is the unit of every figure of the column.
	Unit string
	// Time says that the column holds moments, and ID that it holds ids, which may be broken.
	Time, ID bool
}

func isMoment(field string) bool { return field == occurredAt || field == publishedAt }

func isID(field string) bool { return strings.HasSuffix(field, "_id") }

type gridRow struct {
	// Names are the values of the buckets. The first may be a link.
	Names []name
	Cells []shown
	More  []name
}

// name is a text of a row. Key is the value itself, where the row has one. Others says that
// the text stands for all values that are not shown.
type name struct {
	Text, Link, Title, Key string
	Others                 bool
}

// number writes a figure for programs.
func number(row query.Row, at int) string {
	if row.Values[at] == nil {
		return ""
	}
	return strconv.FormatFloat(*row.Values[at], 'f', -1, 64)
}

func show(panel view.Panel, table query.Table, row query.Row, at int) shown {
	column := table.Of(row, at)
	s := shown{
		Label: column.Label, Metric: column.ID, Value: number(row, at), Text: figureText(row, at, column.Format),
		Approximate: !column.Exact && row.Values[at] != nil,
	}
	if at < len(panel.Layer.Metrics) {
		s.Grade = grade(row, at, panel.Layer.Metrics[at].Thresholds)
	}
	return s
}

func figureText(row query.Row, at int, format view.Format) string {
	return draw.Figure(row.Values[at], format)
}

// grade compares a figure with its thresholds.
func grade(row query.Row, at int, thresholds *view.Thresholds) string {
	if thresholds == nil || row.Values[at] == nil {
		return ""
	}
	grades := []string{"good", "fair", "bad"}
	if thresholds.RisingIsGood {
		slices.Reverse(grades)
	}
	switch {
	case *row.Values[at] < thresholds.First:
		return grades[0]
	case *row.Values[at] < thresholds.Second:
		return grades[1]
	}
	return grades[2]
}

// gradeChips are the marks of grades.
func gradeChip(grade string) *design.Chip {
	switch grade {
	case "good":
		return &design.Chip{Tone: "good", Word: "Good"}
	case "fair":
		return &design.Chip{Tone: "warn", Word: "Watch"}
	case "bad":
		return &design.Chip{Tone: "bad", Word: "Act"}
	}
	return nil
}

// cardOf returns the card of a panel.
func (h *handler) cardOf(s *state, panel view.Panel, f *figures) *card {
	c := &card{
		Of: s.board.ID + "/" + panel.ID, ID: panel.ID, Title: panel.Title, Definition: panel.Definition, Approximate: panel.Approximate,
		Kind: panel.Chart, Width: panel.Grid.W, Links: h.linksOf(s, panel),
	}
	result, known := f.results[panel.ID]
	switch {
	case f.err != nil:
		c.Problem = &design.Message{Tone: "bad", Title: "No figures", Text: "Elasticsearch did not answer. This panel is missing; nothing is wrong with the events."}
		return c
	case !known:
		c.Problem = &design.Message{Tone: "bad", Title: "No figures", Text: "The answer has no part for this panel."}
		return c
	case result.Err != nil:
		c.Problem = &design.Message{Tone: "bad", Title: "No figures",
			Text: "Elasticsearch refused the query of this panel. The other panels are not affected.", Details: reasonOf(result.Err)}
		return c
	}
	c.Notes = result.Table.Notes
	if panel.From != "" {
		c.Own = spanText(result.Range, s.zone)
	}
	if draw.IsEmpty(result) {
		c.Problem = &design.Message{Tone: "info", Title: "Nothing in this range", Text: "No event passes the filters and lies in the range of time."}
		return c
	}
	switch panel.Chart {
	case view.Metric:
		c.Tiles = h.tiles(s, f, result)
	case view.Table, view.Documents:
		c.Table = h.gridOf(s, panel, result.Table)
	default:
		c.Charts = h.charts(s, f, result)
		c.From, c.To = extent(panel, result.Table)
	}
	return c
}

func (h *handler) linksOf(s *state, panel view.Panel) cardLinks {
	base := panelPath(s.board.ID, panel.ID)
	links := cardLinks{
		Page: s.link(base), Documents: s.link(base + "/documents"), CSV: s.link(base + "/figures.csv"),
		Definition: s.link("/definitions", onlyLook) + "#" + s.board.ID + "-" + panel.ID,
	}
	if hasPicture(panel) {
		links.PNG = s.link(base + "/chart.png")
	}
	return links
}

// onlyLook keeps the parameters that say how pages are shown, and drops the others.
func onlyLook(values url.Values) {
	for name := range values {
		if name != zoneParameter && name != themeParameter {
			values.Del(name)
		}
	}
}

func panelPath(board, panel string) string { return boardPath(board) + "/panels/" + panel }
func boardPath(board string) string        { return "/dashboards/" + board }

func (h *handler) tiles(s *state, f *figures, result query.Result) []tile {
	panel, table := result.Panel, result.Table
	drawn := draw.Of(result, s.settings(f, panel)).Tiles
	var list []tile
	for i, row := range table.Rows {
		t := tile{Name: joined(row.Keys)}
		var measured *shown
		for at := range row.Values {
			one := show(panel, table, row, at)
			if panel.Layer.Metrics[at].Change != nil {
				measured = &one
				continue
			}
			if panel.Layer.Metrics[at].Format.Kind == view.Moment && row.Values[at] != nil {
				one.Text = time.UnixMilli(int64(*row.Values[at])).In(s.zone).Format("2 Jan 2006 15:04:05")
			}
			if at == 0 {
				t.Figure, t.Number, t.Grade = one, one.Text, gradeChip(one.Grade)
				continue
			}
			t.Second = append(t.Second, one)
		}
		if i < len(drawn) {
			t.from(drawn[i])
		}
		if measured != nil {
			if t.Change == nil {
				t.Change = &change{Text: measured.Text}
			}
			t.Change.Value, t.Change.Metric = measured.Value, measured.Metric
		}
		list = append(list, t)
	}
	return list
}

// from takes what package draw knows about a tile.
func (t *tile) from(drawn draw.Tile) {
	if drawn.Unit != "" {
		t.Unit, t.Number = drawn.Unit, strings.TrimSuffix(t.Figure.Text, " "+drawn.Unit)
	}
	if c := drawn.Change; c != nil && (c.Figure != "" || c.Arrow == "→") { // No change has a figure if there was nothing before.
		t.Change = &change{
			Text: strings.TrimSpace(c.Arrow + " " + c.Word + " " + c.Figure), Before: "Against the period before", Tone: string(c.Status),
		}
		if c.Before != "" {
			t.Change.Before = "Against " + c.Before + " in the period before"
		}
	}
	t.Line, t.Area = spark(drawn)
}

func joined(keys []query.Key) string {
	texts := make([]string, len(keys))
	for i, key := range keys {
		texts[i] = key.Name()
	}
	return strings.Join(texts, " · ")
}

// gridOf returns a table with a row for each row of the figures.
func (h *handler) gridOf(s *state, panel view.Panel, table query.Table) *grid {
	g := &grid{Caption: panel.Title}
	for _, bucket := range table.Buckets {
		g.Heads = append(g.Heads, head{Label: bucket.Label, Time: isMoment(bucket.Field), ID: isID(bucket.Field)})
	}
	for _, metric := range table.Metrics {
		g.Heads = append(g.Heads, head{Label: metric.Label, Number: true, Unit: draw.Unit(metric.Format)})
	}
	for _, row := range table.Rows {
		var r gridRow
		for i, key := range row.Keys {
			r.Names = append(r.Names, name{Text: s.keyText(panel, i, key), Key: key.Text, Others: key.Other})
		}
		if !slices.ContainsFunc(row.Keys, func(k query.Key) bool { return k.Other }) {
			h.drill(s, panel, row, &r)
		}
		for at := range row.Values {
			one, unit := show(panel, table, row, at), draw.Unit(table.Metrics[at].Format)
			if unit != "" {
				one.Text, one.Label = strings.TrimSuffix(one.Text, " "+unit), one.Label+", "+unit
			}
			r.Cells = append(r.Cells, one)
		}
		g.Rows = append(g.Rows, r)
	}
	if len(g.Rows) > 0 && len(g.Rows[0].More) > 0 {
		g.Heads, g.More = append(g.Heads, head{Label: "More"}), true
	}
	return g
}

// keyText shows a key: moments in the page's zone.
func (s *state) keyText(panel view.Panel, at int, key query.Key) string {
	if at < len(panel.Layer.Buckets) {
		if _, isTime := panel.Layer.Buckets[at].(view.Time); isTime && !key.Other {
			return key.Moment().In(s.zone).Format("2006-01-02 15:04:05")
		}
	}
	if panel.Chart == view.Documents && at == 0 {
		if moment, err := time.Parse(time.RFC3339, key.Text); err == nil {
			return moment.In(s.zone).Format("2006-01-02 15:04:05.000")
		}
	}
	return key.Name()
}

// drill makes the first value of a row a link to the first linked dashboard, with the
// filters and the range of the page and the value as one more filter.
func (h *handler) drill(s *state, panel view.Panel, row query.Row, r *gridRow) {
	control := controlOf(s.board, panel)
	if control == "" || len(panel.Drilldowns) == 0 {
		return
	}
	for i, drilldown := range panel.Drilldowns {
		to := s.link(boardPath(drilldown.To), with(control, row.Keys[0].Text), s.fixed(h.now()))
		title := fmt.Sprintf("%s, only %s", drilldown.Name, row.Keys[0].Name())
		if i == 0 {
			r.Names[0].Link, r.Names[0].Title = to, title
			continue
		}
		r.More = append(r.More, name{Text: shortTitle(h.titles[drilldown.To]), Link: to, Title: title})
	}
}

// shortTitle is the title of a dashboard up to its "and", for a column that has no room for
// more: Approvals for Approvals and declines. The whole title is shown on hover.
func shortTitle(title string) string {
	short, _, _ := strings.Cut(title, " and ")
	return short
}

// fixed writes the range into the link, because each dashboard has another range of its own.
// A range that does not end now gets its first moment.
func (s *state) fixed(now time.Time) func(url.Values) {
	return func(values url.Values) {
		if s.from != "" {
			return
		}
		values.Set(fromParameter, s.board.From)
		if span, err := s.span(now); err == nil && !s.moving() {
			values.Set(fromParameter, span.From.Format(time.RFC3339Nano))
		}
	}
}

// controlOf returns the id of the filter on the field of a panel's first bucket.
func controlOf(board view.Dashboard, panel view.Panel) string {
	if len(panel.Layer.Buckets) == 0 {
		return ""
	}
	terms, isTerms := panel.Layer.Buckets[0].(view.Terms)
	if !isTerms || len(terms.Fields) != 1 {
		return ""
	}
	for _, control := range board.Controls {
		if control.Kind == view.Options && control.Field == terms.Fields[0] && control.Source == panel.Source {
			return control.ID
		}
	}
	return ""
}
