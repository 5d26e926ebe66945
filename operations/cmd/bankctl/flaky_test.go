package main

import (
	"context"
	"net"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

// flaky stands before a bank. It passes every call on, and of every few messages of
// purchases it says, once they are decided, that their outcome is unknown.
type flaky struct {
	bankv1.UnimplementedCardServiceServer
	bankv1.UnimplementedPurchaseServiceServer
	cards     bankv1.CardServiceClient
	purchases bankv1.PurchaseServiceClient
	every     int64
	messages  atomic.Int64
}

// newFlaky returns the address of a flaky front of the bank at address.
func newFlaky(t *testing.T, address string, every int64) string {
	t.Helper()
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	front := &flaky{cards: bankv1.NewCardServiceClient(connection), purchases: bankv1.NewPurchaseServiceClient(connection), every: every}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := grpc.NewServer()
	bankv1.RegisterCardServiceServer(server, front)
	bankv1.RegisterPurchaseServiceServer(server, front)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		require.NoError(t, <-ended)
		require.NoError(t, connection.Close())
	})
	return listener.Addr().String()
}

// onward returns the context of a call to the bank, in the name of the same caller.
func onward(ctx context.Context) context.Context {
	from, _ := metadata.FromIncomingContext(ctx)
	return metadata.NewOutgoingContext(ctx, from)
}

func (f *flaky) IssueCard(ctx context.Context, r *bankv1.IssueCardRequest) (*bankv1.IssueCardResponse, error) {
	return f.cards.IssueCard(onward(ctx), r)
}

func (f *flaky) BlockCard(ctx context.Context, r *bankv1.BlockCardRequest) (*bankv1.BlockCardResponse, error) {
	return f.cards.BlockCard(onward(ctx), r)
}

func (f *flaky) ReversePurchase(ctx context.Context, r *bankv1.ReversePurchaseRequest) (*bankv1.ReversePurchaseResponse, error) {
	return f.purchases.ReversePurchase(onward(ctx), r)
}

func (f *flaky) AuthorizePurchases(from bankv1.PurchaseService_AuthorizePurchasesServer) error {
	to, err := f.purchases.AuthorizePurchases(onward(from.Context()))
	if err != nil {
		return err
	}
	for {
		message, err := from.Recv()
		if err != nil {
			return nil // The caller has ended the stream.
		}
		if err := to.Send(message); err != nil {
			return err
		}
		answer, err := to.Recv()
		if err != nil {
			return err
		}
		if f.messages.Add(1)%f.every == 0 {
			for _, result := range answer.GetResults() {
				result.Result = &bankv1.AuthorizePurchaseResult_Error{Error: &rpcstatus.Status{Code: int32(codes.Unavailable), Message: "Away."}}
			}
		}
		if err := from.Send(answer); err != nil {
			return err
		}
	}
}
