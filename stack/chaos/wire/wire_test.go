package wire_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"codebank.dev/stack/chaos/wire"
	"github.com/stretchr/testify/require"
)

// echo is a server that sends every line back.
func echo(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(connection, connection)
				connection.Close()
			}()
		}
	}()
	return listener.Addr().String()
}

func listen(t *testing.T) *wire.Proxy {
	t.Helper()
	proxy, err := wire.Listen(echo(t))
	require.NoError(t, err)
	t.Cleanup(proxy.Close)
	return proxy
}

type client struct {
	net.Conn
	lines *bufio.Reader
}

func dial(t *testing.T, proxy *wire.Proxy) client {
	t.Helper()
	connection, err := net.Dial("tcp", proxy.Address())
	require.NoError(t, err)
	t.Cleanup(func() { connection.Close() })
	return client{connection, bufio.NewReader(connection)}
}

func (c client) send(t *testing.T, line string) {
	t.Helper()
	_, err := io.WriteString(c, line+"\n")
	require.NoError(t, err)
}

func (c client) receive(t *testing.T) string {
	t.Helper()
	line, err := c.lines.ReadString('\n')
	require.NoError(t, err)
	return strings.TrimSpace(line)
}

func TestAProxyWithoutAFaultChangesNothing(t *testing.T) {
	proxy := listen(t)
	c := dial(t, proxy)
	for _, text := range []string{"one", "two", strings.Repeat("long ", 50_000)} {
		c.send(t, text)
		require.Equal(t, strings.TrimSpace(text), c.receive(t))
	}
}

func TestHeldDataArrivesWhenTheFaultEnds(t *testing.T) {
	for name, condition := range map[string]wire.Condition{
		"black hole": {HoldUpstream: true, HoldDownstream: true}, "up": {HoldUpstream: true}, "down": {HoldDownstream: true},
	} {
		t.Run(name, func(t *testing.T) {
			proxy := listen(t)
			c := dial(t, proxy)
			c.send(t, "before")
			require.Equal(t, "before", c.receive(t))
			proxy.Set(condition)
			c.send(t, "held")
			require.NoError(t, c.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
			_, err := c.lines.ReadString('\n')
			require.ErrorIs(t, err, os.ErrDeadlineExceeded, "nothing arrived")
			require.NoError(t, c.SetReadDeadline(time.Time{}))
			proxy.Set(wire.Condition{})
			require.Equal(t, "held", c.receive(t))
		})
	}
}

func TestSlicesDelaysAndLowRatesLoseNothing(t *testing.T) {
	for name, condition := range map[string]wire.Condition{
		"sliced":   {Slice: 3},
		"delayed":  {Delay: 5 * time.Millisecond, Jitter: 5 * time.Millisecond},
		"low rate": {BytesPerSecond: 20_000},
	} {
		t.Run(name, func(t *testing.T) {
			proxy := listen(t)
			proxy.Set(condition)
			c := dial(t, proxy)
			text := strings.Repeat("x", 999)
			c.send(t, text)
			require.Equal(t, text, c.receive(t))
		})
	}
}

func TestAResetEndsOpenConnectionsAndARefusalNewOnes(t *testing.T) {
	proxy := listen(t)
	c := dial(t, proxy)
	c.send(t, "before")
	require.Equal(t, "before", c.receive(t))
	proxy.Reset()
	_, err := c.lines.ReadString('\n')
	require.Error(t, err)
	proxy.Set(wire.Condition{Refuse: true})
	_, err = dial(t, proxy).lines.ReadString('\n')
	require.Error(t, err)
	proxy.Set(wire.Condition{})
	again := dial(t, proxy)
	again.send(t, "after")
	require.Equal(t, "after", again.receive(t))
}

func TestAnHTTPProxyCanAnswerInsteadOfItsServer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) }))
	proxy, err := wire.ListenHTTP(server.URL)
	require.NoError(t, err)
	defer proxy.Close()
	status := func(path string) int {
		answer, err := http.Get(proxy.URL() + path)
		if err != nil {
			return 0
		}
		answer.Body.Close()
		return answer.StatusCode
	}
	require.Equal(t, 200, status("/_bulk"))
	proxy.Override(&wire.Answer{Path: "_bulk", Status: 429, Body: "{}", Every: 2})
	require.Equal(t, 200, status("/_search"))
	require.Equal(t, 629, status("/_bulk")+status("/_bulk"), "one in two")
	require.Equal(t, int64(1), proxy.Overridden())
	proxy.Override(nil)
	require.Equal(t, 200, status("/_bulk"))
	server.Close()
	require.Zero(t, status("/_bulk"), "the proxy gives no answer of its own")
}
