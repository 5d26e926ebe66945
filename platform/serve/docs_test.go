package serve_test

import (
	"os"
	"regexp"
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
	require.Contains(t, page, "<title>Code Bank bank v1</title>")
	for _, unwanted := range []string{"http://", "https://", "<style", "<script>", "onload"} {
		require.NotContains(t, page, unwanted, "nothing comes from elsewhere, and nothing is inline")
	}
	policy := response.Header.Get("Content-Security-Policy")
	require.Contains(t, policy, "script-src 'self';")
	require.Contains(t, policy, "frame-ancestors 'none'")
	require.Equal(t, "no-store", response.Header.Get("Cache-Control"))
}

func TestTheFilesOfThePageAreInTheProgram(t *testing.T) {
	r := start(t, newPurchases(), func(c *serve.Config) { c.OpenAPI = []byte(`{"openapi":"3.1.0"}`) })
	_, page := r.request(t, "GET", "/docs", "")
	files := regexp.MustCompile(`"(/docs/[^"]+)"`).FindAllStringSubmatch(page, -1)
	require.Len(t, files, 3)
	for _, file := range files {
		response, body := r.request(t, "GET", file[1], "")
		require.Equal(t, 200, response.StatusCode, file[1])
		require.NotEmpty(t, body)
		require.Regexp(t, "/(css|javascript)", response.Header.Get("Content-Type"), "a browser guesses no type")
		if tag := response.Header.Get("Etag"); tag != "" {
			response, body = r.request(t, "GET", file[1], "", "If-None-Match", tag)
			require.Equal(t, 304, response.StatusCode)
			require.Empty(t, body)
		}
	}
	for _, other := range []string{"/docs/", "/docs/oauth2-redirect.html", "/docs/nothing", "/docs/../docs.go"} {
		response, _ := r.request(t, "GET", other, "")
		require.Equal(t, 404, response.StatusCode, other)
	}
}

func TestADocumentThatIsNoJSONIsRefusedAtTheStart(t *testing.T) {
	_, err := serve.Listen(serve.Config{GRPCAddress: "127.0.0.1:0", HTTPAddress: "127.0.0.1:0", Walls: plain(t, "shop"), OpenAPI: []byte("openapi: 3.1.0")})
	require.ErrorContains(t, err, "OpenAPI")
}
