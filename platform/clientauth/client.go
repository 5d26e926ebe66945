package clientauth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"time"
)

// dialTimeout bounds the opening of a connection, with the handshake.
const dialTimeout = 10 * time.Second

// Client is what a program needs to reach one server: whom it trusts, and how it proves itself. It
// is safe for concurrent use. It holds secrets: never log it. A nil Client has no settings.
type Client struct {
	settings Settings
	// tls is nil when TLS is not spoken.
	tls *tls.Config
}

// loadFiles makes the configuration of TLS. The authorities are read once. The certificate is read
// for each connection, because it may live for hours only.
func (c *Client) loadFiles() error {
	s := &c.settings
	if !s.byURL && s.authority == "" && s.certificate == "" {
		return nil
	}
	// The servers are not ours, and some of them do not speak TLS 1.3 yet.
	c.tls = &tls.Config{MinVersion: tls.VersionTLS12}
	if s.authority != "" && s.authority != system {
		content, err := os.ReadFile(s.authority)
		if err != nil {
			return fmt.Errorf("--%s: %w", s.flag("tls-authority"), err)
		}
		c.tls.RootCAs = x509.NewCertPool()
		if !c.tls.RootCAs.AppendCertsFromPEM(content) {
			return fmt.Errorf("--%s: %s holds no certificate in PEM", s.flag("tls-authority"), s.authority)
		}
	}
	if s.certificate == "" {
		return nil
	}
	if _, err := c.certificate(); err != nil {
		return err
	}
	c.tls.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return c.certificate() }
	return nil
}

// certificate reads the program's own certificate with its key.
func (c *Client) certificate() (*tls.Certificate, error) {
	s := &c.settings
	pair, err := tls.LoadX509KeyPair(s.certificate, s.key)
	if err != nil {
		return nil, fmt.Errorf("--%s and --%s: %w", s.flag("tls-certificate"), s.flag("tls-key"), err)
	}
	if end := pair.Leaf.NotAfter; time.Now().After(end) {
		return nil, fmt.Errorf("--%s: the certificate has expired at %s", s.flag("tls-certificate"), end.UTC().Format(time.RFC3339))
	}
	return &pair, nil
}

// Password returns the name and password for the server; both are empty if there are none.
func (c *Client) Password() (username, password string) {
	if c == nil {
		return "", ""
	}
	return c.settings.username, c.settings.password
}

// WithoutCredentials returns a client that trusts the same authorities and proves itself in no way.
func (c *Client) WithoutCredentials() *Client {
	if c == nil {
		return nil
	}
	bare := &Client{settings: c.settings, tls: c.tls.Clone()}
	bare.settings.username, bare.settings.password, bare.settings.apiKey, bare.settings.certificate = "", "", "", ""
	if bare.tls != nil {
		bare.tls.GetClientCertificate = nil
	}
	return bare
}

// DialContext opens a connection to a server at host:port, with TLS if the settings say so. It
// refuses to open one without TLS if the program has credentials, unless the address is loopback.
// Errors name the setting that they are about; see [Client.Explain].
func (c *Client) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if err := c.CheckAddresses([]string{address}); err != nil {
		return nil, err
	}
	plain := &net.Dialer{Timeout: dialTimeout}
	if c == nil || c.tls == nil {
		return plain.DialContext(ctx, network, address)
	}
	connection, err := (&tls.Dialer{NetDialer: plain, Config: c.tls}).DialContext(ctx, network, address)
	if err != nil {
		return nil, c.Explain(err)
	}
	return connection, nil
}

// CheckAddresses returns an error if credentials would go without TLS to one of the addresses,
// host:port, that is not loopback.
func (c *Client) CheckAddresses(addresses []string) error {
	if c == nil || c.tls != nil || c.settings.username == "" || !slices.ContainsFunc(addresses, isFar) {
		return nil
	}
	return &Error{Reason: fmt.Sprintf("--%s: a password goes over a network with TLS only; set --%s", c.settings.flag("username"), c.settings.flag("tls-authority")),
		Cause: errNoTLS}
}

var errNoTLS = errors.New("an address is not loopback")

// isFar reports whether host:port is another machine.
func isFar(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	return !IsLoopback(host)
}

// IsLoopback reports whether a host is this machine.
func IsLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
