package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"codebank.dev/dashboards/catalogue"
	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
)

// looks is how often a dashboard is asked for in a round.
const looks = 20

// analysed draws the history of dashboards, another than that of the row history.
const analysed = "2"

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
	total, err := w.fill(ctx, end)
	if err != nil {
		return nil, err
	}
	year := query.Range{From: end.AddDate(0, 0, -365), To: end}
	for _, board := range catalogue.Dashboards() {
		own, err := query.Since(board, end)
		if err != nil {
			return nil, err
		}
		f, err := w.lookAt(ctx, board, year, own)
		if err != nil {
			return nil, err
		}
		f.Setting = fmt.Sprintf("%d panels of %d documents, %d looks a round, no request cached; 95 of 100 at most", panels(board), total, looks)
		figures = append(figures, f)
	}
	return figures, w.deleteIndices(ctx)
}

// fill has a bank decide a year and the connector write it into empty indices.
func (w *world) fill(ctx context.Context, end time.Time) (documents int64, err error) {
	broker, err := w.broker()
	if err != nil {
		return 0, err
	}
	defer broker.close()
	if err := w.stopSinks(ctx, statementSink, indexSink); err != nil {
		return 0, err
	}
	year, err := w.seedHistory(ctx, broker, w.options.Documents, "--seed", analysed, "--end", end.Format(time.DateOnly))
	if err != nil {
		return 0, err
	}
	w.say("the connector writes %d documents", year.total)
	_, err = w.writeDocuments(ctx, broker, year)
	return year.total, err
}

func panels(board view.Dashboard) (n int) {
	for _, panel := range board.Panels {
		if panel.Source != "" {
			n++
		}
	}
	return n
}

// lookAt measures one dashboard, of all documents and of the range it opens with.
func (w *world) lookAt(ctx context.Context, board view.Dashboard, year, own query.Range) (Figure, error) {
	f := Figure{Name: figureOf(board), Unit: "ms"}
	middle := Series{Name: "median of them", Unit: "median-ms"}
	usual := Series{Name: "the range it opens with, " + board.From + ", at the end of the year; 95 of 100", Unit: "own-range-ms"}
	// The first round warms the index up and is not counted.
	for round := range w.options.longRounds() + 1 {
		all, err := w.timed(ctx, board, year)
		if err != nil {
			return Figure{}, err
		}
		opened, err := w.timed(ctx, board, own)
		if err != nil {
			return Figure{}, err
		}
		if round == 0 {
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
// later, and returns the milliseconds until all figures were there, sorted.
func (w *world) timed(ctx context.Context, board view.Dashboard, span query.Range) ([]float64, error) {
	asker := query.Asker{Views: catalogue.DataViews(), Search: w.searches}
	var took []float64
	for range looks {
		span.From = span.From.Add(time.Minute / looks)
		began := time.Now()
		results, err := asker.RunAll(ctx, board.Panels, span)
		if err != nil {
			return nil, err
		}
		took = append(took, float64(time.Since(began).Microseconds())/1000)
		for _, result := range results {
			if result.Err != nil {
				return nil, fmt.Errorf("%s: %w", board.ID, result.Err)
			}
		}
	}
	slices.Sort(took)
	return took, nil
}

// searches sends searches as one request, whose answers the index has not kept.
func (w *world) searches(ctx context.Context, requests []query.Request) ([]json.RawMessage, error) {
	var body bytes.Buffer
	for _, one := range requests {
		fmt.Fprintf(&body, "{\"index\":%q,\"ignore_unavailable\":true,\"request_cache\":false}\n%s\n", one.Index, one.Body)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.elasticsearch("_msearch"), &body)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-ndjson")
	response, err := bulkClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("_msearch: %s %.300s", response.Status, answer)
	}
	var answers struct{ Responses []json.RawMessage }
	err = json.Unmarshal(answer, &answers)
	return answers.Responses, err
}
