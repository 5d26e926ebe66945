package query

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"codebank.dev/dashboards/view"
)

// Search sends searches, all of them at once, and returns the answers in their order,
// as _msearch gives them: an answer may be an error of its own.
type Search func(context.Context, []Request) ([]json.RawMessage, error)

// Asker asks for panels of some data views.
type Asker struct {
	// Views say by which field each source is chosen by time.
	Views []view.DataView
	// Search sends the searches.
	Search Search
}

// Result is the figures of one panel.
type Result struct {
	Panel view.Panel
	// Range is the time that the figures are of.
	Range Range
	// Table has no rows and no columns for a panel of text or links.
	Table Table
	// Trend is the panel's first figure over time, if the panel draws it.
	Trend *Table
	// Err is the error of this panel alone.
	Err error
}

// Run asks for one panel. The end of the range is what the panel takes for now, if it
// has a range of its own.
func (a Asker) Run(ctx context.Context, panel view.Panel, at Range) (Result, error) {
	results, err := a.RunAll(ctx, []view.Panel{panel}, at)
	if err != nil {
		return Result{}, err
	}
	return results[0], results[0].Err
}

// RunAll asks for panels in one request and returns their figures in the same order.
// What concerns one panel is in its Result; the error is that of the whole request.
func (a Asker) RunAll(ctx context.Context, panels []view.Panel, at Range) ([]Result, error) {
	results := make([]Result, len(panels))
	for i, panel := range panels {
		results[i] = Result{Panel: panel, Range: at}
	}
	var requests []Request
	var asked []together
	for _, some := range shared(panels) {
		q, request, err := a.prepare(some.panel, at)
		if err != nil {
			some.fail(results, err)
			continue
		}
		some.question = q
		requests, asked = append(requests, request), append(asked, some)
	}
	if len(requests) == 0 {
		return results, nil
	}
	answers, err := a.Search(ctx, requests)
	if err != nil {
		return nil, err
	}
	if len(answers) != len(requests) {
		return nil, fmt.Errorf("query: %d answers to %d searches", len(answers), len(requests))
	}
	for i, raw := range answers {
		asked[i].read(raw, results)
	}
	return results, nil
}

// parts returns the panel, and its trend as a panel if it has one.
func parts(panel view.Panel) []view.Panel {
	if panel.Trend == "" || len(panel.Layer.Metrics) == 0 {
		return []view.Panel{panel}
	}
	trend := panel
	trend.Trend = ""
	trend.Layer = view.Layer{
		Buckets: []view.Bucket{view.Time{Label: "Time", Field: panel.Trend, Interval: "auto"}},
		Metrics: panel.Layer.Metrics[:1],
	}
	return []view.Panel{panel, trend}
}

func (a Asker) prepare(panel view.Panel, at Range) (*question, Request, error) {
	for _, of := range a.Views {
		if of.Source != panel.Source {
			continue
		}
		q, err := ask(panel, of.TimeField, at)
		if err != nil {
			return nil, Request{}, err
		}
		request, err := q.request()
		return q, request, err
	}
	return nil, Request{}, fmt.Errorf("query: there is no data view %q", panel.Source)
}

// table reads an answer into a table.
func (q *question) table(a *answer) (Table, error) {
	if q.panel.Chart == view.Documents {
		return q.list(a), nil
	}
	c, err := q.read(a)
	if err != nil {
		return Table{}, err
	}
	table := Table{Interval: q.interval, Notes: c.notes, Buckets: []Column{}, Metrics: []Column{}, Rows: make([]Row, len(c.rows))}
	for i, keys := range c.keys {
		table.Rows[i] = Row{Keys: keys, Values: make([]*float64, 0, len(q.panel.Layer.Metrics))}
		if keys == nil {
			table.Rows[i].Keys = []Key{}
		}
	}
	for _, bucket := range q.panel.Layer.Buckets {
		table.Buckets = append(table.Buckets, Column{Label: bucket.Title(), Exact: true})
	}
	for _, metric := range q.panel.Layer.Metrics {
		table.Metrics = append(table.Metrics, Column{
			ID: metric.ID, Label: metric.Label, Exact: !approximate(metric.Figure), Format: metric.Format,
		})
		for i, value := range c.reckon(metric.Figure) {
			table.Rows[i].Values = append(table.Rows[i].Values, value)
		}
	}
	return table, nil
}

// list reads single documents into a table without figures.
func (q *question) list(a *answer) Table {
	fields := append([]string{q.panel.Documents.Newest}, q.panel.Documents.Fields...)
	table := Table{Buckets: []Column{}, Metrics: []Column{}, Rows: []Row{}}
	for _, field := range fields {
		table.Buckets = append(table.Buckets, Column{Label: field, Exact: true})
	}
	for i, document := range a.Hits.Documents {
		row := Row{Values: []*float64{}}
		for _, field := range fields {
			value := document.Source[field]
			if millis, isNumber := value.(float64); isNumber && field == q.panel.Documents.Newest {
				value = time.UnixMilli(int64(millis)).UTC().Format("2006-01-02T15:04:05.000Z")
			}
			row.Keys = append(row.Keys, Key{Text: shown(value), Number: float64(i)})
		}
		table.Rows = append(table.Rows, row)
	}
	if total := a.Hits.Total.Value; total > float64(len(table.Rows)) {
		table.Notes = append(table.Notes, fmt.Sprintf("the newest %d of %.0f", len(table.Rows), total))
	}
	return table
}

// shown is a value of a document as text.
func shown(value any) string {
	switch value := value.(type) {
	case nil:
		return ""
	case string:
		return value
	case float64:
		return strconv.FormatFloat(value, 'f', -1, 64)
	}
	written, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return string(written)
}

// Since returns the range of a dashboard that is opened at a moment.
func Since(dashboard view.Dashboard, now time.Time) (Range, error) {
	return Between(dashboard.From, "now", now)
}
