package serve

import (
	"context"
	"encoding/hex"
	"math/rand/v2"
	"strings"

	"codebank.dev/platform/fault"
	"google.golang.org/grpc/metadata"
)

// The metadata keys of a call's identity; the same names are HTTP headers.
const (
	// CallerKey says who calls: 1–64 of A-Z a-z 0-9 . _ : -
	CallerKey = "x-codebank-caller"
	// TraceKey is the W3C Trace Context header.
	TraceKey = "traceparent"
)

// Anonymous is the caller of a call that does not say who calls.
const Anonymous = "anonymous"

const maxCallerBytes = 64

var errCaller = fault.Invalid(CallerKey, "The caller is one name of 1 to 64 letters, digits and . _ : -")

// identity is who calls and under which trace.
type identity struct{ caller, trace string }

type identityKey struct{}

// Caller returns who makes the call, Anonymous when it did not say. It is a name
// for the idempotency of request ids, not an authentication.
func Caller(ctx context.Context) string {
	if id, ok := ctx.Value(identityKey{}).(identity); ok && id.caller != "" {
		return id.caller
	}
	return Anonymous
}

// TraceID returns the W3C trace id of the call, 32 hexadecimal digits, or "" outside of one.
func TraceID(ctx context.Context) string {
	id, _ := ctx.Value(identityKey{}).(identity)
	return id.trace
}

// ContextWithIdentity returns ctx with a caller and a trace id, as the edge makes
// one for each call; for tests and for work that continues a call. Either may be "".
func ContextWithIdentity(ctx context.Context, caller, traceID string) context.Context {
	return context.WithValue(ctx, identityKey{}, identity{caller: caller, trace: traceID})
}

// identify reads the identity from the metadata of a call. A broken traceparent is
// replaced, as the standard asks; a broken caller is refused.
func identify(ctx context.Context) (context.Context, error) {
	id := identity{caller: Anonymous}
	if traces := metadata.ValueFromIncomingContext(ctx, TraceKey); len(traces) == 1 {
		id.trace = parseTraceparent(traces[0])
	}
	if id.trace == "" {
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
	for i := range len(name) {
		c := name[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && !strings.ContainsRune("._:-", rune(c)) {
			return false
		}
	}
	return true
}

// parseTraceparent returns the trace id of a traceparent header, or "" when the
// header is not version-format of W3C Trace Context, section 3.2.
func parseTraceparent(header string) string {
	const length, idAt, parentAt, flagsAt = 55, 3, 36, 53
	if len(header) < length || header[2] != '-' || header[parentAt-1] != '-' || header[flagsAt-1] != '-' {
		return ""
	}
	version, trace, parent, flags := header[:2], header[idAt:parentAt-1], header[parentAt:flagsAt-1], header[flagsAt:length]
	for _, part := range []string{version, trace, parent, flags} {
		if strings.Trim(part, "0123456789abcdef") != "" {
			return ""
		}
	}
	longer := len(header) > length
	if version == "ff" || version == "00" && longer || longer && header[length] != '-' ||
		strings.Trim(trace, "0") == "" || strings.Trim(parent, "0") == "" {
		return ""
	}
	return trace
}

// newTraceID returns a fresh trace id. It is an identity, not a secret.
func newTraceID() string { return randomHex(2) }

// newTraceparent returns a traceparent header that continues the given trace with a new span.
func newTraceparent(trace string) string { return "00-" + trace + "-" + randomHex(1) + "-01" }

// randomHex returns words × 16 hexadecimal digits that are not all zero.
func randomHex(words int) string {
	var raw [16]byte
	for i := range words {
		n := rand.Uint64() | 1
		for j := range 8 {
			raw[i*8+j] = byte(n >> (8 * j))
		}
	}
	return hex.EncodeToString(raw[:words*8])
}
