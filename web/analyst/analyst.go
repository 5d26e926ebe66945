// Package analyst serves the dashboards of dashboards/catalogue as pages, from
// Elasticsearch and without Kibana: the same definitions, figures, layout and filters.
//
// The address of a page holds the whole view: dashboard, range of time, filters, time zone
// and theme. Pages are complete without JavaScript; a small module adds zooming by dragging
// and the refresh of figures. A page asks Elasticsearch once, for all panels and the values
// of all filters together.
//
// The files, in reading order:
//
//	analyst.go    Config, New and the paths
//	state.go      what an address says, checked; links to other views; bounds.go the sliders
//	figures.go    one request for all panels; cache.go shares answers
//	page.go       a dashboard; card.go a panel; chart.go its chart; options.go the filters
//	panel.go      a panel alone, with all its figures; documents.go the events behind it
//	export.go     a panel as CSV and PNG
//	live.go       events that say when there are new figures
//	definitions.go, words.go, problem.go, metrics.go
package analyst

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"codebank.dev/dashboards/draw"
	"codebank.dev/dashboards/draw/svg"
	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
	"codebank.dev/web/design"
)

//go:embed static
var static embed.FS

//go:embed templates
var templates embed.FS

// Config says what to serve, and from where. All fields but Now, Draining and Annotations are
// required.
type Config struct {
	Dashboards []view.Dashboard
	Views      []view.DataView
	// Search sends searches to Elasticsearch once. It must not wait for a server that is away.
	Search query.Search
	Logger *slog.Logger
	// Metrics gets the metrics of the pages.
	Metrics prometheus.Registerer
	// Draining is closed when open streams should end. Nil: never.
	Draining <-chan struct{}
	// Now is the clock; time.Now if it is nil.
	Now func() time.Time
	// Annotations returns what charts over time mark. It is called for every page and must not
	// wait. Nil: nothing but what the dashboards themselves say.
	Annotations func() []draw.Annotation
}

// handler serves all pages.
type handler struct {
	boards   []view.Dashboard
	titles   map[string]string
	views    []view.DataView
	searchIn query.Search
	logger   *slog.Logger
	now      func() time.Time
	cache    *cache
	live     *hub
	metrics  *metrics
	pages    *template.Template
	kit      *design.Kit
	// annotations returns what charts over time mark.
	annotations func() []draw.Annotation
}

// New returns the handler of all pages. It answers GET and HEAD, and only requests to names
// of this machine, because there is no sign-in yet.
func New(config Config) (http.Handler, error) {
	if len(config.Dashboards) == 0 || config.Search == nil || config.Logger == nil || config.Metrics == nil {
		return nil, errors.New("analyst: dashboards, search, logger and metrics are required")
	}
	h := &handler{
		boards: titled(config.Dashboards), titles: map[string]string{}, views: config.Views, searchIn: config.Search, logger: config.Logger,
		now: config.Now, metrics: newMetrics(config.Metrics),
	}
	if h.now == nil {
		h.now = time.Now
	}
	if h.annotations = config.Annotations; h.annotations == nil {
		h.annotations = func() []draw.Annotation { return nil }
	}
	for _, board := range h.boards {
		h.titles[board.ID] = board.Title
	}
	h.cache = newCache(h.now, h.metrics.hits.Inc, h.noAnswer)
	h.live = newHub(h.newest, config.Draining, h.metrics)
	if err := h.loadTemplates(); err != nil {
		return nil, err
	}
	return design.Secure(h.routes(), design.LoopbackHosts(), h.refuse), nil
}

func (h *handler) loadTemplates() error {
	files, err := fs.Sub(static, "static")
	if err != nil {
		return fmt.Errorf("analyst: %w", err)
	}
	if h.kit, err = design.New(map[string]string{"charts.css": svg.Stylesheet()}, files); err != nil {
		return err
	}
	folder, err := fs.Sub(templates, "templates")
	if err != nil {
		return fmt.Errorf("analyst: %w", err)
	}
	h.pages, err = h.kit.Templates(folder, template.FuncMap{})
	return err
}

func (h *handler) routes() http.Handler {
	pages := http.NewServeMux()
	pages.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, boardPath(h.boards[0].ID), http.StatusFound)
	})
	pages.HandleFunc("/dashboards/{board}", h.page(h.serveBoard))
	pages.HandleFunc("/dashboards/{board}/panels/{panel}", h.page(h.servePanel))
	pages.HandleFunc("/dashboards/{board}/panels/{panel}/documents", h.page(h.serveDocuments))
	pages.HandleFunc("/dashboards/{board}/panels/{panel}/figures.csv", h.page(h.serveCSV))
	pages.HandleFunc("/definitions", h.page(h.serveDefinitions))
	pages.HandleFunc("/design", h.page(h.serveDesign))
	pages.Handle("/static/", h.kit.Files())
	pages.HandleFunc("/", h.page(func(http.ResponseWriter, *http.Request) error { return errNoPage }))
	all := http.NewServeMux()
	all.HandleFunc("/dashboards/{board}/live", h.page(h.serveLive))
	all.HandleFunc("/dashboards/{board}/panels/{panel}/chart.png", h.page(h.servePNG))
	all.Handle("/", design.Compress(pages))
	return all
}

// Ready returns a check that fails while Elasticsearch does not answer a search.
func Ready(search query.Search, index string) func(context.Context) error {
	return func(ctx context.Context) error {
		answers, err := search(ctx, []query.Request{{Index: index, Body: json.RawMessage(`{"size":0,"track_total_hits":false}`)}})
		if err != nil {
			return errAway.Wrap(err)
		}
		if len(answers) != 1 {
			return errAway
		}
		var answer struct {
			Error json.RawMessage `json:"error"`
		}
		if err := json.Unmarshal(answers[0], &answer); err != nil || len(answer.Error) > 0 {
			return errAway
		}
		return nil
	}
}
