package serve

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A client that leaves its connections open, and makes new ones, goes on: the idle ones make room.
func TestAnIdleConnectionMakesRoomForANewOne(t *testing.T) {
	open := &connections{
		open: newShares(4, 2), logger: slog.New(slog.DiscardHandler),
		sharing: func(string) netip.Addr { return netip.MustParseAddr("192.0.2.1") },
	}
	dial := func() net.Conn {
		client, server := net.Pipe()
		t.Cleanup(func() { _ = client.Close() })
		open.changed(server, http.StateNew)
		return server
	}
	closed := func(conn net.Conn) bool {
		_ = conn.SetReadDeadline(time.Now())
		_, err := conn.Read(make([]byte, 1))
		return errors.Is(err, io.ErrClosedPipe)
	}
	first, second := dial(), dial()
	open.changed(first, http.StateActive)
	open.changed(second, http.StateActive)
	require.True(t, closed(dial()), "both are at work")
	open.changed(first, http.StateIdle)
	third := dial()
	require.True(t, closed(first))
	open.changed(first, http.StateClosed)
	require.False(t, closed(third))
	require.False(t, closed(second))
	open.changed(second, http.StateClosed)
	open.changed(third, http.StateClosed)
	require.Zero(t, open.open.open)
}
