package serve_test

import (
	"context"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/permission"
	"codebank.dev/platform/principal"
	"codebank.dev/platform/serve"
)

// revocable is oneSecret until it is revoked.
type revocable struct {
	oneSecret
	revoked atomic.Bool
}

func (s *revocable) Verify(ctx context.Context, text string) (principal.Principal, error) {
	if s.revoked.Load() {
		text = ""
	}
	return s.oneSecret.Verify(ctx, text)
}

// An answer that goes on is admitted as long as a new request would be.
func TestAnOpenRequestIsAdmittedUntilItsSecretIsRevoked(t *testing.T) {
	const live = "GET /live"
	secrets := &revocable{}
	r, err := listenRoutes(t, func(c *serve.Config) {
		c.Secrets = secrets
		c.Permissions[live] = permission.Rule{Merchants: true, Whose: permission.Own}
	})
	require.NoError(t, err)
	r.RouteStream(live, func(w http.ResponseWriter, request *http.Request) error {
		ctx, err := r.Readmit(request)
		for ; err == nil; ctx, err = r.Readmit(request.WithContext(ctx)) {
			if secrets.revoked.CompareAndSwap(false, serve.Principal(ctx).Name == "cafe") {
				continue // The next one is refused.
			}
		}
		_, _ = w.Write([]byte(fault.Of(err).Reason))
		return nil
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	defer func() { cancel(); require.NoError(t, <-ended) }()

	request, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+r.HTTPAddress()+"/live", nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+goodSecret)
	client := r.kit.HTTP(t, "")
	client.Timeout = 10 * time.Second
	response, err := client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, "SECRET_REFUSED", string(body))
	require.True(t, secrets.revoked.Load())
}
