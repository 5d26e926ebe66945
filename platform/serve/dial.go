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
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
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
	grpc  []grpc.DialOption
}

// WithRetry lets the client repeat calls of these methods on UNAVAILABLE, at most five
// times within the call's deadline. A method is "package.Service/Method";
// "package.Service" stands for all methods of a service. Name only idempotent methods:
// reads, and writes with a request_id. By default nothing is repeated.
func WithRetry(methods ...string) DialOption {
	return func(d *dialing) { d.retry = append(d.retry, methods...) }
}

// WithGRPC passes options to gRPC after Dial's own.
func WithGRPC(options ...grpc.DialOption) DialOption {
	return func(d *dialing) { d.grpc = append(d.grpc, options...) }
}

// Dial returns a client connection to a gRPC address: host:port, or any gRPC target such
// as dns:///name:port, whose addresses share the calls. It does not wait for the other
// side. After an outage it reconnects within about two seconds.
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
	return grpc.NewClient(address, append([]grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(connectParams()),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingInterval, Timeout: pingTimeout}),
		grpc.WithInitialWindowSize(streamWindow),
		grpc.WithInitialConnWindowSize(connectionWindow),
		grpc.WithDefaultServiceConfig(serviceConfig),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxResponseBytes)),
		grpc.WithChainUnaryInterceptor(unary),
		grpc.WithChainStreamInterceptor(stream),
	}, d.grpc...)...)
}

// connectParams make the client reconnect sooner than gRPC's two minutes, because the
// other side is near.
func connectParams() grpc.ConnectParams {
	return grpc.ConnectParams{
		Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 2 * time.Second},
		MinConnectTimeout: 3 * time.Second,
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
