package analyst

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
)

// resultOf returns the figures of the panel that a request names, for a file.
func (h *handler) resultOf(r *http.Request) (*state, query.Result, error) {
	s, panel, err := h.requestedPanel(r)
	if err != nil {
		return nil, query.Result{}, err
	}
	if _, err := s.span(h.now()); err != nil {
		return nil, query.Result{}, err
	}
	f := h.ask(r.Context(), s, []view.Panel{panel}, false)
	if f.err != nil {
		return nil, query.Result{}, errAway.Wrap(f.err)
	}
	result := f.results[panel.ID]
	if result.Err != nil {
		return nil, query.Result{}, errAway.Wrap(result.Err)
	}
	return s, result, nil
}

// serveCSV writes the figures of a panel, each in the unit of the index and with all its
// digits. The heading of a column says when a figure in it is rounded or an estimate.
// Moments are in UTC.
func (h *handler) serveCSV(w http.ResponseWriter, r *http.Request) error {
	s, result, err := h.resultOf(r)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", s.board.ID+"-"+result.Panel.ID+".csv"))
	out := csv.NewWriter(w)
	var line []string
	for _, bucket := range result.Table.Buckets {
		line = append(line, bucket.Label)
	}
	for _, metric := range result.Table.Metrics {
		line = append(line, headingOf(metric))
	}
	_ = out.Write(line)
	for _, row := range result.Table.Rows {
		line = line[:0]
		for _, key := range row.Keys {
			line = append(line, cellOf(key))
		}
		for at := range row.Values {
			line = append(line, number(row, at))
		}
		_ = out.Write(line)
	}
	out.Flush()
	return nil // A reader that left is no error.
}

// headingOf is the label of a figure with its unit, and how exact it is.
func headingOf(metric query.Column) string {
	var notes []string
	if unit := unitOf(metric.Format); unit != "" {
		notes = append(notes, unit)
	}
	switch {
	case metric.Rounded:
		notes = append(notes, "rounded")
	case !metric.Exact:
		notes = append(notes, "estimate")
	}
	if notes == nil {
		return metric.Label
	}
	return metric.Label + " (" + strings.Join(notes, ", ") + ")"
}

// cellOf is the value of a bucket in a file. Only the row of all values that are not shown
// has their name: a value of that name is in quotation marks, as on a page.
func cellOf(key query.Key) string {
	if key.Other {
		return key.Label
	}
	if name := query.Visible(key.Text); name != "" {
		return name
	}
	return plainCell(key.Text)
}

// signs begin a formula in a spreadsheet. Some take the full-width and the small ones of
// East Asian scripts, too.
const signs = "=+-@＝＋－＠﹦﹢﹣﹫−"

// plainCell keeps a spreadsheet from taking a name for a formula, also after characters
// that a spreadsheet drops.
func plainCell(text string) string {
	shown := strings.TrimLeftFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsGraphic(r) })
	first, _ := utf8.DecodeRuneInString(shown)
	if strings.ContainsRune(signs, first) || text != "" && strings.ContainsRune("\t\r\n", rune(text[0])) {
		return "'" + text
	}
	return text
}

// unitOf is the unit of a figure as it is calculated.
func unitOf(format view.Format) string {
	switch format.Kind {
	case view.Percent:
		return "ratio"
	case view.Money, view.Duration:
		return format.Unit
	case view.Moment:
		return "milliseconds since 1970"
	}
	return ""
}
