package analyst

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/serve"
	"codebank.dev/web/design"
)

// The fields by which lists of documents are ordered.
const (
	occurredAt  = "occurred_at"
	publishedAt = "published_at"
)

const (
	afterParameter = "after"
	// documentsPerPage is how many events a page lists.
	documentsPerPage = 50
	// maxAfterBytes bounds the position in an address.
	maxAfterBytes = 300
)

// listings are the fields that the list of documents of each source shows. It shows no more
// of a card than the event has: the BIN and the last four digits.
var listings = map[view.Source]query.Listing{
	view.Transactions: {Unique: "event_id", Fields: []string{
		occurredAt, "kind", "status", "amount_minor", "currency", "merchant_name", "decline_reason", "card_brand", "card_bin", "card_last4",
		"attempt", "risk_score", "bank_code", "event_id", "trace_id",
	}},
	view.Charges: {Unique: "event_id", Fields: []string{
		occurredAt, "mode", "merchant_id", "kind", "status", "amount_minor", "currency", "operation_kind", "operation_status", "reason", "card_brand",
		"card_last4", "decision_millis", "event_id",
	}},
	view.PixPayments: {Unique: "event_id", Fields: []string{
		occurredAt, "kind", "status", "sender_bank_code", "receiver_bank_code", "amount_minor", "currency", "key_kind", "reason", "elapsed_millis",
		"end_to_end_id", "event_id",
	}},
	view.Watermarks: {Unique: "offset", Fields: []string{publishedAt, "bank_code", "partition", "offset", "complete_to", "dead_letters"}},
}

// documentsPage is the data of the list of events behind a panel.
type documentsPage struct {
	frame
	Panel   view.Panel
	Board   string
	Back    string
	Range   string
	Zone    string
	Total   string
	Shown   int
	Table   *grid
	Next    string
	First   string
	Chips   []chip
	Problem *design.Message
}

// parsePosition reads the position in an address. Empty is the beginning.
func parsePosition(text string) (*query.Position, error) {
	wrong := fault.Invalid(afterParameter, "It is not a position that this page has written.")
	if text == "" {
		return nil, nil
	}
	if len(text) > maxAfterBytes {
		return nil, wrong
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, wrong
	}
	millis, unique, found := strings.Cut(string(raw), " ")
	at, err := strconv.ParseInt(millis, 10, 64)
	if err != nil || !found || unique == "" || !utf8.ValidString(unique) {
		return nil, wrong
	}
	return &query.Position{Millis: at, Unique: unique}, nil
}

func writePosition(p query.Position) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(p.Millis, 10) + " " + p.Unique))
}

func (h *handler) serveDocuments(w http.ResponseWriter, r *http.Request) error {
	s, panel, err := h.requestedPanel(r, afterParameter)
	if err != nil {
		return err
	}
	after, err := parsePosition(r.URL.Query().Get(afterParameter))
	if err != nil {
		return err
	}
	span, err := s.span(h.now())
	if err != nil {
		return err
	}
	listing, known := listings[panel.Source]
	if !known {
		return errNoPanel
	}
	listing.Size, listing.After = documentsPerPage, after
	path := panelPath(s.board.ID, panel.ID)
	page := &documentsPage{
		frame: h.frameOf(s, "Events: "+panel.Title, s.board.ID), Panel: panel, Board: s.board.Title, Back: s.link(path),
		Zone: zoneText(span, s.zone), Chips: h.chipsOf(s, path+"/documents"), Range: spanText(span, s.zone),
	}
	page.Themes = themes(s, path+"/documents")
	client := query.Client{Views: h.views, Search: h.searchIn, Now: h.now()}
	began := time.Now()
	listed, err := client.Documents(r.Context(), s.filtered(panel), span, listing)
	h.metrics.searched(time.Since(began), err)
	if err != nil {
		page.Problem = &design.Message{Tone: "bad", Title: "The events cannot be listed", Text: "Elasticsearch did not answer, or refused the search. Try again.",
			Details: reasonOf(err), Trace: serve.TraceID(r.Context()), Link: s.link(path + "/documents"), Action: "Try again"}
		h.write(w, r, answer{http.StatusServiceUnavailable, "documents", page})
		return nil
	}
	page.Range, page.Shown = spanText(listed.Range, s.zone), len(listed.Rows)
	page.Total = groupedCount(listed.Total)
	page.Table = h.documentGrid(s, listed)
	if listed.Next != nil {
		page.Next = s.link(path+"/documents", s.held(listed.Range, panel), with(afterParameter, writePosition(*listed.Next)))
	}
	if after != nil {
		page.First = s.link(path + "/documents")
	}
	h.write(w, r, answer{http.StatusOK, "documents", page})
	return nil
}

// held writes the range as moments, so that the next page continues this one.
func (s *state) held(at query.Range, panel view.Panel) func(url.Values) {
	return func(values url.Values) {
		if panel.From != "" {
			return // The panel's own range is relative to the present, wherever the view's range ends.
		}
		values[fromParameter] = []string{at.From.Format(time.RFC3339Nano)}
		values[toParameter] = []string{at.To.Format(time.RFC3339Nano)}
	}
}

func (h *handler) documentGrid(s *state, listed query.Listed) *grid {
	g := &grid{Caption: "Events, newest first"}
	for _, column := range listed.Columns {
		g.Heads = append(g.Heads, head{Label: column.Label, Number: column.Field == "amount_minor", Time: isMoment(column.Field), ID: isID(column.Field)})
	}
	for _, row := range listed.Rows {
		var r gridRow
		for i, key := range row {
			text := key.Name()
			if moment, err := time.Parse(time.RFC3339, key.Text); err == nil && i == 0 {
				text = moment.In(s.zone).Format("2006-01-02 15:04:05.000")
			}
			r.Names = append(r.Names, name{Text: text, Key: key.Text})
		}
		g.Rows = append(g.Rows, r)
	}
	return g
}

// groupedCount writes a number with its thousands separated.
func groupedCount(n int64) string {
	text, _ := json.Marshal(n)
	written := string(text)
	for at := len(written) - 3; at > 0; at -= 3 {
		written = written[:at] + "," + written[at:]
	}
	return written
}
