// Package certtest makes certificates for tests: an authority, and certificates of servers and
// clients that it signs, as files in PEM.
package certtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Authority signs certificates. Its files are gone at the end of the test.
type Authority struct {
	// File holds the authority's certificate.
	File string
	// Pool is an authority for tls.Config.
	Pool *x509.CertPool

	testing.TB
	dir         string
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// New makes an authority.
func New(t testing.TB) *Authority {
	t.Helper()
	a := &Authority{TB: t, dir: t.TempDir(), Pool: x509.NewCertPool()}
	a.key = newKey(t)
	template := template("authority", time.Now().Add(time.Hour))
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	require.NoError(t, err)
	a.certificate, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	a.Pool.AddCert(a.certificate)
	a.File = a.write("authority.pem", "CERTIFICATE", der)
	return a
}

// Pair is a certificate with its key.
type Pair struct {
	// Certificate and Key are files in PEM; the key is in PKCS #8.
	Certificate, Key string
	// TLS is the same for tls.Config.
	TLS tls.Certificate
}

// Sign makes a certificate for a server at 127.0.0.1 and localhost, or for a client, with a common
// name. It is valid for an hour.
func (a *Authority) Sign(name string) Pair {
	a.Helper()
	return a.SignUntil(name, time.Now().Add(time.Hour))
}

// SignUntil is Sign with another end, which may be past.
func (a *Authority) SignUntil(name string, end time.Time) Pair {
	a.Helper()
	key := newKey(a)
	template := template(name, end)
	template.DNSNames, template.IPAddresses = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	require.NoError(a, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(a, err)
	pair := Pair{Certificate: a.write(name+".pem", "CERTIFICATE", der), Key: a.write(name+".key", "PRIVATE KEY", encoded)}
	pair.TLS, err = tls.LoadX509KeyPair(pair.Certificate, pair.Key)
	require.NoError(a, err)
	return pair
}

func (a *Authority) write(name, kind string, content []byte) string {
	a.Helper()
	file := filepath.Join(a.dir, name)
	require.NoError(a, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600))
	return file
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

func template(name string, end time.Time) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: end.Add(-24 * time.Hour), NotAfter: end,
	}
}
