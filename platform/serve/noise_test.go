package serve_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"codebank.dev/platform/serve"
	"codebank.dev/platform/wallstest"
	"github.com/stretchr/testify/require"
)

// A header that metadata cannot carry is no error of ours. A broken token is a wrong one, and not none: without any,
// the call would be made for the program of the connection.
func TestAHeaderThatMetadataCannotCarry(t *testing.T) {
	kit := wallstest.New(t)
	kit.StartIdentity(t)
	r := start(t, newPurchases(), func(c *serve.Config) { c.Walls = kit.Walls(t, "bank", nil) })
	client := kit.HTTP(t, "checkout")
	for _, test := range []struct {
		name, value string
		status      int
	}{
		{"Accept-Language", "é", http.StatusOK},
		{"Accept-Language", "en,\tpt", http.StatusOK},
		{"Traceparent", "é", http.StatusOK},
		{"Authorization", "Bearer é", http.StatusUnauthorized},
		{"Authorization", "\xe9", http.StatusUnauthorized},
	} {
		request, err := http.NewRequestWithContext(t.Context(), "POST", "https://"+r.HTTPAddress()+authorize, strings.NewReader(`{"requestId":"1"}`))
		require.NoError(t, err)
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set(test.name, test.value)
		response, err := client.Do(request)
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, test.status, response.StatusCode, "%s: %q: %s", test.name, test.value, body)
	}
	require.NotContains(t, r.log.String(), "level=ERROR")
}

// Anybody can make a handshake fail, as often as they like.
func TestFailedHandshakesHaveFewLinesInTheLog(t *testing.T) {
	r := startRoutes(t, nil)
	began := time.Now()
	const connections = 50
	for range connections {
		conn, err := net.Dial("tcp", r.HTTPAddress())
		require.NoError(t, err)
		_, err = io.WriteString(conn, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, conn)
		require.NoError(t, err)
		require.NoError(t, conn.Close())
	}
	lines := strings.Count(r.log.String(), "TLS handshake error")
	require.Positive(t, lines)
	require.LessOrEqual(t, lines, 1+int(time.Since(began)/time.Second))
}

// A request with two lengths may have another end for a proxy in front, so nothing may follow it.
func TestAConnectionEndsBehindABodyInChunks(t *testing.T) {
	r := startRoutes(t, nil)
	config := r.kit.HTTP(t, "").Transport.(*http.Transport).TLSClientConfig.Clone()
	config.NextProtos = []string{"http/1.1"}
	conn, err := tls.Dial("tcp", r.HTTPAddress(), config)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	_, err = io.WriteString(conn, "POST /open HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"+
		"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"+
		"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
	require.NoError(t, err)
	in := bufio.NewReader(conn)
	response, err := http.ReadResponse(in, nil)
	require.NoError(t, err)
	require.Equal(t, 200, response.StatusCode)
	require.True(t, response.Close)
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(t, err)
	_, err = in.ReadByte()
	require.ErrorIs(t, err, io.EOF, "the request behind it has no answer")
}
