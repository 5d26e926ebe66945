package serve

import (
	"context"
	"log/slog"
	"testing"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/permission"
	"codebank.dev/platform/principal"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
)

// A call of the gateway is made for the client of its request, and for nobody once the request has ended.
func TestACallOfAnEndedRequestIsNotMade(t *testing.T) {
	const method = "/bank.v1.WalletService/Transfer"
	config := Config{
		Logger: slog.New(slog.DiscardHandler), Walls: &Walls{}, Permissions: permission.Table{method: {Anybody: true}},
	}.withDefaults()
	started := &start{}
	started.done.Store(true)
	e := newEdge(config, prometheus.NewRegistry(), started)
	lent, end := e.handles.lend(t.Context(), &proof{caller: "shop", peer: principal.Principal{Kind: principal.Service, Name: "shop"}})
	sent, _ := metadata.FromOutgoingContext(lent)
	call := func() (made string, err error) {
		ctx := peer.NewContext(metadata.NewIncomingContext(t.Context(), sent), &peer.Peer{AuthInfo: &accepted{}})
		_, err = e.unary(ctx, nil, &grpc.UnaryServerInfo{FullMethod: method}, func(ctx context.Context, _ any) (any, error) {
			made = Caller(ctx)
			return nil, nil
		})
		return made, err
	}
	made, err := call()
	require.NoError(t, err)
	require.Equal(t, "shop", made)
	end()
	made, err = call()
	require.Error(t, err, "made by %q", made)
	require.Equal(t, fault.Unauthenticated, fault.CodeOf(FromStatus(err)))
	require.Empty(t, made)
}
