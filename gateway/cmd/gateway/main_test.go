package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"codebank.dev/gateway/gatewaytest"
	"codebank.dev/native/await"
	"codebank.dev/platform/programtest"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { programtest.Main(m, main) }

// process is the running program, and the programs behind it.
type process struct {
	*programtest.Program
	*gatewaytest.World

	address string // of HTTP
	client  *http.Client
}

// start runs the program until it is ready.
func start(t *testing.T, flags ...string) *process {
	t.Helper()
	p := &process{World: gatewaytest.NewWorld(t)}
	p.client = p.Kit.HTTP(t, "")
	p.Program = programtest.Start(t, nil, slices.Concat(p.Flags(t), transfersFlags(t), flags)...)
	p.Program.Client = p.client
	addresses, ready := p.AwaitReady(t)
	require.True(t, ready, p.Log())
	p.address = addresses.HTTP
	// Commands are taken when gateway and bank have heard which sessions have ended.
	nobody := as(p.Kit.Customer(t, "5b0a4f0e-55b5-4a54-8a53-5d5c0f8d9a01"))
	await.Until(t, func() bool {
		answer, _ := p.send(t, nobody, "POST", "/v1/transactions:cancel", `{"requestId":"awaited"}`)
		return answer.StatusCode == http.StatusOK
	}, 10*time.Second, 10*time.Millisecond)
	return p
}

// as is who sends a request: an access token, or "" for nobody.
type as string

// send sends a request and returns its status and body. headers are names and values by turns.
func (p *process) send(t *testing.T, who as, method, path, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "https://"+p.address+path, strings.NewReader(body))
	require.NoError(t, err)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if who != "" {
		request.Header.Set("Authorization", "Bearer "+string(who))
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	answer, err := p.client.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer, string(text)
}

func TestTheProgramServesItsPagesAndAnswers(t *testing.T) {
	p := start(t)
	for path, want := range map[string]string{"/livez": "ok", "/readyz": "", "/metrics": "codebank_sessions_known", "/docs": "customers", "/openapi.json": "/q/accounts"} {
		answer, body := p.send(t, "", "GET", path, "")
		require.Equal(t, 200, answer.StatusCode, "%s: %s", path, body)
		require.Contains(t, body, want, path)
	}
	answer, body := p.send(t, "", "POST", "/authorize", `{"email": "`+gatewaytest.Email+`", "password": "`+gatewaytest.Password+`"}`)
	require.Equal(t, 200, answer.StatusCode, body)
	var signedIn struct{ Token string }
	require.NoError(t, json.Unmarshal([]byte(body), &signedIn))
	answer, body = p.send(t, as(signedIn.Token), "GET", "/q/accounts", "")
	require.Equal(t, 200, answer.StatusCode, body)
	require.JSONEq(t, `{"accounts":[]}`, body)
	answer, body = p.send(t, as(signedIn.Token), "POST", "/v1/accounts:open", `{"requestId": "one", "currency": "BRL"}`)
	require.Equal(t, 200, answer.StatusCode, body)
	_, body = p.send(t, as(signedIn.Token), "GET", "/q/accounts", "")
	require.Contains(t, body, `"balance":0`)
	answer, _ = p.send(t, "", "GET", "/q/accounts", "")
	require.Equal(t, 401, answer.StatusCode)
	answer, _ = p.send(t, "", "GET", "/authorize", "")
	require.Equal(t, 405, answer.StatusCode)
	require.Equal(t, "POST", answer.Header.Get("Allow"))
	p.Interrupt(t)
}

// member returns a text in an answer, at a path of names.
func member(t *testing.T, body string, names ...string) string {
	t.Helper()
	var at any
	require.NoError(t, json.Unmarshal([]byte(body), &at), body)
	for _, name := range names {
		object, _ := at.(map[string]any)
		require.Contains(t, object, name, body)
		at = object[name]
	}
	text, _ := at.(string)
	return text
}

// A stream of lines goes on for ever, and does not hold up a program that ends: its client is told to call again.
func TestAStreamOfLinesEndsWhenTheProgramDoes(t *testing.T) {
	p := start(t)
	who, wallet := p.signIn(t)
	request, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+p.address+"/v1/accounts/"+wallet+"/lines:watch?afterSequence=1", nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+string(who))
	answer, err := p.client.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Equal(t, 200, answer.StatusCode)
	lines := bufio.NewScanner(answer.Body)
	require.True(t, lines.Scan())
	require.Contains(t, lines.Text(), `"completeToSequence":"7"`)

	began := time.Now()
	p.Interrupt(t)
	require.Less(t, time.Since(began), 10*time.Second)
	require.NotContains(t, p.Log(), "cut off")
	require.True(t, lines.Scan())
	require.Contains(t, lines.Text(), `"ENDING"`)
	require.False(t, lines.Scan())
	require.NoError(t, lines.Err())
}
