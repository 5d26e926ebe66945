package kafka

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
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

func TestConnectionsToTheBrokersCanBeSecured(t *testing.T) {
	server := httptest.NewTLSServer(nil) // a server for its certificate
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	w := newWorld(t, kfake.TLS(&tls.Config{Certificates: server.TLS.Certificates}))
	w.register()
	security := &tls.Config{RootCAs: roots, ServerName: "example.com"}
	w.options = append(w.options, kgo.DialTLSConfig(security))
	p := w.open(func(c *PublisherConfig) { c.TLS = security })
	for sequence := range int64(10) {
		w.publish(t.Context(), p, eventOf(1, sequence+1))
	}
	w.flush(p)
	w.requireAnswered(10)
	w.requireInOrder(w.records(10), 1, 10)
}
