package checkout_test

import (
	"fmt"
	"strings"
	"testing"

	"codebank.dev/checkout"
	"codebank.dev/checkout/checkouttest"
	"codebank.dev/platform/fault"
	"github.com/stretchr/testify/require"
)

func TestASecretOpensItsOrderOnly(t *testing.T) {
	key := []byte("a key for tests only, 32 bytes..")
	order, other := checkouttest.Order(t, "shop", "r1", checkouttest.Start()), checkouttest.Order(t, "shop", "r2", checkouttest.Start())
	secret := checkout.NewOrderSecret(key, order.ID)
	require.False(t, secret.Opens(&order), "it is no guest's")
	order.SecretHash, other.SecretHash = secret.Hash(), checkout.NewOrderSecret(key, other.ID).Hash()
	require.True(t, secret.Opens(&order))
	require.False(t, secret.Opens(&other))
	require.Equal(t, secret.Reveal(), checkout.NewOrderSecret(key, order.ID).Reveal(), "a repeat gets the same")
	require.NotEqual(t, secret.Reveal(), checkout.NewOrderSecret([]byte("another key"), order.ID).Reveal())
	again, err := checkout.ParseOrderSecret("order_secret", secret.Reveal())
	require.NoError(t, err)
	require.True(t, again.Opens(&order))
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q"} {
		require.NotContains(t, fmt.Sprintf(format, secret), secret.Reveal()[4:])
	}
	for _, bad := range []string{"", "gos_", secret.Reveal()[4:], secret.Reveal() + "A", secret.Reveal() + "\n", strings.ToUpper(secret.Reveal())} {
		_, err := checkout.ParseOrderSecret("order_secret", bad)
		require.Equal(t, "order_secret", fault.Of(err).Field)
	}
}

// FuzzOrderSecret: a secret is read as it is written, or refused by field.
func FuzzOrderSecret(f *testing.F) {
	f.Add(checkout.NewOrderSecret(nil, checkout.ID{}).Reveal())
	f.Add("gos_")
	f.Fuzz(func(t *testing.T, text string) {
		secret, err := checkout.ParseOrderSecret("order_secret", text)
		if err != nil {
			require.Equal(t, fault.InvalidArgument, fault.CodeOf(err))
			return
		}
		require.Equal(t, text, secret.Reveal())
	})
}
