package bankrpc_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/checkouttest"
	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/bankrpc"
	"codebank.dev/checkout/payment/paymenttest"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
	"codebank.dev/platform/money"
	"codebank.dev/platform/serve"
)

func newAcquirer(t testing.TB, bank *checkouttest.Bank, program string) *bankrpc.Acquirer {
	t.Helper()
	acquirer := bankrpc.New(bank.Dial(t, program))
	t.Cleanup(acquirer.Close)
	return acquirer
}

// The bank's own program, behind walls and on its own database, holds to the port as well as the fake.
func TestTheRealBankHoldsToThePort(t *testing.T) {
	bank := checkouttest.NewBank(t, postgrestest.Database(t))
	bank.Start(t)
	good, account := bank.Issue(t, 1_000_000)
	declining, _ := bank.Issue(t, 100)
	wallet, closed := bank.Wallet(t), bank.Wallet(t)
	bank.Close(t, closed)
	paymenttest.TestAcquirer(t, func(t testing.TB) paymenttest.AcquirerFixture {
		acquirer := newAcquirer(t, bank, "payment-processor")
		return paymenttest.AcquirerFixture{Acquirer: acquirer, Good: good, Declining: declining, Payer: acquirer, Open: wallet, Closed: closed}
	})

	// What the bank refuses is no decision, and names nothing of the card.
	acquirer := newAcquirer(t, bank, "payment-processor")
	before := bank.Available(t, account)
	asked := payment.Authorization{
		Charge: id.ID{1}, Merchant: "cafe", Profile: payment.Profile{Name: "Café"}, Amount: money.Amount{Minor: 1_00, Currency: money.MustCurrency("USD")},
		CaptureNow: true, Card: good,
	}
	_, err := acquirer.Authorize(t.Context(), &asked)
	require.Equal(t, fault.InvalidArgument, fault.CodeOf(err))
	require.NotContains(t, err.Error(), good.Number.Reveal())
	require.Equal(t, before, bank.Available(t, account))

	// So are a payout to an account that is not there, one to a card's, and one in another currency.
	for _, refused := range []payment.PayoutOrder{
		{ID: id.ID{2}, Account: "accounts/00000000-0000-4000-8000-000000000001", Amount: money.Amount{Minor: 1, Currency: money.MustCurrency("BRL")}},
		{ID: id.ID{3}, Account: account, Amount: money.Amount{Minor: 1, Currency: money.MustCurrency("BRL")}},
		{ID: id.ID{4}, Account: wallet, Amount: money.Amount{Minor: 1, Currency: money.MustCurrency("USD")}},
	} {
		refused.Merchant, refused.Profile = "cafe", payment.Profile{Name: "Café"}
		_, err = acquirer.PayOut(t.Context(), &refused)
		require.Contains(t, []fault.Code{fault.NotFound, fault.FailedPrecondition, fault.InvalidArgument}, fault.CodeOf(err))
		state, err := acquirer.Void(t.Context(), refused.ID, "")
		require.NoError(t, err)
		require.Equal(t, payment.Voided, state)
	}
	_, err = newAcquirer(t, bank, "stranger").PayOut(t.Context(), &payment.PayoutOrder{ID: id.ID{5}, Account: wallet})
	require.Equal(t, fault.PermissionDenied, fault.CodeOf(err))

	// To a program that is no acquirer the bank says nothing about the charge: the outcome is unknown.
	_, err = newAcquirer(t, bank, "stranger").Authorize(t.Context(), &asked)
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
}

func TestABankThatIsAwayIsUnavailable(t *testing.T) {
	conn, err := serve.Dial("127.0.0.1:1")
	require.NoError(t, err)
	defer conn.Close()
	acquirer := bankrpc.New(conn)
	defer acquirer.Close()
	_, err = acquirer.Authorize(t.Context(), &payment.Authorization{Charge: id.ID{1}})
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	_, err = acquirer.Void(t.Context(), id.ID{1}, "")
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	task := payment.Task{ID: id.ID{2}, Purchase: "purchases/1", AmountMinor: 1}
	require.Equal(t, fault.Unavailable, fault.CodeOf(acquirer.Capture(t.Context(), &task)))
	require.Equal(t, fault.Unavailable, fault.CodeOf(acquirer.Refund(t.Context(), &task)))
	_, err = acquirer.Find(t.Context(), "purchases/1", "")
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	_, err = acquirer.PayOut(t.Context(), &payment.PayoutOrder{ID: id.ID{3}, Amount: money.Amount{Minor: 1, Currency: money.MustCurrency("BRL")}})
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
}
