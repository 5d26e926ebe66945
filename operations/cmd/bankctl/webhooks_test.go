package main

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/webhook"
	"codebank.dev/native/await"
)

// buffer is written by one goroutine and read by another.
type buffer struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.text.String()
}

// feed is a payment gateway with three events.
func feed(t *testing.T, secret string) (url, authority string) {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+secret || r.URL.Path != "/v1/events" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for i, kind := range []string{"charge.accepted", "charge.approved", "refund.done"} {
			fmt.Fprintf(w, "id: %d\ndata: {\"type\":%q,\"sequence\":%d,\"occurred_at\":\"2030-01-02T03:04:06.000Z\",\"charge\":{\"id\":\"c1\",\"status\":\"approved\"},\"operation\":null}\n\n",
				i+1, kind, i+1)
		}
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	t.Cleanup(server.CloseClientConnections)
	t.Cleanup(server.Close)
	authority = filepath.Join(t.TempDir(), "authority.pem")
	require.NoError(t, os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	return server.URL, authority
}

// A developer's program gets the events of the feed that a new endpoint would get, signed, and one line is written for
// each. The API secret is on no line.
func TestWebhooksAreReceivedOnADevelopersMachine(t *testing.T) {
	const apiSecret = "sk_test_planted"
	secret := webhook.NewSecret()
	url, authority := feed(t, apiSecret)
	bodies := make(chan string, 3)
	program := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if _, err := webhook.Verify(r.Header, body, time.Now(), secret); err != nil {
			w.WriteHeader(http.StatusUnauthorized)
		}
		bodies <- string(body)
	}))
	t.Cleanup(program.Close)
	file := filepath.Join(t.TempDir(), "webhook.secret")
	require.NoError(t, os.WriteFile(file, []byte(secret.Reveal()+"\n"), 0o600))

	var out, diagnostics buffer
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"webhooks", "listen", "--payment-gateway-url=" + url, "--tls-authority=" + authority, "--after=0",
			"--forward-to=" + program.URL + "/hooks", "--webhook-secret-file=" + file}, []string{"CODEBANK_API_SECRET=" + apiSecret},
			streams{out: &out, err: &diagnostics})
	}()
	await.Until(t, func() bool { return len(bodies) == 2 || len(ended) > 0 }, time.Minute, 5*time.Millisecond)
	require.Empty(t, ended, diagnostics.String())
	first, second := <-bodies, <-bodies
	require.Contains(t, first, `{"type":"charge.approved","timestamp":"2030-01-02T03:04:06.000Z","data":{"sequence":2,"charge":{"id":"c1","status":"approved"},"operation":null}}`)
	require.Contains(t, second, `"type":"refund.done"`)
	await.Until(t, func() bool { return strings.Count(out.String(), "\n") == 2 }, time.Minute, 5*time.Millisecond)
	cancel()
	require.Equal(t, exitOK, <-ended, diagnostics.String())
	lines := strings.Split(out.String(), "\n")
	require.Regexp(t, `charge\.approved +2  c1  200 in \d+ ms$`, lines[0])
	require.Regexp(t, `refund\.done +3  c1  200 in \d+ ms$`, lines[1])
	require.NotContains(t, out.String()+diagnostics.String(), apiSecret)
	require.NotContains(t, out.String()+diagnostics.String(), secret.Reveal())
}

func TestListeningSaysWhatItLacks(t *testing.T) {
	url, authority := feed(t, "sk_test_right")
	try := func(environ []string, args ...string) (status int, said string) {
		var written bytes.Buffer
		status = run(t.Context(), append([]string{"webhooks", "listen", "--payment-gateway-url=" + url, "--tls-authority=" + authority}, args...), environ,
			streams{out: &written, err: &written})
		return status, written.String()
	}
	for name, c := range map[string]struct {
		environ []string
		args    []string
		status  int
		words   string
	}{
		"no secret":         {nil, []string{"--forward-to=http://127.0.0.1:1/"}, exitUsage, "CODEBANK_API_SECRET"},
		"another machine":   {[]string{"CODEBANK_API_SECRET=sk_test_x"}, []string{"--forward-to=http://192.0.2.1/"}, exitUsage, "--forward-to"},
		"no such type":      {[]string{"CODEBANK_API_SECRET=sk_test_x"}, []string{"--forward-to=http://127.0.0.1:1/", "--events=charge.lost"}, exitUsage, "charge.lost"},
		"another authority": {[]string{"CODEBANK_API_SECRET=sk_test_x"}, []string{"--forward-to=http://127.0.0.1:1/", "--tls-authority="}, exitUsage, "--tls-authority"},
		"wrong secret":      {[]string{"CODEBANK_API_SECRET=sk_test_x"}, []string{"--forward-to=http://127.0.0.1:1/"}, exitFailed, ""},
	} {
		status, said := try(c.environ, c.args...)
		require.Equal(t, c.status, status, "%s: %s", name, said)
		require.Contains(t, said, c.words, name)
		require.NotContains(t, said, "sk_test_x", name)
	}
}

// A new key goes in front, so that it seals and those before still open.
func TestAWebhookKeyIsPutInFront(t *testing.T) {
	file := filepath.Join(t.TempDir(), "webhook.key")
	for i := range 3 {
		var written bytes.Buffer
		require.Equal(t, exitOK, run(t.Context(), []string{"webhooks", "key", "--file=" + file}, nil, streams{out: &written, err: &written}), written.String())
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, i+1, bytes.Count(content, []byte("\n")))
		require.NotContains(t, written.String(), string(content[:64]))
		_, err = webhook.ParseKeys(content)
		require.NoError(t, err)
	}
	require.NoError(t, os.WriteFile(file, []byte("no key"), 0o600))
	var written bytes.Buffer
	require.Equal(t, exitFailed, run(t.Context(), []string{"webhooks", "key", "--file=" + file}, nil, streams{out: &written, err: &written}))
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "no key", string(content), "what cannot be read stays")
}
