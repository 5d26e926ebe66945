package serve

import (
	"context"
	"strings"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
	"codebank.dev/platform/pan"
	"codebank.dev/platform/principal"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/metadata"
)

// CallerKey is the metadata key of the caller's name, 1–64 of A-Z a-z 0-9 . _ : -
// The same name is an HTTP header. The name is stored and logged, so it must not be a card
// number (see pan.InID).
const CallerKey = "x-codebank-caller"

// CustomerKey is the metadata key of the customer for whom a call is made, customers/{uuid}. The same name
// is an HTTP header.
const CustomerKey = "x-codebank-customer"

// customerPrefix begins the name of a customer.
const customerPrefix = "customers/"

// Anonymous is the caller of a call that names no caller.
const Anonymous = "anonymous"

const maxCallerBytes = 64

var (
	errCaller   = fault.Invalid(CallerKey, "The caller is one name of 1 to 64 letters, digits and . _ : - and no card number.")
	errCustomer = fault.Invalid(CustomerKey, "The customer is one name: customers/ and a lower-case UUID.")
)

// identity is who makes a call, and the trace that the call is part of.
type identity struct {
	// caller is the namespace of request ids.
	caller string
	// proof is what the connection proves; nil without walls.
	proof *proof
	// subject is on whose behalf the call is made: the user of token, or the other side of the connection.
	subject principal.Principal
	token   string
	// customer is what a call without walls claims; zero for none.
	customer id.ID
	trace    trace.TraceID
}

type identityKey struct{}

// Caller returns the name of the caller, or Anonymous if the call names none. Request ids
// belong to that name. The name is not authenticated.
func Caller(ctx context.Context) string {
	if known, ok := ctx.Value(identityKey{}).(identity); ok && known.caller != "" {
		return known.caller
	}
	return Anonymous
}

// Principal returns on whose behalf a call is made: the user of its access token, or the program of its
// certificate. It is of the zero kind outside of a call.
func Principal(ctx context.Context) principal.Principal {
	known, _ := ctx.Value(identityKey{}).(identity)
	return known.subject
}

// ContextWithPrincipal returns ctx for a call that a principal makes in a namespace of request ids. It is
// for tests and for work that continues a call.
func ContextWithPrincipal(ctx context.Context, caller string, subject principal.Principal) context.Context {
	known, _ := ctx.Value(identityKey{}).(identity)
	known.caller, known.subject = caller, subject
	return context.WithValue(ctx, identityKey{}, known)
}

// Customer returns the customer for whom the call is made; zero for none. It is not authenticated.
func Customer(ctx context.Context) id.ID {
	known, _ := ctx.Value(identityKey{}).(identity)
	return known.customer
}

// ContextWithCustomer returns ctx for a call that is made for a customer, as ContextWithIdentity does for a
// caller.
func ContextWithCustomer(ctx context.Context, customer id.ID) context.Context {
	known, _ := ctx.Value(identityKey{}).(identity)
	known.customer = customer
	return context.WithValue(ctx, identityKey{}, known)
}

// TraceID returns the W3C trace id of the call, 32 hexadecimal digits, or "" outside of one.
func TraceID(ctx context.Context) string {
	known, _ := ctx.Value(identityKey{}).(identity)
	if !known.trace.IsValid() {
		return ""
	}
	return known.trace.String()
}

// ContextWithIdentity returns ctx with a caller and a trace id, such as the edge makes for
// each call. It is for tests and for work that continues a call. Either may be "". A trace
// id that is not 32 lower-case hexadecimal digits is ignored.
func ContextWithIdentity(ctx context.Context, caller, traceID string) context.Context {
	parsed, _ := trace.TraceIDFromHex(traceID)
	return context.WithValue(ctx, identityKey{}, identity{caller: caller, trace: parsed})
}

// identify finds out who makes a call. It replaces a malformed traceparent, as the standard asks.
func (e *edge) identify(ctx context.Context) (context.Context, error) {
	known := identity{caller: Anonymous}
	if traces := metadata.ValueFromIncomingContext(ctx, TraceKey); len(traces) == 1 {
		known.trace = parseTraceparent(traces[0])
	}
	if !known.trace.IsValid() {
		known.trace = newTraceID()
	}
	if e.config.Walls == nil {
		return claimed(ctx, known)
	}
	if known.proof = e.handles.proofOf(ctx); known.proof == nil {
		known.proof = &proof{peer: principal.None()}
	}
	err := e.config.Walls.judge(ctx, &known)
	return context.WithValue(ctx, identityKey{}, known), err
}

// claimed reads the identity from the metadata of a call to a server without walls. It refuses a malformed
// caller or customer.
func claimed(ctx context.Context, known identity) (context.Context, error) {
	callers := metadata.ValueFromIncomingContext(ctx, CallerKey)
	valid := len(callers) == 0 || len(callers) == 1 && ValidCaller(callers[0])
	if valid && len(callers) == 1 {
		known.caller = callers[0]
	}
	var err error
	if !valid {
		err = errCaller
	}
	if customers := metadata.ValueFromIncomingContext(ctx, CustomerKey); len(customers) > 0 {
		var one bool
		if known.customer, one = parseCustomer(customers); !one && err == nil {
			err = errCustomer
		}
	}
	return context.WithValue(ctx, identityKey{}, known), err
}

// parseCustomer returns the customer that the values of a header name. It reports false when they do not
// name one.
func parseCustomer(values []string) (id.ID, bool) {
	if len(values) != 1 {
		return id.ID{}, false
	}
	text, ok := strings.CutPrefix(values[0], customerPrefix)
	parsed, err := id.Parse(text)
	if !ok || err != nil || parsed.IsZero() {
		return id.ID{}, false
	}
	return parsed, true
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
	parsed, err := trace.TraceIDFromHex(text)
	return err == nil && parsed.IsValid()
}
