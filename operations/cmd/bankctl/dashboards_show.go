package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"codebank.dev/dashboards/catalogue"
	"codebank.dev/dashboards/draw"
	"codebank.dev/dashboards/draw/terminal"
	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
	"codebank.dev/operations/panels"
)

// showSettings are the flags of show.
type showSettings struct {
	*application
	from, to    string
	annotations string
	define      bool
}

func newDashboardsShow(app *application) *cobra.Command {
	s := &showSettings{application: app}
	command := &cobra.Command{
		Use:   "show NAME",
		Short: "Draw a dashboard in the terminal, from Elasticsearch, without Kibana",
		Long: `Read the figures of a dashboard from Elasticsearch, in one request, and draw them
in the terminal, or with -o json print an object for each panel. Figures marked
with ≈ are estimates, or sums too large to be exact; – is a figure without value,
such as a rate of nothing.

--from and --to are moments such as now-24h, now/d, 2026-01-02 or
2026-01-02T03:04:05Z, in UTC. A panel with a range of its own, such as today, has that range whatever
--from and --to say.`,
		Args: func(command *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("say which dashboard: %s", strings.Join(boardNames(), ", "))
			}
			return cobra.ExactArgs(1)(command, args)
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return boardNames(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: work(func(ctx context.Context, args []string) error {
			ctx, cancel := app.limited(ctx)
			defer cancel()
			return s.show(ctx, args[0])
		}),
	}
	command.Flags().StringVar(&s.from, "from", "", "`moment` to begin at; the dashboard's own if empty")
	command.Flags().StringVar(&s.to, "to", "now", "`moment` to end at")
	command.Flags().StringVar(&s.annotations, "annotations", "", "JSON `file` of what charts over time mark, as for serve; nothing if empty")
	_ = command.MarkFlagFilename("annotations", "json")
	command.Flags().BoolVar(&s.define, "define", false, "say for each panel how its figures are computed")
	return command
}

func boardNames() []string {
	var names []string
	for _, board := range catalogue.Dashboards() {
		names = append(names, board.ID)
	}
	return names
}

func (s *showSettings) show(ctx context.Context, name string) error {
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
	marks, err := s.marks()
	if err != nil {
		return misused("annotations", err)
	}
	client, err := s.application.elasticsearch()
	if err != nil {
		return err
	}
	results, err := panels.Read(ctx, client, board, span)
	if err != nil {
		return err
	}
	return s.print(board, span, results, marks)
}

// marks returns what charts over time mark.
func (s *showSettings) marks() ([]draw.Annotation, error) {
	if s.annotations == "" {
		return nil, nil
	}
	file, err := os.Open(s.annotations)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return panels.ReadAnnotations(file)
}

// span returns the range of time to show.
func (s *showSettings) span(board view.Dashboard) (query.Range, error) {
	now := time.Now()
	to, err := query.ParseMoment(s.to, now)
	if err != nil {
		return query.Range{}, misused("to", err)
	}
	if s.from == "" {
		// This is the range that the dashboard has if it is opened at that moment.
		return query.Since(board, to)
	}
	from, err := query.ParseMoment(s.from, now)
	if err != nil {
		return query.Range{}, misused("from", err)
	}
	if !from.Before(to) {
		return query.Range{}, misused("from", errors.New("is not before --to"))
	}
	return query.Range{From: from, To: to}, nil
}

// printedPanel is a panel in JSON.
type printedPanel struct {
	Dashboard string       `json:"dashboard"`
	Panel     string       `json:"panel"`
	Title     string       `json:"title"`
	Chart     view.Chart   `json:"chart"`
	Range     query.Range  `json:"range"`
	Table     *query.Table `json:"table,omitempty"`
	Trend     *query.Table `json:"trend,omitempty"`
	Error     string       `json:"error,omitempty"`
}

func (s *showSettings) print(board view.Dashboard, span query.Range, results []query.Result, marks []draw.Annotation) error {
	printer := s.printer()
	var failures []error
	for _, result := range results {
		failures = append(failures, result.Err)
		if !printer.JSON() {
			continue
		}
		panel := printedPanel{
			Dashboard: board.ID, Panel: result.Panel.ID, Title: result.Panel.Title, Chart: result.Panel.Chart,
			Range: result.Range, Table: &result.Table, Trend: result.Trend,
		}
		if result.Err != nil {
			panel.Table, panel.Error = nil, result.Err.Error()
		}
		if err := printer.Object(panel); err != nil {
			return err
		}
	}
	if !printer.JSON() {
		screen := terminal.Terminal{Width: printer.Width(), Colours: printer.Colours(), Definitions: s.define, Annotations: marks}
		if err := printer.Text(screen.Dashboard(board, span, results)); err != nil {
			return err
		}
	}
	return errors.Join(failures...)
}
