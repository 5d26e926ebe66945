package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	_ "time/tzdata" // A machine may have no files of time zones, and a page may ask for any zone.

	"github.com/spf13/cobra"

	"codebank.dev/dashboards/catalogue"
	"codebank.dev/dashboards/draw"
	"codebank.dev/dashboards/view"
	"codebank.dev/operations/panels"
	"codebank.dev/platform/serve"
	"codebank.dev/web/analyst"
)

// serveSettings are the flags of serve.
type serveSettings struct {
	*application
	address     string
	logLevel    string
	annotations string
}

func newDashboardsServe(app *application) *cobra.Command {
	s := &serveSettings{application: app}
	command := &cobra.Command{
		Use:   "serve",
		Short: "Serve the dashboards as pages, from Elasticsearch, without Kibana",
		Long: `Serve all dashboards as pages for browsers, with the definitions, figures, layout
and filters of the dashboards in Kibana. The pages read Elasticsearch only, and work
without JavaScript. The command runs until it is told to end. /livez, /readyz and
/metrics are served too.

--annotations names a file of what charts over time should mark, such as outages,
releases and pay-days:

    [{"at": "2026-04-24T18:10:00Z", "to": "2026-04-24T19:45:00Z",
      "word": "Outage", "text": "The bank was away; nothing was decided."}]

"to" and "text" may be left out. A changed file is read again with the next page.

There is no sign-in yet, so the command listens on the loopback address only, and
answers only requests to 127.0.0.1, localhost and ::1.`,
		Args: cobra.NoArgs,
		RunE: work(func(ctx context.Context, _ []string) error { return s.serve(ctx) }),
	}
	command.Flags().StringVar(&s.address, "http-address", "127.0.0.1:17028", "loopback `host:port` to serve on; port 0 takes a free one")
	command.Flags().StringVar(&s.annotations, "annotations", "", "JSON `file` of what charts over time mark; nothing if empty")
	_ = command.MarkFlagFilename("annotations", "json")
	command.Flags().StringVar(&s.logLevel, "log-level", "info", "debug, info, warn or error; debug logs every request")
	return command
}

func (s *serveSettings) serve(ctx context.Context) error {
	if err := checkLoopback(s.address); err != nil {
		return misused("http-address", err)
	}
	client, err := s.application.elasticsearch()
	if err != nil {
		return err
	}
	var level slog.Level
	if level.UnmarshalText([]byte(s.logLevel)) != nil {
		return misused("log-level", fmt.Errorf("%q is none of debug, info, warn, error", s.logLevel))
	}
	search := panels.Once(client)
	logger := slog.New(slog.NewTextHandler(s.streams.err, &slog.HandlerOptions{Level: level}))
	var marks func() []draw.Annotation
	if s.annotations != "" {
		file, err := panels.OpenAnnotations(s.annotations, logger)
		if err != nil {
			return misused("annotations", err)
		}
		marks = file.List
	}
	server, err := serve.Listen(serve.Config{
		Name: "dashboards", HTTPAddress: s.address, Logger: logger,
		Checks: []serve.Check{{Name: "elasticsearch", Run: analyst.Ready(search, string(view.Transactions))}},
	})
	if err != nil {
		return err
	}
	defer server.Close()
	pages, err := analyst.New(analyst.Config{
		Dashboards: catalogue.Dashboards(), Views: catalogue.DataViews(), Search: search, Logger: logger,
		Metrics: server.Metrics(), Draining: server.Draining(), Annotations: marks,
	})
	if err != nil {
		return err
	}
	server.Handle("/", pages)
	if _, err := fmt.Fprintf(s.streams.err, "dashboards: http://%s\n", server.HTTPAddress()); err != nil {
		return err
	}
	return server.Run(ctx)
}

// checkLoopback refuses an address that other machines can reach.
func checkLoopback(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return errors.New("is not host:port")
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return errors.New("must be on the loopback address: there is no sign-in yet, so every machine that reaches the pages could read them")
	}
	return nil
}
