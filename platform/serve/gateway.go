package serve

import (
	"context"
	"fmt"
	"log/slog"
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

// answerTimeout bounds how long a REST client may take to read its answer.
const answerTimeout = time.Minute

// GatewayRegistrar is the type of the generated Register…Handler functions of grpc-gateway.
type GatewayRegistrar func(ctx context.Context, mux *runtime.ServeMux, conn *grpc.ClientConn) error

// Gateway serves the REST API of services under /v1/. Its requests are calls to
// the server's own gRPC listener, so they pass the same edge as any other. Fields
// are named as protojson does. A field or a query parameter that is not known is
// refused, and so is anything behind the one JSON value of a body. HEAD is GET without
// the body of the answer. Errors are problem details. ctx is only for the registration.
func (s *Server) Gateway(ctx context.Context, services ...GatewayRegistrar) error {
	if s.gateway == nil {
		conn, err := grpc.NewClient("passthrough:///"+s.GRPCAddress(),
			grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxResponseBytes)),
			grpc.WithChainUnaryInterceptor(refuseUnknownParameters),
			grpc.WithConnectParams(connectParams()))
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
	// The gateway would drop a caller that gRPC cannot carry, and the request id would
	// belong to another caller.
	if callers := r.Header.Values(CallerKey); len(callers) > 1 || len(callers) == 1 && !ValidCaller(callers[0]) {
		WriteProblem(w, r, errCaller)
		return
	}
	r, err := withQuery(r)
	if err != nil {
		WriteProblem(w, r, err)
		return
	}
	if r.Method == http.MethodHead {
		// No service has a rule for HEAD. The server leaves out the body.
		r = r.WithContext(r.Context())
		r.Method = http.MethodGet
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(bodyTimeout + answerTimeout))
	s.gateway.ServeHTTP(w, r)
}

func (s *Server) newGatewayMux() *runtime.ServeMux {
	return runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, newMarshaler()),
		runtime.WithWriteContentLength(),
		runtime.WithIncomingHeaderMatcher(incomingHeader),
		runtime.WithOutgoingHeaderMatcher(func(string) (string, bool) { return "", false }),
		runtime.WithOutgoingTrailerMatcher(func(string) (string, bool) { return "", false }),
		runtime.WithErrorHandler(s.gatewayError),
		runtime.WithRoutingErrorHandler(gatewayRoutingError),
		runtime.WithStreamErrorHandler(func(_ context.Context, err error) *status.Status { return ToStatus(FromStatus(err)) }),
		runtime.WithMiddlewares(answerProbe, checkContent),
		// A form post must not pass for a GET, nor a header for a method.
		runtime.WithDisablePathLengthFallback(),
		runtime.WithDisableHTTPMethodOverride(),
	)
}

// incomingHeader passes the identity of a request on under its own name. Nothing
// else becomes metadata but Authorization, which the gateway passes by itself.
func incomingHeader(name string) (string, bool) {
	switch lower := strings.ToLower(name); lower {
	case CallerKey, TraceKey:
		return lower, true
	default:
		return "", false
	}
}

// gatewayError answers a call's error, or the gateway's own refusal of a request.
//
// tidy:parameters the gateway decides the signature
func (s *Server) gatewayError(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, err error) {
	if body, ok := r.Body.(*boundedBody); ok && body.exceeded {
		writeProblem(w, r, http.StatusRequestEntityTooLarge, bodyTooLarge(body.limit))
		return
	}
	st := status.Convert(err)
	if st.Code() == codes.InvalidArgument && len(st.Details()) == 0 {
		// Only the gateway refuses without details: a body, a path or a query it cannot read.
		WriteProblem(w, r, malformed(st.Message()))
		return
	}
	s.logUnlogged(r, st, err)
	WriteProblem(w, r, FromStatus(err))
}

// malformed is the refusal of a request that the gateway cannot read, and why.
func malformed(why string) *fault.Error {
	return fault.New(fault.InvalidArgument, "MALFORMED_REQUEST", "The request cannot be read: "+strings.TrimPrefix(printable(why), "proto: "))
}

// logUnlogged logs a failure that the edge of the calls has not logged: the call did not
// reach it, or its answer cannot be written as JSON. The edge names the trace in every
// error that it answers.
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

// gatewayRoutingError answers a path or a method that no service has.
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
		allowed := allowedMethods(mux, r)
		w.Header().Set("Allow", allowed)
		writeProblem(w, r, httpStatus, fault.New(fault.InvalidArgument, "METHOD_NOT_ALLOWED", "This path takes "+allowed+"."))
	default:
		WriteProblem(w, r, fault.New(fault.InvalidArgument, "MALFORMED_REQUEST", "The path is malformed."))
	}
}

// probeKey marks a request that only asks whether a path takes a method. RFC 9110 wants
// the methods that a path does take. The gateway does not tell them, so it is asked with
// each method, and a middleware answers in place of the handler.
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

// discard is the writer of a probe.
type discard struct{}

// Header returns headers that are not read.
func (discard) Header() http.Header { return http.Header{} }

// Write drops p.
func (discard) Write(p []byte) (int, error) { return len(p), nil }

// WriteHeader does nothing.
func (discard) WriteHeader(int) {}
