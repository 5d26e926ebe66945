// Package mtls is TLS 1.3 between the programs, with certificates on both sides. A certificate names its
// program in a URI (see ID). All files are read again when they change, so certificates are replaced, and
// identities denied, while calls run.
//
//	files.go        the files, and what TLS makes of them
//	credentials.go  gRPC over them, and the HTTP client
//	id.go           the names of programs
//	authority       makes an authority and certificates, for one machine and for tests
package mtls

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"codebank.dev/platform/cache"
)

const (
	// reloadEvery is how often the files are looked at.
	reloadEvery = time.Second
	// cachedProofs is the size of each of the two generations of certificates that were proved.
	cachedProofs = 2048
)

// Config names the files of a program, in PEM.
type Config struct {
	// Certificate is the program's certificate with its chain, and Key its private key.
	Certificate, Key string
	// Authority is the certificates of the authorities that are trusted.
	Authority string
	// Denied is a list of certificates that are not taken although they are valid: on each line a serial
	// number in hexadecimal digits, or the URI of a program, of which then none is taken. # begins a
	// comment. Empty: none is denied. The file may be missing.
	Denied string
}

// Bind defines the flags on fs.
func (c *Config) Bind(fs *flag.FlagSet) {
	fs.StringVar(&c.Certificate, "tls-certificate", "", "`file` with the program's certificate in PEM, with its chain; it names the program in its URI")
	fs.StringVar(&c.Key, "tls-key", "", "`file` with the private key of the certificate, mode 0600")
	fs.StringVar(&c.Authority, "tls-authority", "", "`file` with the authorities that certificates of other programs must be from")
	fs.StringVar(&c.Denied, "tls-denied", "", "`file` with certificates that are not taken: a serial number or a program's URI on each line; it may be missing")
}

// IsZero reports whether no file is named.
func (c *Config) IsZero() bool { return *c == Config{} }

// Check returns an error that names a setting that is missing.
func (c *Config) Check() error {
	for _, required := range []struct{ flag, value string }{
		{"--tls-certificate", c.Certificate}, {"--tls-key", c.Key}, {"--tls-authority", c.Authority},
	} {
		if required.value == "" {
			return fmt.Errorf("%s is required", required.flag)
		}
	}
	return nil
}

// Files is the content of the files. It is safe for concurrent use.
type Files struct {
	config  Config
	current atomic.Pointer[generation]
	denied  atomic.Pointer[denied]
	stamps  [4]stamp
}

// generation is the files between two changes.
type generation struct {
	id          ID
	certificate *tls.Certificate
	authorities *x509.CertPool
	trusted     []*x509.Certificate
	server      *tls.Config
	// proven are certificates of clients that lead to one of the authorities.
	proven *cache.Map[*x509.Certificate, bool]
}

// denied are the serial numbers and the URIs of a deny list.
type denied map[string]bool

// stamp tells whether a file has changed.
type stamp struct {
	modified time.Time
	size     int64
}

// Open reads the files. The error names a file that is missing or wrong.
func Open(config Config) (*Files, error) {
	if err := config.Check(); err != nil {
		return nil, err
	}
	f := &Files{config: config}
	_, err := f.reload()
	return f, err
}

// ID returns the identity of the program's own certificate.
func (f *Files) ID() ID { return f.current.Load().id }

// NotAfter returns when the program's own certificate expires.
func (f *Files) NotAfter() time.Time { return f.current.Load().certificate.Leaf.NotAfter }

// Denies reports whether a certificate is on the deny list now.
func (f *Files) Denies(certificate *x509.Certificate) bool {
	list := *f.denied.Load()
	if len(list) == 0 {
		return false
	}
	if list[Serial(certificate)] {
		return true
	}
	id, err := IDOf(certificate)
	return err == nil && list[id.String()]
}

// Trusts reports whether the certificates that a client has shown, its own first, lead to one of the
// authorities now. A handshake has asked the same, of the authorities of its time.
func (f *Files) Trusts(shown []*x509.Certificate) bool {
	now, own := f.current.Load(), shown[0]
	if known, _ := now.proven.Get(own); known {
		return true
	}
	intermediates := x509.NewCertPool()
	for _, certificate := range shown[1:] {
		intermediates.AddCert(certificate)
	}
	_, err := own.Verify(x509.VerifyOptions{
		Roots: now.authorities, Intermediates: intermediates, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err == nil {
		now.proven.Put(own, true)
	}
	return err == nil
}

// Serial returns the serial number of a certificate as a deny list has it.
func Serial(certificate *x509.Certificate) string { return certificate.SerialNumber.Text(16) }

// Run reads the files again when they change, until ctx ends. While a file is missing or wrong, what was
// read before holds, and a warning is logged.
func (f *Files) Run(ctx context.Context, logger *slog.Logger) {
	ticker := time.NewTicker(reloadEvery)
	defer ticker.Stop()
	warned := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		changed, err := f.reload()
		switch {
		case err != nil && err.Error() != warned:
			warned = err.Error()
			logger.WarnContext(ctx, "the files of TLS cannot be read; what was read before holds", "error", err)
		case err == nil && changed:
			warned = ""
			logger.InfoContext(ctx, "the files of TLS were read again", "serial", Serial(f.current.Load().certificate.Leaf))
		}
	}
}

// reload reads the files if one of them has changed. Only one goroutine may call it.
func (f *Files) reload() (changed bool, err error) {
	var stamps [4]stamp
	var missing error
	for i, path := range []string{f.config.Certificate, f.config.Key, f.config.Authority, f.config.Denied} {
		info, err := os.Stat(path)
		switch {
		case err == nil:
			stamps[i] = stamp{info.ModTime(), info.Size()}
		case i < 3 && missing == nil:
			missing = err
		}
	}
	if f.current.Load() != nil && stamps == f.stamps {
		return false, nil
	}
	// The deny list counts although another file is missing or wrong.
	list, err := readDenied(f.config.Denied)
	if err != nil {
		return false, errors.Join(missing, err)
	}
	f.denied.Store(&list)
	if missing != nil {
		return false, missing
	}
	next, err := f.read()
	if err != nil {
		return false, err
	}
	f.current.Store(next)
	f.stamps = stamps
	return true, nil
}

func (f *Files) read() (*generation, error) {
	pair, err := tls.LoadX509KeyPair(f.config.Certificate, f.config.Key)
	if err != nil {
		return nil, fmt.Errorf("%s, %s: %w", f.config.Certificate, f.config.Key, err)
	}
	id, err := IDOf(pair.Leaf)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.config.Certificate, err)
	}
	trusted, err := readAuthorities(f.config.Authority)
	if err != nil {
		return nil, err
	}
	authorities := x509.NewCertPool()
	for _, certificate := range trusted {
		authorities.AddCert(certificate)
	}
	g := &generation{
		id: id, certificate: &pair, authorities: authorities, trusted: trusted,
		proven: cache.New[*x509.Certificate, bool](cachedProofs),
	}
	g.server = &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{pair},
		// A person has no certificate, and proves who he is by a token.
		ClientAuth: tls.VerifyClientCertIfGiven,
		ClientCAs:  authorities,
		NextProtos: []string{"h2", "http/1.1"},
		// A resumed connection would not show whether its certificate has expired or was replaced.
		SessionTicketsDisabled: true,
		VerifyConnection:       f.verifyClient,
	}
	return g, nil
}

// verifyClient refuses a client whose certificate names no program or is denied.
func (f *Files) verifyClient(state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return nil
	}
	if _, err := IDOf(state.PeerCertificates[0]); err != nil {
		return err
	}
	if f.Denies(state.PeerCertificates[0]) {
		return errDenied
	}
	return nil
}

var errDenied = errors.New("mtls: the certificate is on the deny list")

func readAuthorities(path string) (trusted []*x509.Certificate, err error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		trusted = append(trusted, certificate)
	}
	if trusted == nil {
		return nil, fmt.Errorf("%s: no certificate in PEM", path)
	}
	return trusted, nil
}

// maxDenied bounds a deny list.
const maxDenied = 1 << 20

func readDenied(path string) (denied, error) {
	list := make(denied)
	if path == "" {
		return list, nil
	}
	content, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return list, nil
	}
	if err != nil {
		return nil, err
	}
	if len(content) > maxDenied {
		return nil, fmt.Errorf("%s: longer than %d bytes", path, maxDenied)
	}
	for line := range bytes.Lines(content) {
		text, _, _ := strings.Cut(string(line), "#")
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		if _, err := ParseID(text); err != nil {
			text = strings.TrimLeft(strings.ToLower(strings.ReplaceAll(text, ":", "")), "0")
			if text == "" || strings.Trim(text, "0123456789abcdef") != "" {
				return nil, fmt.Errorf("%s: a line is neither a serial number nor the URI of a program", path)
			}
		}
		list[text] = true
	}
	return list, nil
}
