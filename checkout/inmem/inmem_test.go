package inmem_test

import (
	"flag"
	"testing"

	"codebank.dev/checkout"
	"codebank.dev/checkout/checkouttest"
	"codebank.dev/checkout/inmem"
	"github.com/stretchr/testify/require"
)

func open(testing.TB) checkouttest.Store { return inmem.NewStore() }

func TestStore(t *testing.T) { checkouttest.TestStore(t, open) }

func TestLifecycle(t *testing.T) { checkouttest.TestLifecycle(t, open) }

func TestSchedules(t *testing.T) {
	require.NoError(t, flag.Set("rapid.checks", "1000"))
	checkouttest.TestSchedules(t, open(t))
}

func TestMerchantRuns(t *testing.T) {
	require.NoError(t, flag.Set("rapid.checks", "300"))
	checkouttest.TestMerchantRuns(t, open)
}

func TestAcquirer(t *testing.T) {
	checkouttest.TestAcquirer(t, func(t testing.TB) checkouttest.AcquirerFixture {
		bank := inmem.NewAcquirer(checkouttest.NewClock())
		bank.Decline("1881", checkout.Decline{Code: "51", Reason: "INSUFFICIENT_FUNDS", Message: "Não há limite."})
		return checkouttest.AcquirerFixture{
			Acquirer:  bank,
			Good:      checkouttest.Card(t, checkouttest.VisaNumber),
			Declining: checkouttest.Card(t, checkouttest.DecliningNumber),
		}
	})
}
