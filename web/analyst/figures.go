package analyst

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"codebank.dev/dashboards/kql"
	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
	"codebank.dev/platform/serve"
)

// figures are the results of one request to Elasticsearch.
type figures struct {
	// at is the range of time, and asked the moment of the request.
	at    query.Range
	asked time.Time
	// results are those of the panels, by id.
	results map[string]query.Result
	// options are the values of each filter with their counts, by the id of the control.
	options map[string]query.Result
	// before are the results of the large figures over the period before, by the panel's id.
	before map[string]query.Result
	// err says that the whole request failed.
	err error
	// took is how long the request took.
	took time.Duration
}

// completeWithin is how far back watermarks are looked for.
const completeWithin = 7 * 24 * time.Hour

// optionLimit is how many values a filter offers.
const optionLimit = 100

// optionsPrefix begins the ids of the panels that count the values of filters.
const optionsPrefix = "options-"

// optionPanel returns the panel that counts the values of a filter among the documents that
// the other filters choose.
func (s *state) optionPanel(control view.Control) view.Panel {
	count := view.Aggregate{Function: view.Count}
	return view.Panel{
		ID: optionsPrefix + control.ID, Chart: view.Table, Source: control.Source, Query: s.filter(control.ID),
		Layer: view.Layer{
			Buckets: []view.Bucket{view.Terms{
				Label: control.Title, Fields: []string{control.Field}, Size: optionLimit, By: &count, Accurate: control.Field == "merchant_name",
			}},
			Metrics: []view.Value{{ID: "events", Label: "Events", Figure: count, Format: view.Format{Kind: view.Number}}},
		},
	}
}

// beforePrefix begins the ids of the panels of the period before.
const beforePrefix = "before-"

// periodBefore returns a panel with large figures over the period before the range, which is
// as long. It returns false for other panels, and for panels with a range of their own.
func periodBefore(panel view.Panel, at query.Range) (view.Panel, bool) {
	if panel.Chart != view.Metric || panel.From != "" || len(panel.Layer.Buckets) > 0 || len(panel.Layer.Metrics) == 0 {
		return panel, false
	}
	if slices.ContainsFunc(panel.Layer.Metrics, func(v view.Value) bool { return v.Change != nil }) {
		return panel, false // The panel compares the periods itself.
	}
	length := at.To.Sub(at.From) + time.Millisecond // Both ends belong to a range.
	panel.ID, panel.Trend = beforePrefix+panel.ID, ""
	panel.From, panel.To = at.From.Add(-length).Format(time.RFC3339Nano), at.To.Add(-length).Format(time.RFC3339Nano)
	return panel, true
}

// ask returns the figures of panels, and the options of the filters if the page has filters.
// Equal requests within a short time share one answer.
func (h *handler) ask(ctx context.Context, s *state, panels []view.Panel, filters bool) *figures {
	key := s.cacheKey(panels, filters)
	return h.cache.get(ctx, key, func(ctx context.Context) *figures { return h.search(ctx, s, panels, filters) })
}

// noAnswer logs why a request to Elasticsearch was not sent, or not finished.
func (h *handler) noAnswer(ctx context.Context, err error) {
	h.metrics.searched(0, err)
	h.logger.LogAttrs(ctx, slog.LevelError, "no figures", slog.Any("error", err), slog.String("trace_id", serve.TraceID(ctx)))
}

// cacheKey is equal for requests that ask for the same figures.
func (s *state) cacheKey(panels []view.Panel, filters bool) string {
	var key strings.Builder
	fmt.Fprintf(&key, "%s %q %q %t %q", s.board.ID, s.from, s.to, filters, kql.Text(s.filter("")))
	for _, panel := range panels {
		key.WriteString(" " + panel.ID)
	}
	return key.String()
}

// search sends one request for all panels and filters.
func (h *handler) search(ctx context.Context, s *state, panels []view.Panel, filters bool) *figures {
	f := &figures{asked: h.now(), results: map[string]query.Result{}, options: map[string]query.Result{}, before: map[string]query.Result{}}
	if f.at, f.err = s.span(f.asked); f.err != nil {
		return f
	}
	var asked []view.Panel
	for _, panel := range panels {
		if panel.ID == completeID && !s.moving() && len(panels) > 1 {
			// Up to when the index is complete does not depend on the range that is shown.
			panel.From, panel.To = f.asked.Add(-completeWithin).Format(time.RFC3339Nano), f.asked.Format(time.RFC3339Nano)
		}
		asked = append(asked, s.filtered(panel))
	}
	for _, panel := range panels {
		if earlier, is := periodBefore(panel, f.at); is {
			asked = append(asked, s.filtered(earlier))
		}
	}
	if filters {
		for _, control := range s.board.Controls {
			if control.Kind == view.Options {
				asked = append(asked, s.optionPanel(control))
			}
		}
	}
	began := time.Now()
	results, err := query.Client{Views: h.views, Search: h.searchIn, Now: f.asked}.RunAll(ctx, asked, f.at)
	f.took = time.Since(began)
	h.metrics.searched(f.took, err)
	if err != nil {
		f.err = err
		h.logger.LogAttrs(ctx, slog.LevelWarn, "no figures", slog.String("dashboard", s.board.ID), slog.Any("error", err),
			slog.String("trace_id", serve.TraceID(ctx)))
		return f
	}
	for i, result := range results {
		if result.Err != nil {
			h.logger.LogAttrs(ctx, slog.LevelWarn, "a panel has no figures", slog.String("dashboard", s.board.ID),
				slog.String("panel", result.Panel.ID), slog.Any("error", result.Err), slog.String("trace_id", serve.TraceID(ctx)))
		}
		if id, isBefore := strings.CutPrefix(result.Panel.ID, beforePrefix); isBefore && i >= len(panels) {
			f.before[id] = result
			continue
		}
		if id, isOptions := strings.CutPrefix(result.Panel.ID, optionsPrefix); isOptions && i >= len(panels) {
			f.options[id] = result
			continue
		}
		f.results[result.Panel.ID] = result
	}
	return f
}
