package httpclient_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/operations/httpclient"
	"codebank.dev/operations/provision"
)

var (
	shop = httpclient.Service{Name: "shop", TryTimeout: time.Minute, MaxAnswer: 10}

	errNotFound = errors.New("shop: no such thing")
)

func TestAddressesAreHTTPAndErrorsTellNoSecret(t *testing.T) {
	address, err := shop.Address("https://ana:secret@host:1/base")
	require.NoError(t, err)
	require.Equal(t, "/base", address.Path)
	for _, text := range []string{"", "127.0.0.1:17925", "kafka://x", "http://", "http://ana:secret@ho st", "ftp://ana:secret@host", "http://host?key=secret"} {
		_, err := shop.Address(text)
		require.EqualError(t, err, "shop: the address is not an http or https URL", text)
	}
}

// exchange asks a server that does what it is told for an answer.
func exchange(t *testing.T, of httpclient.Service, do http.HandlerFunc) (status int, answer []byte, err error) {
	t.Helper()
	server := httptest.NewServer(do)
	defer server.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	require.NoError(t, err)
	return of.Exchange(http.DefaultClient.Do, request)
}

func TestAnAnswerIsReadWhateverItsStatus(t *testing.T) {
	for _, want := range []int{http.StatusOK, http.StatusConflict, http.StatusServiceUnavailable} {
		status, answer, err := exchange(t, shop, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(want)
			_, _ = w.Write([]byte("0123456789"))
		})
		require.NoError(t, err)
		require.Equal(t, want, status)
		require.Equal(t, "0123456789", string(answer))
	}
}

func TestWhatTimeMayCureIsNotReady(t *testing.T) {
	hasty := shop
	hasty.TryTimeout = time.Millisecond
	for name, tt := range map[string]struct {
		of    httpclient.Service
		do    http.HandlerFunc
		cured bool
		want  string
	}{
		"nobody answers in time":  {hasty, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, true, "deadline"},
		"the connection is lost":  {shop, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, true, "EOF"},
		"the answer is cut off":   {shop, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "9") }, true, "cut off"},
		"the answer is too large": {shop, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(strings.Repeat("x", 11))) }, false, "more than 10 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := exchange(t, tt.of, tt.do)
			require.ErrorContains(t, err, tt.want)
			require.ErrorContains(t, err, "shop: ")
			require.Equal(t, tt.cured, provision.IsNotReady(err))
		})
	}
}

func TestACallerWhoHasGoneIsNotAServiceThatIsAway(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:1", nil)
	require.NoError(t, err)
	_, _, err = shop.Exchange(http.DefaultClient.Do, request)
	require.ErrorIs(t, err, context.Canceled)
	require.False(t, provision.IsNotReady(err))
}

func TestRefusals(t *testing.T) {
	for status, tt := range map[int]struct {
		cured bool
		want  string
	}{
		http.StatusBadRequest:          {false, "shop: refused with 400: closed"},
		http.StatusConflict:            {false, "shop: refused with 409: closed"},
		http.StatusInternalServerError: {false, "shop: refused with 500: closed"},
		http.StatusTooManyRequests:     {true, "shop: refused with 429: closed"},
		http.StatusBadGateway:          {true, "shop: refused with 502: closed"},
		http.StatusServiceUnavailable:  {true, "shop: refused with 503: closed"},
		http.StatusGatewayTimeout:      {true, "shop: refused with 504: closed"},
		http.StatusNotFound:            {false, "shop: no such thing: closed"},
	} {
		err := shop.Refusal(status, "closed", errNotFound)
		require.EqualError(t, err, tt.want)
		require.Equal(t, tt.cured, provision.IsNotReady(err), status)
		require.Equal(t, status == http.StatusNotFound, errors.Is(err, errNotFound), status)
		refused := new(httpclient.RefusedError)
		if errors.As(err, &refused) {
			require.Equal(t, &httpclient.RefusedError{Service: "shop", StatusCode: status, Message: "closed"}, refused)
		}
	}
	require.EqualError(t, shop.Refusal(http.StatusForbidden, "", errNotFound), "shop: refused with 403: Forbidden")
}

// FuzzDecode: whatever a service answers is read or is an error that names it.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"name":"x"}`))
	f.Add([]byte(`<html>`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		require.NoError(t, shop.Decode(answer, nil))
		var into struct{ Name string }
		if err := shop.Decode(answer, &into); err != nil {
			require.ErrorContains(t, err, "shop: not an answer of this service")
		}
	})
}
