// Package serve is what every program of Code Bank needs around its own business:
// settings from flags, environment and files; one listener for gRPC and one for
// HTTP with health, readiness, metrics, documentation and a clean end; one table of
// errors for both; page tokens; the identity of the caller; and a client.
//
// A program is wired like this. It binds its ports first, so that probes are answered
// from then on, and prepares what its calls need beside the listeners:
//
//	func main() { serve.Main("statement", run) }
//
//	func run(ctx context.Context, args, environ []string, stdout io.Writer) error {
//		flags := flag.NewFlagSet("statement", flag.ContinueOnError)
//		flags.SetOutput(stdout)
//		var settings serve.Settings                           // the flags all programs share
//		settings.Bind(flags, "127.0.0.1:17002", "127.0.0.1:17003")
//		databaseURL := flags.String("database-url", "", "where the statement lives")
//		if err := serve.Parse(flags, "STATEMENT", args, environ); err != nil {
//			return err
//		}
//		logger, err := settings.Logger(os.Stderr)
//		…
//		config := settings.Config("statement", logger)        // addresses, log, drain
//		config.Checks = []serve.Check{{Name: "database", Run: store.Ready}}
//		config.OpenAPI = openapi                              // optional: /docs and /openapi.json
//		server, err := serve.Listen(config)                   // both ports are bound from here on
//		…
//		defer server.Close()
//		statementv1.RegisterStatementServiceServer(server, handler)
//		err = server.Gateway(ctx, statementv1.RegisterStatementServiceHandler)
//		…
//		server.Metrics().MustRegister(collector)              // optional
//		server.Handle("GET /live", page)                      // optional: other HTTP
//		server.Prepare(prepare)                               // optional: calls are UNAVAILABLE until it is done
//		server.Background(watch)                              // optional: work beside the calls, after that
//		return server.Run(ctx)                                // until ctx ends, then drains
//	}
//
// Handlers return plain errors. The edge turns a *fault.Error, wrapped or not, into
// google.rpc.Status with details, or into problem details for REST. Any other error is
// INTERNAL to the caller and logged whole. Caller(ctx) is the name of the caller,
// TraceID(ctx) the trace of the call. Clients call Dial and get *fault.Error back.
package serve
