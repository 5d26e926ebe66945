package launch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"codebank.dev/identity/signing"
	"codebank.dev/platform/mtls"
	"codebank.dev/platform/mtls/authority"
	"codebank.dev/stack/mailbox"
	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
)

// tokenAudience is the audience of access tokens, and tokenLife how long a token of the launcher lives.
const (
	tokenAudience = "codebank"
	tokenLife     = 15 * time.Minute
)

// Operator is the program whose certificate lets people and bankctl act as the bank's operator.
const Operator = "operator"

// walls are the certificates of one stack. The authority is made when it is first needed.
type walls struct {
	folder string

	mutex     sync.Mutex
	authority *authority.Authority
	// files are the open files of each program that the launcher itself calls as.
	files map[string]*mtls.Files
	keys  *signing.Ring
}

// open returns the authority.
func (w *walls) open() (*authority.Authority, error) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.authority != nil {
		return w.authority, nil
	}
	if err := os.MkdirAll(w.folder, 0o700); err != nil {
		return nil, err
	}
	var err error
	w.authority, err = authority.Open(w.folder)
	return w.authority, err
}

// issue makes a new certificate of a program that [Institution.As] names.
func (w *walls) issue(program string) (mtls.Config, error) {
	issuer, err := w.open()
	if err != nil {
		return mtls.Config{}, err
	}
	return issuer.Issue(idOf(program), authority.Options{Name: fileOf(program)})
}

// as returns the files of a program that the launcher calls as.
func (w *walls) as(program string) (*mtls.Files, error) {
	w.mutex.Lock()
	known := w.files[program]
	w.mutex.Unlock()
	if known != nil {
		return known, nil
	}
	config, err := w.issue(program)
	if err != nil {
		return nil, err
	}
	opened, err := mtls.Open(config)
	if err != nil {
		return nil, err
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.files[program] = opened
	return opened, nil
}

// makeCertificates makes the certificates of the programs, and those of who operates each bank and the hub.
func (s *Stack) makeCertificates(context.Context, io.Writer) error {
	for _, service := range s.services() {
		if _, err := s.walls.issue(service.bank.As(service.program)); err != nil {
			return err
		}
	}
	operators := []string{HubOperator}
	for _, bank := range Banks() {
		operators = append(operators, bank.As(Operator))
	}
	for _, operator := range operators {
		if _, err := s.walls.as(operator); err != nil {
			return err
		}
	}
	return nil
}

// Certificates returns the files of a certificate for a program that [Institution.As] names, which it makes anew.
func (s *Stack) Certificates(program string) (mtls.Config, error) { return s.walls.issue(program) }

// tlsSettings returns the settings of TLS of a program, by the names of its flags.
func (s *Stack) tlsSettings(program string) (map[string]string, error) {
	issuer, err := s.walls.open()
	if err != nil {
		return nil, err
	}
	files := issuer.Files(fileOf(program))
	return map[string]string{
		"tls-certificate": files.Certificate, "tls-key": files.Key, "tls-authority": files.Authority, "tls-denied": files.Denied,
	}, nil
}

// tokenSettings are the settings with which a program verifies access tokens.
func (s *Stack) tokenSettings() map[string]string {
	return map[string]string{
		"token-issuer": s.tokenIssuer(), "token-audience": tokenAudience,
		"token-keys": s.tokenIssuer() + "/.well-known/jwks.json", "identity-address": s.addresses.IdentityGRPC(),
	}
}

func (s *Stack) tokenIssuer() string { return "https://" + s.addresses.IdentityHTTP() }

func (s *Stack) signingKeysFile() string { return filepath.Join(s.dir, "secrets", "signing.json") }

// mailFolder has the newest e-mail to each address.
func (s *Stack) mailFolder() string { return filepath.Join(s.dir, "mail") }

// serveMail takes the e-mails of the stack until it stops.
func (s *Stack) serveMail(context.Context, io.Writer) error {
	if s.mail != nil {
		return nil
	}
	var err error
	s.mail, err = mailbox.Listen(s.addresses.host(mailPort), s.mailFolder())
	return err
}

// Dial returns a connection to a program of the stack at an address, with the certificate of the program as,
// which need not be one of the stack; [Institution.As] names one of another bank than the first. Without a name
// the call proves nothing but what its access token says.
func (s *Stack) Dial(program, address, as string, options ...grpc.DialOption) (*grpc.ClientConn, error) {
	secure, err := s.transport(program, as)
	if err != nil {
		return nil, err
	}
	return grpc.NewClient(address, append([]grpc.DialOption{secure}, options...)...)
}

// DialPlain returns a connection in plain text, to a copy that serves it.
func DialPlain(address string, options ...grpc.DialOption) (*grpc.ClientConn, error) {
	return grpc.NewClient(address, append([]grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}, options...)...)
}

func (s *Stack) transport(program, as string) (grpc.DialOption, error) {
	if as == "" {
		roots, err := s.trusted()
		if err != nil {
			return nil, err
		}
		return grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots})), nil
	}
	files, err := s.walls.as(as)
	if err != nil {
		return nil, err
	}
	return grpc.WithTransportCredentials(files.Client(program)), nil
}

// HTTPClient returns a client for the REST APIs and figures of the stack's programs, with the certificate of
// the program as; without one if as is "".
func (s *Stack) HTTPClient(as string) (*http.Client, error) {
	if as == "" {
		roots, err := s.trusted()
		if err != nil {
			return nil, err
		}
		return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots}}}, nil
	}
	files, err := s.walls.as(as)
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: files.Transport("")}, nil
}

// URL is the base URL of the HTTP address of a program.
func URL(address string) string { return "https://" + address }

// trusted returns the stack's authority.
func (s *Stack) trusted() (*x509.CertPool, error) {
	issuer, err := s.walls.open()
	if err != nil {
		return nil, err
	}
	content, err := os.ReadFile(issuer.File())
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(content) {
		return nil, fmt.Errorf("%s has no certificate", issuer.File())
	}
	return roots, nil
}

// Token returns an access token of a user with roles, as identity signs them. A session of the token is never
// ended. It is for loads of many users, whom identity does not know.
func (s *Stack) Token(user uuid.UUID, roles ...string) (string, error) {
	keys, err := s.walls.signing(s.signingKeysFile())
	if err != nil {
		return "", err
	}
	now := time.Now()
	return keys.Sign(signing.Token{
		Issuer: s.tokenIssuer(), Audience: tokenAudience, Subject: user.String(), Session: uuid.NewString(), ID: uuid.NewString(),
		Roles: roles, IssuedAt: now, ExpiresAt: now.Add(tokenLife),
	})
}

// signing returns the keys of the file. The first call reads them.
func (w *walls) signing(file string) (*signing.Ring, error) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.keys != nil {
		return w.keys, nil
	}
	keys, err := signing.Open(file)
	if err != nil {
		return nil, err
	}
	w.keys = keys
	return keys, nil
}

// WithToken returns ctx for calls with an access token.
func WithToken(ctx context.Context, token string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
}

// serviceReady returns a check that fails unless a program is ready.
func (s *Stack) serviceReady(address string) func(context.Context) error {
	return func(ctx context.Context) error {
		client, err := s.HTTPClient("")
		if err != nil {
			return err
		}
		defer client.CloseIdleConnections()
		_, err = getWith(ctx, client, URL(address)+"/readyz")
		return err
	}
}

// makeSigningKeys makes the keys of access tokens. Existing ones are kept.
func (s *Stack) makeSigningKeys(ctx context.Context, log io.Writer) error {
	if _, err := os.Stat(s.signingKeysFile()); !errors.Is(err, fs.ErrNotExist) || !hasSources(s.Root(), "identity") {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(s.signingKeysFile()), 0o700); err != nil {
		return err
	}
	return runProgram(ctx, s.program("identity", "keys", "new", "--signing-keys", s.signingKeysFile()), log)
}
