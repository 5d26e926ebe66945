package merchant_test

import (
	"crypto/rand"
	"strings"
	"testing"

	"codebank.dev/checkout/checkouttest"
	"codebank.dev/checkout/inmem"
	"codebank.dev/checkout/merchant"
	"codebank.dev/platform/fault"
	"github.com/stretchr/testify/require"
)

func TestASecretHasItsModeAndIsNoOther(t *testing.T) {
	texts := make(map[string]bool)
	for _, mode := range []merchant.Mode{merchant.Test, merchant.Live} {
		for range 100 {
			secret, text, err := merchant.NewSecret("paper", mode, checkouttest.Start(), rand.Reader)
			require.NoError(t, err)
			require.True(t, strings.HasPrefix(text, "sk_"+mode.String()+"_"))
			parsed, ok := merchant.ParseSecret(text)
			require.True(t, ok)
			require.Equal(t, mode, parsed)
			require.Equal(t, text[len(text)-4:], secret.Last4)
			require.False(t, texts[text])
			texts[text] = true
		}
	}
}

// Whatever is wrong with a secret, the answer is the same, and a store that is away is not a wrong secret.
func TestAVerifierSaysNoMoreThanNo(t *testing.T) {
	store := inmem.NewStore()
	require.NoError(t, store.Seed(t.Context(), checkouttest.Seeds(), checkouttest.Start()))
	service := &merchant.Service{Store: store, Random: rand.Reader}
	secret, text, err := service.CreateSecret(t.Context(), checkouttest.Act(checkouttest.Operator(), "r1"), "paper", merchant.Live)
	require.NoError(t, err)
	verifier := &merchant.Verifier{Secrets: store, Clock: checkouttest.NewClock()}
	whose, err := verifier.Verify(t.Context(), text)
	require.NoError(t, err)
	require.Equal(t, "MERCHANT", whose.Kind.String())
	require.Equal(t, "merchant:paper:live", whose.Namespace())
	for _, wrong := range []string{"", "sk_live_", text[:len(text)-1], text + "A", strings.Replace(text, "live", "test", 1), strings.ToUpper(text)} {
		_, err := verifier.Verify(t.Context(), wrong)
		require.ErrorIs(t, err, merchant.ErrSecretRefused)
	}
	_, err = service.RevokeSecret(t.Context(), checkouttest.Act(checkouttest.Operator(), "r2"), "paper", secret.ID)
	require.NoError(t, err)
	_, err = verifier.Verify(t.Context(), text)
	require.ErrorIs(t, err, merchant.ErrSecretRefused)
	_, _, err = service.CreateSecret(t.Context(), checkouttest.Act(checkouttest.Operator(), "r3"), "paper", 0)
	require.Equal(t, "mode", fault.Of(err).Field)
}

func FuzzParseSecret(f *testing.F) {
	_, text, err := merchant.NewSecret("paper", merchant.Test, checkouttest.Start(), rand.Reader)
	require.NoError(f, err)
	f.Add(text)
	f.Add("sk_live_")
	f.Fuzz(func(t *testing.T, text string) {
		mode, ok := merchant.ParseSecret(text)
		if !ok {
			require.Zero(t, mode)
			return
		}
		require.True(t, strings.HasPrefix(text, "sk_"+mode.String()+"_"))
		require.Len(t, text, len("sk_live_")+43)
	})
}

func FuzzParseSecretName(f *testing.F) {
	f.Add("merchants/paper/secrets/5d1f4a1e-0c1a-4f0a-9a55-3f8f7b0f2a10")
	f.Fuzz(func(t *testing.T, text string) {
		slug, secret, err := merchant.ParseSecretName("name", text)
		if err != nil {
			require.Equal(t, "name", fault.Of(err).Field)
			return
		}
		require.Equal(t, text, merchant.SecretName(slug, secret))
	})
}
