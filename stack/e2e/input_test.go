package e2e

import (
	"math"
	"strings"
	"testing"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"codebank.dev/stack/launch"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// TestBadInputIsRefusedByNameOrDeclined sends invalid requests to the real bank over a real
// connection and checks that none of them was stored.
func TestBadInputIsRefusedByNameOrDeclined(t *testing.T) {
	stack := running(t)
	connection := dial(t, stack.Addresses().BankGRPC())
	issued := issue(t, connection, 1_000, nil)
	card := issued.GetCard().GetName()
	refused := map[string]func(*bankv1.AuthorizePurchaseRequest){
		"request_id":     func(r *bankv1.AuthorizePurchaseRequest) { r.RequestId = strings.Repeat("x", 65) },
		"amount_minor":   func(r *bankv1.AuthorizePurchaseRequest) { r.AmountMinor = 0 },
		"amount_minor ":  func(r *bankv1.AuthorizePurchaseRequest) { r.AmountMinor = -5 },
		"amount_minor  ": func(r *bankv1.AuthorizePurchaseRequest) { r.AmountMinor = math.MaxInt64 },
		"currency":       func(r *bankv1.AuthorizePurchaseRequest) { r.Currency = "ZZZ" },
		"currency ":      func(r *bankv1.AuthorizePurchaseRequest) { r.Currency = "USD" },
		"card": func(r *bankv1.AuthorizePurchaseRequest) {
			r.CardSource = &bankv1.AuthorizePurchaseRequest_Card{Card: "cards/no-uuid"}
		},
		"card_token": func(r *bankv1.AuthorizePurchaseRequest) {
			r.CardSource = &bankv1.AuthorizePurchaseRequest_CardToken{CardToken: "ctk_none"}
		},
		"merchant.name":          func(r *bankv1.AuthorizePurchaseRequest) { r.Merchant.Name = strings.Repeat("ç", 81) },
		"merchant.name ":         func(r *bankv1.AuthorizePurchaseRequest) { r.Merchant.Name = "a\x00b" },
		"description":            func(r *bankv1.AuthorizePurchaseRequest) { r.Description = strings.Repeat("d", 141) },
		"request_id ":            func(r *bankv1.AuthorizePurchaseRequest) { r.RequestId = "4111111111111111" },
		"merchant.id":            func(r *bankv1.AuthorizePurchaseRequest) { r.Merchant.Id = "4111-1111-1111-1111" },
		"merchant.name  ":        func(r *bankv1.AuthorizePurchaseRequest) { r.Merchant.Name = "a\u202eb" },
		"merchant.city":          func(r *bankv1.AuthorizePurchaseRequest) { r.Merchant.City = "4111 1111 1111 1111" },
		"description ":           func(r *bankv1.AuthorizePurchaseRequest) { r.Description = "paid 4111 1111 1111 1111" },
		"card_data.holder_name":  func(r *bankv1.AuthorizePurchaseRequest) { setCardData(r, issued).HolderName = "\u200b" },
		"card_data.number":       func(r *bankv1.AuthorizePurchaseRequest) { setCardData(r, issued).Number = "4111111111111112" },
		"card_data.expiry_month": func(r *bankv1.AuthorizePurchaseRequest) { setCardData(r, issued).ExpiryMonth = 13 },
	}
	bank := bankv1.NewPurchaseServiceClient(connection)
	for field, change := range refused {
		request := purchase(card, 10)
		change(request)
		_, err := bank.AuthorizePurchase(t.Context(), request)
		require.Equal(t, codes.InvalidArgument, status.Code(err), "%s: %v", field, err)
		require.Equal(t, strings.TrimSpace(field), violatedField(err))
	}
	requireBrokenTextRefused(t, connection, card)
	account, err := bankv1.NewCardServiceClient(connection).GetAccount(t.Context(), &bankv1.GetAccountRequest{Name: issued.GetCard().GetAccount()})
	require.NoError(t, err)
	require.Equal(t, int64(1), account.GetAccount().GetSequence(), "nothing was stored")

	declined := map[bankv1.DeclineReason]func(*bankv1.AuthorizePurchaseRequest){
		bankv1.DeclineReason_DECLINE_REASON_UNKNOWN_CARD: func(r *bankv1.AuthorizePurchaseRequest) { setCardData(r, issued).Number = "4000056655665556" },
		bankv1.DeclineReason_DECLINE_REASON_CVV_MISMATCH: func(r *bankv1.AuthorizePurchaseRequest) {
			data := setCardData(r, issued)
			data.Cvv = string('0'+(data.Cvv[0]-'0'+1)%10) + data.Cvv[1:]
		},
	}
	for reason, change := range declined {
		request := purchase(card, 10)
		change(request)
		answer, err := bank.AuthorizePurchase(t.Context(), request)
		require.NoError(t, err)
		require.Equal(t, reason, answer.GetPurchase().GetDecline().GetReason())
	}
	_, err = bankv1.NewCardServiceClient(connection).BlockCard(t.Context(), &bankv1.BlockCardRequest{Name: card})
	require.NoError(t, err)
	answer, err := bank.AuthorizePurchase(t.Context(), purchase(card, 10))
	require.NoError(t, err)
	require.Equal(t, bankv1.DeclineReason_DECLINE_REASON_BLOCKED, answer.GetPurchase().GetDecline().GetReason())
	require.True(t, stack.Process(launch.Bank).Running())
}

func setCardData(r *bankv1.AuthorizePurchaseRequest, issued *bankv1.IssueCardResponse) *bankv1.CardData {
	data := proto.CloneOf(issued.GetCardData())
	r.CardSource = &bankv1.AuthorizePurchaseRequest_CardData{CardData: data}
	return data
}

func violatedField(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if bad, ok := detail.(*errdetails.BadRequest); ok {
			return bad.GetFieldViolations()[0].GetField()
		}
	}
	return ""
}

// rawCodec sends bytes as they are, like a client that does not validate its texts.
type rawCodec struct{}

func (rawCodec) Marshal(v any) ([]byte, error)      { return *v.(*[]byte), nil }
func (rawCodec) Unmarshal(data []byte, v any) error { *v.(*[]byte) = data; return nil }
func (rawCodec) Name() string                       { return "proto" }

func requireBrokenTextRefused(t *testing.T, connection *grpc.ClientConn, card string) {
	t.Helper()
	request := purchase(card, 10)
	request.Description = "BROKEN-HERE"
	body, err := proto.Marshal(request)
	require.NoError(t, err)
	body = []byte(strings.Replace(string(body), "BROKEN-HERE", "BROKEN-\xff\xfe\xfd\xfc", 1))
	var answer []byte
	err = connection.Invoke(t.Context(), bankv1.PurchaseService_AuthorizePurchase_FullMethodName, &body, &answer, grpc.ForceCodec(rawCodec{}))
	require.Equal(t, codes.InvalidArgument, status.Code(err), "broken UTF-8: %v", err)
}
