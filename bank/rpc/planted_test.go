package rpc_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
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
	requests := map[string]proto.Message{
		"CardService/IssueCard":             &bankv1.IssueCardRequest{RequestId: "i", HolderName: "Ada", Currency: "BRL"},
		"CardService/GetCard":               &bankv1.GetCardRequest{Name: card},
		"CardService/BlockCard":             &bankv1.BlockCardRequest{Name: card},
		"CardService/UnblockCard":           &bankv1.UnblockCardRequest{Name: card},
		"CardService/ChangeLimit":           &bankv1.ChangeLimitRequest{RequestId: "l", Name: card, CreditLimitMinor: 5},
		"CardService/CreateCardToken":       &bankv1.CreateCardTokenRequest{CardData: issued.GetCardData()},
		"CardService/GetAccount":            &bankv1.GetAccountRequest{Name: issued.GetCard().GetAccount()},
		"PurchaseService/AuthorizePurchase": ask(issued, 5),
		"PurchaseService/VoidPurchase":      &bankv1.VoidPurchaseRequest{RequestId: "v"},
		"PurchaseService/ReversePurchase":   &bankv1.ReversePurchaseRequest{RequestId: "r", Name: purchase},
		"PurchaseService/GetPurchase":       &bankv1.GetPurchaseRequest{Name: purchase},
	}
	// A number is sealed, a token only opened, and a trace that is none is replaced.
	notKept := []string{"card_data.number", "card_token", "trace_id"}
	fields := 0
	for _, method := range rpctest.Unary(bankv1.CardService_ServiceDesc, bankv1.PurchaseService_ServiceDesc) {
		request, known := requests[method[len("/bank.v1."):]]
		require.True(t, known, "%s: add a request", method)
		for _, text := range []string{issued.GetCardData().GetNumber(), "a\u202eb"} {
			rpctest.PlantText(request, text, func(path string, changed proto.Message) {
				fields++
				if slices.Contains(notKept, path) {
					return
				}
				err := c.conn.Invoke(t.Context(), method, changed, new(emptypb.Empty))
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
