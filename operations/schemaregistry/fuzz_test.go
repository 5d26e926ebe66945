package schemaregistry

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/sr"

	"codebank.dev/operations/httpclient/httpclienttest"
)

// FuzzAnswer: whatever a registry answers is read or is an error, by every call.
func FuzzAnswer(f *testing.F) {
	f.Add(200, []byte(`[1,2]`))
	f.Add(200, []byte(`{"subject":"s","version":1,"id":3,"schema":"\"string\""}`))
	f.Add(200, []byte(`{"compatibilityLevel":"BACKWARD_TRANSITIVE","id":1}`))
	f.Add(404, []byte(`{"error_code":40401,"message":"Subject not found."}`))
	f.Add(500, []byte(`<html>`))
	f.Fuzz(func(t *testing.T, code int, body []byte) {
		if code < 200 || code > 599 || code/100 == 3 {
			t.Skip()
		}
		server := &httpclienttest.Server{Code: code, Body: body}
		client, err := sr.NewClient(sr.URLs("http://registry"), sr.HTTPClient(&http.Client{Transport: server}))
		require.NoError(t, err)
		registry := &Registry{client: client}
		server.Once(t, func(ctx context.Context) error { _, err := registry.numbers(ctx, "s"); return err })
		server.Once(t, func(ctx context.Context) error { _, err := registry.verify(ctx, "s", 1, `"string"`); return err })
		server.Once(t, func(ctx context.Context) error { _, err := registry.register(ctx, "s", `"string"`); return err })
		server.Once(t, func(ctx context.Context) error { _, err := registry.level(ctx, "s"); return err })
		server.Once(t, func(ctx context.Context) error { _, _, err := registry.Schema(ctx, 1); return err })
	})
}
