package mtls_test

import (
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"codebank.dev/native/await"
	"codebank.dev/platform/mtls"
	"codebank.dev/platform/mtls/authority"
	"github.com/stretchr/testify/require"
)

func issue(t testing.TB, program string, options authority.Options) (*authority.Authority, mtls.Config) {
	t.Helper()
	a, err := authority.Open(t.TempDir())
	require.NoError(t, err)
	files, err := a.Issue(mtls.ID{Bank: "001", Program: program}, options)
	require.NoError(t, err)
	return a, files
}

func TestAnIdentityIsAURI(t *testing.T) {
	id, err := mtls.ParseID("spiffe://codebank/001/checkout")
	require.NoError(t, err)
	require.Equal(t, mtls.ID{Bank: "001", Program: "checkout"}, id)
	require.Equal(t, "spiffe://codebank/001/checkout", id.String())
	require.Equal(t, id.String(), id.URI().String())
	for _, wrong := range []string{
		"", "checkout", "https://codebank/001/checkout", "spiffe://other/001/checkout", "spiffe://codebank/1/checkout", "spiffe://codebank/001/",
		"spiffe://codebank/001/checkout/x", "spiffe://codebank/001/Checkout", "spiffe://codebank/001/checkout?x", "spiffe://codebank/001/checkout#x",
		"spiffe://user@codebank/001/checkout", "spiffe://codebank:1/001/checkout", "spiffe://codebank/001/%63heckout",
	} {
		_, err := mtls.ParseID(wrong)
		require.Error(t, err, wrong)
	}
}

func FuzzParseID(f *testing.F) {
	f.Add("spiffe://codebank/001/checkout")
	f.Fuzz(func(t *testing.T, uri string) {
		if id, err := mtls.ParseID(uri); err == nil {
			require.Equal(t, uri, id.String())
		}
	})
}

func TestFilesThatAreWrongAreNamed(t *testing.T) {
	_, files := issue(t, "bank", authority.Options{})
	_, others := issue(t, "bank", authority.Options{})
	_, err := mtls.Open(files)
	require.NoError(t, err)
	for name, change := range map[string]func(*mtls.Config){
		"--tls-key":       func(c *mtls.Config) { c.Key = "" },
		others.Key:        func(c *mtls.Config) { c.Key = others.Key },
		files.Key:         func(c *mtls.Config) { c.Authority = files.Key },
		"missing.pem":     func(c *mtls.Config) { c.Certificate = "missing.pem" },
		files.Certificate: func(c *mtls.Config) { c.Denied = files.Certificate },
	} {
		changed := files
		change(&changed)
		_, err := mtls.Open(changed)
		require.ErrorContains(t, err, name)
	}
}

// FuzzFiles: whatever the files hold, they are refused with an error, or name a program.
func FuzzFiles(f *testing.F) {
	_, files := issue(f, "bank", authority.Options{})
	content := func(path string) []byte {
		text, err := os.ReadFile(path)
		require.NoError(f, err)
		return text
	}
	certificate, key, trusted := content(files.Certificate), content(files.Key), content(files.Authority)
	f.Add(certificate, key, trusted, []byte("# stolen\n0A:1b\nspiffe://codebank/001/checkout\n"))
	f.Fuzz(func(t *testing.T, certificate, key, trusted, denied []byte) {
		folder := t.TempDir()
		write := func(name string, content []byte) string {
			path := filepath.Join(folder, name)
			require.NoError(t, os.WriteFile(path, content, 0o600))
			return path
		}
		opened, err := mtls.Open(mtls.Config{
			Certificate: write("c", certificate), Key: write("k", key), Authority: write("a", trusted), Denied: write("d", denied),
		})
		if err == nil {
			require.NotEmpty(t, opened.ID().Program)
		}
	})
}

// handshake has a client connect to a server over memory, and returns the errors of both.
func handshake(server *mtls.Files, client *tls.Config) (served, called error) {
	near, far := net.Pipe()
	defer near.Close()
	done := make(chan error, 1)
	go func() {
		defer far.Close()
		conn := tls.Server(far, server.ServerConfig())
		err := conn.Handshake()
		if err == nil && len(conn.ConnectionState().PeerCertificates) == 0 {
			err = errors.New("no certificate")
		}
		if err == nil {
			_, err = conn.Write([]byte("hello"))
		}
		done <- err
	}()
	conn := tls.Client(near, client)
	_ = near.SetDeadline(time.Now().Add(10 * time.Second))
	if called = conn.Handshake(); called == nil {
		_, called = io.ReadFull(conn, make([]byte, len("hello")))
	}
	near.Close()
	return <-done, called
}

// No certificate that is not exactly one of the authority is taken, whatever is changed in it.
func TestNoMutatedCertificateIsAccepted(t *testing.T) {
	a, files := issue(t, "bank", authority.Options{})
	server, err := mtls.Open(files)
	require.NoError(t, err)
	shown, err := a.Issue(mtls.ID{Bank: "001", Program: "checkout"}, authority.Options{})
	require.NoError(t, err)
	pair, err := tls.LoadX509KeyPair(shown.Certificate, shown.Key)
	require.NoError(t, err)
	right := func(pair tls.Certificate) *tls.Config {
		return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair}, InsecureSkipVerify: true} //nolint:gosec // The server is under test.
	}
	served, called := handshake(server, right(pair))
	require.NoError(t, served)
	require.NoError(t, called)

	random := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		der := append([]byte(nil), pair.Certificate[0]...)
		for range 1 + random.IntN(3) {
			switch at := random.IntN(len(der)); random.IntN(3) {
			case 0:
				der[at] ^= byte(1 << random.IntN(8))
			case 1:
				der[at] = byte(random.IntN(256))
			case 2:
				der = append(der[:at:at], der[min(at+1+random.IntN(4), len(der)):]...)
			}
			if len(der) == 0 {
				der = []byte{0}
			}
		}
		if string(der) == string(pair.Certificate[0]) {
			continue
		}
		served, _ := handshake(server, right(tls.Certificate{Certificate: [][]byte{der}, PrivateKey: pair.PrivateKey}))
		require.Error(t, served)
	}
}

func TestOtherCertificatesAreRefused(t *testing.T) {
	a, files := issue(t, "bank", authority.Options{})
	server, err := mtls.Open(files)
	require.NoError(t, err)
	_, foreign := issue(t, "checkout", authority.Options{})
	expired, err := a.Issue(mtls.ID{Bank: "001", Program: "expired"}, authority.Options{NotAfter: time.Now().Add(-time.Minute)})
	require.NoError(t, err)
	denied, err := a.Issue(mtls.ID{Bank: "001", Program: "denied"}, authority.Options{})
	require.NoError(t, err)
	pairOf := func(files mtls.Config) tls.Certificate {
		pair, err := tls.LoadX509KeyPair(files.Certificate, files.Key)
		require.NoError(t, err)
		return pair
	}
	config := func(pair tls.Certificate) *tls.Config {
		return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, InsecureSkipVerify: true} //nolint:gosec // The server is under test.
	}
	require.NoError(t, os.WriteFile(files.Denied, []byte(mtls.Serial(pairOf(denied).Leaf)+" # lost\n"), 0o600))
	go server.Run(t.Context(), slog.New(slog.DiscardHandler))
	await.Until(t, func() bool { return server.Denies(pairOf(denied).Leaf) }, 10*time.Second, 10*time.Millisecond)
	for name, files := range map[string]mtls.Config{"another authority": foreign, "expired": expired, "denied": denied} {
		served, _ := handshake(server, config(pairOf(files)))
		require.Error(t, served, name)
	}
	old := config(pairOf(files))
	old.MaxVersion = tls.VersionTLS12
	served, _ := handshake(server, old)
	require.Error(t, served, "TLS 1.2")
	served, called := handshake(server, &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true}) //nolint:gosec // The server is under test.
	require.ErrorContains(t, served, "no certificate", "a person has none")
	require.Error(t, called)
}

// An authority whose folder is opened again is the same.
func TestAnAuthorityIsKept(t *testing.T) {
	folder := t.TempDir()
	first, err := authority.Open(folder)
	require.NoError(t, err)
	files, err := first.Issue(mtls.ID{Bank: mtls.NoBank, Program: "hub"}, authority.Options{Hosts: []string{"hub"}})
	require.NoError(t, err)
	second, err := authority.Open(folder)
	require.NoError(t, err)
	again, err := second.Issue(mtls.ID{Bank: "001", Program: "bank"}, authority.Options{})
	require.NoError(t, err)
	for _, files := range []mtls.Config{files, again} {
		opened, err := mtls.Open(files)
		require.NoError(t, err)
		require.NotEmpty(t, opened.ID().Bank)
	}
	_, err = second.Issue(mtls.ID{Bank: "1", Program: "bank"}, authority.Options{})
	require.Error(t, err)
}

// Whoever is denied while another file is away is denied all the same.
func TestTheDenyListCountsWhileAnotherFileIsMissing(t *testing.T) {
	a, files := issue(t, "bank", authority.Options{})
	server, err := mtls.Open(files)
	require.NoError(t, err)
	shown, err := a.Issue(mtls.ID{Bank: "001", Program: "checkout"}, authority.Options{})
	require.NoError(t, err)
	pair, err := tls.LoadX509KeyPair(shown.Certificate, shown.Key)
	require.NoError(t, err)
	require.NoError(t, os.Remove(files.Certificate))
	require.NoError(t, os.WriteFile(files.Denied, []byte("spiffe://codebank/001/checkout\n"), 0o600))
	go server.Run(t.Context(), slog.New(slog.DiscardHandler))
	await.Until(t, func() bool { return server.Denies(pair.Leaf) }, 5*time.Second, 10*time.Millisecond)
}
