package bankrpc_test

import (
	"testing"

	"codebank.dev/checkout"
	"codebank.dev/checkout/bankrpc"
	"codebank.dev/checkout/checkouttest"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/pan"
	"github.com/stretchr/testify/require"
)

// The bank's own program, on its own database, holds to the port as well as the fake.
func TestTheRealBankHoldsToThePort(t *testing.T) {
	bank := startBank(t)
	checkouttest.TestAcquirer(t, func(t testing.TB) checkouttest.AcquirerFixture {
		return checkouttest.AcquirerFixture{
			Acquirer:  newAcquirer(t, bank),
			Good:      issue(t, bank, 1_000_000),
			Declining: issue(t, bank, 100),
		}
	})
}

func TestAnUnknownCardIsDeclinedByTheRealBank(t *testing.T) {
	acquirer := newAcquirer(t, startBank(t))
	order := checkouttest.Order(t, "shop", "r1", checkouttest.Start())
	token, err := acquirer.CreateToken(t.Context(), checkouttest.Card(t, checkouttest.VisaNumber))
	require.NoError(t, err)
	order.PendingCharge.Token = token.Token
	decision, err := acquirer.Authorize(t.Context(), order.Authorization())
	require.NoError(t, err)
	require.Equal(t, checkout.OutcomeDeclined, decision.Outcome)
	require.Equal(t, "UNKNOWN_CARD", decision.Decline.Reason)
	require.Equal(t, "14", decision.Decline.Code)
}

func newAcquirer(t testing.TB, bank *checkouttest.Bank) *bankrpc.Acquirer {
	t.Helper()
	acquirer := bankrpc.New(bank.Dial(t, "checkout"))
	t.Cleanup(acquirer.Close)
	return acquirer
}

// startBank starts the bank's program behind walls.
func startBank(t *testing.T) *checkouttest.Bank {
	t.Helper()
	bank := checkouttest.NewBank(t, postgrestest.Database(t))
	bank.Start(t)
	return bank
}

// issue has the bank issue a card with a credit limit, in centavos.
func issue(t testing.TB, bank *checkouttest.Bank, limit int64) pan.CardData {
	t.Helper()
	card, _ := bank.Issue(t, limit)
	return card
}
