package query

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"codebank.dev/dashboards/view"
)

// Search sends all searches at once and returns the responses in the same order, as
// _msearch does. A response may be an error of its own.
type Search func(context.Context, []Request) ([]json.RawMessage, error)

// Client requests the figures of panels from Elasticsearch.
type Client struct {
	// Views are the data views of the panels. They name the time field of each source.
	Views []view.DataView
	// Search sends the searches.
	Search Search
	// Now is the value of the word now in the ranges that panels have of their own, such as
	// today. The zero time means the end of the dashboard's range, which is right while that
	// ends now.
	Now time.Time
}

// Result is the figures of one panel.
type Result struct {
	Panel view.Panel
	// Range is the range of time that the figures cover.
	Range Range
	// Table has no rows and no columns for a panel of text or links.
	Table Table
	// Trend is the panel's first figure over time, if the panel has a trend line.
	Trend *Table
	// Err is an error that concerns only this panel.
	Err error
}

// Run requests the figures of one panel. A range of the panel's own ends at the client's
// Now.
func (c Client) Run(ctx context.Context, panel view.Panel, at Range) (Result, error) {
	results, err := c.RunAll(ctx, []view.Panel{panel}, at)
	if err != nil {
		return Result{}, err
	}
	return results[0], results[0].Err
}

// RunAll requests panels in one call of Search and returns their figures in the same
// order. An error of one panel is in its Result. The returned error concerns the whole
// request.
func (c Client) RunAll(ctx context.Context, panels []view.Panel, at Range) ([]Result, error) {
	results := make([]Result, len(panels))
	for i, panel := range panels {
		results[i] = Result{Panel: panel, Range: at}
	}
	var requests []Request
	var sent []sharedSearch
	for _, some := range shared(panels) {
		q, request, err := c.prepare(some.panel, at)
		if err != nil {
			some.fail(results, err)
			continue
		}
		some.query = q
		requests, sent = append(requests, request), append(sent, some)
	}
	if len(requests) == 0 {
		return results, nil
	}
	responses, err := c.Search(ctx, requests)
	if err != nil {
		return nil, err
	}
	if len(responses) != len(requests) {
		return nil, fmt.Errorf("query: %d responses to %d searches", len(responses), len(requests))
	}
	for i, raw := range responses {
		sent[i].read(raw, results)
	}
	return results, nil
}

// now is the end of ranges that panels have of their own.
func (c Client) now(at Range) time.Time {
	if c.Now.IsZero() {
		return at.To
	}
	return c.Now
}

// parts returns the panel and, if it has a trend line, the trend as a second panel.
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

func (c Client) prepare(panel view.Panel, at Range) (*panelQuery, Request, error) {
	for _, of := range c.Views {
		if of.Source != panel.Source {
			continue
		}
		q, err := newPanelQuery(panel, of.TimeField, at, c.now(at))
		if err != nil {
			return nil, Request{}, err
		}
		q.view = of
		request, err := q.request()
		return q, request, err
	}
	return nil, Request{}, fmt.Errorf("query: data view %q does not exist", panel.Source)
}

// table reads a response into a table.
func (q *panelQuery) table(a *response) (Table, error) {
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
		table.Buckets = append(table.Buckets, Column{Label: bucket.Title(), Exact: true, Field: fieldOf(bucket)})
	}
	for i := range table.Rows {
		for at := range table.Rows[i].Keys {
			key := &table.Rows[i].Keys[at]
			key.Label = q.word(table.Buckets[at].Field, *key)
		}
	}
	for m, metric := range q.panel.Layer.Metrics {
		values := c.evaluate(metric.Figure)
		inexact := c.rounds(metric.Figure, values, metric.Format)
		rounded, estimated := slices.Contains(inexact, true), approximate(metric.Figure)
		table.Metrics = append(table.Metrics, Column{
			ID: metric.ID, Label: metric.Label, Exact: !rounded && !estimated, Rounded: rounded, Format: metric.Format, estimated: estimated,
		})
		for i, value := range values {
			row := &table.Rows[i]
			if inexact[i] {
				if row.Rounded == nil {
					row.Rounded = make([]bool, len(q.panel.Layer.Metrics))
				}
				row.Rounded[m] = true
			}
			row.Values = append(row.Values, value)
		}
	}
	return table, nil
}

// list reads single documents into a table without figures.
func (q *panelQuery) list(a *response) Table {
	fields := append([]string{q.panel.Documents.Newest}, q.panel.Documents.Fields...)
	table := Table{Buckets: []Column{}, Metrics: []Column{}, Rows: []Row{}}
	for _, field := range fields {
		table.Buckets = append(table.Buckets, Column{Label: q.view.Label(field), Exact: true, Field: field})
	}
	for i, document := range a.Hits.Documents {
		row := Row{Values: []*float64{}}
		for _, field := range fields {
			text := shown(document.Source[field])
			if millis, err := strconv.ParseFloat(text, 64); err == nil && field == q.panel.Documents.Newest {
				text = time.UnixMilli(int64(millis)).UTC().Format("2006-01-02T15:04:05.000Z")
			}
			key := Key{Text: text, Number: float64(i)}
			key.Label = q.wordIn(document.Source, field, key)
			row.Keys = append(row.Keys, key)
		}
		table.Rows = append(table.Rows, row)
	}
	if total := a.Hits.Total.Value; total > float64(len(table.Rows)) {
		table.Notes = append(table.Notes, fmt.Sprintf("the newest %d of %.0f", len(table.Rows), total))
	}
	return table
}

// shown returns a value of a document as text. A whole number keeps all its digits.
func shown(raw json.RawMessage) string {
	value, err := decoded(raw)
	if err != nil {
		return ""
	}
	switch value := value.(type) {
	case nil:
		return ""
	case string:
		return value
	case json.Number:
		return plainNumber(value)
	}
	written, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return string(written)
}

// decoded reads one value of JSON, numbers as they are written.
func decoded(raw json.RawMessage) (value any, err error) {
	if len(raw) == 0 {
		return nil, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	err = decoder.Decode(&value)
	return value, err
}

// plainNumber writes a number without an exponent.
func plainNumber(number json.Number) string {
	if whole, err := number.Int64(); err == nil {
		return strconv.FormatInt(whole, 10)
	}
	float, err := number.Float64()
	if err != nil {
		return number.String()
	}
	return strconv.FormatFloat(float, 'f', -1, 64)
}

// Since returns the range of a dashboard that is opened at the given time.
func Since(dashboard view.Dashboard, now time.Time) (Range, error) {
	return Between(dashboard.From, "now", now)
}
