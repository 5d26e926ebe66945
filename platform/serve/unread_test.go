package serve_test

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"codebank.dev/native/await"
	"codebank.dev/platform/serve"
	"github.com/stretchr/testify/require"
)

// Frames of HTTP/2 and their flags (RFC 9113, section 6).
const (
	headersFrame, resetFrame, settingsFrame = 0x1, 0x3, 0x4
	endStreamAndHeaders, ackFlag            = 0x5, 0x1
)

// silent is a client over HTTP/2 that never lets the server send content: its windows are empty.
type silent struct {
	conn net.Conn
	in   *bufio.Reader
	next uint32
}

// dialSilent connects from a loopback address, and returns how many requests the server takes at once.
func dialSilent(t *testing.T, r *routed, from string) (client *silent, streams uint32) {
	t.Helper()
	config := r.kit.HTTP(t, "").Transport.(*http.Transport).TLSClientConfig.Clone()
	config.NextProtos, config.ServerName = []string{"h2"}, "127.0.0.1"
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := tls.DialWithDialer(dialer, "tcp", r.HTTPAddress(), config)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	client = &silent{conn: conn, in: bufio.NewReader(conn), next: 1}
	_, err = io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	require.NoError(t, err)
	client.write(t, settingsFrame, 0, 0, []byte{0, 4, 0, 0, 0, 0}) // INITIAL_WINDOW_SIZE is 0.
	kind, _, settings := client.read(t)
	require.EqualValues(t, settingsFrame, kind)
	for ; len(settings) >= 6; settings = settings[6:] {
		if binary.BigEndian.Uint16(settings) == 3 { // MAX_CONCURRENT_STREAMS
			streams = binary.BigEndian.Uint32(settings[2:])
		}
	}
	client.write(t, settingsFrame, ackFlag, 0, nil)
	return client, streams
}

func (c *silent) write(t *testing.T, kind, flags byte, stream uint32, content []byte) {
	t.Helper()
	frame := binary.BigEndian.AppendUint32(nil, uint32(len(content))<<8|uint32(kind))
	frame = binary.BigEndian.AppendUint32(append(frame, flags), stream)
	_, err := c.conn.Write(append(frame, content...))
	require.NoError(t, err)
}

func (c *silent) read(t *testing.T) (kind byte, stream uint32, content []byte) {
	t.Helper()
	var head [9]byte
	_, err := io.ReadFull(c.in, head[:])
	require.NoError(t, err)
	content = make([]byte, binary.BigEndian.Uint32(head[:])>>8)
	_, err = io.ReadFull(c.in, content)
	require.NoError(t, err)
	return head[3], binary.BigEndian.Uint32(head[5:]), content
}

// get asks for a path, and returns when the head of the answer has come.
func (c *silent) get(t *testing.T, host, path string) {
	t.Helper()
	// Fields of HPACK (RFC 7541): two of the static table, and two literals with names of it.
	block := append([]byte{0x82, 0x87, 0x04, byte(len(path))}, path...)
	block = append(append(block, 0x01, byte(len(host))), host...)
	c.write(t, headersFrame, endStreamAndHeaders, c.next, block)
	for kind, stream, _ := c.read(t); kind != headersFrame || stream != c.next; kind, stream, _ = c.read(t) {
		require.NotEqualValues(t, resetFrame, kind)
	}
	c.next += 2
}

// Anybody may ask, and need not read. Answers that are not read are given up.
func TestAnAnswerThatIsNotReadIsCut(t *testing.T) {
	r := startRoutes(t, func(c *serve.Config) { c.AnswerTimeout = 500 * time.Millisecond })
	client, streams := dialSilent(t, r, "127.0.0.1")
	require.EqualValues(t, 32, streams, "requests at once over one connection")
	client.get(t, r.HTTPAddress(), "/metrics")
	client.get(t, r.HTTPAddress(), "/problems")
	cut := make(map[uint32]bool)
	for len(cut) < 2 {
		if kind, stream, _ := client.read(t); kind == resetFrame {
			cut[stream] = true
		}
	}
	require.Equal(t, map[uint32]bool{1: true, 3: true}, cut)
}

func TestAnAnswerThatIsNotReadIsCutOverHTTP1(t *testing.T) {
	ended := make(chan error, 1)
	r := start(t, newPurchases(), func(c *serve.Config) { c.AnswerTimeout = 500 * time.Millisecond }, func(server *serve.Server) {
		server.Handle("GET /endless", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			var err error
			for err == nil {
				_, err = io.WriteString(w, strings.Repeat("a", 1<<20))
			}
			ended <- err
		}))
	})
	conn, err := net.Dial("tcp", r.HTTPAddress())
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n")
	require.NoError(t, err)
	select {
	case err := <-ended:
		require.True(t, errors.Is(err, os.ErrDeadlineExceeded), err)
	case <-time.After(time.Minute):
		require.Fail(t, "the answer goes on")
	}
}

// One network cannot keep the metrics from others by not reading them.
func TestANetworkHasAShareOfTheRequestsForMetrics(t *testing.T) {
	r := startRoutes(t, nil)
	client, _ := dialSilent(t, r, "127.0.0.2")
	for range 4 {
		client.get(t, r.HTTPAddress(), "/metrics")
	}
	http2, _ := dialSilent(t, r, "127.0.0.2")
	http2.get(t, r.HTTPAddress(), "/metrics")
	response, body := r.send(t, "", "GET", "/metrics", "")
	require.Equal(t, 200, response.StatusCode, body)
	require.Contains(t, body, `codebank_http_server_requests_total{method="GET",pattern="GET /metrics",status="429"} 1`)
}

// One network cannot keep others from connecting, and gets its connections back when it closes some.
func TestANetworkHasAShareOfTheConnections(t *testing.T) {
	r := start(t, newPurchases(), nil)
	dial := func() net.Conn {
		dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP("127.0.0.2")}}
		conn, err := dialer.DialContext(t.Context(), "tcp", r.HTTPAddress())
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
		return conn
	}
	// answered asks on a connection, which is over if it is one too many.
	answered := func(conn net.Conn) bool {
		_, _ = io.WriteString(conn, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
		_, err := http.ReadResponse(bufio.NewReader(conn), nil)
		return err == nil
	}
	open := make([]net.Conn, 256)
	for i := range open {
		open[i] = dial() // without a request, which would make it idle afterwards
	}
	require.False(t, answered(dial()))
	response, _ := r.request(t, "GET", "/livez", "")
	require.Equal(t, 200, response.StatusCode, "of another network")
	require.Contains(t, r.log.String(), "an HTTP connection was closed because too many are open")
	require.NoError(t, open[0].Close())
	await.Until(t, func() bool { return answered(dial()) }, time.Minute, 10*time.Millisecond)
}
