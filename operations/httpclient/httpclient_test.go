package httpclient_test

import (
	"context"
	"errors"
	"io"
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
	shop = httpclient.Service{Name: "shop", Title: "the shop", TryTimeout: time.Minute, MaxAnswer: 10}

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

// send returns how a request is sent to a server that does as it is told.
func send(t *testing.T, do http.HandlerFunc) httpclient.Send {
	t.Helper()
	server := httptest.NewServer(do)
	t.Cleanup(server.Close)
	return func(ctx context.Context) (*http.Response, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
		require.NoError(t, err)
		return http.DefaultClient.Do(request)
	}
}

func refused(status int, answer []byte) error {
	return shop.Refusal(status, string(answer), errNotFound)
}

func TestAnAnswerIsReadWhateverItsStatus(t *testing.T) {
	for status, wanted := range map[int]string{
		http.StatusOK:                 "",
		http.StatusFound:              "shop: refused with 302: 0123456789",
		http.StatusConflict:           "shop: refused with 409: 0123456789",
		http.StatusServiceUnavailable: "shop: refused with 503: 0123456789",
	} {
		answer, err := shop.Exchange(t.Context(), send(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte("0123456789"))
		}), refused)
		if wanted == "" {
			require.NoError(t, err)
		} else {
			require.EqualError(t, err, wanted)
		}
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
			_, err := tt.of.Exchange(t.Context(), send(t, tt.do), refused)
			require.ErrorContains(t, err, tt.want)
			require.ErrorContains(t, err, "shop: ")
			require.Equal(t, tt.cured, provision.IsNotReady(err))
		})
	}
}

func TestACallerWhoHasGoneIsNotAServiceThatIsAway(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := shop.Exchange(ctx, send(t, func(http.ResponseWriter, *http.Request) {}), refused)
	require.ErrorIs(t, err, context.Canceled)
	require.False(t, provision.IsNotReady(err))
}

func TestWhatIsFinalIsNotTriedAgain(t *testing.T) {
	broken := errors.New("broken")
	_, err := shop.Exchange(t.Context(), func(context.Context) (*http.Response, error) { return nil, httpclient.Final(broken) }, refused)
	require.EqualError(t, err, "shop: broken")
	require.ErrorIs(t, err, broken)
	require.False(t, provision.IsNotReady(err))
}

func TestAClientSendsItsHeaderAndItsCredentialsAndTriesAgain(t *testing.T) {
	var asked []*http.Request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked = append(asked, r); len(asked) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	}))
	defer server.Close()
	client, err := shop.Open(strings.Replace(server.URL, "//", "//ana:secret@", 1)+"/base/", nil)
	require.NoError(t, err)
	require.Equal(t, server.URL+"/base", client.Address, "it tells no secret")
	client.Header.Set("Accept", "text/plain")
	request := httpclient.Request{Method: http.MethodPut, Path: "/x?y=z", ContentType: "text/csv", Body: []byte("1,2")}
	answer, err := client.Call(t.Context(), request, refused)
	require.NoError(t, err)
	require.Equal(t, "1,2", string(answer))
	require.Len(t, asked, 2)
	for _, request := range asked {
		require.Equal(t, "PUT /base/x?y=z", request.Method+" "+request.URL.String())
		require.Equal(t, "text/plain", request.Header.Get("Accept"))
		require.Equal(t, "text/csv", request.Header.Get("Content-Type"))
		name, password, _ := request.BasicAuth()
		require.Equal(t, "ana secret", name+" "+password)
	}
}

func TestAWaitWithoutSuccessNamesTheService(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }))
	defer server.Close()
	client, err := shop.Open(server.URL, nil)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = client.Call(ctx, httpclient.Request{Method: http.MethodGet, Path: "/"}, refused)
	require.ErrorContains(t, err, "waiting for the shop: context deadline exceeded; last: shop: ")
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
