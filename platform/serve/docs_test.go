package serve_test

import (
	"os"
	"strings"
	"testing"

	"codebank.dev/platform/serve"
	"github.com/stretchr/testify/require"
)

func TestTheDocumentIsServedForPeopleAndForMachines(t *testing.T) {
	document, err := os.ReadFile("../../schemas/gen/openapi/bank.v1.json")
	require.NoError(t, err)
	r := start(t, newPurchases(), func(c *serve.Config) { c.OpenAPI = document })
	response, body := r.request(t, "GET", "/openapi.json", "")
	require.Equal(t, 200, response.StatusCode)
	require.Equal(t, string(document), body)
	response, page := r.request(t, "GET", "/docs", "")
	require.Equal(t, 200, response.StatusCode)
	require.Equal(t, "text/html; charset=utf-8", response.Header.Get("Content-Type"))
	for _, want := range []string{"PurchaseService", "<code>/v1/purchases:authorize</code>", `id="bank.v1.Purchase"`, `href="#Problem"`, "amountMinor"} {
		require.True(t, strings.Contains(page, want), want)
	}
	for _, unwanted := range []string{"<script", "http://", "ZgotmplZ", "&lt;nil&gt;"} {
		require.False(t, strings.Contains(page, unwanted), unwanted)
	}
}

func TestADocumentThatIsNoJSONIsRefusedAtTheStart(t *testing.T) {
	_, err := serve.Listen(serve.Config{GRPCAddress: "127.0.0.1:0", HTTPAddress: "127.0.0.1:0", OpenAPI: []byte("openapi: 3.1.0")})
	require.ErrorContains(t, err, "OpenAPI")
}
