package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"codebank.dev/dashboards/catalogue"
	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
	"codebank.dev/stack/analyst"
)

// pixFigures are the figures that the dashboard must show of the payments here, by panel and metric.
var pixFigures = map[string]map[string]float64{
	"pix-completed": {"payments": 1, "volume": pixAmount / 100.},
	"pix-rejected":  {"payments": 1, "rate": 0.5},
	"pix-returns":   {"returns": 1, "volume": pixReturned / 100.},
	"pix-in-doubt":  {"payments": 0},
}

// showPanels reads the dashboard of payments between banks until it shows what happened here.
func (d *pixTown) showPanels(ctx context.Context) error {
	boards := catalogue.Dashboards()
	board := boards[slices.IndexFunc(boards, func(b view.Dashboard) bool { return b.ID == catalogue.Pix })]
	client := analyst.Client(d.stack.Addresses().Elasticsearch())
	var shown map[string]query.Table
	var refused error
	err := awaitEnd(ctx, func() (bool, error) {
		results, err := client.RunAll(ctx, board.Panels, query.Range{From: d.began, To: time.Now()})
		shown, refused = map[string]query.Table{}, nil
		for _, result := range results {
			if isUnavailable(result.Err) {
				refused = fmt.Errorf("the panel %s: %w", result.Panel.ID, result.Err)
				return false, nil
			} else if result.Err != nil {
				return false, fmt.Errorf("the panel %s: %w", result.Panel.ID, result.Err)
			}
			shown[result.Panel.ID] = result.Table
		}
		return equalsFigures(shown), err
	})
	if err != nil {
		return fmt.Errorf("the dashboard %s: %w", board.Title, errors.Join(err, refused))
	}
	of := func(panel, metric string) float64 { return *shown[panel].Find(metric) }
	d.printf("  the dashboard %s: %.0f completed with BRL %.2f, %.0f rejected (%.0f %% of those that ended), %.0f returned with BRL %.2f, %.0f in doubt\n",
		board.Title, of("pix-completed", "payments"), of("pix-completed", "volume"), of("pix-rejected", "payments"), 100*of("pix-rejected", "rate"),
		of("pix-returns", "returns"), of("pix-returns", "volume"), of("pix-in-doubt", "payments"))
	return d.err
}

// isUnavailable reports whether a search was refused because shards of an index do not answer. Those of an index that was
// made a moment ago do not yet.
func isUnavailable(err error) bool {
	var server *query.ServerError
	return errors.As(err, &server) && server.Status == http.StatusServiceUnavailable
}

// equalsFigures reports whether the panels show pixFigures.
func equalsFigures(shown map[string]query.Table) bool {
	for panel, figures := range pixFigures {
		for metric, want := range figures {
			if got := shown[panel].Find(metric); got == nil || *got != want {
				return false
			}
		}
	}
	return true
}
