package serve

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// How often and how soon a method of WithRetry is tried again.
const (
	retryAttempts       = 5
	retryInitialBackoff = "0.05s"
	retryMaxBackoff     = "1s"
	retryMultiplier     = 2
)

// DialOption changes what Dial does by default.
type DialOption func(*dialing)

type dialing struct {
	retry []string
	wait  time.Duration
	grpc  []grpc.DialOption
}

// WithRetry lets the client repeat calls of these methods on UNAVAILABLE, at most five
// times within the call's deadline. A method is "package.Service/Method";
// "package.Service" stands for all methods of a service. Name only idempotent methods:
// reads, and writes with a request_id. By default nothing is repeated.
func WithRetry(methods ...string) DialOption {
	return func(d *dialing) { d.retry = append(d.retry, methods...) }
}

// WithWait lets a call with one answer wait for the connection while the other side is away, for at most this long and
// half of the time that its deadline leaves; then it fails with UNAVAILABLE. The client tries to connect every second
// meanwhile, so with two seconds no call fails that begins when the other side is back. By default a call fails at once.
func WithWait(most time.Duration) DialOption {
	return func(d *dialing) { d.wait = most }
}

// WithGRPC passes options to gRPC after Dial's own.
func WithGRPC(options ...grpc.DialOption) DialOption {
	return func(d *dialing) { d.grpc = append(d.grpc, options...) }
}

// Dial returns a client connection to a gRPC address: host:port, or any gRPC target such
// as dns:///name:port, whose addresses share the calls. It does not wait for the other
// side. After an outage it reconnects within about two seconds; WithWait makes it one.
//
// Every error of a call is a *fault.Error (see FromStatus), except io.EOF at the end of a
// stream. A call continues the trace of its context.
//
// The connection is not encrypted, and is for a program on this machine that listens with --insecure.
// Walls.Dial encrypts it, and proves who both sides are.
func Dial(address string, options ...DialOption) (*grpc.ClientConn, error) {
	var d dialing
	for _, option := range options {
		option(&d)
	}
	serviceConfig, err := d.serviceConfig()
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", address, err)
	}
	longest := usualBackoff
	if d.wait > 0 {
		longest = waitingBackoff
	}
	return grpc.NewClient(address, append([]grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(connectParams(longest)),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingInterval, Timeout: pingTimeout}),
		grpc.WithInitialWindowSize(streamWindow),
		grpc.WithInitialConnWindowSize(connectionWindow),
		grpc.WithDefaultServiceConfig(serviceConfig),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxResponseBytes)),
		grpc.WithChainUnaryInterceptor(unary, d.waiting),
		grpc.WithChainStreamInterceptor(stream),
	}, d.grpc...)...)
}

// The longest backoffs between two tries to connect, before their jitter of a fifth.
const (
	usualBackoff = 2 * time.Second
	// waitingBackoff is that of WithWait.
	waitingBackoff = time.Second
)

// connectParams make the client reconnect sooner than gRPC's two minutes, because the
// other side is near.
func connectParams(longest time.Duration) grpc.ConnectParams {
	return grpc.ConnectParams{
		Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: longest},
		MinConnectTimeout: 3 * time.Second,
	}
}

// waiting is the interceptor of WithWait.
//
// tidy:parameters gRPC decides the signature
func (d *dialing) waiting(ctx context.Context, method string, request, answer any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	if d.wait > 0 {
		awaitReady(ctx, conn, d.wait)
		if conn.GetState() == connectivity.Connecting {
			// The call would wait for the end of the try.
			return status.Error(codes.Unavailable, "the other side does not answer")
		}
	}
	return invoke(ctx, method, request, answer, conn, options...)
}

// awaitReady returns when the connection can take a call, or when it has waited long enough.
func awaitReady(ctx context.Context, conn *grpc.ClientConn, most time.Duration) {
	if conn.GetState() == connectivity.Ready {
		return
	}
	if deadline, limited := ctx.Deadline(); limited {
		most = min(most, time.Until(deadline)/2)
	}
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	conn.Connect()
	for {
		state := conn.GetState()
		if state == connectivity.Ready || state == connectivity.Shutdown || !conn.WaitForStateChange(ctx, state) {
			return
		}
	}
}

// serviceConfig returns the retries in gRPC's own format, in JSON.
func (d *dialing) serviceConfig() (string, error) {
	type name struct {
		Service string `json:"service"`
		Method  string `json:"method,omitempty"`
	}
	type retryPolicy struct {
		MaxAttempts          int      `json:"maxAttempts"`
		InitialBackoff       string   `json:"initialBackoff"`
		MaxBackoff           string   `json:"maxBackoff"`
		BackoffMultiplier    int      `json:"backoffMultiplier"`
		RetryableStatusCodes []string `json:"retryableStatusCodes"`
	}
	type methodConfig struct {
		Name        []name      `json:"name"`
		RetryPolicy retryPolicy `json:"retryPolicy"`
	}
	config := struct {
		LoadBalancing []map[string]struct{} `json:"loadBalancingConfig"`
		Methods       []methodConfig        `json:"methodConfig,omitempty"`
	}{LoadBalancing: []map[string]struct{}{{"round_robin": {}}}}
	if len(d.retry) > 0 {
		methods := methodConfig{RetryPolicy: retryPolicy{
			MaxAttempts: retryAttempts, InitialBackoff: retryInitialBackoff, MaxBackoff: retryMaxBackoff,
			BackoffMultiplier: retryMultiplier, RetryableStatusCodes: []string{"UNAVAILABLE"},
		}}
		for _, full := range d.retry {
			service, method, _ := strings.Cut(strings.TrimPrefix(full, "/"), "/")
			methods.Name = append(methods.Name, name{Service: service, Method: method})
		}
		config.Methods = []methodConfig{methods}
	}
	text, err := json.Marshal(config)
	return string(text), err
}

// outgoing adds the trace to a call's metadata.
func outgoing(ctx context.Context) context.Context {
	present, _ := metadata.FromOutgoingContext(ctx)
	known, _ := ctx.Value(identityKey{}).(identity)
	if !known.trace.IsValid() || len(present.Get(TraceKey)) > 0 {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, TraceKey, newTraceparent(known.trace))
}

// unary is the interceptor of calls with one request and one answer.
//
// tidy:parameters gRPC decides the signature
func unary(ctx context.Context, method string, request, answer any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	options, tell := tellReplay(ctx, options)
	defer tell()
	return FromStatus(invoke(outgoing(ctx), method, request, answer, conn, options...))
}

// stream is the interceptor of all other calls.
//
// tidy:parameters gRPC decides the signature
func stream(ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, options ...grpc.CallOption) (grpc.ClientStream, error) {
	opened, err := open(outgoing(ctx), desc, conn, method, options...)
	if err != nil {
		return nil, FromStatus(err)
	}
	return &dialedStream{opened}, nil
}

// dialedStream is a client stream whose errors are faults.
type dialedStream struct{ grpc.ClientStream }

// Header waits for the answer's metadata.
func (s *dialedStream) Header() (metadata.MD, error) {
	header, err := s.ClientStream.Header()
	return header, FromStatus(err)
}

// SendMsg sends one message. io.EOF says that the stream has ended; RecvMsg then returns
// why.
func (s *dialedStream) SendMsg(message any) error {
	return streamError(s.ClientStream.SendMsg(message))
}

// RecvMsg receives one message. io.EOF is the end of a stream without an error.
func (s *dialedStream) RecvMsg(message any) error {
	return streamError(s.ClientStream.RecvMsg(message))
}

func streamError(err error) error {
	if err == io.EOF { //nolint:errorlint // gRPC returns exactly io.EOF.
		return err
	}
	return FromStatus(err)
}
