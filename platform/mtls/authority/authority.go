// Package authority makes a certificate authority and certificates of programs. It is for one machine, for
// rehearsals and for tests: the key of the authority lies in a file beside the certificates. A bank that
// runs the programs has an authority of its own, and gives the programs files of the same form.
package authority

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"codebank.dev/platform/mtls"
)

const (
	// authorityLife and certificateLife are how long certificates are valid. They begin some time in the
	// past, because clocks differ.
	authorityLife   = 365 * 24 * time.Hour
	certificateLife = 30 * 24 * time.Hour
	clockSkew       = 5 * time.Minute
	// serialBits is the length of a serial number.
	serialBits = 127
)

// The names of the authority's files.
const (
	certificateFile = "authority.pem"
	keyFile         = "authority.key"
)

// Authority issues certificates into one folder.
type Authority struct {
	folder      string
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// Open returns the authority in a folder, which must exist. It makes one if the folder has none, or one
// that is about to expire.
func Open(folder string) (*Authority, error) {
	a := &Authority{folder: folder}
	err := a.load()
	if err == nil && time.Until(a.certificate.NotAfter) > certificateLife {
		return a, nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return a, a.make()
}

// File returns the path of the authority's certificate.
func (a *Authority) File() string { return filepath.Join(a.folder, certificateFile) }

// Files returns the paths of a program's files and of an empty deny list that all programs share.
func (a *Authority) Files(program string) mtls.Config {
	return mtls.Config{
		Certificate: filepath.Join(a.folder, program+".pem"),
		Key:         filepath.Join(a.folder, program+".key"),
		Authority:   a.File(),
		Denied:      filepath.Join(a.folder, "denied.txt"),
	}
}

// Options change a certificate; the zero Options are those of a program on this machine.
type Options struct {
	// Hosts are further names of the program's host. localhost and the loopback addresses are always in.
	Hosts []string
	// NotAfter is when the certificate expires.
	NotAfter time.Time
	// Name is the name of the files, in place of the program's.
	Name string
	// Folder is a folder below the authority's for the files, made if it is missing. It gets a copy of the authority's
	// certificate too, so it is all that the program needs, and has no key but the program's.
	Folder string
}

// Issue writes a new key and certificate of a program and returns its files. It replaces those of before,
// each file at once.
func (a *Authority) Issue(id mtls.ID, options Options) (mtls.Config, error) {
	if _, err := mtls.ParseID(id.String()); err != nil {
		return mtls.Config{}, err
	}
	name := id.Program
	if options.Name != "" {
		name = options.Name
	}
	at := *a
	if options.Folder != "" {
		at.folder = filepath.Join(a.folder, options.Folder)
		if err := at.accept(a.certificate); err != nil {
			return mtls.Config{}, err
		}
	}
	files := at.Files(name)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return files, err
	}
	template, err := newTemplate(certificateLife)
	if err != nil {
		return files, err
	}
	template.Subject = pkix.Name{CommonName: id.Program}
	template.URIs = append(template.URIs, id.URI())
	template.DNSNames = append([]string{"localhost"}, options.Hosts...)
	template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	if !options.NotAfter.IsZero() {
		template.NotAfter = options.NotAfter
		if !template.NotBefore.Before(template.NotAfter) {
			template.NotBefore = template.NotAfter.Add(-time.Hour)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return files, err
	}
	// A program that reads in between has a key that does not fit, keeps what it had, and reads again.
	if err := writeKey(files.Key, key); err != nil {
		return files, err
	}
	return files, write(files.Certificate, "CERTIFICATE", der, 0o644)
}

// accept makes the folder with a copy of the certificate of an authority.
func (a *Authority) accept(certificate *x509.Certificate) error {
	if err := os.MkdirAll(a.folder, 0o700); err != nil {
		return err
	}
	return write(a.File(), "CERTIFICATE", certificate.Raw, 0o644)
}

func newTemplate(life time.Duration) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), serialBits))
	if err != nil {
		return nil, err
	}
	now := time.Now()
	return &x509.Certificate{SerialNumber: serial, NotBefore: now.Add(-clockSkew), NotAfter: now.Add(life), BasicConstraintsValid: true}, nil
}

func (a *Authority) make() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template, err := newTemplate(authorityLife)
	if err != nil {
		return err
	}
	template.Subject = pkix.Name{CommonName: "Code Bank on this machine"}
	template.IsCA, template.MaxPathLenZero = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	if err := writeKey(filepath.Join(a.folder, keyFile), key); err != nil {
		return err
	}
	if err := write(a.File(), "CERTIFICATE", der, 0o644); err != nil {
		return err
	}
	return a.load()
}

func (a *Authority) load() error {
	certificate, err := read(a.File())
	if err != nil {
		return err
	}
	if a.certificate, err = x509.ParseCertificate(certificate); err != nil {
		return err
	}
	private, err := read(filepath.Join(a.folder, keyFile))
	if err != nil {
		return err
	}
	key, err := x509.ParsePKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	signer, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return errors.New("authority: not an ECDSA key")
	}
	a.key = signer
	return nil
}

func read(path string) ([]byte, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return nil, errors.New("authority: " + path + " is not in PEM")
	}
	return block.Bytes, nil
}

func writeKey(path string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return write(path, "PRIVATE KEY", der, 0o600)
}

// write replaces a file at once.
func write(path, kind string, der []byte, mode os.FileMode) error {
	temporary := path + ".new"
	if err := os.WriteFile(temporary, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
