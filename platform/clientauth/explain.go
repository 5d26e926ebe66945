package clientauth

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
)

// Error says that a server was not reached as the settings want it. It lasts until a setting, the
// server or a certificate is changed, so another try soon does not help.
type Error struct {
	// Reason says what is wrong and what to do. It names the settings.
	Reason string
	// Cause is the error of the connection, or the server's refusal.
	Cause error
}

// Error returns the reason with its cause.
func (e *Error) Error() string { return e.Reason + ": " + e.Cause.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Explain returns an *[Error] with err as its cause if err is about certificates or TLS, and err if
// it is about something else.
func (c *Client) Explain(err error) error {
	if c == nil || err == nil || errors.As(err, new(*Error)) {
		return err
	}
	var untrusted *tls.CertificateVerificationError
	var network *net.OpError
	s := &c.settings
	switch {
	case errors.As(err, &untrusted):
		return &Error{c.untrusted(untrusted.Err), err}
	case errors.As(err, new(tls.RecordHeaderError)):
		return &Error{s.title + " does not speak TLS at this address; name an address with TLS, or leave out the settings of TLS", err}
	case errors.As(err, &network) && network.Op == "remote error":
		return &Error{fmt.Sprintf("%s ends the TLS connection; check --%s and --%s", s.title, s.flag("tls-certificate"), s.flag("tls-key")), err}
	}
	return err
}

// untrusted says why a certificate of the server is not taken.
func (c *Client) untrusted(err error) string {
	var invalid x509.CertificateInvalidError
	title, setting := c.settings.title, "--"+c.settings.flag("tls-authority")
	switch {
	case errors.As(err, new(x509.UnknownAuthorityError)):
		return "an unknown authority signed the certificate of " + title + "; " + setting + " must name the file of the one that did"
	case errors.As(err, new(x509.HostnameError)):
		return "the certificate of " + title + " is for another name; reach it by a name that the certificate has"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the certificate of " + title + " has expired or is not valid yet; renew it there, or correct the clock of this machine"
	}
	return "the certificate of " + title + " cannot be taken; see " + setting
}

// Refused returns an *[Error] with err as its cause, which says that the server refuses the
// credentials.
func (c *Client) Refused(err error) error {
	if c == nil {
		return err
	}
	s := &c.settings
	reason := fmt.Sprintf("%s refuses the credentials; check --%s and --%s", s.title, s.flag("username"), s.flag("password"))
	if s.takes == passwordOrKey {
		reason += ", or --" + s.flag("api-key")
	}
	return &Error{reason, err}
}

// ExplainStatus is Refused if the status of an answer says that the server does not know who asks,
// and returns err otherwise.
func (c *Client) ExplainStatus(status int, err error) error {
	if c != nil && c.settings.takes != none && status == http.StatusUnauthorized {
		return c.Refused(err)
	}
	return err
}
