package rpc_test

import (
	"context"
	"log/slog"
	"net/http"
	"testing"

	"codebank.dev/bank/rpc"
	"codebank.dev/platform/principal"
	"codebank.dev/platform/serve"
	"codebank.dev/platform/wallstest"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
)

// walled is a server behind walls, which is called by whom the context of a call says (see claim). A call
// whose context says nobody is made by a program that may make it.
type walled struct {
	t       testing.TB
	kit     *wallstest.Kit
	server  *serve.Server
	dialled map[string]*grpc.ClientConn
}

var _ grpc.ClientConnInterface = (*walled)(nil)

// claimKey is the key of who makes a call.
type claimKey struct{}

type claimed struct{ program, user string }

// claim returns the context of a call by a program, with the token of a user if one is named.
func claim(t testing.TB, program, user string) context.Context {
	t.Helper()
	return context.WithValue(t.Context(), claimKey{}, claimed{program, user})
}

// listenBehind listens with walls. cashier and operator are operators, and shop, app and other acquirers; the
// bank takes a history.
func listenBehind(t testing.TB, principals *rpc.Principals) *walled {
	t.Helper()
	kit := wallstest.New(t)
	walls := kit.Walls(t, "bank", func(c *serve.WallsConfig) { c.Operators = []string{"cashier", "operator"} })
	server, err := serve.Listen(serve.Config{
		Name: "bank", GRPCAddress: "127.0.0.1:0", HTTPAddress: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler), Walls: walls,
		Permissions: rpc.Permissions(false), Groups: rpc.Groups([]string{"shop", "app", "other"}, true),
		GRPCOptions: []grpc.ServerOption{grpc.ChainUnaryInterceptor(principals.Unary)},
	})
	require.NoError(t, err)
	w := &walled{t: t, kit: kit, server: server, dialled: make(map[string]*grpc.ClientConn)}
	for _, program := range []string{"cashier", "operator", "shop", "app", "other", rpc.Loader, ""} {
		w.dialled[program] = kit.Dial(t, server.GRPCAddress(), program)
	}
	return w
}

// as returns the connection and the context of a call.
func (w *walled) as(ctx context.Context, method string) (context.Context, *grpc.ClientConn) {
	by, said := ctx.Value(claimKey{}).(claimed)
	if !said {
		by.program = "operator"
		shop := principal.Principal{Kind: principal.Service, Name: "shop"}
		if rpc.Permissions(false).Allows(method, &shop, rpc.Groups([]string{"shop"}, false)) == nil {
			by.program = "shop"
		}
	}
	if by.user != "" {
		ctx = wallstest.WithToken(ctx, w.kit.Customer(w.t, by.user))
	}
	return ctx, w.dialled[by.program]
}

// Invoke implements grpc.ClientConnInterface.
func (w *walled) Invoke(ctx context.Context, method string, in, out any, options ...grpc.CallOption) error {
	ctx, conn := w.as(ctx, method)
	return conn.Invoke(ctx, method, in, out, options...)
}

// NewStream implements grpc.ClientConnInterface.
func (w *walled) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, options ...grpc.CallOption) (grpc.ClientStream, error) {
	ctx, conn := w.as(ctx, method)
	return conn.NewStream(ctx, desc, method, options...)
}

// client returns an HTTP client of a program.
func (w *walled) client(program string) *http.Client { return w.kit.HTTP(w.t, program) }
