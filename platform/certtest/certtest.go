// Package certtest gives tests the certificates of servers that are not ours, and of their clients.
package certtest

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/platform/mtls"
	"codebank.dev/platform/mtls/authority"
)

// Authority signs certificates. Its files are gone at the end of the test.
type Authority struct {
	testing.TB
	// File holds the authority's certificate.
	File   string
	issuer *authority.Authority
}

// New makes an authority.
func New(t testing.TB) *Authority {
	t.Helper()
	issuer, err := authority.Open(t.TempDir())
	require.NoError(t, err)
	return &Authority{TB: t, File: issuer.File(), issuer: issuer}
}

// Pool is the authority for tls.Config.
func (a *Authority) Pool() *x509.CertPool {
	a.Helper()
	content, err := os.ReadFile(a.File)
	require.NoError(a, err)
	pool := x509.NewCertPool()
	require.True(a, pool.AppendCertsFromPEM(content))
	return pool
}

// Pair is a certificate with its key.
type Pair struct {
	// Certificate and Key are files in PEM; the key is in PKCS #8.
	Certificate, Key string
	// TLS is the same for tls.Config.
	TLS tls.Certificate
}

// Sign makes a certificate with a common name, for a server on this machine or for a client. It is
// valid for days.
func (a *Authority) Sign(name string) Pair {
	a.Helper()
	return a.SignUntil(name, time.Time{})
}

// SignUntil is Sign with another end, which may be past.
func (a *Authority) SignUntil(name string, end time.Time) Pair {
	a.Helper()
	files, err := a.issuer.Issue(mtls.ID{Bank: mtls.NoBank, Program: name}, authority.Options{NotAfter: end})
	require.NoError(a, err)
	pair := Pair{Certificate: files.Certificate, Key: files.Key}
	pair.TLS, err = tls.LoadX509KeyPair(pair.Certificate, pair.Key)
	require.NoError(a, err)
	return pair
}
