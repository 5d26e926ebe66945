package serve

import (
	"context"
	"net/http"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// replayedKey is the key of an answer's header that says that the answer was given before, and replayedHeader the
// header of HTTP.
const replayedKey, replayedHeader = "idempotency-replayed", "Idempotency-Replayed"

// Replayed says in the header of a call's answer that the answer to the same command was given before. Outside of
// a call it does nothing.
func Replayed(ctx context.Context) { _ = grpc.SetHeader(ctx, metadata.Pairs(replayedKey, "true")) }

// replayKey is the context key of ContextWithReplay.
type replayKey struct{}

// ContextWithReplay returns ctx for calls over connections of Dial. tell is called behind each of them that has one
// answer, in its goroutine, with whether the other side has said Replayed.
func ContextWithReplay(ctx context.Context, tell func(replayed bool)) context.Context {
	return context.WithValue(ctx, replayKey{}, tell)
}

// tellReplay returns an option of a call and what is to be called behind it, for the calls of ContextWithReplay.
func tellReplay(ctx context.Context, options []grpc.CallOption) ([]grpc.CallOption, func()) {
	tell, wanted := ctx.Value(replayKey{}).(func(bool))
	if !wanted {
		return options, func() {}
	}
	var header metadata.MD
	return append(options, grpc.Header(&header)), func() { tell(len(header.Get(replayedKey)) > 0) }
}

// outgoingHeader lets the answer of a call say over REST that it was given before, and nothing else.
func outgoingHeader(key string) (string, bool) { return replayedHeader, key == replayedKey }

// SetReplayed says in the header of an answer of Route whether the answer to the same command was given before.
func SetReplayed(w http.ResponseWriter, replayed bool) {
	if replayed {
		w.Header().Set(replayedHeader, "true")
	} else {
		w.Header().Del(replayedHeader)
	}
}
