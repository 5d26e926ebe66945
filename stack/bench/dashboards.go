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
	// looks is how often a dashboard is asked for in a round, and later how much later the
	// range of each begins: no search is one that the server has met.
	looks = 20
	later = 3 * time.Second
	// analysed draws the history of dashboards, another than that of the row history, for
	// the same requests would make no events.
	analysed = "2"
)

// dashboardGoals are the same for every dashboard: who opens one should not wait.
func dashboardGoals() map[string]Goal {
	goals := map[string]Goal{}
	for _, board := range catalogue.Dashboards() {
		goals[figureOf(board)] = atMost(1000, 500)
	}
	return goals
}

// dashboards asks for all figures of each dashboard, in one request as a reader's look
// is one, of a year of documents that the index's connector has written.
func (w *world) dashboards(ctx context.Context) (figures []Figure, err error) {
	end := time.Now().UTC().Truncate(24 * time.Hour)
	year := query.Range{From: end.AddDate(0, 0, -days), To: end}
	total, err := w.fill(ctx, year)
	if err != nil {
		return nil, err
	}
	for _, board := range catalogue.Dashboards() {
		own, err := query.Since(board, end)
		if err != nil {
			return nil, err
		}
		f, err := w.lookAt(ctx, board, year, own)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", board.ID, err)
		}
		f.Setting += fmt.Sprintf(", of %d documents", total)
		figures = append(figures, f)
	}
	return figures, w.deleteIndices(ctx)
}

// fill has a bank decide a year and the connector write it into empty indices, and makes
// sure that a dashboard finds it.
func (w *world) fill(ctx context.Context, year query.Range) (documents int64, err error) {
	broker, err := w.broker()
	if err != nil {
		return 0, err
	}
	defer broker.close()
	if err := w.stopSinks(ctx, statementSink, indexSink); err != nil {
		return 0, err
	}
	events, err := w.seedHistory(ctx, broker, w.options.Documents, "--seed", analysed, "--end", year.To.Format(time.DateOnly))
	if err != nil {
		return 0, err
	}
	w.say("the connector writes %d documents", events.total)
	if _, err := w.writeDocuments(ctx, broker, events); err != nil {
		return 0, err
	}
	// A search of an alias that is not there, or of another year, is answered, and at once.
	// What is tried again around midnight may come a little after the year's end.
	found, err := w.payments(ctx, query.Range{From: year.From.AddDate(0, 0, -1), To: year.To.AddDate(0, 0, 1)})
	if err == nil && found < int64(w.options.Documents) {
		err = fmt.Errorf("%d payments of %d are found in the year before %s", found, w.options.Documents, year.To.Format(time.DateOnly))
	}
	return events.total, err
}

// payments counts those of a range as a dashboard would.
func (w *world) payments(ctx context.Context, at query.Range) (int64, error) {
	count := view.Panel{ID: "payments", Source: view.Transactions, Chart: view.Metric, Query: kql.Is{Field: "kind", Value: "PURCHASE"}}
	count.Layer.Metrics = []view.Value{{ID: "payments", Figure: view.Aggregate{Function: view.Count}}}
	result, err := w.analyst().Run(ctx, count, at)
	if err != nil {
		return 0, err
	}
	return int64(*result.Table.Find("payments")), nil
}

func (w *world) analyst() query.Client {
	return analyst.UncachedClient(w.stack.Addresses().Elasticsearch())
}

// lookAt measures one dashboard, of all documents and of the range it opens with.
func (w *world) lookAt(ctx context.Context, board view.Dashboard, year, own query.Range) (Figure, error) {
	f := Figure{Name: figureOf(board), Unit: "ms"}
	middle := Series{Name: "median of them", Unit: "median-ms"}
	usual := Series{Name: "as it opens at the year's end, from " + board.From + "; 95 of 100", Unit: "own-range-ms"}
	// The first round warms the index up and is not counted.
	for round := range w.options.longRounds() + 1 {
		all, shown, err := w.timed(ctx, board, &year)
		if err != nil {
			return Figure{}, err
		}
		opened, _, err := w.timed(ctx, board, &own)
		if err != nil {
			return Figure{}, err
		}
		if round == 0 {
			f.Setting = fmt.Sprintf("%d figures, %d looks a round, no answer kept; 95 of 100 at most", shown, looks)
			continue
		}
		f.Values = append(f.Values, quantile(all, 0.95))
		middle.Values = append(middle.Values, Median(all))
		usual.Values = append(usual.Values, quantile(opened, 0.95))
	}
	f.Terms = []Series{middle, usual}
	return f, nil
}

// figureOf is what is measured of a dashboard, as the name of a benchmark.
func figureOf(board view.Dashboard) string {
	var name strings.Builder
	name.WriteString("Dashboard")
	for part := range strings.SplitSeq(board.ID, "-") {
		name.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return name.String()
}

// timed asks for a dashboard again and again, each time of a range that begins a little
// later than any before, and returns the milliseconds until all figures were there,
// sorted, and how many figures those are at least.
func (w *world) timed(ctx context.Context, board view.Dashboard, span *query.Range) (took []float64, least int, err error) {
	asker := w.analyst()
	for look := range looks {
		span.From = span.From.Add(later)
		began := time.Now()
		results, err := asker.RunAll(ctx, board.Panels, *span)
		if err != nil {
			return nil, 0, err
		}
		took = append(took, float64(time.Since(began).Microseconds())/1000)
		shown, err := values(results)
		if err != nil {
			return nil, 0, err
		}
		if look == 0 || shown < least {
			least = shown
		}
	}
	slices.Sort(took)
	return took, least, nil
}

// values counts the figures of a dashboard that have a value. A dashboard without any
// would be fast, and is an error, as is a panel that is refused.
func values(results []query.Result) (n int, err error) {
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
