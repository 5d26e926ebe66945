package main

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

// flaky stands before a bank. It passes every call on. Of every few messages of
// purchases, and of some other calls, it says, once they are decided, that their outcome is unknown.
type flaky struct {
	bankv1.UnimplementedCardServiceServer
	bankv1.UnimplementedPurchaseServiceServer
	bankv1.UnimplementedWalletServiceServer
	connection *grpc.ClientConn
	purchases  bankv1.PurchaseServiceClient
	every      int64
	messages   atomic.Int64
	calls      atomic.Int64
}

// newFlaky returns the address of a flaky front of the bank at address.
func newFlaky(t *testing.T, address string, every int64) string {
	t.Helper()
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	front := &flaky{connection: connection, purchases: bankv1.NewPurchaseServiceClient(connection), every: every}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := grpc.NewServer(grpc.UnaryInterceptor(front.pass))
	bankv1.RegisterCardServiceServer(server, front)
	bankv1.RegisterPurchaseServiceServer(server, front)
	bankv1.RegisterWalletServiceServer(server, front)
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

// lostAnswers is one in how many calls other than the stream has an unknown outcome, once it is decided.
const lostAnswers = 29

// pass is the interceptor that passes a call on.
func (f *flaky) pass(ctx context.Context, request any, info *grpc.UnaryServerInfo, _ grpc.UnaryHandler) (any, error) {
	name := protoreflect.FullName(strings.ReplaceAll(strings.TrimPrefix(info.FullMethod, "/"), "/", "."))
	method, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
	if err != nil {
		return nil, err
	}
	answer, err := protoregistry.GlobalTypes.FindMessageByName(method.(protoreflect.MethodDescriptor).Output().FullName())
	if err != nil {
		return nil, err
	}
	message := answer.New().Interface()
	if err := f.connection.Invoke(onward(ctx), info.FullMethod, request, message); err != nil {
		return nil, err
	}
	if f.calls.Add(1)%lostAnswers == 0 {
		return nil, grpcstatus.Error(codes.Unavailable, "the answer is lost")
	}
	return message, nil
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
