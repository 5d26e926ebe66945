package query

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"codebank.dev/dashboards/kql"
	"codebank.dev/dashboards/view"
)

// sharedSearch is one search for the figures of one or more panels.
type sharedSearch struct {
	// panel has the figures of all panels.
	panel  view.Panel
	owners []owner
	query  *panelQuery
}

// owner is the panel that some of the figures belong to.
type owner struct {
	panel string
	// result is the place among the results. trend says that the figures are the trend
	// of that result.
	result int
	trend  bool
	// from and to are the places of the figures in the shared panel.
	from, to int
}

// shared returns the searches for panels. Panels over the same documents in the same
// buckets share one search, because most of the cost of a search is finding and
// dividing documents.
func shared(panels []view.Panel) []sharedSearch {
	var list []sharedSearch
	for i, panel := range panels {
		if panel.Chart == view.Links || panel.Chart == view.Text {
			continue
		}
		for n, part := range parts(panel) {
			own := owner{panel: panel.ID, result: i, trend: n > 0, to: len(part.Layer.Metrics)}
			at := 0
			for at < len(list) && !sameDocuments(list[at].panel, part) {
				at++
			}
			if at == len(list) {
				part.Layer.Metrics = append([]view.Value{}, part.Layer.Metrics...)
				list = append(list, sharedSearch{panel: part, owners: []owner{own}})
				continue
			}
			metrics := &list[at].panel.Layer.Metrics
			own.from, own.to = len(*metrics), len(*metrics)+own.to
			*metrics = append(*metrics, part.Layer.Metrics...)
			list[at].owners = append(list[at].owners, own)
		}
	}
	return list
}

// sameDocuments reports whether two panels divide the same documents in the same way. For
// panels with buckets and time shifts it returns false, because a shift adds documents of another
// range, and with them rows.
func sameDocuments(a, b view.Panel) bool {
	return a.Chart != view.Documents && b.Chart != view.Documents &&
		a.Source == b.Source && a.From == b.From && a.To == b.To && kql.Text(a.Query) == kql.Text(b.Query) &&
		(len(a.Layer.Buckets) == 0 || !shifts(a) && !shifts(b)) && reflect.DeepEqual(a.Layer.Buckets, b.Layer.Buckets)
}

func shifts(panel view.Panel) bool {
	for _, metric := range panel.Layer.Metrics {
		for _, a := range view.Aggregates(metric.Figure) {
			if a.Shift != "" {
				return true
			}
		}
	}
	return false
}

// fail gives an error to all panels of the search.
func (s sharedSearch) fail(results []Result, err error) {
	for _, own := range s.owners {
		results[own.result].Err = errors.Join(results[own.result].Err, fmt.Errorf("panel %s: %w", own.panel, err))
	}
}

// read gives each panel its figures from a response.
func (s sharedSearch) read(raw json.RawMessage, results []Result) {
	a, err := parseResponse(raw)
	if err != nil {
		s.fail(results, err)
		return
	}
	whole, err := s.query.table(a)
	if err != nil {
		s.fail(results, err)
		return
	}
	for _, own := range s.owners {
		table := whole.of(own)
		if own.trend {
			results[own.result].Trend = &table
			continue
		}
		results[own.result].Table, results[own.result].Range = table, s.query.at
	}
}

// of returns the part of the table that belongs to one owner.
func (t Table) of(own owner) Table {
	t.Metrics = t.Metrics[own.from:own.to:own.to]
	t.Notes = slices.Clone(t.Notes)
	for _, metric := range t.Metrics {
		if metric.Rounded {
			t.Notes = append(t.Notes, roundedNote(metric.Label))
		}
	}
	rows := make([]Row, len(t.Rows))
	for i, row := range t.Rows {
		rows[i] = Row{Keys: row.Keys, Values: row.Values[own.from:own.to:own.to]}
		if row.Rounded != nil && slices.Contains(row.Rounded[own.from:own.to], true) {
			rows[i].Rounded = row.Rounded[own.from:own.to:own.to]
		}
	}
	t.Rows = rows
	return t
}
