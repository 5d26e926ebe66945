package mtls

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"

	"google.golang.org/grpc/credentials"
)

// ServerConfig returns the configuration of a listener. Each connection gets the files as they are then.
func (f *Files) ServerConfig() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return f.current.Load().server, nil
		},
	}
}

// Handshake is the server's side of a gRPC connection.
func (f *Files) Handshake(conn net.Conn) (net.Conn, credentials.TLSInfo, error) {
	secured, info, err := credentials.NewTLS(f.current.Load().server).ServerHandshake(conn)
	if err != nil {
		return nil, credentials.TLSInfo{}, err
	}
	return secured, info.(credentials.TLSInfo), nil
}

// clientConfig returns the configuration of one connection to a server that must be the program.
func (f *Files) clientConfig(program string) *tls.Config {
	now := f.current.Load()
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{*now.certificate},
		RootCAs:      now.authorities,
		VerifyConnection: func(state tls.ConnectionState) error {
			return f.verifyServer(state.PeerCertificates[0], program)
		},
	}
}

// verifyServer refuses a server that is another program, of another bank, or denied.
func (f *Files) verifyServer(certificate *x509.Certificate, program string) error {
	id, err := IDOf(certificate)
	if err != nil {
		return err
	}
	if program != "" && (id.Program != program || !f.ID().Near(id)) {
		return fmt.Errorf("mtls: the server is %s, and not the program %s of %s", id, program, f.ID().Bank)
	}
	if f.Denies(certificate) {
		return errDenied
	}
	return nil
}

// Client returns the credentials of gRPC connections to a program; an empty name takes any program of the
// authorities. The server's certificate must be for the name that was dialed too.
func (f *Files) Client(program string) credentials.TransportCredentials {
	return &client{files: f, program: program}
}

// client is the credentials of the files as they are at each handshake.
type client struct {
	files      *Files
	program    string
	serverName string
}

// ClientHandshake implements credentials.TransportCredentials.
func (c *client) ClientHandshake(ctx context.Context, authority string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	config := c.files.clientConfig(c.program)
	config.ServerName = c.serverName
	return credentials.NewTLS(config).ClientHandshake(ctx, authority, conn)
}

// ServerHandshake implements credentials.TransportCredentials.
func (c *client) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return c.files.Handshake(conn)
}

// Info implements credentials.TransportCredentials.
func (c *client) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "tls", SecurityVersion: "1.3", ServerName: c.serverName}
}

// Clone implements credentials.TransportCredentials.
func (c *client) Clone() credentials.TransportCredentials {
	twin := *c
	return &twin
}

// OverrideServerName implements credentials.TransportCredentials.
func (c *client) OverrideServerName(name string) error {
	c.serverName = name
	return nil
}

// Transport returns an HTTP transport for requests to a program; an empty name takes any program of the
// authorities.
func (f *Files) Transport(program string) *http.Transport {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil
	transport.ForceAttemptHTTP2 = true
	transport.DialTLSContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		config := f.clientConfig(program)
		config.NextProtos = []string{"h2", "http/1.1"}
		dialer := &tls.Dialer{Config: config}
		return dialer.DialContext(ctx, network, address)
	}
	return transport
}

// PublicTransport returns an HTTP transport for servers of the authorities or of this machine's own, such as
// a public provider of access tokens. It does not show the program's certificate.
func (f *Files) PublicTransport() *http.Transport {
	transport := f.Transport("")
	transport.DialTLSContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		now := f.current.Load()
		roots, err := x509.SystemCertPool()
		if err != nil {
			roots = x509.NewCertPool()
		}
		for _, certificate := range now.trusted {
			roots.AddCert(certificate)
		}
		dialer := &tls.Dialer{Config: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, NextProtos: []string{"h2", "http/1.1"}}}
		return dialer.DialContext(ctx, network, address)
	}
	return transport
}
