package serve

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"time"
	"unicode/utf8"

	"codebank.dev/platform/fault"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// traceHeader is the header that tells an HTTP client the trace id of its request.
const traceHeader = "X-Trace-Id"

var (
	errNoSuchPath = fault.New(fault.NotFound, "NO_SUCH_PATH", "There is nothing at this path.")
	errPanicked   = fault.New(fault.Internal, "INTERNAL", "Something went wrong on our side.")
)

// newHTTPServer returns the HTTP server with the paths every program has.
func (s *Server) newHTTPServer() (*http.Server, error) {
	hosts, err := newHosts(s.config.Hosts, s.httpListener.Addr())
	if err != nil {
		return nil, fmt.Errorf("hosts: %w", err)
	}
	origins, err := newOrigins(s.config.AllowedOrigins)
	if err != nil {
		return nil, fmt.Errorf("allowed origins: %w", err)
	}
	s.mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	s.mux.Handle("GET /readyz", s.ready)
	metrics := promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{Registry: s.registry})
	s.mux.HandleFunc("GET /metrics", s.few(maxScrapes, maxScrapesOfNetwork, metrics))
	if err := s.handleProblems(); err != nil {
		return nil, err
	}
	if s.config.OpenAPI != nil {
		if err := s.handleDocs(s.config.OpenAPI); err != nil {
			return nil, err
		}
	}
	shell := &httpShell{
		next: s.mux, logger: s.config.Logger, metrics: newRequestMetrics(s.registry),
		panics: s.edge.metrics.panics.Inc, maxBody: int64(s.config.MaxRequestBytes), calls: s.config.Walls != nil,
		hosts: hosts, origins: origins, walls: s.config.Walls, connectionAge: s.config.ConnectionAge,
		answerTimeout: s.config.AnswerTimeout,
	}
	open := &connections{
		open: newShares(maxHTTPConnections, maxHTTPConnectionsOfNetwork), sharing: s.config.sharing, logger: s.config.Logger,
	}
	return &http.Server{
		Handler:           shell,
		ReadHeaderTimeout: readHeaderTimeout,
		// Each request has this time, so that nobody keeps answers in memory by not reading them. A handler
		// whose answer takes longer sets another deadline.
		WriteTimeout:   s.config.AnswerTimeout,
		IdleTimeout:    idleTimeout,
		MaxHeaderBytes: unreadHeaderBytes,
		// The deadline of a stream is told to its client, so it ends nothing for one who reads nothing at all.
		HTTP2:     &http.HTTP2Config{MaxConcurrentStreams: maxHTTPStreams, WriteByteTimeout: s.config.AnswerTimeout},
		ConnState: open.changed,
		ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
			return context.WithValue(ctx, openedKey{}, time.Now())
		},
		ErrorLog: log.New(&serverLog{logger: s.config.Logger}, "", 0),
	}, nil
}

func notFound(w http.ResponseWriter, r *http.Request) { WriteProblem(w, r, errNoSuchPath) }

// openedKey is the key of the time at which the connection of a request was opened.
type openedKey struct{}

// httpShell is what every HTTP request passes: trace, caller, headers, names of hosts,
// origins, bounds, recovery from panics, metrics and log.
type httpShell struct {
	next    http.Handler
	logger  *slog.Logger
	metrics *requestMetrics
	panics  func()
	maxBody int64
	// calls says that requests become gRPC calls, which carry no text but UTF-8.
	calls   bool
	walls   *Walls
	hosts   hosts
	origins *origins
	// warnings limits the warnings about headers that are too large, because anybody may
	// send such headers.
	warnings sparing
	// connectionAge is how old a connection may become before its client must open a new one.
	connectionAge time.Duration
	answerTimeout time.Duration
}

// ServeHTTP serves one request.
func (h *httpShell) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	started := time.Now()
	id := h.identify(r)
	if h.calls {
		carriable(r.Header)
	}
	id.trace = parseTraceparent(r.Header.Get(TraceKey))
	if !id.trace.IsValid() {
		id.trace = newTraceID()
		r.Header.Set(TraceKey, newTraceparent(id.trace))
	}
	r = r.WithContext(context.WithValue(r.Context(), identityKey{}, id))
	recorder := &responseRecorder{ResponseWriter: w}
	w.Header().Set(traceHeader, id.trace.String())
	secureHeaders(w, r)
	if r.ProtoMajor == 1 && len(r.TransferEncoding) > 0 {
		// net/http does not tell whether there was a Content-Length too. Then a proxy in front may have seen another
		// end of the request, so nothing may follow it on its connection (RFC 9112, section 6.1).
		w.Header().Set("Connection", "close")
	}
	if opened, ok := r.Context().Value(openedKey{}).(time.Time); ok && started.Sub(opened) > h.connectionAge {
		w.Header().Set("Connection", "close") // Over HTTP/2 it takes no further requests, and ends with those that run.
	}
	h.guarded(recorder, r)
	elapsed := time.Since(started)
	h.metrics.observe(r, recorder.code(), elapsed)
	if h.logger.Enabled(r.Context(), slog.LevelDebug) {
		h.logger.LogAttrs(r.Context(), slog.LevelDebug, "request",
			slog.String("method", r.Method), slog.String("pattern", r.Pattern), slog.Int("status", recorder.code()),
			slog.Int64("duration_micros", elapsed.Microseconds()), slog.String("trace_id", id.trace.String()))
	}
}

// identify finds out who makes a request, by the connection. Access tokens are judged later, by who needs
// them.
func (h *httpShell) identify(r *http.Request) identity {
	if h.walls == nil {
		return identity{} // A program without calls, such as one of pages.
	}
	var certificates []*x509.Certificate
	if r.TLS != nil {
		certificates = r.TLS.PeerCertificates
	}
	proved := h.walls.prove(certificates)
	return identity{proof: proved, caller: proved.caller, subject: proved.peer}
}

// guarded serves a request within bounds and answers 500 when its handler panics.
func (h *httpShell) guarded(w *responseRecorder, r *http.Request) {
	defer func() {
		panicked := recover()
		if panicked == nil {
			return
		}
		if panicked == http.ErrAbortHandler {
			mustAbort()
		}
		h.panics()
		h.logger.LogAttrs(r.Context(), slog.LevelError, "panic in a handler", slog.Any("panic", panicked),
			slog.String("trace_id", TraceID(r.Context())), slog.String("stack", string(debug.Stack())))
		if w.status == 0 {
			WriteProblem(w, r, errPanicked)
		}
	}()
	if !h.hosts.knows(r) {
		writeProblem(w, r, http.StatusMisdirectedRequest, errForeignName)
		return
	}
	if h.origins.answer(w, r) {
		return
	}
	if httpStatus, refusal := h.refusal(r); refusal != nil {
		writeProblem(w, r, httpStatus, refusal)
		return
	}
	if r.Body != nil && r.ContentLength != 0 {
		// A request without a body gets no deadline to read it, because it would end long answers.
		controller, now := http.NewResponseController(w), time.Now()
		_ = controller.SetReadDeadline(now.Add(bodyTimeout))
		_ = controller.SetWriteDeadline(now.Add(bodyTimeout + h.answerTimeout))
		r.Body = &boundedBody{ReadCloser: http.MaxBytesReader(w, r.Body, h.maxBody), limit: h.maxBody}
	}
	h.next.ServeHTTP(w, r)
}

// mustAbort lets the standard library cut the connection, as the handler asked.
func mustAbort() { panic(http.ErrAbortHandler) }

// textual reports whether path and query are UTF-8, and names the part that is not.
// gRPC cannot carry any other text and would report an internal error.
func textual(r *http.Request) (field string, ok bool) {
	if !utf8.ValidString(r.URL.Path) {
		return "path", false
	}
	if r.URL.RawQuery == "" {
		return "", true
	}
	for name, values := range r.URL.Query() {
		if !utf8.ValidString(name) {
			return "query", false
		}
		for _, value := range values {
			if !utf8.ValidString(value) {
				return shownName(name), false
			}
		}
	}
	return "", true
}

// boundedBody records that a body was too long, or why it cannot be read, so that the
// refusal can say so.
type boundedBody struct {
	io.ReadCloser
	limit    int64
	exceeded bool
	refusal  *fault.Error // nil if the body was not refused
}

// Read reads up to the limit.
func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		b.exceeded = true
	}
	return n, err
}

func bodyTooLarge(limit int64) *fault.Error {
	return fault.New(fault.InvalidArgument, "BODY_TOO_LARGE", fmt.Sprintf("The body is larger than %d bytes.", limit))
}

// responseRecorder stores the status of an answer. http.ResponseController and Flush
// reach the writer beneath it.
type responseRecorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader stores the status.
func (w *responseRecorder) WriteHeader(httpStatus int) {
	if w.status == 0 && httpStatus >= http.StatusOK {
		w.status = httpStatus
	}
	w.ResponseWriter.WriteHeader(httpStatus)
}

// Write implies the status 200.
func (w *responseRecorder) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Flush sends the buffer, for server-sent events.
func (w *responseRecorder) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }

// Unwrap lets http.ResponseController find the writer beneath.
func (w *responseRecorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *responseRecorder) code() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}
