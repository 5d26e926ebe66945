// Package serve is what every program of Code Bank needs around its own business:
// settings from flags, environment and files; one listener for gRPC and one for
// HTTP with health, readiness, metrics and documentation; a clean shutdown; one table
// of errors for both; page tokens; the identity of the caller; and a client.
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
//
// The files, in reading order:
//
//	main.go      Main: signals and the exit status
//	settings.go  the flags that all programs share
//	flags.go     Parse: flags, environment and files; environment.go for other flag packages
//	renamed.go   the old name of a setting goes on working
//	server.go    Config, Listen and Run; start.go prepares while calls are UNAVAILABLE
//	edge.go      every gRPC call: identity, deadline, log, metrics, panics, errors
//	codec.go     requests that do not decode
//	errors.go    fault codes as gRPC and HTTP codes, and back
//	http.go      the HTTP listener with /livez, /readyz and /metrics
//	hosts.go     refuses foreign names; origins.go pages of foreign origins; secure.go headers
//	request.go   refuses malformed HTTP requests; query.go refuses unknown query parameters
//	localize.go  answers in the caller's language
//	problems.go  a page for each reason of an error
//	gateway.go   REST by grpc-gateway; marshaler.go is its JSON, problem.go its errors
//	identity.go  the caller and the trace; trace.go W3C trace context
//	address.go   the network address that a call comes from
//	ready.go     the checks behind /readyz
//	metrics.go   the metrics of calls and requests
//	docs.go      /openapi.json, and /docs, where calls can be tried
//	pagetoken.go page tokens
//	dial.go      a client's connection
//	library.go   the log lines of gRPC and its gateway
package serve
