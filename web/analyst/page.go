package analyst

import (
	"net/http"
	"slices"
	"time"

	"codebank.dev/dashboards/draw"
	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
	"codebank.dev/platform/serve"
	"codebank.dev/web/design"
)

// completeID is the panel that says up to when the index is complete. It stands in the bar
// above every dashboard.
const completeID = "complete-up-to"

// tab is a link to a dashboard.
type tab struct {
	Title, Link string
	Current     bool
}

// frame is what the header of every page shows.
type frame struct {
	design.Page
	Tabs        []tab
	Themes      []tab
	Definitions string
	Now         time.Time
}

// boardPage is the data of a dashboard's page.
type boardPage struct {
	frame
	ID, Description string
	Bar             bar
	Rows            [][]*card
	Banner          *design.Message
	// Live is the address of the events; empty for a range that does not end now.
	Live string
}

// bar is what stays in sight: the range, the filters, and how complete the index is.
type bar struct {
	Range, Zone string
	Quick       []tab
	From, To    string // for the form
	Zones       []option
	// KeptByFilters and KeptByRange are what each form sends beside its own fields.
	KeptByFilters, KeptByRange []hidden
	Filters                    []filter
	Chips                      []chip
	Clear                      string
	Complete                   *completeness
	Asked                      string
	Fresh                      int // seconds for which equal views share figures
	Moving                     bool
	Action                     string
}

// completeness says up to when the index is complete.
type completeness struct {
	Text, Value, Where string
	Letters            string
	Known              bool
	Definition         string
	Link               string
}

func (h *handler) frameOf(s *state, title, current string) frame {
	f := frame{Page: h.shell(title, s.theme), Now: h.now(), Definitions: s.link("/definitions", onlyLook)}
	for _, board := range h.boards {
		f.Tabs = append(f.Tabs, tab{board.Title, s.link(boardPath(board.ID)), board.ID == current})
	}
	return f
}

// themes returns links to the same page in other colours.
func themes(s *state, path string) []tab {
	var list []tab
	for _, theme := range []design.Theme{design.Auto, design.Light, design.Dark} {
		title := map[design.Theme]string{design.Auto: "System", design.Light: "Light", design.Dark: "Dark"}[theme]
		list = append(list, tab{title, s.link(path, with(themeParameter, string(theme))), s.theme == theme})
	}
	return list
}

func (h *handler) serveBoard(w http.ResponseWriter, r *http.Request) error {
	s, err := h.requested(r)
	if err != nil {
		return err
	}
	if _, err := s.span(h.now()); err != nil {
		return err
	}
	f := h.ask(r.Context(), s, figurePanels(s.board), true)
	if isFault(f.err) {
		return f.err
	}
	page := &boardPage{frame: h.frameOf(s, s.board.Title, s.board.ID), ID: s.board.ID, Description: s.board.Description}
	page.Themes = themes(s, boardPath(s.board.ID))
	page.Bar = h.barOf(s, f)
	page.Rows = h.rowsOf(s, f)
	if s.moving() {
		page.Live = s.link(boardPath(s.board.ID) + "/live")
	}
	if f.err != nil {
		page.Banner = &design.Message{
			Tone: "bad", Title: "Elasticsearch does not answer", Text: "No figures can be shown. Payments go on, and events wait; nothing is lost. " +
				"Try again in a moment. The health of the index is at /readyz.",
			Trace: serve.TraceID(r.Context()), Link: s.link(boardPath(s.board.ID)), Action: "Try again",
		}
	}
	h.write(w, r, answer{http.StatusOK, "board", page})
	return nil
}

// figurePanels are the panels that are asked for.
func figurePanels(board view.Dashboard) []view.Panel {
	return slices.DeleteFunc(slices.Clone(board.Panels), func(p view.Panel) bool { return p.Chart == view.Links || p.Chart == view.Text })
}

// rowsOf returns the cards in rows, as the definition places them. Links and completeness
// stand in the header and the bar instead.
func (h *handler) rowsOf(s *state, f *figures) [][]*card {
	var rows [][]*card
	y := -1
	for _, panel := range figurePanels(s.board) {
		if panel.ID == completeID {
			continue
		}
		if panel.Grid.Y != y {
			rows, y = append(rows, nil), panel.Grid.Y
		}
		rows[len(rows)-1] = append(rows[len(rows)-1], h.cardOf(s, panel, f))
	}
	return rows
}

func (h *handler) barOf(s *state, f *figures) bar {
	path := boardPath(s.board.ID)
	b := bar{
		Zone: zoneText(f.at, s.zone), Fresh: int(freshFor.Seconds()), Moving: s.moving(), Action: path,
		Asked: f.asked.In(s.zone).Format("15:04:05"), Quick: h.quick(s, path), Zones: zoneOptions(s),
		KeptByFilters: hiddenOf(s, func(name string) bool { return isRange(name) || name == themeParameter }),
		KeptByRange:   hiddenOf(s, func(name string) bool { return !isRange(name) }),
		Complete:      h.completeness(s, f),
	}
	if !f.at.From.IsZero() {
		b.Range = spanText(f.at, s.zone)
		b.From, b.To = f.at.From.In(s.zone).Format("2006-01-02T15:04"), f.at.To.In(s.zone).Format("2006-01-02T15:04")
	}
	b.Filters = h.filtersOf(s, f)
	b.Chips = h.chipsOf(s, path)
	if len(b.Chips) > 0 {
		b.Clear = s.link(path, onlyRange)
	}
	return b
}

// quickRanges are the ranges that the bar offers.
var quickRanges = []struct{ title, from string }{
	{"15 min", "now-15m"}, {"1 h", "now-1h"}, {"24 h", "now-24h"}, {"7 days", "now-7d"}, {"30 days", "now-30d"}, {"1 year", "now-1y"},
}

func (h *handler) quick(s *state, path string) []tab {
	var list []tab
	for _, one := range quickRanges {
		current := s.moving() && (s.from == one.from || s.from == "" && s.board.From == one.from)
		list = append(list, tab{one.title, s.link(path, with(fromParameter, one.from), with(toParameter, "")), current})
	}
	return list
}

func zoneText(at query.Range, zone *time.Location) string {
	moment := at.To
	if moment.IsZero() {
		moment = time.Unix(0, 0)
	}
	offset := moment.In(zone).Format("-07:00")
	if zone == time.UTC {
		return "UTC"
	}
	return zone.String() + " (UTC" + offset + ")"
}

// lettersText says how many dead letters waited. The figure is the most of five minutes, so
// letters that are redriven or discarded are in it for as long.
func lettersText(row query.Row, format view.Format) string {
	noun := "dead letters"
	if number(row, 1) == "1" {
		noun = "dead letter"
	}
	return draw.Figure(row.Values[1], format) + " " + noun + " waiting in the last 5 minutes"
}

// completeness reads the panel that every dashboard has.
func (h *handler) completeness(s *state, f *figures) *completeness {
	at := slices.IndexFunc(s.board.Panels, func(p view.Panel) bool { return p.ID == completeID })
	if at < 0 {
		return nil
	}
	panel := s.board.Panels[at]
	c := &completeness{Text: "unknown", Definition: panel.Definition, Link: s.link(panelPath(s.board.ID, panel.ID))}
	result, known := f.results[completeID]
	if !known || result.Err != nil || len(result.Table.Rows) == 0 || result.Table.Rows[0].Values[0] == nil {
		return c
	}
	row := result.Table.Rows[0]
	moment := time.UnixMilli(int64(*row.Values[0])).In(s.zone)
	c.Known, c.Value, c.Where = true, number(row, 0), joined(row.Keys)
	c.Text = moment.Format("15:04:05")
	if moment.Format(time.DateOnly) != f.asked.In(s.zone).Format(time.DateOnly) {
		c.Text = moment.Format("2 Jan 2006 15:04:05")
	}
	if len(row.Values) > 1 && row.Values[1] != nil {
		c.Letters = lettersText(row, result.Table.Metrics[1].Format)
	}
	return c
}
