package analyst

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"

	"codebank.dev/dashboards/view"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/serve"
	"codebank.dev/web/design"
)

var (
	errNoPage  = fault.New(fault.NotFound, "NO_SUCH_PAGE", "There is no such page.")
	errNoBoard = fault.New(fault.NotFound, "NO_SUCH_DASHBOARD", "There is no such dashboard.")
	errNoPanel = fault.New(fault.NotFound, "NO_SUCH_PANEL", "This dashboard has no such panel.")
	errAway    = fault.New(fault.Unavailable, "ELASTICSEARCH_AWAY", "Elasticsearch does not answer searches.")
)

// page returns the handler of a page that may fail. An error before the first byte becomes a
// page of its own.
func (h *handler) page(do func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		if err := do(w, r); err != nil {
			h.fail(w, r, err)
		}
	}
}

// problemPage is the data of the page of an error.
type problemPage struct {
	design.Page
	Message design.Message
	Field   string
}

// fail writes the page of an error.
func (h *handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	known := fault.Of(err)
	if known.Code == fault.Internal {
		h.logger.LogAttrs(r.Context(), slog.LevelError, "a page failed", slog.Any("error", err), slog.String("trace_id", serve.TraceID(r.Context())))
	}
	message := design.Message{Tone: "bad", Title: known.Message, Trace: serve.TraceID(r.Context()), Link: "/", Action: "Open the first dashboard"}
	if known.Field != "" {
		message.Title = "The address has a wrong value for “" + known.Field + "”"
		message.Text = known.Message + " No figures were asked for. Correct the value, or open the dashboard without it."
		if slices.ContainsFunc(h.boards, func(b view.Dashboard) bool { return r.PathValue("board") == b.ID }) {
			message.Link, message.Action = boardPath(r.PathValue("board")), "Open the dashboard without filters"
		}
	}
	h.writeProblem(w, r, serve.HTTPStatus(known.Code), message)
}

// refuse writes the page of a request that no page of ours makes.
func (h *handler) refuse(w http.ResponseWriter, r *http.Request, status int) {
	message := design.Message{Tone: "bad", Title: "Pages are only read here", Text: "Use GET or HEAD.", Trace: serve.TraceID(r.Context())}
	if status == http.StatusMisdirectedRequest {
		message.Title = "This name is not one of this machine"
		message.Text = "There is no sign-in yet, so the dashboards answer only to 127.0.0.1, localhost and ::1."
	}
	h.writeProblem(w, r, status, message)
}

func (h *handler) writeProblem(w http.ResponseWriter, r *http.Request, status int, message design.Message) {
	var theme design.Theme
	if named := r.URL.Query().Get(themeParameter); named == string(design.Light) || named == string(design.Dark) {
		theme = design.Theme(named)
	}
	page := problemPage{Page: h.shell("Not shown", theme), Message: message}
	h.write(w, r, answer{status, "problem", page})
}

// shell returns what the shell of a page needs.
func (h *handler) shell(title string, theme design.Theme) design.Page {
	return design.Page{
		Title: title, Brand: "Code Bank", Home: "/", Theme: theme, Wide: true,
		Styles: []string{"charts.css", "analyst.css"}, Scripts: []string{"analyst.js"},
	}
}

// answer is a page: its status, its template, and the template's data.
type answer struct {
	status   int
	template string
	data     any
}

// write writes a page. A template that fails becomes an error and not half a page.
func (h *handler) write(w http.ResponseWriter, r *http.Request, a answer) {
	var text bytes.Buffer
	if err := h.pages.ExecuteTemplate(&text, a.template, a.data); err != nil {
		h.logger.LogAttrs(r.Context(), slog.LevelError, "a template failed", slog.Any("error", err), slog.String("trace_id", serve.TraceID(r.Context())))
		http.Error(w, "Something went wrong on our side.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(a.status)
	if r.Method == http.MethodHead {
		return
	}
	_, _ = w.Write(text.Bytes())
}

// requested returns the dashboard and the state that a request names.
func (h *handler) requested(r *http.Request, more ...string) (*state, error) {
	at := slices.IndexFunc(h.boards, func(b view.Dashboard) bool { return b.ID == r.PathValue("board") })
	if at < 0 {
		return nil, errNoBoard
	}
	values, err := parametersOf(r)
	if err != nil {
		return nil, err
	}
	return parseState(h.boards[at], values, more...)
}

// parametersOf returns the parameters of a request. It refuses what cannot be read, because a
// page without a filter that the address has would show other figures than it was asked for.
func parametersOf(r *http.Request) (url.Values, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, fault.Invalid("query", "Its parameters cannot be read: write % as %25 and ; as %3B, and give fewer of them.").Wrap(err)
	}
	return values, nil
}

// requestedPanel returns the state and the panel that a request names.
func (h *handler) requestedPanel(r *http.Request, more ...string) (*state, view.Panel, error) {
	s, err := h.requested(r, more...)
	if err != nil {
		return nil, view.Panel{}, err
	}
	at := slices.IndexFunc(s.board.Panels, func(p view.Panel) bool { return p.ID == r.PathValue("panel") })
	if at < 0 || s.board.Panels[at].Source == "" {
		return nil, view.Panel{}, errNoPanel
	}
	return s, s.board.Panels[at], nil
}

// isFault reports whether an error says what is wrong with the request.
func isFault(err error) bool {
	var known *fault.Error
	return errors.As(err, &known) && known.Code == fault.InvalidArgument
}
