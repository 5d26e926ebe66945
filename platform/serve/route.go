package serve

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/permission"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
)

// authorizationKey is the header of an access token, as metadata.
const authorizationKey = "authorization"

// RouteHandler answers an HTTP request, or returns why it cannot. The error is answered as problem details; if the
// handler has written a part of its answer by then, the connection is cut, so that nobody takes the part for the
// whole. The context of the request has what Principal, Caller and TraceID return.
type RouteHandler func(w http.ResponseWriter, r *http.Request) error

// routes are the patterns of Route, and the methods of each path.
type routes struct {
	patterns []string
	methods  map[string][]string
	server   *Server
}

// Route adds an HTTP handler that has walls, as a method of gRPC has them. pattern is that of http.ServeMux,
// a method and a path, and is the name of the route in Config.Permissions: a route without a row keeps the
// program from starting. Who calls is found out by the client certificate and by the access token or
// the API secret in the header Authorization; a cookie counts for nothing, so no foreign page can make a browser
// act. Requests before the end of Prepare's steps are Unavailable. A body must be JSON, and a read has none. The
// context ends at the deadline of a call. Call it before Run.
func (s *Server) Route(pattern string, handle RouteHandler) {
	s.addRoute(pattern, func(w http.ResponseWriter, r *http.Request) error {
		ctx, cancel := context.WithTimeout(r.Context(), s.config.MaxDeadline)
		defer cancel()
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.config.MaxDeadline + s.config.AnswerTimeout))
		return handle(w, r.WithContext(ctx))
	})
}

// RouteStream is Route for an answer that may take long, such as a file: its context has no deadline, and it should
// end when Draining is closed. It must begin its answer within Config.AnswerTimeout, and set a write deadline for each
// further part of it.
func (s *Server) RouteStream(pattern string, handle RouteHandler) { s.addRoute(pattern, handle) }

func (s *Server) addRoute(pattern string, handle RouteHandler) {
	method, path, _ := strings.Cut(pattern, " ")
	if s.routes.methods == nil {
		s.routes = routes{methods: make(map[string][]string), server: s}
	}
	if len(s.routes.methods[path]) == 0 {
		s.Handle(path, s.routes.otherMethod(path))
	}
	s.routes.patterns = append(s.routes.patterns, pattern)
	s.routes.methods[path] = append(s.routes.methods[path], method)
	s.Handle(pattern, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		ctx, err := s.admitRequest(r, pattern)
		r = r.WithContext(ctx)
		if err == nil && !acceptable(w, r) {
			return
		}
		if err == nil {
			err = handle(w, r)
		}
		if err != nil {
			s.refuseRequest(w, r, err, time.Since(started))
		}
	}))
}

// otherMethod answers a request whose method the path does not take.
func (t *routes) otherMethod(path string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		allowed := slices.Clone(t.server.routes.methods[path])
		if slices.Contains(allowed, http.MethodGet) {
			allowed = append(allowed, http.MethodHead)
		}
		slices.Sort(allowed)
		refuseMethod(w, r, strings.Join(allowed, ", "))
	})
}

// refuseMethod answers a request whose method a path does not take.
func refuseMethod(w http.ResponseWriter, r *http.Request, allowed string) {
	w.Header().Set("Allow", allowed)
	writeProblem(w, r, http.StatusMethodNotAllowed, fault.New(fault.InvalidArgument, "METHOD_NOT_ALLOWED", "This path takes "+allowed+"."))
}

// admitRequest finds out who makes a request, and refuses it if the program does not take it yet, or not from
// them.
func (s *Server) admitRequest(r *http.Request, pattern string) (context.Context, error) {
	ctx := r.Context()
	known, _ := ctx.Value(identityKey{}).(identity)
	known.address = s.AddressOf(r)
	judged := ctx
	if tokens := r.Header.Values(authorizationKey); len(tokens) > 0 {
		judged = metadata.NewIncomingContext(ctx, metadata.MD{authorizationKey: tokens})
	}
	judge := s.edge.judge
	if s.config.Permissions.IsOpen(pattern) {
		judge = s.config.Walls.judgeOpen
	}
	err := judge(judged, &known)
	ctx = context.WithValue(ctx, identityKey{}, known)
	if err == nil {
		err = s.start.admits(pattern)
	}
	if err == nil {
		err = s.config.Walls.allows(&s.config, pattern, &known.subject)
	}
	if s.config.Secrets != nil && errors.Is(err, permission.ErrUnauthenticated) {
		err = errNothingShown
	}
	return ctx, err
}

// acceptable reports whether the form of a request is that of its method. If it is not, the request is
// answered.
func acceptable(w http.ResponseWriter, r *http.Request) bool {
	isRead := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch {
	case !isRead && r.ContentLength != 0 && !isJSON(r.Header):
		writeProblem(w, r, http.StatusUnsupportedMediaType, errMediaType)
	case isRead && r.ContentLength != 0 && hasByte(r.Body):
		WriteProblem(w, r, errBodyOfRead)
	default:
		return true
	}
	return false
}

// refuseRequest answers a request with an error, and logs what is not the caller's doing.
func (s *Server) refuseRequest(w http.ResponseWriter, r *http.Request, err error, elapsed time.Duration) {
	if body, ok := r.Body.(*boundedBody); ok && body.exceeded {
		writeProblem(w, r, http.StatusRequestEntityTooLarge, bodyTooLarge(body.limit))
		return
	}
	st := ToStatus(err)
	s.edge.log(r.Context(), r.Pattern, elapsed, st, err)
	if recorder, ok := w.(*responseRecorder); ok && recorder.status != 0 {
		mustAbort()
	}
	if s.config.Secrets != nil && st.Code() == codes.Unauthenticated {
		w.Header().Set("WWW-Authenticate", secretSchemes)
	}
	WriteProblem(w, r, FromStatus(st.Err()))
}

// AddressOf returns the network address that an HTTP request comes from, as Address does for a call.
func (s *Server) AddressOf(r *http.Request) netip.Addr {
	parsed, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	address := parsed.Addr().Unmap().WithZone("")
	if !s.trusts(address) {
		return address
	}
	return s.lastHop(address, strings.Split(strings.Join(r.Header.Values(forwardedKey), ","), ","))
}

// Onward returns the context of calls to other programs for who makes a call or a request: they get the access
// token, and the network address that it comes from. The other program believes the address only if it trusts
// this one. The languages of a call go on too. Those of a request do not: its answer is written here, and a
// problem is translated when it is written.
func (s *Server) Onward(ctx context.Context) context.Context {
	known, _ := ctx.Value(identityKey{}).(identity)
	address := known.address
	if !address.IsValid() {
		address = s.Address(ctx)
	}
	if address.IsValid() {
		ctx = metadata.AppendToOutgoingContext(ctx, forwardedKey, address.String())
	}
	if languages := metadata.ValueFromIncomingContext(ctx, LanguageKey); len(languages) > 0 {
		ctx = metadata.AppendToOutgoingContext(ctx, LanguageKey, languages[0])
	}
	if known.token != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, authorizationKey, "Bearer "+known.token)
	}
	return ctx
}
