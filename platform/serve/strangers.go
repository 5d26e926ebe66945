package serve

import (
	"context"
	"sync"
	"time"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/permission"
	"codebank.dev/platform/principal"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/tap"
)

// What callers whose connection proves nothing may hold open at once. gRPC reads a message before it asks
// anybody, so each open call may take the memory of one.
const (
	// streamsOfAStranger is for one connection.
	streamsOfAStranger = 32
	// streamsOfANetwork is for the connections from one network.
	streamsOfANetwork = 64
	// streamsOfStrangers is for all of them.
	streamsOfStrangers = 256
)

var errStrangers = fault.New(fault.ResourceExhausted, "TOO_MANY_CALLS",
	"Too many calls without a client certificate are open.").After(time.Second)

// tap sees the head of a call before its message is read. A caller who proves nothing and shows no token is
// refused here unless anybody may call the method; one who shows a token, which is verified later, has few
// calls open at once, and not for long, until the token is verified.
func (e *edge) tap(ctx context.Context, info *tap.Info) (context.Context, error) {
	caller, _ := peer.FromContext(ctx)
	if caller == nil {
		return ctx, nil
	}
	connection, ok := caller.AuthInfo.(*accepted)
	if !ok || connection.proof == nil || connection.proof.peer.Kind != principal.Nobody {
		return ctx, nil
	}
	rule, known := e.config.Permissions[info.FullMethodName]
	if !rule.Anybody && !isCommon(info.FullMethodName) && len(info.Header["authorization"]) == 0 {
		return ctx, e.refuse(ctx, info.FullMethodName, known, permission.ErrUnauthenticated)
	}
	if connection.open.Add(1) > streamsOfAStranger {
		connection.open.Add(-1)
		return ctx, e.refuse(ctx, info.FullMethodName, known, errStrangers)
	}
	from := e.config.sharing(caller.Addr.String())
	if !e.strangers.take(from) {
		connection.open.Add(-1)
		return ctx, e.refuse(ctx, info.FullMethodName, known, errStrangers)
	}
	end := func() {
		connection.open.Add(-1)
		e.strangers.give(from)
	}
	// The deadline ends a call whose message does not come.
	ctx, cancel := context.WithCancelCause(ctx)
	late := time.AfterFunc(e.maxDeadline, func() { cancel(context.DeadlineExceeded) })
	counted := &stranger{release: sync.OnceFunc(func() { late.Stop(); end() })}
	context.AfterFunc(ctx, counted.release)
	return context.WithValue(ctx, strangerKey{}, counted), nil
}

// strangerKey is the context key of a call over a connection without a certificate.
type strangerKey struct{}

// stranger is such a call.
type stranger struct {
	// release counts the call no more, and takes its deadline away.
	release func()
}

// welcome is called when the message of a stream has come. A stream of a signed-in user may go on.
func welcome(ctx context.Context) {
	known, _ := ctx.Value(identityKey{}).(identity)
	if counted, ok := ctx.Value(strangerKey{}).(*stranger); ok && known.token != "" {
		counted.release()
	}
}

// refuse returns an error in its form over the wire. Only methods that the program has are counted, because
// a stranger can make up any number of names.
func (e *edge) refuse(ctx context.Context, method string, known bool, err error) error {
	if !known {
		return ToStatus(err).Err()
	}
	return e.finish(ctx, method, time.Now(), err)
}
