package rpc_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/card"
	"codebank.dev/bank/customer"
	"codebank.dev/bank/inmem"
	"codebank.dev/bank/ledger"
	"codebank.dev/bank/purchase"
	"codebank.dev/bank/rpc"
	"codebank.dev/bank/vault"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

type plainEncoder struct{}

func (plainEncoder) Append(dst []byte, entry *bank.Entry) ([]byte, int, error) {
	return entry.AppendEventID(dst), 1, nil
}

type clients struct {
	cards     bankv1.CardServiceClient
	purchases bankv1.PurchaseServiceClient
	wallets   bankv1.WalletServiceClient
	// server is the wallet service behind the clients, for tests that change its settings.
	server *rpc.Wallets
	conn   *walled
	rest   string
}

// newClients serves a bank in memory over a real connection.
func newClients(t testing.TB) clients {
	t.Helper()
	store := inmem.New(time.Now)
	keys, err := vault.Generate()
	require.NoError(t, err)
	executor := ledger.New(ledger.Config{Store: store, Encoder: plainEncoder{}, Now: time.Now})
	principals := rpc.NewPrincipals(rpc.PrincipalsConfig{History: true, Customers: customer.New(store, time.Now)})
	connection := listenBehind(t, principals)
	server := connection.server
	bankv1.RegisterCustomerServiceServer(server, &rpc.Customers{Service: customer.New(store, time.Now), Principals: principals, Address: server.Address})
	bankv1.RegisterCardServiceServer(server, &rpc.Cards{Principals: principals, Service: &card.Service{
		Code: "001", Ledger: executor, Directory: store, Reader: store, Tokens: keys, Vault: keys, Random: rand.Reader, Now: time.Now,
	}})
	wallets := newWallets(t, store, executor, keys)
	wallets.Principals = principals
	bankv1.RegisterPurchaseServiceServer(server, &rpc.Purchases{Principals: principals, Holds: wallets.Service.Holds, Service: &purchase.Service{
		Code: "001", Ledger: executor, Directory: store, Reader: store, Holds: store, Vault: keys, Tokens: keys,
	}})
	bankv1.RegisterWalletServiceServer(server, wallets)
	between := newPix(t, store, executor, keys)
	between.Principals, between.Address = principals, server.Address
	bankv1.RegisterPixServiceServer(server, between)
	require.NoError(t, server.Gateway(t.Context(),
		bankv1.RegisterCustomerServiceHandler, bankv1.RegisterCardServiceHandler, bankv1.RegisterPurchaseServiceHandler,
		bankv1.RegisterWalletServiceHandler, bankv1.RegisterPixServiceHandler))
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
		require.NoError(t, executor.Close(context.Background()))
	})
	return clients{
		bankv1.NewCardServiceClient(connection), bankv1.NewPurchaseServiceClient(connection), bankv1.NewWalletServiceClient(connection),
		wallets, connection, "https://" + server.HTTPAddress(),
	}
}

func (c clients) issue(t *testing.T) *bankv1.IssueCardResponse {
	t.Helper()
	issued, err := c.cards.IssueCard(t.Context(), &bankv1.IssueCardRequest{
		RequestId: banktest.NewID().String(), HolderName: "Ada Lovelace", Currency: "BRL", CreditLimitMinor: 1000,
		Brand: bankv1.CardBrand_CARD_BRAND_MASTERCARD, PurchaseLimitMinor: 900, PurchaseMinimumMinor: 5, PurchasesPerMinute: 600,
	})
	require.NoError(t, err)
	return issued
}

func ask(issued *bankv1.IssueCardResponse, amount int64) *bankv1.AuthorizePurchaseRequest {
	return &bankv1.AuthorizePurchaseRequest{
		RequestId: banktest.NewID().String(), CardSource: &bankv1.AuthorizePurchaseRequest_CardData{CardData: issued.GetCardData()},
		AmountMinor: amount, Currency: "BRL", Merchant: &bankv1.Merchant{Id: "m1", Name: "Books", City: "Recife", Country: "BR", CategoryCode: "5942"},
		Description: "three paperbacks", Channel: bankv1.Channel_CHANNEL_ECOMMERCE, Attempt: 1,
	}
}

func TestAPurchaseByEveryCallOfItsLife(t *testing.T) {
	c := newClients(t)
	issued := c.issue(t)
	require.Equal(t, bankv1.CardState_CARD_STATE_ACTIVE, issued.GetCard().GetState())
	require.Equal(t, int64(1000), issued.GetCard().GetCreditLimitMinor())
	require.Len(t, issued.GetCardData().GetNumber(), 16)

	bought, err := c.purchases.AuthorizePurchase(t.Context(), ask(issued, 400))
	require.NoError(t, err)
	require.Equal(t, bankv1.PurchaseStatus_PURCHASE_STATUS_APPROVED, bought.GetPurchase().GetStatus())
	require.Equal(t, issued.GetCard().GetName(), bought.GetPurchase().GetCard())
	require.Equal(t, "Recife", bought.GetPurchase().GetMerchant().GetCity())

	name := bought.GetPurchase().GetName()
	reversed, err := c.purchases.ReversePurchase(t.Context(), &bankv1.ReversePurchaseRequest{RequestId: "r", Name: name})
	require.NoError(t, err)
	require.Equal(t, name, reversed.GetReversal().GetPurchase())
	read, err := c.purchases.GetPurchase(t.Context(), &bankv1.GetPurchaseRequest{Name: name})
	require.NoError(t, err)
	require.Equal(t, int64(400), read.GetPurchase().GetReversedMinor())

	account, err := c.cards.GetAccount(t.Context(), &bankv1.GetAccountRequest{Name: issued.GetCard().GetAccount()})
	require.NoError(t, err)
	require.Equal(t, int64(1000), account.GetAccount().GetAvailableMinor())
	require.Equal(t, int64(3), account.GetAccount().GetSequence())
	changed, err := c.cards.ChangeLimit(t.Context(), &bankv1.ChangeLimitRequest{RequestId: "l", Name: issued.GetCard().GetName(), CreditLimitMinor: 10})
	require.NoError(t, err)
	require.Equal(t, int64(10), changed.GetCard().GetCreditLimitMinor())
	declined, err := c.purchases.AuthorizePurchase(t.Context(), ask(issued, 11))
	require.NoError(t, err)
	require.Equal(t, "51", declined.GetPurchase().GetDecline().GetCode())
	require.Equal(t, bankv1.DeclineReason_DECLINE_REASON_INSUFFICIENT_FUNDS, declined.GetPurchase().GetDecline().GetReason())
	require.NotEmpty(t, declined.GetPurchase().GetDecline().GetMessage())

	_, err = c.cards.BlockCard(t.Context(), &bankv1.BlockCardRequest{Name: issued.GetCard().GetName()})
	require.NoError(t, err)
	got, err := c.cards.GetCard(t.Context(), &bankv1.GetCardRequest{Name: issued.GetCard().GetName()})
	require.NoError(t, err)
	require.Equal(t, bankv1.CardState_CARD_STATE_BLOCKED, got.GetCard().GetState())
	_, err = c.cards.UnblockCard(t.Context(), &bankv1.UnblockCardRequest{Name: issued.GetCard().GetName()})
	require.NoError(t, err)

	voided, err := c.purchases.VoidPurchase(t.Context(), &bankv1.VoidPurchaseRequest{RequestId: "never-seen"})
	require.NoError(t, err)
	require.Equal(t, bankv1.PurchaseStatus_PURCHASE_STATUS_VOIDED, voided.GetPurchase().GetStatus())
}

func TestATokenBuysOnce(t *testing.T) {
	c := newClients(t)
	issued := c.issue(t)
	token, err := c.cards.CreateCardToken(t.Context(), &bankv1.CreateCardTokenRequest{CardData: issued.GetCardData()})
	require.NoError(t, err)
	require.Equal(t, issued.GetCard().GetLast4(), token.GetLast4())
	by := func(id string) error {
		request := ask(issued, 10)
		request.RequestId, request.CardSource = id, &bankv1.AuthorizePurchaseRequest_CardToken{CardToken: token.GetCardToken()}
		_, err := c.purchases.AuthorizePurchase(t.Context(), request)
		return err
	}
	require.NoError(t, by("one"))
	require.NoError(t, by("one"))
	require.Equal(t, "card_token", fieldOf(by("two")))
}

func TestTokensOfABatchAreThoseOfTheirRequests(t *testing.T) {
	c := newClients(t)
	known, unknown := c.issue(t).GetCardData(), &bankv1.CardData{Number: "5555555555554444", HolderName: "A", ExpiryMonth: 1, ExpiryYear: 2031, Cvv: "123"}
	kinds := []*bankv1.CreateCardTokenRequest{
		{CardData: known}, {CardData: unknown}, {}, {CardData: &bankv1.CardData{Number: known.GetNumber()}},
		{CardData: &bankv1.CardData{Number: "4111111111111112"}},
	}
	requests := make([]*bankv1.CreateCardTokenRequest, 256)
	for i := range requests {
		requests[i] = kinds[i%len(kinds)]
	}
	answer, err := c.cards.BatchCreateCardTokens(t.Context(), &bankv1.BatchCreateCardTokensRequest{Requests: requests})
	require.NoError(t, err)
	require.Len(t, answer.GetResults(), len(requests))
	made := map[string]bool{}
	for i, result := range answer.GetResults() {
		alone, err := c.cards.CreateCardToken(t.Context(), requests[i])
		require.Equal(t, status.Code(err), status.Code(status.FromProto(result.GetError()).Err()))
		if err != nil {
			require.Equal(t, fieldOf(err), fieldOf(status.FromProto(result.GetError()).Err()))
			require.Equal(t, fault.Of(serve.FromStatus(err)).Reason, fault.Of(serve.FromStatus(status.FromProto(result.GetError()).Err())).Reason)
			continue
		}
		require.Equal(t, alone.GetLast4(), result.GetToken().GetLast4())
		require.Equal(t, alone.GetBrand(), result.GetToken().GetBrand())
		require.True(t, result.GetToken().GetExpireTime().IsValid())
		require.False(t, made[result.GetToken().GetCardToken()])
		made[result.GetToken().GetCardToken()] = true
	}
	request := ask(&bankv1.IssueCardResponse{}, 10)
	request.CardSource = &bankv1.AuthorizePurchaseRequest_CardToken{CardToken: answer.GetResults()[5].GetToken().GetCardToken()}
	bought, err := c.purchases.AuthorizePurchase(t.Context(), request)
	require.NoError(t, err)
	require.Equal(t, bankv1.PurchaseStatus_PURCHASE_STATUS_APPROVED, bought.GetPurchase().GetStatus())
}

func TestABatchOfTokensHasABoundedSize(t *testing.T) {
	c := newClients(t)
	for _, size := range []int{0, 257} {
		requests := make([]*bankv1.CreateCardTokenRequest, size)
		for i := range requests {
			requests[i] = &bankv1.CreateCardTokenRequest{}
		}
		_, err := c.cards.BatchCreateCardTokens(t.Context(), &bankv1.BatchCreateCardTokensRequest{Requests: requests})
		require.Equal(t, codes.InvalidArgument, status.Code(err))
		require.Equal(t, "requests", fieldOf(err))
	}
}

func fieldOf(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if bad, ok := detail.(*errdetails.BadRequest); ok && len(bad.GetFieldViolations()) > 0 {
			return bad.GetFieldViolations()[0].GetField()
		}
	}
	return ""
}

func TestCallersDoNotShareRequestIDs(t *testing.T) {
	c := newClients(t)
	issued := c.issue(t)
	request := ask(issued, 10)
	mine, err := c.purchases.AuthorizePurchase(t.Context(), request)
	require.NoError(t, err)
	other := claim(t, "other", "")
	theirs, err := c.purchases.AuthorizePurchase(other, request)
	require.NoError(t, err)
	require.NotEqual(t, mine.GetPurchase().GetName(), theirs.GetPurchase().GetName())
	_, err = c.purchases.GetPurchase(other, &bankv1.GetPurchaseRequest{Name: mine.GetPurchase().GetName()})
	require.Equal(t, codes.NotFound, status.Code(err))
}

func TestAStreamAnswersEveryPurchaseByItsID(t *testing.T) {
	c := newClients(t)
	issued := c.issue(t)
	stream, err := c.purchases.AuthorizePurchases(t.Context())
	require.NoError(t, err)
	const messages, each = 20, 40
	for message := range messages {
		batch := &bankv1.AuthorizePurchasesRequest{}
		for i := range each {
			request := ask(issued, 5)
			request.RequestId = fmt.Sprintf("s-%d-%d", message, i)
			if i == 7 {
				request.AmountMinor = -1
			}
			batch.Purchases = append(batch.Purchases, request)
		}
		require.NoError(t, stream.Send(batch))
	}
	require.NoError(t, stream.CloseSend())
	approved, refused, seen := 0, 0, map[string]bool{}
	for range messages {
		answer, err := stream.Recv()
		require.NoError(t, err)
		for _, result := range answer.GetResults() {
			require.False(t, seen[result.GetRequestId()])
			seen[result.GetRequestId()] = true
			switch {
			case result.GetError() != nil:
				require.Equal(t, int32(codes.InvalidArgument), result.GetError().GetCode())
				refused++
			case result.GetPurchase().GetStatus() == bankv1.PurchaseStatus_PURCHASE_STATUS_APPROVED:
				approved++
			}
		}
	}
	require.Len(t, seen, messages*each)
	require.Equal(t, messages, refused)
	require.Equal(t, 200, approved, "1000 at 5 each")
}

func TestAnOversizedMessageEndsTheStream(t *testing.T) {
	c := newClients(t)
	stream, err := c.purchases.AuthorizePurchases(t.Context())
	require.NoError(t, err)
	batch := &bankv1.AuthorizePurchasesRequest{}
	for range 257 {
		batch.Purchases = append(batch.Purchases, &bankv1.AuthorizePurchaseRequest{})
	}
	require.NoError(t, stream.Send(batch))
	_, err = stream.Recv()
	require.Equal(t, codes.InvalidArgument, status.Code(err))
	require.Equal(t, "purchases", fieldOf(err))
}

func TestEveryErrorCarriesItsReason(t *testing.T) {
	c := newClients(t)
	issued := c.issue(t)
	first := ask(issued, 10)
	_, err := c.purchases.AuthorizePurchase(t.Context(), first)
	require.NoError(t, err)
	first.AmountMinor = 11
	_, err = c.purchases.AuthorizePurchase(t.Context(), first)
	require.Equal(t, codes.Aborted, status.Code(err))
	require.Equal(t, "REQUEST_ID_REUSED", fault.Of(serve.FromStatus(err)).Reason)

	for field, change := range map[string]func(*bankv1.AuthorizePurchaseRequest){
		"channel":      func(r *bankv1.AuthorizePurchaseRequest) { r.Channel = 99 },
		"card_source":  func(r *bankv1.AuthorizePurchaseRequest) { r.CardSource = nil },
		"merchant.id":  func(r *bankv1.AuthorizePurchaseRequest) { r.Merchant = nil },
		"request_time": func(r *bankv1.AuthorizePurchaseRequest) { r.RequestTime = timestamppb.New(time.Now().Add(-time.Hour)) },
	} {
		request := ask(issued, 10)
		change(request)
		_, err := c.purchases.AuthorizePurchase(t.Context(), request)
		require.Equal(t, codes.InvalidArgument, status.Code(err), field)
		require.Equal(t, field, fieldOf(err))
	}
	for _, moment := range []*timestamppb.Timestamp{{Nanos: -1}, timestamppb.New(time.Time{}), timestamppb.New(time.Unix(0, 0))} {
		request := ask(issued, 10)
		request.RequestTime = moment
		_, err := c.purchases.AuthorizePurchase(t.Context(), request)
		require.Equal(t, "request_time", fieldOf(err))
		_, err = c.purchases.ReversePurchase(t.Context(), &bankv1.ReversePurchaseRequest{
			RequestId: "r", Name: "purchases/" + banktest.NewID().String(), RequestTime: moment,
		})
		require.Equal(t, "request_time", fieldOf(err))
		_, err = c.cards.IssueCard(t.Context(), &bankv1.IssueCardRequest{RequestId: "y", HolderName: "A", Currency: "BRL", RequestTime: moment})
		require.Equal(t, "request_time", fieldOf(err))
	}
	_, err = c.cards.IssueCard(t.Context(), &bankv1.IssueCardRequest{RequestId: "x", HolderName: "A", Currency: "BRL", Brand: 77})
	require.Equal(t, "brand", fieldOf(err))
	_, err = c.cards.CreateCardToken(t.Context(), &bankv1.CreateCardTokenRequest{})
	require.Equal(t, "card_data", fieldOf(err))
}
