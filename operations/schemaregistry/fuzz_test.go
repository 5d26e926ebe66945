package schemaregistry

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/sr"
)

// answering is a registry that gives one answer to everything, and ends the call's
// patience with it.
type answering struct {
	code  int
	body  []byte
	ended func()
}

func (a *answering) RoundTrip(request *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: a.code, Header: http.Header{}, Body: &closing{bytes.NewReader(a.body), a.ended}, Request: request}, nil
}

type closing struct {
	io.Reader
	ended func()
}

func (c *closing) Close() error {
	c.ended()
	return nil
}

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
		server := &answering{code: code, body: body}
		client, err := sr.NewClient(sr.URLs("http://registry"), sr.HTTPClient(&http.Client{Transport: server}))
		require.NoError(t, err)
		registry := &Registry{client: client}
		once := func(call func(context.Context) error) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			server.ended = cancel
			_ = call(ctx)
		}
		once(func(ctx context.Context) error { _, err := registry.numbers(ctx, "s"); return err })
		once(func(ctx context.Context) error { _, err := registry.verify(ctx, "s", 1, `"string"`); return err })
		once(func(ctx context.Context) error { _, err := registry.register(ctx, "s", `"string"`); return err })
		once(func(ctx context.Context) error { _, err := registry.level(ctx, "s"); return err })
		once(func(ctx context.Context) error { _, _, err := registry.Schema(ctx, 1); return err })
	})
}
