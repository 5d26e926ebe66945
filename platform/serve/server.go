package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"codebank.dev/platform/permission"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // Callers may compress. MaxRecvMsgSize bounds a message after decompression.
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// The default limits of a Config.
const (
	// DefaultDrainTimeout bounds the wait for running calls at the end.
	DefaultDrainTimeout = 10 * time.Second
	// DefaultMaxDeadline bounds a unary call.
	DefaultMaxDeadline = 30 * time.Second
	// DefaultAnswerTimeout bounds how long an HTTP client takes to read an answer.
	DefaultAnswerTimeout = time.Minute
	// DefaultConnectionAge bounds the age of a connection.
	DefaultConnectionAge = 10 * time.Minute
	// DefaultMaxRequestBytes bounds a gRPC message and an HTTP body.
	DefaultMaxRequestBytes = 1 << 20
)

// Limits that no program has had a reason to change.
const (
	readHeaderTimeout = 5 * time.Second
	bodyTimeout       = 30 * time.Second
	idleTimeout       = 2 * time.Minute
	// maxHeaderBytes bounds the part of a request before its body. If it is larger, the edge
	// refuses the request with a problem and a log line. Beyond unreadHeaderBytes net/http
	// stops reading and answers 431 by itself, in plain text and without a log line.
	maxHeaderBytes    = 32 << 10
	unreadHeaderBytes = 1 << 20
	// maxMetadataBytes bounds the metadata of a call. It has room for all headers that the
	// gateway passes on or adds.
	maxMetadataBytes    = 2 * maxHeaderBytes
	maxStreamsPerClient = 1000
	streamWorkers       = 256
	maxResponseBytes    = 16 << 20
	pingInterval        = 30 * time.Second
	pingTimeout         = 10 * time.Second
	minClientPing       = 5 * time.Second
	// connectionGrace is how long the calls of a connection that has become too old may go on.
	connectionGrace = time.Minute
	// The windows are how many bytes may be under way before they are read. gRPC would
	// estimate them with a ping beside nearly every message. For a single call the pings are a
	// third of all reads and writes.
	streamWindow     = 1 << 20
	connectionWindow = 4 << 20
)

// Config is the configuration of a Server. Only Name and the addresses are required.
type Config struct {
	// Name is the program's name in logs.
	Name string
	// GRPCAddress and HTTPAddress are host:port; port 0 takes a free one. A program that is not called over
	// gRPC leaves GRPCAddress empty, and then has no gRPC listener; its Gateway works all the same.
	GRPCAddress string
	HTTPAddress string
	// Logger gets starts, ends, panics and internal errors, and calls at debug. Default:
	// slog.Default().
	Logger *slog.Logger
	// Checks decide whether /readyz and the gRPC health service say ready. None: always ready.
	Checks []Check
	// OpenAPI is an OpenAPI document in JSON, served at /openapi.json and as a page at /docs, where
	// its calls can be tried. Nil: neither is served.
	OpenAPI []byte
	// Hosts are names, in lower case and without a port, to which the HTTP listener answers. It
	// always answers to localhost and to the address that a request comes to. Any other name is
	// refused, so that no foreign page reads answers by a name of its own that points here. If
	// there are none, a listener on the loopback address answers to nothing else, and any other
	// listener answers to every name.
	Hosts []string
	// AllowedOrigins are the origins, as browsers write them, whose pages may use the REST API. See
	// ParseOrigins. None: only pages of the program's own origin may.
	AllowedOrigins []string
	// MaxDeadline bounds a unary call, whatever deadline its caller sets. Streams have no such
	// bound. Default: DefaultMaxDeadline.
	MaxDeadline time.Duration
	// AnswerTimeout bounds how long an HTTP client takes to read an answer, or a part of a stream. Then its
	// request is cut. Default: DefaultAnswerTimeout.
	AnswerTimeout time.Duration
	// DrainTimeout bounds the wait for running calls after Run's context ends. Default: DefaultDrainTimeout.
	DrainTimeout time.Duration
	// MaxRequestBytes bounds a gRPC message and an HTTP body. Default: DefaultMaxRequestBytes.
	MaxRequestBytes int
	// GRPCOptions are applied after the server's own options. Their interceptors run inside
	// the server's own.
	GRPCOptions []grpc.ServerOption
	// TrustedProxies are the addresses of proxies in front of the program, which say where requests
	// come from (see Server.Address). None: only the program's own gateway is believed.
	TrustedProxies []netip.Prefix
	// TrustedPrograms are programs in front of this one, which say where requests come from, by the names of their
	// certificates: PROGRAM for one of this bank or of none, BANK:PROGRAM for one of another bank. Unlike an address,
	// a certificate names one program on any network.
	TrustedPrograms []string
	// Walls prove who calls. A program with calls must have them.
	Walls *Walls
	// Secrets finds out whose an API secret is; nil for a program that takes none.
	Secrets Secrets
	// Permissions says who may call which method, and which pattern of Route. It must have exactly these.
	Permissions permission.Table
	// Groups are the groups of services that Permissions names.
	Groups permission.Groups
	// Localized are the fields of answers, by their full names, that hold a sentence for people. They are answered in
	// the caller's language. Everything else is answered as the handler says it.
	Localized []protoreflect.FullName
	// ConnectionAge is how old a connection may become before its client must open a new one, so that
	// certificates are proved anew. Default: DefaultConnectionAge.
	ConnectionAge time.Duration
}

// withDefaults returns the config with defaults in place of zero values.
func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.MaxDeadline <= 0 {
		c.MaxDeadline = DefaultMaxDeadline
	}
	if c.DrainTimeout <= 0 {
		c.DrainTimeout = DefaultDrainTimeout
	}
	if c.AnswerTimeout <= 0 {
		c.AnswerTimeout = DefaultAnswerTimeout
	}
	if c.ConnectionAge <= 0 {
		c.ConnectionAge = DefaultConnectionAge
	}
	if c.MaxRequestBytes <= 0 {
		c.MaxRequestBytes = DefaultMaxRequestBytes
	}
	return c
}

// Server is a gRPC listener and an HTTP listener with all that programs have in common.
// Make one with Listen, register services and handlers, then Run it once. It is a
// grpc.ServiceRegistrar.
type Server struct {
	config   Config
	registry *prometheus.Registry
	edge     *edge
	health   *health.Server
	ready    *readiness
	start    *start

	grpcListener net.Listener
	httpListener net.Listener
	grpc         *grpc.Server
	http         *http.Server
	mux          *http.ServeMux
	gateway      *runtime.ServeMux
	gatewayConn  *grpc.ClientConn
	routes       routes
	// ownListener takes the calls of the gateway.
	ownListener *ownListener

	hasRoot  bool
	draining chan struct{}
	closing  sync.Once
}

var _ grpc.ServiceRegistrar = (*Server)(nil)

// errNoWalls is for who writes a program.
var errNoWalls = errors.New("serve: a program with calls needs walls")

// Listen binds both addresses and returns a server that serves nothing yet: callers that
// connect wait until Run. Call Close if Run is not called. Listen makes the logger the
// default of package slog, so that the lines of libraries have the program's format.
func Listen(config Config) (*Server, error) {
	config = config.withDefaults()
	slog.SetDefault(config.Logger)
	switch {
	case config.Walls != nil:
		if err := config.Walls.admit(config.GRPCAddress, config.HTTPAddress); err != nil {
			return nil, err
		}
	case config.GRPCAddress != "":
		return nil, errNoWalls
	}
	grpcListener, httpListener, err := listeners(config)
	if err != nil {
		return nil, err
	}
	registry := newRegistry()
	if config.Walls != nil {
		config.Walls.register(registry)
	}
	start := &start{}
	s := &Server{
		config:       config,
		registry:     registry,
		edge:         newEdge(config, registry, start),
		health:       health.NewServer(),
		ready:        &readiness{checks: config.Checks, logger: config.Logger, start: start},
		start:        start,
		grpcListener: grpcListener,
		httpListener: httpListener,
		mux:          http.NewServeMux(),
		draining:     make(chan struct{}),

		ownListener: newOwnListener(),
	}
	s.edge.address = s.Address
	s.grpc = newGRPCServer(config, s.edge)
	grpc_health_v1.RegisterHealthServer(s, s.health)
	reflection.Register(s.grpc) // Reflection has only streams, which the stream interceptor handles.
	if s.http, err = s.newHTTPServer(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// listeners binds both addresses. The gRPC listener is nil if the config has no address for it.
func listeners(config Config) (grpcListener, httpListener net.Listener, err error) {
	if config.GRPCAddress != "" {
		if grpcListener, err = net.Listen("tcp", config.GRPCAddress); err != nil {
			return nil, nil, fmt.Errorf("gRPC listener: %w", err)
		}
	}
	if httpListener, err = net.Listen("tcp", config.HTTPAddress); err == nil {
		return grpcListener, httpListener, nil
	}
	err = fmt.Errorf("HTTP listener: %w", err)
	if grpcListener != nil {
		err = errors.Join(err, grpcListener.Close())
	}
	return nil, nil, err
}

func newGRPCServer(config Config, e *edge) *grpc.Server {
	return grpc.NewServer(append([]grpc.ServerOption{
		grpc.Creds(&door{config.Walls}),
		grpc.InTapHandle(e.tap),
		grpc.ForceServerCodecV2(newCodec()),
		grpc.ChainUnaryInterceptor(e.unary),
		grpc.ChainStreamInterceptor(e.stream),
		grpc.MaxRecvMsgSize(config.MaxRequestBytes),
		grpc.MaxSendMsgSize(maxResponseBytes),
		grpc.MaxConcurrentStreams(maxStreamsPerClient),
		// Calls run on goroutines whose stacks have already grown.
		grpc.NumStreamWorkers(streamWorkers),
		grpc.MaxHeaderListSize(maxMetadataBytes),
		grpc.InitialWindowSize(streamWindow),
		grpc.InitialConnWindowSize(connectionWindow),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			Time: pingInterval, Timeout: pingTimeout, MaxConnectionAge: config.ConnectionAge, MaxConnectionAgeGrace: connectionGrace,
		}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: minClientPing, PermitWithoutStream: true}),
		grpc.ConnectionTimeout(readHeaderTimeout),
	}, config.GRPCOptions...)...)
}

// RegisterService adds a gRPC service; the generated Register…Server functions call
// it. A request that cannot be decoded is answered INVALID_ARGUMENT.
func (s *Server) RegisterService(service *grpc.ServiceDesc, implementation any) {
	s.grpc.RegisterService(forgiving(service), implementation)
	s.health.SetServingStatus(service.ServiceName, grpc_health_v1.HealthCheckResponse_NOT_SERVING)
}

// Handle adds an HTTP handler under a pattern of http.ServeMux. The handler's
// requests are counted by pattern, recovered from panics, and bounded in body size.
// A long answer (server-sent events) should end when Draining is closed.
func (s *Server) Handle(pattern string, handler http.Handler) {
	s.mux.Handle(pattern, handler)
	s.hasRoot = s.hasRoot || pattern == "/"
}

// Metrics returns the registry for the program's own collectors. /metrics serves them.
func (s *Server) Metrics() *prometheus.Registry { return s.registry }

// GRPCAddress returns the bound address of the gRPC listener, or "" if there is none.
func (s *Server) GRPCAddress() string {
	if s.grpcListener == nil {
		return ""
	}
	return s.grpcListener.Addr().String()
}

// HTTPAddress returns the bound address of the HTTP listener.
func (s *Server) HTTPAddress() string { return s.httpListener.Addr().String() }

// Draining is closed when the server begins to end, so that long answers can end too.
func (s *Server) Draining() <-chan struct{} { return s.draining }

// Run serves until ctx ends, and then drains. It turns readiness off and lets HTTP requests
// and after them gRPC calls finish within the drain timeout. It cuts off those that do not
// finish. It returns nil after a drain, whether or not calls were cut off. Otherwise it
// returns the error of a listener or of Prepare's steps. Call it once.
func (s *Server) Run(ctx context.Context) error {
	if !s.hasRoot {
		s.mux.Handle("/", http.HandlerFunc(notFound))
	}
	if err := s.checkPermissions(); err != nil {
		s.Close()
		return err
	}
	s.edge.metrics.begin(s.grpc.GetServiceInfo())
	s.config.Logger.Info("listening", "program", s.config.Name, "grpc", s.GRPCAddress(), "http", s.HTTPAddress())
	s.start.done.Store(s.start.prepare == nil)
	working, stopWorking := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { s.watchReadiness(working) })
	// The walls are kept until the last call has drained.
	guarding, stopGuarding := context.WithCancel(context.WithoutCancel(ctx))
	if s.config.Walls != nil {
		for _, work := range s.config.Walls.work() {
			running.Go(func() { work(guarding) })
		}
	}
	failures := make(chan error, 4)
	running.Go(func() {
		if err := s.start.run(working); err != nil {
			failures <- err
		}
	})
	if s.grpcListener != nil {
		running.Go(func() { failures <- s.grpc.Serve(s.grpcListener) })
	}
	if s.config.Walls != nil {
		running.Go(func() { failures <- s.grpc.Serve(s.ownListener) })
	}
	running.Go(func() {
		if err := s.serveHTTP(); !errors.Is(err, http.ErrServerClosed) {
			failures <- err
		}
	})
	var failure error
	select {
	case <-ctx.Done():
	case failure = <-failures:
	}
	stopWorking()
	s.drain()
	stopGuarding()
	s.Close()
	running.Wait()
	s.config.Logger.Info("stopped", "program", s.config.Name)
	return failure
}

// drain lets running requests and calls finish, and cuts off those that do not finish in
// time. HTTP comes first, because the gateway's requests are gRPC calls themselves.
func (s *Server) drain() {
	s.ready.drain()
	s.health.Shutdown()
	close(s.draining)
	ctx, cancel := context.WithTimeout(context.Background(), s.config.DrainTimeout)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		s.config.Logger.Warn("HTTP requests were cut off", "program", s.config.Name)
		_ = s.http.Close()
	}
	done := make(chan struct{})
	go func() { s.grpc.GracefulStop(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		s.config.Logger.Warn("gRPC calls were cut off", "program", s.config.Name)
		s.grpc.Stop()
	}
}

// Close releases the ports and connections at once. It is for a server that never ran; Run
// calls it at its end. A second call does nothing.
func (s *Server) Close() {
	s.closing.Do(func() {
		if s.gatewayConn != nil {
			_ = s.gatewayConn.Close()
		}
		if s.grpcListener != nil {
			_ = s.grpcListener.Close()
		}
		_ = s.ownListener.Close()
		_ = s.httpListener.Close()
	})
}
