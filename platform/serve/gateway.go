package serve

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"codebank.dev/platform/fault"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// GatewayRegistrar is the type of the generated Register…Handler functions of grpc-gateway.
type GatewayRegistrar func(ctx context.Context, mux *runtime.ServeMux, conn *grpc.ClientConn) error

// Gateway serves the REST API of services under /v1/. Its requests are calls to the
// server itself, over a connection within the process, so they pass the same edge as any other. Fields have the
// names of protojson. A request is refused if it has an unknown field or query parameter,
// or anything behind the one JSON value of its body. HEAD is GET without the body of the
// answer. Errors are problem details. A stream is answered as lines of JSON, each with a result or, at the
// end of a stream that fails, an error. ctx is used for the registration only.
func (s *Server) Gateway(ctx context.Context, services ...GatewayRegistrar) error {
	if s.gateway == nil {
		conn, err := grpc.NewClient("passthrough:///"+s.config.Name,
			grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return s.ownListener.DialContext(ctx) }),
			grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxResponseBytes)),
			grpc.WithChainUnaryInterceptor(refuseUnknownParameters, s.vouch),
			grpc.WithChainStreamInterceptor(s.openStream),
			grpc.WithConnectParams(connectParams(usualBackoff)))
		if err != nil {
			return fmt.Errorf("gateway: %w", err)
		}
		s.gatewayConn = conn
		s.gateway = s.newGatewayMux()
		s.mux.HandleFunc("/v1/", s.serveGateway)
	}
	for _, register := range services {
		if err := register(ctx, s.gateway, s.gatewayConn); err != nil {
			return fmt.Errorf("gateway: %w", err)
		}
	}
	return nil
}

func (s *Server) serveGateway(w http.ResponseWriter, r *http.Request) {
	r, err := withQuery(r)
	if err != nil {
		WriteProblem(w, r, err)
		return
	}
	if r.Method == http.MethodHead {
		// No service has a rule for HEAD. The server leaves out the body.
		r = r.WithContext(context.WithValue(r.Context(), headKey{}, true))
		r.Method = http.MethodGet
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(bodyTimeout + s.config.AnswerTimeout))
	s.gateway.ServeHTTP(w, r)
}

func (s *Server) newGatewayMux() *runtime.ServeMux {
	return runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, newMarshaler()),
		runtime.WithWriteContentLength(),
		runtime.WithDisableChunkedEncoding(), // net/http and HTTP/2 know by themselves how to send a stream.
		runtime.WithForwardResponseOption(s.extendAnswer),
		runtime.WithIncomingHeaderMatcher(incomingHeader),
		runtime.WithOutgoingHeaderMatcher(outgoingHeader),
		runtime.WithOutgoingTrailerMatcher(func(string) (string, bool) { return "", false }),
		runtime.WithErrorHandler(s.gatewayError),
		runtime.WithRoutingErrorHandler(gatewayRoutingError),
		runtime.WithStreamErrorHandler(func(_ context.Context, err error) *status.Status { return ToStatus(FromStatus(err)) }),
		runtime.WithMiddlewares(answerProbe, checkContent),
		// A form must not stand for a GET, nor a header for a method.
		runtime.WithDisablePathLengthFallback(),
		runtime.WithDisableHTTPMethodOverride(),
	)
}

// incomingHeader passes on the trace and the language under their own names. No other header becomes metadata,
// except Authorization, which the gateway passes on by itself.
func incomingHeader(name string) (string, bool) {
	switch lower := strings.ToLower(name); lower {
	case TraceKey, LanguageKey:
		return lower, true
	default:
		return "", false
	}
}

// gatewayError answers a request with a call's error or with the gateway's own refusal.
//
// tidy:parameters the gateway decides the signature
func (s *Server) gatewayError(ctx context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, err error) {
	if body, ok := r.Body.(*boundedBody); ok && body.exceeded {
		writeProblem(w, r, http.StatusRequestEntityTooLarge, bodyTooLarge(body.limit))
		return
	}
	st := status.Convert(err)
	if st.Code() == codes.InvalidArgument && len(st.Details()) == 0 {
		// Only a refusal of the gateway has no details. It could not read a body, a path or a
		// query. Its message repeats the value that it could not read.
		WriteProblem(w, r, unreadable(ctx, r))
		return
	}
	s.logUnlogged(r, st, err)
	WriteProblem(w, r, FromStatus(err))
}

// logUnlogged logs a failure that the edge has not logged, because the call did not reach
// the edge or because its answer cannot be written as JSON. Every error from the edge names
// the trace.
func (s *Server) logUnlogged(r *http.Request, st *status.Status, err error) {
	for _, detail := range st.Details() {
		if _, answered := detail.(*errdetails.RequestInfo); answered {
			return
		}
	}
	level := slog.LevelError
	switch code := fault.CodeOf(FromStatus(err)); {
	case code == fault.Internal:
	case code == fault.Unavailable && s.edge.outages.allows(time.Now()):
		level = slog.LevelWarn
	default:
		return
	}
	s.config.Logger.LogAttrs(r.Context(), level, "the gateway could not answer a request",
		slog.String("method", r.Method), slog.String("error", err.Error()), slog.String("trace_id", TraceID(r.Context())))
}

// gatewayRoutingError answers a request whose path or method no service has.
//
// tidy:parameters the gateway decides the signature
func gatewayRoutingError(_ context.Context, mux *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, httpStatus int) {
	if _, probing := r.Context().Value(probeKey{}).(*bool); probing {
		return
	}
	switch httpStatus {
	case http.StatusNotFound:
		WriteProblem(w, r, errNoSuchPath)
	case http.StatusMethodNotAllowed:
		refuseMethod(w, r, allowedMethods(mux, r))
	default:
		WriteProblem(w, r, fault.New(fault.InvalidArgument, "MALFORMED_REQUEST", "The path is malformed."))
	}
}

// probeKey marks a request that only asks whether a path takes a method. RFC 9110 requires
// an answer to list the methods that a path takes. The gateway does not tell them, so it
// gets a probe with each method, and a middleware answers in place of the handler.
type probeKey struct{}

func allowedMethods(mux *runtime.ServeMux, r *http.Request) string {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		found := false
		probe := r.Clone(context.WithValue(r.Context(), probeKey{}, &found))
		probe.Method, probe.Body = method, http.NoBody
		mux.ServeHTTP(discard{}, probe)
		if found {
			allowed = append(allowed, method)
		}
		if found && method == http.MethodGet {
			allowed = append(allowed, http.MethodHead)
		}
	}
	return strings.Join(allowed, ", ")
}

func answerProbe(next runtime.HandlerFunc) runtime.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request, parameters map[string]string) {
		if found, probing := r.Context().Value(probeKey{}).(*bool); probing {
			*found = true
			return
		}
		next(w, r, parameters)
	}
}

// discard is the response writer of a probe.
type discard struct{}

// Header returns headers that are not read.
func (discard) Header() http.Header { return http.Header{} }

// Write drops p.
func (discard) Write(p []byte) (int, error) { return len(p), nil }

// WriteHeader does nothing.
func (discard) WriteHeader(int) {}
