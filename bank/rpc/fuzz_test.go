package rpc_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// bytesCodec sends bytes as they are, as any program can, and keeps the bytes of the answer.
type bytesCodec struct{}

func (bytesCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}

func (bytesCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

func (bytesCodec) Name() string { return "proto" }

var _ encoding.CodecV2 = bytesCodec{}

// methods are the methods of the bank that take one message.
var methods = unary(bankv1.CardService_ServiceDesc, bankv1.PurchaseService_ServiceDesc)

func unary(services ...grpc.ServiceDesc) []string {
	var names []string
	for _, service := range services {
		for _, method := range service.Methods {
			names = append(names, "/"+service.ServiceName+"/"+method.MethodName)
		}
	}
	return names
}

// FuzzRequest sends any bytes to any method. The answer is a message, an error that blames the
// caller, or an error for something that does not exist: never INTERNAL.
func FuzzRequest(f *testing.F) {
	clients := newClients(f)
	seed := func(method byte, message proto.Message) {
		body, err := proto.Marshal(message)
		require.NoError(f, err)
		f.Add(method, body)
	}
	for method := range methods {
		seed(byte(method), &bankv1.IssueCardRequest{
			RequestId: "r1", HolderName: "MARIA DA SILVA", Currency: "BRL", CreditLimitMinor: 100, PurchasesPerMinute: 3,
		})
		seed(byte(method), &bankv1.AuthorizePurchaseRequest{
			RequestId: "r2", AmountMinor: 5, Currency: "BRL", Merchant: &bankv1.Merchant{Id: "m", Name: "n", CategoryCode: "5462", City: "c", Country: "BR"},
			CardSource: &bankv1.AuthorizePurchaseRequest_CardData{CardData: &bankv1.CardData{
				Number: "4111111111111111", HolderName: "MARIA DA SILVA", ExpiryMonth: 12, ExpiryYear: 2031, Cvv: "123",
			}},
		})
		seed(byte(method), &bankv1.CreateCardTokenRequest{CardData: &bankv1.CardData{
			Number: "4111111111111111", HolderName: "MARIA DA SILVA", ExpiryMonth: 12, ExpiryYear: 2031, Cvv: "123",
		}})
		seed(byte(method), &bankv1.ReversePurchaseRequest{RequestId: "r3", Name: "purchases/3f1c1f0e-8f64-4d5e-9a55-0c8f1b2a7d01"})
	}
	f.Fuzz(func(t *testing.T, method byte, body []byte) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var answer []byte
		err := clients.conn.Invoke(ctx, methods[int(method)%len(methods)], body, &answer, grpc.ForceCodecV2(bytesCodec{}))
		requireNotOurFault(t, err)
	})
}

// FuzzStream does the same with messages on the stream of purchases.
func FuzzStream(f *testing.F) {
	clients := newClients(f)
	body, err := proto.Marshal(&bankv1.AuthorizePurchasesRequest{Purchases: []*bankv1.AuthorizePurchaseRequest{{RequestId: "r1"}, {RequestId: "r1"}}})
	require.NoError(f, err)
	f.Add(body)
	f.Add([]byte{0x0a, 0x00})
	f.Fuzz(func(t *testing.T, body []byte) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		description := &bankv1.PurchaseService_ServiceDesc.Streams[0]
		stream, err := clients.conn.NewStream(ctx, description, "/"+bankv1.PurchaseService_ServiceDesc.ServiceName+"/"+description.StreamName, grpc.ForceCodecV2(bytesCodec{}))
		require.NoError(t, err)
		require.NoError(t, stream.SendMsg(body))
		require.NoError(t, stream.CloseSend())
		for err == nil {
			var answer []byte
			err = stream.RecvMsg(&answer)
		}
		if err != io.EOF {
			requireNotOurFault(t, err)
		}
	})
}

// FuzzREST sends any bytes as the body to any path that takes one.
func FuzzREST(f *testing.F) {
	clients := newClients(f)
	paths := []string{"/v1/purchases:authorize", "/v1/purchases:void", "/v1/cards:issue", "/v1/cardTokens",
		"/v1/purchases/3f1c1f0e-8f64-4d5e-9a55-0c8f1b2a7d01:reverse", "/v1/cards/3f1c1f0e-8f64-4d5e-9a55-0c8f1b2a7d01:changeLimit"}
	for path := range paths {
		f.Add(byte(path), []byte(`{"requestId":"r1","amountMinor":"5","currency":"BRL","card":"cards/x","merchant":{"id":"m"}}`))
		f.Add(byte(path), []byte(`{"requestId":"\u0000","creditLimitMinor":1e3}`))
	}
	f.Fuzz(func(t *testing.T, path byte, body []byte) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, clients.rest+paths[int(path)%len(paths)], bytes.NewReader(body))
		require.NoError(t, err)
		request.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		defer response.Body.Close()
		_, err = io.Copy(io.Discard, response.Body)
		require.NoError(t, err)
		require.Less(t, response.StatusCode, 500)
	})
}

func requireNotOurFault(t *testing.T, err error) {
	t.Helper()
	switch code := status.Code(err); code {
	case codes.OK, codes.InvalidArgument, codes.NotFound, codes.Aborted, codes.FailedPrecondition, codes.ResourceExhausted:
	default:
		t.Fatalf("%v: %v", code, err)
	}
}
