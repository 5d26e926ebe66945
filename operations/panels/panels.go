// Package panels reads the figures of a dashboard's panels from Elasticsearch, in one
// request.
package panels

import (
	"context"
	"encoding/json"
	"time"

	"codebank.dev/dashboards/catalogue"
	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
	"codebank.dev/operations/elasticsearch"
)

// Read returns a result for each panel of a dashboard over a range of time. A panel that
// fails has its error in its result. A range of a panel's own, such as today, is relative to
// now, wherever the range of the dashboard ends.
func Read(ctx context.Context, client *elasticsearch.Client, board view.Dashboard, span query.Range) ([]query.Result, error) {
	return query.Client{Views: catalogue.DataViews(), Search: searching(client.MultiSearch), Now: time.Now()}.RunAll(ctx, board.Panels, span)
}

// Once returns a function that sends searches once, and does not wait for a server that is
// away.
func Once(client *elasticsearch.Client) query.Search { return searching(client.MultiSearchOnce) }

// searching converts the searches of panels to those of the client.
func searching(send func(context.Context, []elasticsearch.Search) ([]json.RawMessage, error)) query.Search {
	return func(ctx context.Context, requests []query.Request) ([]json.RawMessage, error) {
		searches := make([]elasticsearch.Search, len(requests))
		for i, request := range requests {
			searches[i] = elasticsearch.Search{Index: request.Index, Body: request.Body}
		}
		return send(ctx, searches)
	}
}
