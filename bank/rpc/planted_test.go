package rpc_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/rpctest"
	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

// A card number, and a character that turns the direction of writing, are refused in every field of
// text of every request, by the name of the field. The fields come from the contract, so that a new
// one cannot be left out.
func TestNoFieldOfTextTakesACardNumberOrWhatCannotBeSeen(t *testing.T) {
	c := newClients(t)
	issued := c.issue(t)
	bought, err := c.purchases.AuthorizePurchase(t.Context(), ask(issued, 5))
	require.NoError(t, err)
	card, purchase := issued.GetCard().GetName(), bought.GetPurchase().GetName()
	wallet, other, merchant := c.open(t, 100).GetName(), c.open(t, 0), &bankv1.Merchant{Id: "m", Name: "n", CategoryCode: "5462", City: "c", Country: "BR"}
	transaction := "transactions/" + strings.TrimPrefix(purchase, "purchases/")
	requests := map[string]proto.Message{
		"CardService/IssueCard":             &bankv1.IssueCardRequest{RequestId: "i", HolderName: "Ada", Currency: "BRL"},
		"CardService/GetCard":               &bankv1.GetCardRequest{Name: card},
		"CardService/BlockCard":             &bankv1.BlockCardRequest{Name: card},
		"CardService/UnblockCard":           &bankv1.UnblockCardRequest{Name: card},
		"CardService/ChangeLimit":           &bankv1.ChangeLimitRequest{RequestId: "l", Name: card, CreditLimitMinor: 5},
		"CardService/CreateCardToken":       &bankv1.CreateCardTokenRequest{CardData: issued.GetCardData()},
		"CardService/BatchCreateCardTokens": &bankv1.BatchCreateCardTokensRequest{Requests: []*bankv1.CreateCardTokenRequest{{CardData: issued.GetCardData()}}},
		"CardService/GetAccount":            &bankv1.GetAccountRequest{Name: issued.GetCard().GetAccount()},
		"CustomerService/LinkCustomer":      &bankv1.LinkCustomerRequest{Customer: "customers/" + other.GetCustomerId(), User: "users/" + other.GetCustomerId()},
		"CustomerService/GetCustomer":       &bankv1.GetCustomerRequest{Name: "customers/" + other.GetCustomerId()},
		"PurchaseService/AuthorizePurchase": ask(issued, 5),
		"PurchaseService/CapturePurchase":   &bankv1.CapturePurchaseRequest{RequestId: "c", Name: purchase},
		"PurchaseService/VoidPurchase":      &bankv1.VoidPurchaseRequest{RequestId: "v"},
		"PurchaseService/ReversePurchase":   &bankv1.ReversePurchaseRequest{RequestId: "r", Name: purchase},
		"PurchaseService/GetPurchase":       &bankv1.GetPurchaseRequest{Name: purchase},
		"WalletService/OpenAccount":         &bankv1.OpenAccountRequest{RequestId: "o", CustomerId: other.GetCustomerId(), Currency: "BRL"},
		"WalletService/ListAccounts":        &bankv1.ListAccountsRequest{CustomerId: other.GetCustomerId()},
		"WalletService/GetBalance":          &bankv1.GetBalanceRequest{Name: wallet},
		"WalletService/CloseAccount":        &bankv1.CloseAccountRequest{RequestId: "c", Name: wallet},
		"WalletService/Deposit":             &bankv1.DepositRequest{RequestId: "d", Account: wallet, AmountMinor: 1, Currency: "BRL"},
		"WalletService/Withdraw":            &bankv1.WithdrawRequest{RequestId: "w", Account: wallet, AmountMinor: 1, Currency: "BRL"},
		"WalletService/PayOut":              &bankv1.PayOutRequest{RequestId: "y", Account: wallet, AmountMinor: 1, Currency: "BRL", Merchant: merchant},
		"WalletService/Purchase":            &bankv1.PurchaseRequest{RequestId: "p", Account: wallet, AmountMinor: 1, Currency: "BRL", Merchant: merchant},
		"WalletService/Transfer":            &bankv1.TransferRequest{RequestId: "t", Source: wallet, Destination: other.GetName(), AmountMinor: 1, Currency: "BRL"},
		"WalletService/Cancel":              &bankv1.CancelRequest{RequestId: "x"},
		"WalletService/Reverse":             &bankv1.ReverseRequest{RequestId: "r", Name: transaction},
		"WalletService/GetTransaction":      &bankv1.GetTransactionRequest{Name: transaction},
		"WalletService/PlaceHold":           &bankv1.PlaceHoldRequest{RequestId: "h", Account: wallet, AmountMinor: 1, Currency: "BRL", Merchant: merchant},
		"WalletService/CaptureHold":         &bankv1.CaptureHoldRequest{RequestId: "e", Name: transaction},
		"WalletService/VoidHold":            &bankv1.VoidHoldRequest{Name: transaction},
	}
	_, err = bankv1.NewPixServiceClient(c.conn).RegisterHolder(t.Context(), &bankv1.RegisterHolderRequest{
		Customer: "customers/" + other.GetCustomerId(), FullName: "Ada Lovelace", Document: "52998224725",
	})
	require.NoError(t, err)
	maps.Copy(requests, pixRequests(other.GetCustomerId(), other.GetName(), "pix/E0000000200L83KaXAZvtEGAhPQRcKL1"))
	// A number is sealed, a token only opened, and a trace that is none is replaced.
	notKept := []string{"card_data.number", "card_token", "trace_id"}
	fields := 0
	for _, method := range rpctest.Unary(bankv1.CardService_ServiceDesc, bankv1.CustomerService_ServiceDesc, bankv1.PixService_ServiceDesc, bankv1.PurchaseService_ServiceDesc, bankv1.WalletService_ServiceDesc) {
		request, known := requests[method[len("/bank.v1."):]]
		require.True(t, known, "%s: add a request", method)
		for _, text := range []string{issued.GetCardData().GetNumber(), "a\u202eb"} {
			rpctest.PlantText(request, text, func(path string, changed proto.Message) {
				fields++
				path = strings.TrimPrefix(path, "requests[0].") // A field is named below its own request.
				if slices.Contains(notKept, path) {
					return
				}
				err := c.invoke(t.Context(), method, changed)
				require.Error(t, err, "%s takes %q in %s", method, text, path)
				require.NotContains(t, err.Error(), text, "%s %s", method, path)
				refused := fault.Of(serve.FromStatus(err))
				require.Equal(t, fault.InvalidArgument, refused.Code, "%s %s: %v", method, path, err)
				require.Equal(t, path, refused.Field, method)
			})
		}
	}
	require.Greater(t, fields, 50, "the test sees the fields of the contract")
}

// invoke returns the error of a call, or that of the only request of a batch.
func (c clients) invoke(ctx context.Context, method string, request proto.Message) error {
	if method != bankv1.CardService_BatchCreateCardTokens_FullMethodName {
		return c.conn.Invoke(ctx, method, request, new(emptypb.Empty))
	}
	var answer bankv1.BatchCreateCardTokensResponse
	if err := c.conn.Invoke(ctx, method, request, &answer); err != nil || len(answer.GetResults()) == 0 {
		return err
	}
	return status.FromProto(answer.GetResults()[0].GetError()).Err()
}

// Whatever is wrong with a body or a query, the answer names the field and not its value.
func TestNoAnswerOfRESTRepeatsACardNumberOrASecurityCode(t *testing.T) {
	c := newClients(t)
	rpctest.RequireNoEchoTo(t, c.conn.client("operator"), c.rest, bankv1.CardService_ServiceDesc, bankv1.CustomerService_ServiceDesc, bankv1.PixService_ServiceDesc, bankv1.PurchaseService_ServiceDesc, bankv1.WalletService_ServiceDesc)
}
