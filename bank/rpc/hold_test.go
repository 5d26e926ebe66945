package rpc_test

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/card"
	"codebank.dev/bank/customer"
	"codebank.dev/bank/hold"
	"codebank.dev/bank/inmem"
	"codebank.dev/bank/ledger"
	"codebank.dev/bank/purchase"
	"codebank.dev/bank/rpc"
	"codebank.dev/bank/vault"
	"codebank.dev/bank/wallet"
	"codebank.dev/platform/field"
	"codebank.dev/platform/principal"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// holding is a bank in memory that places holds, over a real connection.
type holding struct {
	cards     bankv1.CardServiceClient
	purchases bankv1.PurchaseServiceClient
	wallets   bankv1.WalletServiceClient
	store     *inmem.Store
}

func newHolding(t *testing.T, eventVersion int) *holding {
	t.Helper()
	store := inmem.New(time.Now)
	keys, err := vault.Generate()
	require.NoError(t, err)
	executor := ledger.New(ledger.Config{Store: store, Encoder: plainEncoder{}, Now: time.Now})
	past := &bank.History{Now: time.Now}
	holds := &hold.Service{Code: "001", Ledger: executor, Directory: store, Holds: store, Vault: keys, History: past}
	principals := rpc.NewPrincipals(rpc.PrincipalsConfig{History: true})
	if eventVersion < 3 {
		holds = nil
	}
	connection := listenBehind(t, principals)
	server := connection.server
	bankv1.RegisterCustomerServiceServer(server, &rpc.Customers{Service: customer.New(store, time.Now), Principals: principals, Address: server.Address})
	bankv1.RegisterCardServiceServer(server, &rpc.Cards{Principals: principals, Service: &card.Service{
		Code: "001", Ledger: executor, Directory: store, Reader: store, Tokens: keys, Vault: keys, Random: rand.Reader, Now: time.Now, History: past,
	}})
	bankv1.RegisterPurchaseServiceServer(server, &rpc.Purchases{Holds: holds, Principals: principals, Service: &purchase.Service{
		Code: "001", Ledger: executor, Directory: store, Reader: store, Holds: store, Vault: keys, Tokens: keys, History: past,
	}})
	bankv1.RegisterWalletServiceServer(server, &rpc.Wallets{Principals: principals, EventVersion: eventVersion, Service: &wallet.Service{
		Code: "001", Ledger: executor, Directory: store, Reader: store, Accounts: store, Vault: keys, Holds: holds, SimulatedCash: true, History: past,
	}})
	bankv1.RegisterPixServiceServer(server, &rpc.Pix{Principals: principals, Address: server.Address}) // a bank without a hub
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
		require.NoError(t, executor.Close(context.Background()))
	})
	return &holding{bankv1.NewCardServiceClient(connection), bankv1.NewPurchaseServiceClient(connection), bankv1.NewWalletServiceClient(connection), store}
}

// reasonOf returns the reason of a refusal.
func reasonOf(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}

func by(t *testing.T, caller string) context.Context {
	return claim(t, caller, "")
}

func TestTheLedgerKeepsOnWhoseBehalfACardPays(t *testing.T) {
	b := newHolding(t, 3)
	kinds := func(name string) (kind principal.Kind) {
		id, err := field.ID("name", name[:strings.Index(name, "/")+1], name)
		require.NoError(t, err)
		entry, _, err := b.store.Transaction(t.Context(), id)
		require.NoError(t, err)
		return entry.Request.PrincipalKind
	}
	issued, err := b.cards.IssueCard(by(t, "operator"), &bankv1.IssueCardRequest{
		RequestId: "issue", HolderName: "Ada Lovelace", Currency: "BRL", CreditLimitMinor: 1000,
	})
	require.NoError(t, err)
	for want, ctx := range map[principal.Kind]context.Context{
		principal.Service:  by(t, "shop"),
		principal.Operator: by(t, "operator"),
	} {
		bought, err := b.purchases.AuthorizePurchase(ctx, &bankv1.AuthorizePurchaseRequest{
			RequestId: "buy", AmountMinor: 10, Currency: "BRL", Merchant: &bankv1.Merchant{Id: banktest.Merchant.ID, Name: banktest.Merchant.Name},
			CardSource: &bankv1.AuthorizePurchaseRequest_Card{Card: issued.GetCard().GetName()},
		})
		require.NoError(t, err)
		require.Equal(t, want, kinds(bought.GetPurchase().GetName()))
		reversed, err := b.purchases.ReversePurchase(ctx, &bankv1.ReversePurchaseRequest{RequestId: "back", Name: bought.GetPurchase().GetName(), AmountMinor: 1})
		require.NoError(t, err)
		require.Equal(t, want, kinds(reversed.GetReversal().GetName()))
	}
}

func TestAPurchaseIsCapturedLater(t *testing.T) {
	b := newHolding(t, 3)
	issued, err := b.cards.IssueCard(by(t, "operator"), &bankv1.IssueCardRequest{
		RequestId: "issue", HolderName: "Ada Lovelace", Currency: "BRL", CreditLimitMinor: 1000,
	})
	require.NoError(t, err)
	expires := timestamppb.New(time.Now().Add(time.Hour).Truncate(time.Millisecond))
	request := &bankv1.AuthorizePurchaseRequest{
		RequestId: "buy", AmountMinor: 600, Currency: "BRL", CaptureLater: true, ExpireTime: expires, MerchantReference: "order-7",
		Merchant: &bankv1.Merchant{Id: banktest.Merchant.ID, Name: banktest.Merchant.Name}, Channel: bankv1.Channel_CHANNEL_ECOMMERCE,
		CardSource: &bankv1.AuthorizePurchaseRequest_Card{Card: issued.GetCard().GetName()},
	}
	authorized, err := b.purchases.AuthorizePurchase(by(t, "shop"), request)
	require.NoError(t, err)
	bought := authorized.GetPurchase()
	require.Equal(t, bankv1.PurchaseStatus_PURCHASE_STATUS_AUTHORIZED, bought.GetStatus())
	require.Equal(t, expires.AsTime(), bought.GetExpireTime().AsTime())
	require.Equal(t, "order-7", bought.GetMerchantReference())
	require.Zero(t, bought.GetCapturedMinor())

	ask := &bankv1.CapturePurchaseRequest{RequestId: "capture", Name: bought.GetName(), AmountMinor: 450}
	_, err = b.purchases.CapturePurchase(by(t, "other"), ask)
	require.Equal(t, "PURCHASE_NOT_FOUND", reasonOf(err))
	captured, err := b.purchases.CapturePurchase(by(t, "shop"), ask)
	require.NoError(t, err)
	require.Equal(t, bankv1.PurchaseStatus_PURCHASE_STATUS_CAPTURED, captured.GetPurchase().GetStatus())
	require.EqualValues(t, 450, captured.GetPurchase().GetCapturedMinor())
	require.EqualValues(t, 450, captured.GetCapture().GetAmountMinor())
	require.Equal(t, bought.GetName(), captured.GetCapture().GetPurchase())
	again, err := b.purchases.CapturePurchase(by(t, "shop"), ask)
	require.NoError(t, err)
	require.Equal(t, captured.String(), again.String(), "a repeat gets the first answer")
	_, err = b.purchases.CapturePurchase(by(t, "operator"), &bankv1.CapturePurchaseRequest{RequestId: "c2", Name: bought.GetName()})
	require.Equal(t, "HOLD_CAPTURED", reasonOf(err))

	reversed, err := b.purchases.ReversePurchase(by(t, "shop"), &bankv1.ReversePurchaseRequest{RequestId: "r", Name: bought.GetName(), AmountMinor: 50})
	require.NoError(t, err)
	require.Equal(t, bought.GetName(), reversed.GetReversal().GetPurchase())
	found, err := b.purchases.GetPurchase(by(t, "shop"), &bankv1.GetPurchaseRequest{Name: bought.GetName()})
	require.NoError(t, err)
	require.Equal(t, []int64{450, 50}, []int64{found.GetPurchase().GetCapturedMinor(), found.GetPurchase().GetReversedMinor()})
	voided, err := b.purchases.VoidPurchase(by(t, "shop"), &bankv1.VoidPurchaseRequest{RequestId: "buy"})
	require.NoError(t, err)
	require.Equal(t, bankv1.PurchaseStatus_PURCHASE_STATUS_VOIDED, voided.GetPurchase().GetStatus())
	require.Equal(t, []int64{450, 450}, []int64{voided.GetPurchase().GetCapturedMinor(), voided.GetPurchase().GetReversedMinor()})
}

func TestABankWithOldEventsSetsNothingAside(t *testing.T) {
	b := newHolding(t, 2)
	for name, call := range map[string]func() error{
		"AuthorizePurchase": func() error {
			_, err := b.purchases.AuthorizePurchase(by(t, "shop"), &bankv1.AuthorizePurchaseRequest{CaptureLater: true})
			return err
		},
		"a merchant's reference": func() error {
			_, err := b.purchases.AuthorizePurchase(by(t, "shop"), &bankv1.AuthorizePurchaseRequest{MerchantReference: "order-7"})
			return err
		},
		"CapturePurchase": func() error {
			_, err := b.purchases.CapturePurchase(by(t, "shop"), &bankv1.CapturePurchaseRequest{RequestId: "r", Name: "purchases/" + banktest.NewID().String()})
			return err
		},
		"PlaceHold": func() error {
			_, err := b.wallets.PlaceHold(by(t, "history"), &bankv1.PlaceHoldRequest{RequestId: "r"})
			return err
		},
		"CaptureHold": func() error {
			_, err := b.wallets.CaptureHold(by(t, "history"), &bankv1.CaptureHoldRequest{RequestId: "r", Name: "transactions/" + banktest.NewID().String()})
			return err
		},
		"VoidHold": func() error {
			_, err := b.wallets.VoidHold(by(t, "history"), &bankv1.VoidHoldRequest{Name: "transactions/" + banktest.NewID().String()})
			return err
		},
	} {
		err := call()
		require.Equal(t, codes.FailedPrecondition, status.Code(err), name)
		require.Equal(t, "EVENT_VERSION_TOO_OLD", reasonOf(err), name)
	}
}

func TestAHoldOnAWalletIsPlacedCapturedAndVoided(t *testing.T) {
	b := newHolding(t, 3)
	opened, err := b.wallets.OpenAccount(by(t, "operator"), &bankv1.OpenAccountRequest{RequestId: "open", Currency: "BRL", OpeningDepositMinor: 1000})
	require.NoError(t, err)
	account := opened.GetAccount().GetName()
	place := func(requestID string) *bankv1.Transaction {
		placed, err := b.wallets.PlaceHold(by(t, "history"), &bankv1.PlaceHoldRequest{
			RequestId: requestID, Account: account, AmountMinor: 300, Currency: "BRL", Description: "pão",
			Merchant: &bankv1.Merchant{Id: banktest.Merchant.ID, Name: banktest.Merchant.Name},
		})
		require.NoError(t, err)
		require.Equal(t, bankv1.TransactionKind_TRANSACTION_KIND_HOLD, placed.GetTransaction().GetKind())
		require.WithinDuration(t, time.Now().Add(bank.HoldLife), placed.GetTransaction().GetExpireTime().AsTime(), time.Minute)
		return placed.GetTransaction()
	}
	first, second := place("one"), place("two")
	captured, err := b.wallets.CaptureHold(by(t, "history"), &bankv1.CaptureHoldRequest{RequestId: "c", Name: first.GetName(), AmountMinor: 120})
	require.NoError(t, err)
	require.Equal(t, bankv1.TransactionKind_TRANSACTION_KIND_CAPTURE, captured.GetTransaction().GetKind())
	require.Equal(t, first.GetName(), captured.GetTransaction().GetOriginal())
	_, err = b.wallets.VoidHold(claim(t, "", banktest.NewID().String()), &bankv1.VoidHoldRequest{Name: second.GetName()})
	require.Equal(t, codes.NotFound, status.Code(err))
	for range 2 {
		voided, err := b.wallets.VoidHold(by(t, "operator"), &bankv1.VoidHoldRequest{Name: second.GetName()})
		require.NoError(t, err)
		require.EqualValues(t, 300, voided.GetTransaction().GetReleasedMinor())
	}
	found, err := b.wallets.GetTransaction(by(t, "operator"), &bankv1.GetTransactionRequest{Name: first.GetName()})
	require.NoError(t, err)
	require.Equal(t, []int64{120, 180}, []int64{found.GetTransaction().GetCapturedMinor(), found.GetTransaction().GetReleasedMinor()})
	balance, err := b.wallets.GetBalance(by(t, "operator"), &bankv1.GetBalanceRequest{Name: account})
	require.NoError(t, err)
	require.Equal(t, []int64{880, 0}, []int64{balance.GetAccount().GetBalanceMinor(), balance.GetAccount().GetHeldMinor()})
}
