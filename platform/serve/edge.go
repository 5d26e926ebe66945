package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime/debug"
	"sync/atomic"
	"time"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/language"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
)

// warnEvery is the least time between two warnings of one kind. Without it every call
// would log a warning while something is away.
const warnEvery = time.Second

// sparing allows one warning of a kind in each warnEvery. It is safe for concurrent use.
type sparing struct {
	next   atomic.Int64 // Unix nanoseconds
	denied atomic.Int64
}

// allows reports whether a warning may be logged now.
func (s *sparing) allows(now time.Time) bool {
	next := s.next.Load()
	if now.UnixNano() >= next && s.next.CompareAndSwap(next, now.Add(warnEvery).UnixNano()) {
		return true
	}
	s.denied.Add(1)
	return false
}

// skipped is the attribute of a log line that says how many lines of its kind were not allowed since the last one.
func (s *sparing) skipped() slog.Attr { return slog.Int64("skipped", s.denied.Swap(0)) }

// edge is what every gRPC call passes: identity, deadline, recovery from panics,
// translation of errors, metrics and log.
type edge struct {
	logger      *slog.Logger
	maxDeadline time.Duration
	metrics     *callMetrics
	start       *start
	// outages limits the warnings about calls that are Unavailable.
	outages   sparing
	config    *Config
	handles   handles
	strangers *shares
	// address returns where a call comes from.
	address func(context.Context) netip.Addr
	guesses guesses
}

func newEdge(config Config, registry registerer, start *start) *edge {
	return &edge{
		logger: config.Logger, maxDeadline: config.MaxDeadline, metrics: newCallMetrics(registry), start: start, config: &config,
		strangers: newShares(streamsOfStrangers, streamsOfANetwork),
	}
}

// unary is the interceptor of calls with one request and one answer.
func (e *edge) unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (answer any, err error) {
	started := time.Now()
	ctx, err = e.enter(ctx, info.FullMethod)
	if err == nil {
		if deadline, ok := ctx.Deadline(); !ok || deadline.Sub(started) > e.maxDeadline {
			var cancel context.CancelFunc
			ctx, cancel = context.WithDeadline(ctx, started.Add(e.maxDeadline))
			defer cancel()
		}
		answer, err = e.callUnary(ctx, request, handle)
	}
	if err == nil {
		answer = e.config.localized(ctx, answer)
	}
	if err = e.finish(ctx, info.FullMethod, started, err); err != nil {
		return nil, err
	}
	return answer, nil
}

// enter finds out who makes a call, and refuses the call if the program does not take it yet, or not from
// them.
func (e *edge) enter(ctx context.Context, method string) (context.Context, error) {
	ctx, err := e.identify(ctx, isCommon(method) || e.config.Permissions.IsOpen(method))
	if err == nil {
		err = e.start.admits(method)
	}
	if err == nil && !isCommon(method) {
		known, _ := ctx.Value(identityKey{}).(identity)
		err = e.config.Walls.allows(e.config, method, &known.subject)
	}
	return ctx, err
}

// callUnary runs the handler and turns a panic into an internal error.
func (e *edge) callUnary(ctx context.Context, request any, handle grpc.UnaryHandler) (answer any, err error) {
	defer func() { err = e.recovered(ctx, recover(), err) }()
	return handle(ctx, request)
}

// stream is the interceptor of all other calls. The edge sets no deadline for them.
func (e *edge) stream(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	started := time.Now()
	ctx, err := e.enter(stream.Context(), info.FullMethod)
	if err == nil {
		err = e.callStream(service, &edgeStream{ServerStream: stream, ctx: ctx, walls: e.config.Walls, config: e.config}, handle)
	}
	return e.finish(ctx, info.FullMethod, started, err)
}

func (e *edge) callStream(service any, stream *edgeStream, handle grpc.StreamHandler) (err error) {
	defer func() { err = e.recovered(stream.ctx, recover(), err) }()
	return handle(service, stream)
}

// recovered returns err, or an internal error when the handler panicked.
func (e *edge) recovered(ctx context.Context, panicked any, err error) error {
	if panicked == nil {
		return err
	}
	e.logger.LogAttrs(ctx, slog.LevelError, "panic in a handler", slog.Any("panic", panicked),
		slog.String("trace_id", TraceID(ctx)), slog.String("stack", string(debug.Stack())))
	e.metrics.panics.Inc()
	return fault.Of(fmt.Errorf("panic: %v", panicked))
}

// finish counts and logs a call, and returns its error in the form in which it goes over
// the wire.
func (e *edge) finish(ctx context.Context, fullMethod string, started time.Time, err error) error {
	elapsed := time.Since(started)
	st := ToStatus(err)
	e.metrics.observe(fullMethod, st.Code(), elapsed)
	e.log(ctx, fullMethod, elapsed, st, err)
	if err == nil {
		return nil
	}
	details := []protoadapt.MessageV1{&errdetails.RequestInfo{RequestId: TraceID(ctx)}}
	if tag := Language(ctx); tag != language.English {
		if text, translated := language.Translate(tag, st.Message()); translated {
			details = append(details, &errdetails.LocalizedMessage{Locale: string(tag), Message: text})
		}
	}
	detailed, detailErr := st.WithDetails(details...)
	if detailErr != nil {
		return st.Err()
	}
	return detailed.Err()
}

// log logs one line for each call at debug, without bodies. It logs an internal error as
// an error and an outage as a warning.
func (e *edge) log(ctx context.Context, fullMethod string, elapsed time.Duration, st *status.Status, err error) {
	level := slog.LevelDebug
	switch {
	case err == nil:
	case CodeFromGRPC(st.Code()) == fault.Internal:
		level = slog.LevelError
	case CodeFromGRPC(st.Code()) == fault.Unavailable && e.outages.allows(time.Now()):
		level = slog.LevelWarn
	}
	if !e.logger.Enabled(ctx, level) {
		return
	}
	attributes := []slog.Attr{
		slog.String("method", fullMethod), slog.String("code", st.Code().String()),
		slog.Int64("duration_micros", elapsed.Microseconds()),
		slog.String("caller", Caller(ctx)), slog.String("trace_id", TraceID(ctx)),
	}
	if err != nil {
		attributes = append(attributes, slog.String("error", err.Error()))
	}
	e.logger.LogAttrs(ctx, level, "call", attributes...)
}

// edgeStream is a stream whose messages are received through envelopes.
type edgeStream struct {
	grpc.ServerStream
	ctx    context.Context
	walls  *Walls
	config *Config
}

// Context returns the call's context with its identity.
func (s *edgeStream) Context() context.Context { return s.ctx }

// RecvMsg receives one message. A message that cannot be decoded is an InvalidArgument
// fault that names no field; it ends the stream when the handler returns it.
func (s *edgeStream) RecvMsg(message any) error {
	err := open(s.ServerStream.RecvMsg, message)
	if err == nil {
		err = s.goesOn()
	}
	if err == nil {
		welcome(s.ctx)
	}
	var known *fault.Error
	if errors.As(err, &known) {
		return known
	}
	return err
}

// SendMsg sends one message, unless who receives it is no longer let in.
func (s *edgeStream) SendMsg(message any) error {
	if err := s.goesOn(); err != nil {
		return err
	}
	return s.ServerStream.SendMsg(s.config.localized(s.ctx, message))
}

// goesOn refuses a stream whose certificate or session has ended since it was opened.
func (s *edgeStream) goesOn() error {
	known, _ := s.ctx.Value(identityKey{}).(identity)
	return s.walls.again(s.ctx, &known)
}
