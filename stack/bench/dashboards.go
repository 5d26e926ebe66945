package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"codebank.dev/dashboards/catalogue"
	"codebank.dev/dashboards/kql"
	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
	"codebank.dev/stack/analyst"
)

const (
	// requestsPerRound is how often a dashboard is requested in a round. rangeShift is how much
	// later the range of each request begins, so that the server has not seen any of the
	// searches before.
	requestsPerRound = 20
	rangeShift       = 3 * time.Second
	// dashboardsSeed decides the history for dashboards. It differs from the seed of the row
	// history, because the same requests would make no new events.
	dashboardsSeed = "2"
)

// dashboardGoals returns the goals of every dashboard and of its page; they are the same. A
// first visit has a goal in kilobytes.
func dashboardGoals() map[string]Goal {
	goals := map[string]Goal{firstVisit: atMost(200, 100)}
	for _, board := range catalogue.Dashboards() {
		goals[figureName(board)], goals[pageName(board)] = atMost(1000, 500), atMost(1000, 500)
	}
	return goals
}

// dashboards measures the time until all figures of a dashboard are there. One request asks for
// all panels, as Kibana does, on a year of documents that the index's connector has written.
// Then it measures the pages on the same documents.
func (w *workbench) dashboards(ctx context.Context) (figures []Figure, err error) {
	end := time.Now().UTC().Truncate(24 * time.Hour)
	year := query.Range{From: end.AddDate(0, 0, -historyDays), To: end}
	total, err := w.fillIndex(ctx, year)
	if err != nil {
		return nil, err
	}
	for _, board := range catalogue.Dashboards() {
		own, err := query.Since(board, end)
		if err != nil {
			return nil, err
		}
		f, err := w.measureDashboard(ctx, board, year, own)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", board.ID, err)
		}
		figures = append(figures, f)
	}
	year.From = year.From.Add(time.Hour) // Later than every range so far.
	pages, err := w.pages(ctx, year)
	if err != nil {
		return nil, err
	}
	figures = append(figures, pages...)
	for i := range figures {
		figures[i].Setting += fmt.Sprintf(", %d documents", total)
	}
	return figures, w.deleteIndices(ctx)
}

// fillIndex seeds a year through the bank and lets the connector write it into empty indices.
// It checks that a dashboard finds the purchases.
func (w *workbench) fillIndex(ctx context.Context, year query.Range) (documents int64, err error) {
	broker, err := w.broker()
	if err != nil {
		return 0, err
	}
	defer broker.close()
	if err := w.stopSinks(ctx, statementSink, indexSink); err != nil {
		return 0, err
	}
	events, err := w.seedHistory(ctx, broker, w.options.Documents, "--seed", dashboardsSeed, "--end", year.To.Format(time.DateOnly))
	if err != nil {
		return 0, err
	}
	w.printf("the connector writes %d documents", events.total)
	if _, err := w.writeDocuments(ctx, broker, events); err != nil {
		return 0, err
	}
	// A search of a missing alias or of another year would be fast and find nothing. A purchase
	// that is tried again around midnight may come shortly after the end of the year.
	found, err := w.countPayments(ctx, query.Range{From: year.From.AddDate(0, 0, -1), To: year.To.AddDate(0, 0, 1)})
	if err == nil && found < int64(w.options.Documents) {
		err = fmt.Errorf("%d of %d payments were found in the year before %s", found, w.options.Documents, year.To.Format(time.DateOnly))
	}
	return events.total, err
}

// countPayments counts the payments of a range in the same way as a dashboard.
func (w *workbench) countPayments(ctx context.Context, at query.Range) (int64, error) {
	count := view.Panel{ID: "payments", Source: view.Transactions, Chart: view.Metric, Query: kql.Is{Field: "kind", Value: "PURCHASE"}}
	count.Layer.Metrics = []view.Value{{ID: "payments", Figure: view.Aggregate{Function: view.Count}}}
	result, err := w.dashboardClient().Run(ctx, count, at)
	if err != nil {
		return 0, err
	}
	return int64(*result.Table.Find("payments")), nil
}

func (w *workbench) dashboardClient() query.Client {
	return analyst.UncachedClient(w.stack.Addresses().Elasticsearch())
}

// measureDashboard measures one dashboard on all documents and on its default range.
func (w *workbench) measureDashboard(ctx context.Context, board view.Dashboard, year, own query.Range) (Figure, error) {
	f := Figure{Name: figureName(board), Unit: "ms"}
	median := Series{Name: "median", Unit: "median-ms"}
	ownRange := Series{Name: "with its default range at the year's end, from " + board.From + "; 95 of 100", Unit: "own-range-ms"}
	// The first round warms up the index and is not counted.
	for round := range w.options.longRounds() + 1 {
		all, figures, err := w.timeRequests(ctx, board, &year)
		if err != nil {
			return Figure{}, err
		}
		ownTimes, _, err := w.timeRequests(ctx, board, &own)
		if err != nil {
			return Figure{}, err
		}
		if round == 0 {
			f.Setting = fmt.Sprintf("%d figures, %d requests a round, no cached answer; 95 of 100 take at most", figures, requestsPerRound)
			continue
		}
		f.Values = append(f.Values, quantile(all, 0.95))
		median.Values = append(median.Values, Median(all))
		ownRange.Values = append(ownRange.Values, quantile(ownTimes, 0.95))
	}
	f.Terms = []Series{median, ownRange}
	return f, nil
}

// figureName returns the name of a dashboard's figure.
func figureName(board view.Dashboard) string {
	var name strings.Builder
	name.WriteString("Dashboard")
	for part := range strings.SplitSeq(board.ID, "-") {
		name.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return name.String()
}

// timeRequests requests a dashboard again and again, each time for a range that begins a little
// later. It returns the sorted times in milliseconds until all figures were there, and the
// smallest number of figures in an answer.
func (w *workbench) timeRequests(ctx context.Context, board view.Dashboard, span *query.Range) (took []float64, fewest int, err error) {
	asker := w.dashboardClient()
	for request := range requestsPerRound {
		span.From = span.From.Add(rangeShift)
		began := time.Now()
		results, err := asker.RunAll(ctx, board.Panels, *span)
		if err != nil {
			return nil, 0, err
		}
		took = append(took, float64(time.Since(began).Microseconds())/1000)
		figures, err := countValues(results)
		if err != nil {
			return nil, 0, err
		}
		if request == 0 || figures < fewest {
			fewest = figures
		}
	}
	slices.Sort(took)
	return took, fewest, nil
}

// countValues counts the figures of a dashboard that have a value. A panel with an error and a
// dashboard without any figure are errors, because they would be fast.
func countValues(results []query.Result) (n int, err error) {
	for _, result := range results {
		if result.Err != nil {
			return 0, result.Err
		}
		for _, row := range result.Table.Rows {
			for _, value := range row.Values {
				if value != nil {
					n++
				}
			}
		}
	}
	if n == 0 {
		return 0, errors.New("no panel shows a figure")
	}
	return n, nil
}
