package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"codebank.dev/dashboards/catalogue"
	"codebank.dev/dashboards/draw"
	figures "codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
	"codebank.dev/operations/elasticsearch"
)

// showing are the settings of show.
type showing struct {
	*application
	from, to string
	define   bool
}

func newDashboardsShow(app *application) *cobra.Command {
	s := &showing{application: app}
	command := &cobra.Command{
		Use:   "show NAME",
		Short: "Draw a dashboard in the terminal, from Elasticsearch, without Kibana",
		Long: `Ask Elasticsearch for the figures of a dashboard, in one request, and draw them
in the terminal, or with -o json print an object for each panel. Figures marked
with ≈ are estimates; – is a figure without value, such as a rate of nothing.

--from and --to are moments such as now-24h, now/d, 2026-01-02 or
2026-01-02T03:04:05Z, in UTC. Panels with a range of their own take --to for now.`,
		Args: cobra.ExactArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return boardNames(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: work(func(ctx context.Context, args []string) error {
			ctx, cancel := app.patiently(ctx)
			defer cancel()
			return s.show(ctx, args[0])
		}),
	}
	command.Flags().StringVar(&s.from, "from", "", "`moment` to begin at; the dashboard's own if empty")
	command.Flags().StringVar(&s.to, "to", "now", "`moment` to end at")
	command.Flags().BoolVar(&s.define, "define", false, "say of each panel how its figures come about")
	return command
}

func boardNames() []string {
	var names []string
	for _, board := range catalogue.Dashboards() {
		names = append(names, board.ID)
	}
	return names
}

func (s *showing) show(ctx context.Context, name string) error {
	boards := catalogue.Dashboards()
	at := slices.IndexFunc(boards, func(b view.Dashboard) bool { return b.ID == name })
	if at < 0 {
		return fmt.Errorf("there is no dashboard %q; there are %s", name, strings.Join(boardNames(), ", "))
	}
	board := boards[at]
	span, err := s.span(board)
	if err != nil {
		return err
	}
	client, err := elasticsearch.New(s.elasticsearchURL)
	if err != nil {
		return misused("elasticsearch-url", err)
	}
	asker := figures.Client{Views: catalogue.DataViews(), Search: func(ctx context.Context, requests []figures.Request) ([]json.RawMessage, error) {
		searches := make([]elasticsearch.Search, len(requests))
		for i, request := range requests {
			searches[i] = elasticsearch.Search{Index: request.Index, Body: request.Body}
		}
		return client.MultiSearch(ctx, searches)
	}}
	results, err := asker.RunAll(ctx, board.Panels, span)
	if err != nil {
		return err
	}
	return s.print(board, span, results)
}

// span is the range of time to show.
func (s *showing) span(board view.Dashboard) (figures.Range, error) {
	now := time.Now()
	to, err := figures.ParseMoment(s.to, now)
	if err != nil {
		return figures.Range{}, misused("to", err)
	}
	if s.from == "" {
		// As if the dashboard were opened then.
		return figures.Since(board, to)
	}
	from, err := figures.ParseMoment(s.from, now)
	if err != nil {
		return figures.Range{}, misused("from", err)
	}
	if !from.Before(to) {
		return figures.Range{}, misused("from", errors.New("is not before --to"))
	}
	return figures.Range{From: from, To: to}, nil
}

// printed is a panel in JSON.
type printed struct {
	Dashboard string         `json:"dashboard"`
	Panel     string         `json:"panel"`
	Title     string         `json:"title"`
	Chart     view.Chart     `json:"chart"`
	Range     figures.Range  `json:"range"`
	Table     *figures.Table `json:"table,omitempty"`
	Trend     *figures.Table `json:"trend,omitempty"`
	Error     string         `json:"error,omitempty"`
}

func (s *showing) print(board view.Dashboard, span figures.Range, results []figures.Result) error {
	var failures []error
	for _, result := range results {
		failures = append(failures, result.Err)
		if !s.json() {
			continue
		}
		panel := printed{
			Dashboard: board.ID, Panel: result.Panel.ID, Title: result.Panel.Title, Chart: result.Panel.Chart,
			Range: result.Range, Table: &result.Table, Trend: result.Trend,
		}
		if result.Err != nil {
			panel.Table, panel.Error = nil, result.Err.Error()
		}
		if err := s.object(panel); err != nil {
			return err
		}
	}
	if !s.json() {
		paper := draw.Terminal{Width: s.width(), Colours: s.colours(), Definitions: s.define}
		if _, err := fmt.Fprint(s.streams.out, paper.Dashboard(board, span, results)); err != nil {
			return err
		}
	}
	return errors.Join(failures...)
}

// width is how wide the terminal is: what COLUMNS says, else what the terminal itself
// says; 0 when neither does.
func (a *application) width() int {
	if columns, err := strconv.Atoi(a.variable("COLUMNS")); err == nil && columns > 0 && columns <= 1000 {
		return columns
	}
	file, ok := a.streams.out.(*os.File)
	if !ok || !isTerminal(file) {
		return 0
	}
	size, err := unix.IoctlGetWinsize(int(file.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	return int(size.Col)
}
