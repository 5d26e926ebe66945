package paymenttest

import (
	"crypto/rand"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/payment"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
	"codebank.dev/platform/money"
	"codebank.dev/platform/pan"
)

// AcquirerFixture is an acquirer under test, with two cards: one is good for a hundred charges, the other is declined.
type AcquirerFixture struct {
	Acquirer        payment.Acquirer
	Good, Declining pan.CardData
	// Payer is the same bank. Open is an account that it pays to, Closed one that it does not pay to any more.
	Payer        payment.Payer
	Open, Closed string
}

// TestAcquirer runs the suite that every payment.Acquirer passes.
func TestAcquirer(t *testing.T, open func(testing.TB) AcquirerFixture) {
	for name, check := range map[string]func(*testing.T, *AcquirerFixture){
		"a charge is decided once":                       decidesOnce,
		"what was set aside is captured once":            capturesOnce,
		"what was captured is given back, and no more":   givesBack,
		"a void releases, and is final":                  voids,
		"a charge that was voided unseen is rejected":    voidsUnseen,
		"what is not there is refused":                   knowsNothing,
		"a void of what was taken at once gives it back": voidsTaken,
		"a payout is decided once":                       paysOnce,
		"a payout that was voided unseen is not paid":    paysNoVoided,
	} {
		t.Run(name, func(t *testing.T) {
			f := open(t)
			check(t, &f)
		})
	}
}

// authorization returns a new charge of Minor.
func authorization(t testing.TB, card pan.CardData, captureNow bool) *payment.Authorization {
	return &payment.Authorization{
		Charge: random(t), Merchant: Cafe.Merchant, Profile: payment.Profile{Name: "Café da Serra", CategoryCode: "5812", City: "São Paulo", Country: "BR"},
		Amount: money.Amount{Minor: Minor, Currency: money.MustCurrency("BRL")}, CaptureNow: captureNow, Description: "2 × Café coado", Card: card,
	}
}

func random(t testing.TB) (made id.ID) {
	_, err := rand.Read(made[:])
	require.NoError(t, err)
	return made
}

// authorize has a charge approved and returns it with what the acquirer calls it.
func (f *AcquirerFixture) authorize(t *testing.T, captureNow bool) (asked *payment.Authorization, purchase string) {
	t.Helper()
	asked = authorization(t, f.Good, captureNow)
	decision, err := f.Acquirer.Authorize(t.Context(), asked)
	require.NoError(t, err)
	require.True(t, decision.Approved, "%+v", decision)
	require.Regexp(t, "^purchases/[0-9a-f-]{36}$", decision.Purchase)
	require.Equal(t, captureNow, decision.ExpiresAt.IsZero())
	return asked, decision.Purchase
}

func (f *AcquirerFixture) requireState(t *testing.T, purchase string, want payment.State) {
	t.Helper()
	state, err := f.Acquirer.Find(t.Context(), purchase, "")
	require.NoError(t, err)
	require.Equal(t, want, state)
}

func requireCode(t *testing.T, code fault.Code, err error) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, code, fault.CodeOf(err), err)
}

func decidesOnce(t *testing.T, f *AcquirerFixture) {
	for _, captureNow := range []bool{true, false} {
		asked, purchase := f.authorize(t, captureNow)
		first, err := f.Acquirer.Authorize(t.Context(), asked)
		require.NoError(t, err)
		require.Equal(t, purchase, first.Purchase)
		other := *asked
		other.Amount.Minor++
		_, err = f.Acquirer.Authorize(t.Context(), &other)
		requireCode(t, fault.Aborted, err)
	}
	asked := authorization(t, f.Declining, true)
	for range 2 {
		declined, err := f.Acquirer.Authorize(t.Context(), asked)
		require.NoError(t, err)
		require.False(t, declined.Approved)
		require.NotEmpty(t, declined.Rejection.Code)
		require.NotEmpty(t, declined.Rejection.Reason)
		require.NotEmpty(t, declined.Rejection.Message)
		require.Empty(t, declined.Purchase)
	}
	state, err := f.Acquirer.Void(t.Context(), asked.Charge, "")
	require.NoError(t, err)
	require.Equal(t, payment.Rejected, state)
}

func capturesOnce(t *testing.T, f *AcquirerFixture) {
	_, purchase := f.authorize(t, false)
	f.requireState(t, purchase, payment.Authorized)
	requireCode(t, fault.FailedPrecondition, f.Acquirer.Capture(t.Context(), &payment.Task{ID: random(t), Purchase: purchase, AmountMinor: Minor + 1}))
	capture := payment.Task{ID: random(t), Purchase: purchase, AmountMinor: Minor - 100}
	require.NoError(t, f.Acquirer.Capture(t.Context(), &capture))
	require.NoError(t, f.Acquirer.Capture(t.Context(), &capture), "the same capture again")
	f.requireState(t, purchase, payment.Approved)
	requireCode(t, fault.FailedPrecondition, f.Acquirer.Capture(t.Context(), &payment.Task{ID: random(t), Purchase: purchase, AmountMinor: 1}))
	capture.AmountMinor--
	requireCode(t, fault.Aborted, f.Acquirer.Capture(t.Context(), &capture))
}

func givesBack(t *testing.T, f *AcquirerFixture) {
	_, now := f.authorize(t, true)
	_, later := f.authorize(t, false)
	requireCode(t, fault.FailedPrecondition, f.Acquirer.Refund(t.Context(), &payment.Task{ID: random(t), Purchase: later, AmountMinor: 1}))
	require.NoError(t, f.Acquirer.Capture(t.Context(), &payment.Task{ID: random(t), Purchase: later, AmountMinor: Minor}))
	for _, purchase := range []string{now, later} {
		first := payment.Task{ID: random(t), Purchase: purchase, AmountMinor: 200}
		require.NoError(t, f.Acquirer.Refund(t.Context(), &first))
		require.NoError(t, f.Acquirer.Refund(t.Context(), &first), "the same refund again")
		requireCode(t, fault.FailedPrecondition, f.Acquirer.Refund(t.Context(), &payment.Task{ID: random(t), Purchase: purchase, AmountMinor: Minor - 199}))
		require.NoError(t, f.Acquirer.Refund(t.Context(), &payment.Task{ID: random(t), Purchase: purchase, AmountMinor: Minor - 200}))
		requireCode(t, fault.FailedPrecondition, f.Acquirer.Refund(t.Context(), &payment.Task{ID: random(t), Purchase: purchase, AmountMinor: 1}))
		f.requireState(t, purchase, payment.Approved)
	}
}

func voids(t *testing.T, f *AcquirerFixture) {
	asked, purchase := f.authorize(t, false)
	for range 2 {
		state, err := f.Acquirer.Void(t.Context(), asked.Charge, "")
		require.NoError(t, err)
		require.Equal(t, payment.Voided, state)
	}
	f.requireState(t, purchase, payment.Voided)
	requireCode(t, fault.FailedPrecondition, f.Acquirer.Capture(t.Context(), &payment.Task{ID: random(t), Purchase: purchase, AmountMinor: Minor}))
}

func voidsTaken(t *testing.T, f *AcquirerFixture) {
	asked, purchase := f.authorize(t, true)
	state, err := f.Acquirer.Void(t.Context(), asked.Charge, "")
	require.NoError(t, err)
	require.Equal(t, payment.Voided, state)
	requireCode(t, fault.FailedPrecondition, f.Acquirer.Refund(t.Context(), &payment.Task{ID: random(t), Purchase: purchase, AmountMinor: 1}))
}

func voidsUnseen(t *testing.T, f *AcquirerFixture) {
	asked := authorization(t, f.Good, true)
	state, err := f.Acquirer.Void(t.Context(), asked.Charge, "")
	require.NoError(t, err)
	require.Equal(t, payment.Voided, state)
	decision, err := f.Acquirer.Authorize(t.Context(), asked)
	require.NoError(t, err)
	require.False(t, decision.Approved)
	require.Equal(t, "REFUSED", decision.Rejection.Reason)
}

func knowsNothing(t *testing.T, f *AcquirerFixture) {
	const nothing = "purchases/0d8bb1d1-6f56-4c22-9c0b-55d9b3f8a1e2"
	_, err := f.Acquirer.Find(t.Context(), nothing, "")
	requireCode(t, fault.NotFound, err)
	requireCode(t, fault.NotFound, f.Acquirer.Capture(t.Context(), &payment.Task{ID: random(t), Purchase: nothing, AmountMinor: 1}))
	requireCode(t, fault.NotFound, f.Acquirer.Refund(t.Context(), &payment.Task{ID: random(t), Purchase: nothing, AmountMinor: 1}))
}

// order returns a new payout of Minor.
func order(t testing.TB, account string) *payment.PayoutOrder {
	return &payment.PayoutOrder{
		ID: random(t), Merchant: Cafe.Merchant, Profile: payment.Profile{Name: "Café da Serra"}, Account: account,
		Amount: money.Amount{Minor: Minor, Currency: money.MustCurrency("BRL")},
	}
}

func paysOnce(t *testing.T, f *AcquirerFixture) {
	asked, closed := order(t, f.Open), order(t, f.Closed)
	for range 2 {
		paid, err := f.Payer.PayOut(t.Context(), asked)
		require.NoError(t, err)
		require.Equal(t, payment.Decision{Approved: true}, paid)
		declined, err := f.Payer.PayOut(t.Context(), closed)
		require.NoError(t, err)
		require.False(t, declined.Approved)
		require.Equal(t, "ACCOUNT_CLOSED", declined.Rejection.Reason)
	}
	other := *asked
	other.Amount.Minor++
	_, err := f.Payer.PayOut(t.Context(), &other)
	requireCode(t, fault.Aborted, err)
	_, err = f.Acquirer.Void(t.Context(), asked.ID, "")
	requireCode(t, fault.FailedPrecondition, err)
	_, err = f.Acquirer.Void(t.Context(), closed.ID, "")
	requireCode(t, fault.FailedPrecondition, err)
}

func paysNoVoided(t *testing.T, f *AcquirerFixture) {
	asked := order(t, f.Open)
	_, err := f.Acquirer.Void(t.Context(), asked.ID, "")
	require.NoError(t, err)
	for range 2 {
		decision, err := f.Payer.PayOut(t.Context(), asked)
		require.NoError(t, err)
		require.False(t, decision.Approved)
		require.Equal(t, "REFUSED", decision.Rejection.Reason)
	}
}
