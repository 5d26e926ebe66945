package inmem_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/inmem"
	"codebank.dev/checkout/payment/paymenttest"
	"codebank.dev/platform/field"
	"codebank.dev/platform/pan"
)

func TestAcquirer(t *testing.T) {
	paymenttest.TestAcquirer(t, func(t testing.TB) paymenttest.AcquirerFixture {
		acquirer := inmem.NewAcquirer(time.Now)
		acquirer.Decline("1881", payment.Rejection{Code: "51", Reason: "INSUFFICIENT_FUNDS", Message: "Não há limite."})
		const open, closed = "accounts/00000000-0000-4000-8000-000000000001", "accounts/00000000-0000-4000-8000-000000000002"
		acquirer.CloseAccount(closed, payment.Rejection{Code: "46", Reason: "ACCOUNT_CLOSED", Message: "A conta está encerrada."})
		return paymenttest.AcquirerFixture{
			Acquirer: acquirer, Good: card(t, "4111111111111111"), Declining: card(t, "4012888888881881"), Payer: acquirer, Open: open, Closed: closed,
		}
	})
}

func card(t testing.TB, number string) pan.CardData {
	data, err := field.RawCardData{Number: number, HolderName: "MARIA DA SILVA", CVV: "739", ExpiryMonth: 12, ExpiryYear: 2099}.Check("card")
	require.NoError(t, err)
	return data
}
