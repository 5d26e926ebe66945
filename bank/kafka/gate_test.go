package kafka

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestClosedGateLetsNothingThrough(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	g := new(gate)
	connection := &gatedConn{near, g}
	read, written := make(chan error, 1), make(chan error, 1)
	g.close()
	go func() {
		_, err := connection.Read(make([]byte, 1))
		read <- err
		_, err = connection.Write([]byte{2})
		written <- err
	}()
	_, err := far.Write([]byte{1})
	require.NoError(t, err)
	require.Empty(t, read, "an answer that has arrived is not seen")
	g.open()
	require.NoError(t, <-read)
	_, err = far.Read(make([]byte, 1))
	require.NoError(t, err)
	require.NoError(t, <-written)
}

func TestBrokenGateEndsItsConnections(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	g := new(gate)
	connection := &gatedConn{near, g}
	written := make(chan error, 1)
	g.close()
	go func() {
		_, err := connection.Write([]byte{1})
		written <- err
	}()
	g.abort()
	g.open()
	require.ErrorIs(t, <-written, net.ErrClosed)
}
