package query

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"codebank.dev/dashboards/view"
)

// Listing says which documents behind a panel to list.
type Listing struct {
	// Fields are the fields of each document. The first is the time by which the list is
	// ordered, the newest first.
	Fields []string
	// Unique is a field that orders documents of the same time. It tells them apart.
	Unique string
	// Size is how many documents to list at most.
	Size int
	// After is the position of the last document of the page before. Nil begins the list.
	After *Position
}

// Position is the place of a document in a list.
type Position struct {
	Millis int64
	Unique string
}

// Listed are documents. The values of each are in the order of the columns, which are the
// fields.
type Listed struct {
	Columns []Column
	Rows    [][]Key
	// Total is how many documents the panel covers.
	Total int64
	// Next is the position of the last document, if more may follow.
	Next *Position
	// Range is the range of time that was read.
	Range Range
}

// Documents returns documents that a panel covers over a range of time. Conditions of single
// figures, such as approved payments only, do not choose documents.
func (c Client) Documents(ctx context.Context, panel view.Panel, at Range, of Listing) (Listed, error) {
	q, _, err := c.prepare(panel, at)
	if err != nil {
		return Listed{}, err
	}
	body := object{
		"size": of.Size, "track_total_hits": true, "_source": append([]string{of.Unique, view.CurrencyField}, of.Fields...),
		"query": object{"bool": object{"filter": []object{condition(panel.Query), during(q.time, q.at)}}},
		"sort": []object{
			{of.Fields[0]: object{"order": "desc", "unmapped_type": "date", "format": "epoch_millis"}},
			{of.Unique: object{"order": "asc", "unmapped_type": "keyword"}},
		},
	}
	if of.After != nil {
		body["search_after"] = []any{of.After.Millis, of.After.Unique}
	}
	written, err := json.Marshal(body)
	if err != nil {
		return Listed{}, fmt.Errorf("query: panel %s: %w", panel.ID, err)
	}
	responses, err := c.Search(ctx, []Request{{Index: string(panel.Source), Body: written}})
	if err != nil {
		return Listed{}, err
	}
	if len(responses) != 1 {
		return Listed{}, fmt.Errorf("query: %d responses to one search", len(responses))
	}
	a, err := parseResponse(responses[0])
	if err != nil {
		return Listed{}, err
	}
	return q.listed(a, of), nil
}

func (q *panelQuery) listed(a *response, of Listing) Listed {
	list := Listed{Total: int64(a.Hits.Total.Value), Range: q.at}
	for _, field := range of.Fields {
		list.Columns = append(list.Columns, Column{Label: q.view.Label(field), Exact: true, Field: field})
	}
	var last Position
	for n, document := range a.Hits.Documents {
		row := make([]Key, len(of.Fields))
		for i, field := range of.Fields {
			row[i] = Key{Text: shown(document.Source[field]), Number: float64(n)}
			row[i].Label = q.wordIn(document.Source, field, row[i])
		}
		var millis int64
		if json.Unmarshal(document.Source[of.Fields[0]], &millis) == nil {
			row[0] = Key{Text: time.UnixMilli(millis).UTC().Format("2006-01-02T15:04:05.000Z"), Number: float64(n)}
		}
		last = Position{Millis: millis, Unique: shown(document.Source[of.Unique])}
		list.Rows = append(list.Rows, row)
	}
	if len(list.Rows) == of.Size && of.Size > 0 {
		list.Next = &last
	}
	return list
}
