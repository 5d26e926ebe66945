package processor_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/accept"
	"codebank.dev/checkout/payment/inmem"
	"codebank.dev/checkout/payment/paymenttest"
	"codebank.dev/platform/id"
	"codebank.dev/platform/money"
)

// account is where the café is paid to.
const account = "accounts/00000000-0000-4000-8000-00000000000c"

// sold lets the café sell for 1,000 in live mode.
func sold(t *testing.T) *way {
	w := newWay(t)
	w.store.SetAccount(live.Merchant, account)
	w.chargeOf(live, "sold", good, 1_000_00, true)
	require.Empty(t, w.run())
	return w
}

func (w *way) payOut(owner payment.Owner, key string, minor int64) payment.Payout {
	w.t.Helper()
	made, _, err := w.accept.Payout(w.t.Context(), owner, &accept.PayoutRequest{Key: key, AmountMinor: minor, Currency: money.MustCurrency("BRL")})
	require.NoError(w.t, err)
	require.Equal(w.t, payment.PayoutPending, made.State)
	return made
}

func (w *way) requirePayout(payout id.ID, owner payment.Owner, state payment.PayoutState) payment.Payout {
	w.t.Helper()
	read, err := w.store.Payout(w.t.Context(), owner, payout)
	require.NoError(w.t, err)
	require.Equal(w.t, state, read.State, "%+v", read.Rejection)
	return read
}

func TestTheBankPaysLivePayouts(t *testing.T) {
	w := sold(t)
	first, second := w.payOut(live, "p1", 300_00), w.payOut(live, "p2", 0)
	require.Empty(t, w.run())
	w.requirePayout(first.ID, live, payment.PayoutPaid)
	require.Equal(t, int64(700_00), w.requirePayout(second.ID, live, payment.PayoutPaid).Amount.Minor)
	require.Equal(t, int64(1_000_00), w.bank.Paid(account))

	w.chargeOf(live, "more", good, 500, true)
	require.Empty(t, w.run())
	w.bank.CloseAccount(account, payment.Rejection{Code: "46", Reason: "ACCOUNT_CLOSED", Message: "closed"})
	declined := w.payOut(live, "p3", 0)
	require.Empty(t, w.run())
	require.Equal(t, "ACCOUNT_CLOSED", w.requirePayout(declined.ID, live, payment.PayoutFailed).Rejection.Reason)
	require.Equal(t, int64(500), w.payOut(live, "p4", 0).Amount.Minor, "the amount is free again")
}

// Test payouts are simulated: one amount fails.
func TestTestPayoutsReachNoBank(t *testing.T) {
	w := newWay(t)
	for _, key := range []string{"k1", "k2"} {
		w.charge(key, good, 1_000_00, true)
	}
	require.Empty(t, w.run())
	paid, failed := w.payOut(paymenttest.Cafe, "p1", 100), w.payOut(paymenttest.Cafe, "p2", 900_12)
	require.Empty(t, w.run())
	w.requirePayout(paid.ID, paymenttest.Cafe, payment.PayoutPaid)
	require.Equal(t, "ACCOUNT_CLOSED", w.requirePayout(failed.ID, paymenttest.Cafe, payment.PayoutFailed).Rejection.Reason)
	require.Zero(t, w.bank.Calls())
}

// Nothing but the bank's answer ends a payout: until it is there, the same request is sent again.
func TestAPayoutInDoubtIsAskedAgain(t *testing.T) {
	for name, fault := range map[string]inmem.Fault{"unreached": inmem.Unreached, "answer lost": inmem.LostAnswer, "hanging": inmem.Hanging} {
		t.Run(name, func(t *testing.T) {
			w := sold(t)
			made := w.payOut(live, "p1", 0)
			records := w.sent()
			w.bank.Break(made.ID, fault)
			require.Error(t, w.decide(records))
			w.requirePayout(made.ID, live, payment.PayoutPending)
			w.bank.Break(made.ID, inmem.NoFault)
			require.NoError(t, w.decide(records))
			require.NoError(t, w.decide(records))
			w.requirePayout(made.ID, live, payment.PayoutPaid)
			require.Equal(t, int64(1_000_00), w.bank.Paid(account))
		})
	}
}

// A payout that the bank has refused is ended there first, so that no later try pays it. If another try was paid
// meanwhile, that counts.
func TestARefusedPayoutIsNeverPaidLater(t *testing.T) {
	w := sold(t)
	refused := w.payOut(live, "p1", 0)
	records := w.sent()
	w.bank.Script(inmem.Refusing)
	require.NoError(t, w.decide(records))
	require.Equal(t, "INVALID_FIELD", w.requirePayout(refused.ID, live, payment.PayoutFailed).Rejection.Reason)
	require.NoError(t, w.decide(records))
	require.Zero(t, w.bank.Paid(account))

	paid := w.payOut(live, "p2", 0)
	records = w.sent()
	w.bank.Script(inmem.LostAnswer, inmem.Refusing)
	require.Error(t, w.decide(records))
	require.NoError(t, w.decide(records))
	w.requirePayout(paid.ID, live, payment.PayoutPending)
	require.NoError(t, w.decide(records))
	w.requirePayout(paid.ID, live, payment.PayoutPaid)
	require.Equal(t, int64(1_000_00), w.bank.Paid(account))
}
