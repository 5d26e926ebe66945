// Package panels reads the figures of a dashboard's panels from Elasticsearch, in one
// request.
package panels

import (
	"context"
	"encoding/json"

	"codebank.dev/dashboards/catalogue"
	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
	"codebank.dev/operations/elasticsearch"
)

// Read returns a result for each panel of a dashboard over a range of time. A panel that
// fails has its error in its result.
func Read(ctx context.Context, client *elasticsearch.Client, board view.Dashboard, span query.Range) ([]query.Result, error) {
	search := func(ctx context.Context, requests []query.Request) ([]json.RawMessage, error) {
		searches := make([]elasticsearch.Search, len(requests))
		for i, request := range requests {
			searches[i] = elasticsearch.Search{Index: request.Index, Body: request.Body}
		}
		return client.MultiSearch(ctx, searches)
	}
	return query.Client{Views: catalogue.DataViews(), Search: search}.RunAll(ctx, board.Panels, span)
}
