package serve

import (
	"context"
	"net/netip"
	"strings"

	"codebank.dev/platform/language"
	"codebank.dev/platform/pan"
	"codebank.dev/platform/principal"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/metadata"
)

// Anonymous is the caller of a call by somebody who proves nothing.
const Anonymous = "anonymous"

const maxCallerBytes = 64

// identity is who makes a call, and the trace that the call is part of.
type identity struct {
	// caller is the namespace of request ids.
	caller string
	// proof is what the connection proves.
	proof *proof
	// subject is on whose behalf the call is made: the user of token, or the other side of the connection.
	subject principal.Principal
	token   string
	// address is where a request of a route comes from; calls have it in their connection.
	address netip.Addr
	trace   trace.TraceID
}

type identityKey struct{}

// Caller returns the name that the request ids of a call belong to: that of the other side of its connection
// or, if that proves nothing, of the user of its access token. Anonymous if there is neither.
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

// TraceID returns the W3C trace id of the call, 32 hexadecimal digits, or "" outside of one.
func TraceID(ctx context.Context) string {
	known, _ := ctx.Value(identityKey{}).(identity)
	if !known.trace.IsValid() {
		return ""
	}
	return known.trace.String()
}

// LanguageKey is the metadata key with the languages that the caller reads, as in the header Accept-Language of
// HTTP.
const LanguageKey = "accept-language"

// Language returns the language in which a call is answered. The message of an error stays in English, because
// programs read it; its translation is in the detail google.rpc.LocalizedMessage.
func Language(ctx context.Context) language.Tag {
	wanted := metadata.ValueFromIncomingContext(ctx, LanguageKey)
	if len(wanted) != 1 {
		return language.English
	}
	return language.Choose(wanted[0])
}

// ContextWithIdentity returns ctx with a caller and a trace id, such as the edge makes for
// each call. It is for tests and for work that continues a call. Either may be "". A trace
// id that is not 32 lower-case hexadecimal digits is ignored.
func ContextWithIdentity(ctx context.Context, caller, traceID string) context.Context {
	parsed, _ := trace.TraceIDFromHex(traceID)
	return context.WithValue(ctx, identityKey{}, identity{caller: caller, trace: parsed})
}

// identify finds out who makes a call, of a method that is open to anybody or not. It replaces a malformed
// traceparent, as the standard asks.
func (e *edge) identify(ctx context.Context, open bool) (context.Context, error) {
	known := identity{caller: Anonymous}
	if traces := metadata.ValueFromIncomingContext(ctx, TraceKey); len(traces) == 1 {
		known.trace = parseTraceparent(traces[0])
	}
	if !known.trace.IsValid() {
		known.trace = newTraceID()
	}
	known.proof = e.handles.proofOf(ctx)
	ended := known.proof == nil && isOwn(ctx)
	if known.proof == nil {
		known.proof = &proof{peer: principal.None()}
	}
	if ended {
		return context.WithValue(ctx, identityKey{}, known), errRequestEnded
	}
	judge := e.judge
	if open {
		judge = e.config.Walls.judgeOpen
	}
	err := judge(ctx, &known)
	return context.WithValue(ctx, identityKey{}, known), err
}

// ValidCaller reports whether name can be a caller: 1 to 64 letters, digits and . _ : - The name is stored and
// logged, so it must not be a card number (see pan.InID).
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
