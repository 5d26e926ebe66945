package serve

import (
	"context"
	"strings"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/pan"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/metadata"
)

// CallerKey is the metadata key of the caller's name, 1–64 of A-Z a-z 0-9 . _ : -
// The same name is an HTTP header. The name is stored and logged, so it must not be a card
// number (see pan.InID).
const CallerKey = "x-codebank-caller"

// Anonymous is the caller of a call that names no caller.
const Anonymous = "anonymous"

const maxCallerBytes = 64

var errCaller = fault.Invalid(CallerKey, "The caller is one name of 1 to 64 letters, digits and . _ : - and no card number.")

// identity is the caller of a call, and the trace that the call is part of.
type identity struct {
	caller string
	trace  trace.TraceID
}

type identityKey struct{}

// Caller returns the name of the caller, or Anonymous if the call names none. Request ids
// belong to that name. The name is not authenticated.
func Caller(ctx context.Context) string {
	if id, ok := ctx.Value(identityKey{}).(identity); ok && id.caller != "" {
		return id.caller
	}
	return Anonymous
}

// TraceID returns the W3C trace id of the call, 32 hexadecimal digits, or "" outside of one.
func TraceID(ctx context.Context) string {
	id, _ := ctx.Value(identityKey{}).(identity)
	if !id.trace.IsValid() {
		return ""
	}
	return id.trace.String()
}

// ContextWithIdentity returns ctx with a caller and a trace id, such as the edge makes for
// each call. It is for tests and for work that continues a call. Either may be "". A trace
// id that is not 32 lower-case hexadecimal digits is ignored.
func ContextWithIdentity(ctx context.Context, caller, traceID string) context.Context {
	parsed, _ := trace.TraceIDFromHex(traceID)
	return context.WithValue(ctx, identityKey{}, identity{caller: caller, trace: parsed})
}

// identify reads the identity from the metadata of a call. It replaces a malformed
// traceparent, as the standard asks, and refuses a malformed caller.
func identify(ctx context.Context) (context.Context, error) {
	id := identity{caller: Anonymous}
	if traces := metadata.ValueFromIncomingContext(ctx, TraceKey); len(traces) == 1 {
		id.trace = parseTraceparent(traces[0])
	}
	if !id.trace.IsValid() {
		id.trace = newTraceID()
	}
	callers := metadata.ValueFromIncomingContext(ctx, CallerKey)
	valid := len(callers) == 0 || len(callers) == 1 && ValidCaller(callers[0])
	if valid && len(callers) == 1 {
		id.caller = callers[0]
	}
	ctx = context.WithValue(ctx, identityKey{}, id)
	if !valid {
		return ctx, errCaller
	}
	return ctx, nil
}

// ValidCaller reports whether name can be a caller.
func ValidCaller(name string) bool {
	if name == "" || len(name) > maxCallerBytes {
		return false
	}
	digits := 0
	for i := range len(name) {
		c := name[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		switch {
		case '0' <= c && c <= '9':
			digits++
		case !letter && !strings.ContainsRune("._:-", rune(c)):
			return false
		}
	}
	return digits < pan.Shortest || !pan.InID(name)
}

// ValidTraceID reports whether text is a W3C trace id: 32 hexadecimal digits in lower case, not all
// of them zero.
func ValidTraceID(text string) bool {
	id, err := trace.TraceIDFromHex(text)
	return err == nil && id.IsValid()
}
