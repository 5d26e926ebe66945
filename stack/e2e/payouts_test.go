package e2e

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"codebank.dev/native/await"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"codebank.dev/stack/launch"
	"github.com/stretchr/testify/require"
)

// What a merchant has sold in live mode is paid out to his account, once, while the programs on the way are killed. His
// statement shows it.
func TestSalesArePaidOutWhileTheProgramsAreKilled(t *testing.T) {
	stack := running(t)
	_, merchant := newShop(t, stack)
	name, err := stack.PayTo(t.Context(), merchant.slug, launch.Operator)
	require.NoError(t, err)
	account := &bankv1.Account{Name: name}
	card := issue(t, dial(t, stack.Addresses().BankGRPC()), 1_000_000, nil).GetCardData()
	sold := merchant.charge("sold", fmt.Sprintf(`{"amount_minor": 9000, "currency": "BRL", "card": {
		"number": %q, "holder_name": %q, "expiry_month": %d, "expiry_year": %d, "cvv": %q}}`,
		card.GetNumber(), card.GetHolderName(), card.GetExpiryMonth(), card.GetExpiryYear(), card.GetCvv()))
	require.Equal(t, "approved", merchant.decided(sold))

	var paths []string
	for i := range 3 {
		got := merchant.ask(fmt.Sprint("payout", i), http.MethodPost, "/v1/payouts", `{"amount_minor": 2500, "currency": "BRL"}`)
		require.Equal(t, http.StatusAccepted, got.status, "%s", got.body)
		paths = append(paths, "/v1/payouts/"+got.decode(t)["id"].(string))
		for _, killed := range []string{launch.Processor, launch.PaymentGateway} {
			process := stack.Process(killed)
			process.Kill()
			restart(t, process)
		}
	}
	for _, path := range paths {
		await.Until(t, func() bool {
			return merchant.ask("", http.MethodGet, path, "").decode(t)["status"] == "paid"
		}, timeout, 50*time.Millisecond, path)
	}
	require.Equal(t, int64(7_500), balanceOf(t, stack, account))
	require.Equal(t, http.StatusUnprocessableEntity, merchant.ask("too-much", http.MethodPost, "/v1/payouts", `{"amount_minor": 1501, "currency": "BRL"}`).status)
	awaitStatement(t, stack, account, func(s *statementv1.Statement) bool { return s.GetBalanceMinor() == 7_500 }, "the payouts are on the statement")
	requireLines(t, stack, account, "DEPOSIT CREDIT 2500", "DEPOSIT CREDIT 2500", "DEPOSIT CREDIT 2500")
}
