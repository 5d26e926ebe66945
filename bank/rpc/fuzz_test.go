package rpc_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"codebank.dev/platform/rpctest"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
)

// FuzzRequest sends any bytes to any method. The answer is a message, an error that blames the
// caller, or an error for something that does not exist: never INTERNAL.
func FuzzRequest(f *testing.F) {
	clients := newClients(f)
	card := &bankv1.CardData{Number: "4111111111111111", HolderName: "MARIA DA SILVA", ExpiryMonth: 12, ExpiryYear: 2031, Cvv: "123"}
	methods := rpctest.Unary(bankv1.CardService_ServiceDesc, bankv1.PurchaseService_ServiceDesc, bankv1.WalletService_ServiceDesc, bankv1.PixService_ServiceDesc)
	methods.Seed(f,
		&bankv1.IssueCardRequest{
			RequestId: "r1", HolderName: "MARIA DA SILVA", Currency: "BRL", CreditLimitMinor: 100, PurchasesPerMinute: 3,
		},
		&bankv1.AuthorizePurchaseRequest{
			RequestId: "r2", AmountMinor: 5, Currency: "BRL", Merchant: &bankv1.Merchant{Id: "m", Name: "n", CategoryCode: "5462", City: "c", Country: "BR"},
			CardSource: &bankv1.AuthorizePurchaseRequest_CardData{CardData: card},
		},
		&bankv1.CreateCardTokenRequest{CardData: card},
		&bankv1.BatchCreateCardTokensRequest{Requests: []*bankv1.CreateCardTokenRequest{{CardData: card}, {}}},
		&bankv1.ReversePurchaseRequest{RequestId: "r3", Name: "purchases/3f1c1f0e-8f64-4d5e-9a55-0c8f1b2a7d01"},
		&bankv1.OpenAccountRequest{RequestId: "r4", Currency: "BRL"},
		&bankv1.TransferRequest{
			RequestId: "r5", Source: "accounts/3f1c1f0e-8f64-4d5e-9a55-0c8f1b2a7d01", Destination: "accounts/3f1c1f0e-8f64-4d5e-9a55-0c8f1b2a7d02",
			AmountMinor: 5, Currency: "BRL", Message: "lunch",
		},
		&bankv1.SendPixRequest{
			RequestId: "r6", Account: "accounts/3f1c1f0e-8f64-4d5e-9a55-0c8f1b2a7d01", AmountMinor: 5, Currency: "BRL",
			Destination: &bankv1.SendPixRequest_Key{Key: othersKey},
		},
		&bankv1.ListPixRequest{Account: "accounts/3f1c1f0e-8f64-4d5e-9a55-0c8f1b2a7d01", PageToken: "AQ"},
		&bankv1.ResolvePixRequest{Name: "pix/E0000000200L83KaXAZvtEGAhPQRcKL1"},
		&bankv1.ListAccountsRequest{CustomerId: "3f1c1f0e-8f64-4d5e-9a55-0c8f1b2a7d01", PageToken: "AQ"},
	)
	f.Fuzz(func(t *testing.T, method byte, body []byte) { methods.Invoke(t, clients.conn, method, body) })
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
		name := "/" + bankv1.PurchaseService_ServiceDesc.ServiceName + "/" + description.StreamName
		stream, err := clients.conn.NewStream(ctx, description, name, rpctest.Bytes())
		require.NoError(t, err)
		require.NoError(t, stream.SendMsg(body))
		require.NoError(t, stream.CloseSend())
		for err == nil {
			var answer []byte
			err = stream.RecvMsg(&answer)
		}
		if err != io.EOF {
			rpctest.RequireCallersFault(t, name, err)
		}
	})
}

// FuzzREST sends any bytes as the body to any path that takes one.
func FuzzREST(f *testing.F) {
	clients := newClients(f)
	client := clients.conn.client("operator")
	paths := []string{"/v1/purchases:authorize", "/v1/purchases:void", "/v1/cards:issue", "/v1/cardTokens", "/v1/cardTokens:batchCreate",
		"/v1/purchases/3f1c1f0e-8f64-4d5e-9a55-0c8f1b2a7d01:reverse", "/v1/cards/3f1c1f0e-8f64-4d5e-9a55-0c8f1b2a7d01:changeLimit",
		"/v1/accounts:open", "/v1/accounts/3f1c1f0e-8f64-4d5e-9a55-0c8f1b2a7d01:transfer", "/v1/transactions:cancel",
		"/v1/pix/accounts/3f1c1f0e-8f64-4d5e-9a55-0c8f1b2a7d01:send", "/v1/pix/keys", "/v1/pix/E0000000200L83KaXAZvtEGAhPQRcKL1:return"}
	for path := range paths {
		f.Add(byte(path), []byte(`{"requestId":"r1","amountMinor":"5","currency":"BRL","card":"cards/x","merchant":{"id":"m"}}`))
		f.Add(byte(path), []byte(`{"requests":[{"cardData":{"number":"4111111111111111"}},{}]}`))
		f.Add(byte(path), []byte(`{"requestId":"\u0000","creditLimitMinor":1e3}`))
	}
	f.Fuzz(func(t *testing.T, path byte, body []byte) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, clients.rest+paths[int(path)%len(paths)], bytes.NewReader(body))
		require.NoError(t, err)
		request.Header.Set("Content-Type", "application/json")
		response, err := client.Do(request)
		require.NoError(t, err)
		defer response.Body.Close()
		_, err = io.Copy(io.Discard, response.Body)
		require.NoError(t, err)
		require.Less(t, response.StatusCode, 500)
	})
}
