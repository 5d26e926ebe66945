package rpc_test

import (
	"context"
	"testing"
	"time"

	"codebank.dev/checkout/checkouttest"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// bytesCodec sends bytes as they are, as any program can, and keeps what comes back.
type bytesCodec struct{}

func (bytesCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}

func (bytesCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

func (bytesCodec) Name() string { return "proto" }

// FuzzRequest: any bytes to any method are answered, by a message or by a refusal
// that blames the caller or tells of nothing found: never INTERNAL.
func FuzzRequest(f *testing.F) {
	s := start(f)
	methods := checkoutv1.CheckoutService_ServiceDesc.Methods
	conn, err := grpc.NewClient(s.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(f, err)
	f.Cleanup(func() { _ = conn.Close() })
	for method := range methods {
		for _, message := range []proto.Message{
			request("r1", checkouttest.VisaNumber),
			&checkoutv1.ListProductsRequest{PageSize: 2, PageToken: "AQ"},
			&checkoutv1.GetOrderRequest{Name: "orders/3f1c1f0e-8f64-4d5e-9a55-0c8f1b2a7d01"},
		} {
			body, err := proto.Marshal(message)
			require.NoError(f, err)
			f.Add(byte(method), body)
		}
	}
	f.Fuzz(func(t *testing.T, method byte, body []byte) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var answer []byte
		name := "/" + checkoutv1.CheckoutService_ServiceDesc.ServiceName + "/" + methods[int(method)%len(methods)].MethodName
		err := conn.Invoke(ctx, name, body, &answer, grpc.ForceCodecV2(bytesCodec{}))
		switch code := status.Code(err); code {
		case codes.OK, codes.InvalidArgument, codes.NotFound, codes.Aborted, codes.FailedPrecondition, codes.ResourceExhausted:
		default:
			t.Fatalf("%s: %v: %v", name, code, err)
		}
	})
}
