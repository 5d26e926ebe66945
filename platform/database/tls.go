package database

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// errTLS is about an address where a password and everything else would cross a network in a way
// that only looks protected. Without sslmode the driver tries TLS, takes any certificate, and goes on
// without TLS if the server, or somebody between, refuses it.
var errTLS = errors.New("database: the database URL names a host that is not loopback, and does not say how to protect the connection: " +
	"add sslmode=verify-full and sslrootcert=FILE, or sslmode=disable if the network encrypts by itself")

// checkTLS refuses a configuration that takes any certificate, or goes on without TLS where it tried
// it, unless the address is this machine's own.
func checkTLS(config *pgconn.Config) error {
	attempts := append([]*pgconn.FallbackConfig{{Host: config.Host, TLSConfig: config.TLSConfig}}, config.Fallbacks...)
	plain, secured := false, false
	for _, attempt := range attempts {
		switch {
		case isLocal(attempt.Host):
		case attempt.TLSConfig == nil:
			plain = true
		case attempt.TLSConfig.InsecureSkipVerify && attempt.TLSConfig.VerifyPeerCertificate == nil:
			return errTLS
		default:
			secured = true
		}
	}
	if plain && secured {
		return errTLS
	}
	return nil
}

// isLocal reports whether a host is this machine or a folder with a socket.
func isLocal(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") || ip != nil && ip.IsLoopback()
}

// errorOfURL returns the error of a URL that the driver does not read. If it is about certificates,
// it says more: these texts name files and repeat nothing of the URL.
func errorOfURL(err error) error {
	var parsing *pgconn.ParseConfigError
	if !errors.As(err, &parsing) {
		return errURL
	}
	cause := errors.Unwrap(parsing)
	if cause != nil && strings.HasSuffix(err.Error(), ": failed to configure TLS ("+cause.Error()+")") {
		return fmt.Errorf("database: the settings of TLS in the database URL (sslmode, sslrootcert, sslcert, sslkey) cannot be read: %w", cause)
	}
	return errURL
}

// tlsReason returns what an error says about TLS, if it does.
func tlsReason(err error) (string, bool) {
	var untrusted *tls.CertificateVerificationError
	var network *net.OpError
	switch {
	case errors.As(err, &untrusted), errors.As(err, new(x509.UnknownAuthorityError)), errors.As(err, new(x509.CertificateInvalidError)):
		return "the server's certificate is of an unknown authority, for another name, or has expired: see sslrootcert and the host in the database URL", true
	case errors.As(err, &network) && network.Op == "remote error":
		return "the server ends the TLS connection: see sslcert and sslkey in the database URL", true
	}
	return "", false
}
