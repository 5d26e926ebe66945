package serve_test

import (
	"context"
	"net"
	"testing"
	"time"

	"codebank.dev/native/await"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/serve"
	"codebank.dev/platform/wallstest"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// One network holds a quarter of the calls that wait for their message without having proved anything.
func TestANetworkHasAShareOfTheCallsOfStrangers(t *testing.T) {
	kit := wallstest.New(t)
	kit.StartIdentity(t)
	r := start(t, newPurchases(), func(c *serve.Config) { c.Walls = kit.Walls(t, "bank", nil) })
	dial := func(from string) *grpc.ClientConn {
		dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		return kit.Dial(t, r.GRPCAddress(), "", serve.WithGRPC(grpc.WithContextDialer(
			func(ctx context.Context, address string) (net.Conn, error) {
				return dialer.DialContext(ctx, "tcp", address)
			})))
	}
	madeUp := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer x")
	for range 2 {
		conn := dial("127.0.0.2")
		for range 32 { // Their messages do not come.
			_, err := conn.NewStream(madeUp, &grpc.StreamDesc{ClientStreams: true}, bankv1.PurchaseService_AuthorizePurchase_FullMethodName)
			require.NoError(t, err)
		}
	}
	another, same := bankv1.NewPurchaseServiceClient(dial("127.0.0.1")), bankv1.NewPurchaseServiceClient(dial("127.0.0.2"))
	call := func(client bankv1.PurchaseServiceClient) fault.Code {
		_, err := client.AuthorizePurchase(madeUp, &bankv1.AuthorizePurchaseRequest{})
		return fault.CodeOf(err)
	}
	await.Until(t, func() bool { return call(same) == fault.ResourceExhausted }, time.Minute, 10*time.Millisecond)
	require.Equal(t, fault.Unauthenticated, call(another), "another network is judged by its token")
}
