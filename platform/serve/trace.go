package serve

import (
	"context"
	"encoding/binary"
	"math/rand/v2"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// TraceKey is the metadata key of the W3C Trace Context of a call. The same name is an
// HTTP header.
const TraceKey = "traceparent"

// traceparent is the only header of a trace context that programs read and send. It is
// a carrier for the propagator.
type traceparent struct{ header string }

var _ propagation.TextMapCarrier = (*traceparent)(nil)

// Get returns the header.
func (p *traceparent) Get(key string) string {
	if key == TraceKey {
		return p.header
	}
	return ""
}

// Set replaces the header.
func (p *traceparent) Set(key, value string) {
	if key == TraceKey {
		p.header = value
	}
}

// Keys returns the header's name.
func (*traceparent) Keys() []string { return []string{TraceKey} }

// parseTraceparent returns the trace id of a traceparent header. The id is not valid if
// the header does not follow W3C Trace Context, section 3.2.
func parseTraceparent(header string) trace.TraceID {
	if header == "" {
		return trace.TraceID{}
	}
	ctx := propagation.TraceContext{}.Extract(context.Background(), &traceparent{header})
	return trace.SpanContextFromContext(ctx).TraceID()
}

// newTraceparent returns a traceparent header that continues a trace with a new span.
func newTraceparent(of trace.TraceID) string {
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: of, SpanID: newSpanID(), TraceFlags: trace.FlagsSampled})
	var sent traceparent
	propagation.TraceContext{}.Inject(trace.ContextWithSpanContext(context.Background(), span), &sent)
	return sent.header
}

// newTraceID returns a new trace id. The id need not be secret.
func newTraceID() (id trace.TraceID) {
	binary.NativeEndian.PutUint64(id[:8], rand.Uint64()|1)
	binary.NativeEndian.PutUint64(id[8:], rand.Uint64())
	return id
}

func newSpanID() (id trace.SpanID) {
	binary.NativeEndian.PutUint64(id[:], rand.Uint64()|1)
	return id
}
