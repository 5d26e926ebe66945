package analyst

import (
	"net/http"
	"time"

	"codebank.dev/dashboards/kql"
	"codebank.dev/dashboards/view"
	"codebank.dev/web/design"
)

// panelPage is the data of the page of one panel: its chart, its definition, and every
// figure as a table.
type panelPage struct {
	frame
	Card    *card
	Board   string
	Back    string
	Range   string
	Zone    string
	Table   *grid
	Explain []explained
	Query   string
	Chips   []chip
	Asked   string
	Trend   *grid
	// Interval is the length of an interval of time, in milliseconds; 0 without intervals.
	Interval int64
	From, To int64
}

// explained says how a figure is calculated.
type explained struct{ Label, Formula string }

func (h *handler) servePanel(w http.ResponseWriter, r *http.Request) error {
	s, panel, err := h.requestedPanel(r)
	if err != nil {
		return err
	}
	if _, err := s.span(h.now()); err != nil {
		return err
	}
	f := h.ask(r.Context(), s, []view.Panel{panel}, false)
	if isFault(f.err) {
		return f.err
	}
	wide := panel
	wide.Grid.W = view.Columns
	path := panelPath(s.board.ID, panel.ID)
	page := &panelPage{
		frame: h.frameOf(s, panel.Title, s.board.ID), Board: s.board.Title, Back: s.link(boardPath(s.board.ID)), Card: h.cardOf(s, wide, f),
		Zone: zoneText(f.at, s.zone), Chips: h.chipsOf(s, path), Query: kql.Text(s.filtered(panel).Query), Asked: f.asked.In(s.zone).Format(time.TimeOnly),
	}
	page.Themes = themes(s, path)
	for _, metric := range panel.Layer.Metrics {
		page.Explain = append(page.Explain, explained{metric.Label, view.Formula(metric.Figure)})
	}
	result, known := f.results[panel.ID]
	if known && result.Err == nil {
		page.Range = spanText(result.Range, s.zone)
		page.From, page.To, page.Interval = result.Range.From.UnixMilli(), result.Range.To.UnixMilli(), result.Table.Interval.Milliseconds()
		page.Table = h.gridOf(s, panel, result.Table)
		page.Card.Table = nil // The page has the table once, below.
		if result.Trend != nil {
			trend := panel
			trend.Layer.Buckets = []view.Bucket{view.Time{Label: "Time"}}
			page.Trend = h.gridOf(s, trend, *result.Trend)
			page.Trend.Caption = "Trend"
		}
	}
	status := http.StatusOK
	if f.err != nil {
		status = http.StatusServiceUnavailable
	}
	h.write(w, r, answer{status, "panel", page})
	return nil
}

// serveDesign shows each part of the design system in every state.
func (h *handler) serveDesign(w http.ResponseWriter, r *http.Request) error {
	values, err := parametersOf(r)
	if err != nil {
		return err
	}
	s, err := parseState(view.Dashboard{}, values)
	if err != nil {
		return err
	}
	page := h.frameOf(s, "Design", "")
	page.Themes = themes(s, "/design")
	h.write(w, r, answer{http.StatusOK, "design", struct {
		frame
		Samples design.Samples
	}{page, design.AllSamples()}})
	return nil
}
