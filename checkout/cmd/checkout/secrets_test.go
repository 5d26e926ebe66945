package main

import (
	"net/http"
	"testing"

	"codebank.dev/platform/wallstest"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	"github.com/stretchr/testify/require"
)

// plantSecrets makes API secrets, and calls with right and wrong ones over gRPC and REST. It returns what of them is
// secret.
func plantSecrets(t *testing.T, kit *wallstest.Kit, p *process) (secrets []string) {
	t.Helper()
	operator := checkoutv1.NewMerchantServiceClient(kit.Dial(t, p.grpc, "operator"))
	direct := checkoutv1.NewMerchantServiceClient(kit.Dial(t, p.grpc, ""))
	for _, mode := range []checkoutv1.SecretMode{checkoutv1.SecretMode_SECRET_MODE_TEST, checkoutv1.SecretMode_SECRET_MODE_LIVE} {
		made, err := operator.CreateSecret(t.Context(), &checkoutv1.CreateSecretRequest{
			RequestId: mode.String(), Parent: "merchants/rua-direita", Mode: mode,
		})
		require.NoError(t, err)
		digits := made.GetText()[len("sk_live_"):]
		secrets = append(secrets, digits)
		for text, want := range map[string]int{made.GetText(): http.StatusOK, "sk_" + digits: http.StatusUnauthorized} {
			_, err = direct.ListMerchants(wallstest.WithToken(t.Context(), text), &checkoutv1.ListMerchantsRequest{})
			require.Equal(t, want == http.StatusOK, err == nil)
			if err != nil {
				require.NotContains(t, err.Error(), digits)
			}
			for name, sign := range map[string]func(*http.Request){
				"Bearer": func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+text) },
				"Basic":  func(r *http.Request) { r.SetBasicAuth(text, "") },
			} {
				in, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+p.http+"/v1/merchants", nil)
				require.NoError(t, err)
				sign(in)
				out, err := kit.HTTP(t, "").Do(in)
				require.NoError(t, err)
				require.NoError(t, out.Body.Close())
				require.Equal(t, want, out.StatusCode, name)
			}
		}
	}
	return secrets
}
