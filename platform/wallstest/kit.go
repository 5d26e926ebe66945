// Package wallstest is for tests of programs with walls. A Kit has an authority of its own, which issues
// certificates, and a key of its own, which signs access tokens; so a test can call as anybody.
//
//	kit.go     the kit: walls of a program, connections, HTTP clients
//	token.go   access tokens, right and wrong ones
//	ended.go   a program identity that only tells which sessions have ended
//	matrix.go  every method called by every kind of caller
package wallstest

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"codebank.dev/platform/mtls"
	"codebank.dev/platform/mtls/authority"
	"codebank.dev/platform/serve"
	"codebank.dev/platform/token"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
)

// bankCode is the bank that the programs of a Kit belong to.
const bankCode = "001"

// Kit is an authority and an issuer of tokens. It is safe for concurrent use.
type Kit struct {
	Authority *authority.Authority

	folder string
	key    ed25519.PrivateKey
	mutex  sync.Mutex
	files  map[string]mtls.Config
	ended  *ended
}

// New returns a Kit whose files end with the test.
func New(t testing.TB) *Kit {
	t.Helper()
	k := &Kit{folder: t.TempDir(), files: make(map[string]mtls.Config)}
	var err error
	k.Authority, err = authority.Open(k.folder)
	require.NoError(t, err)
	_, k.key, err = ed25519.GenerateKey(nil)
	require.NoError(t, err)
	k.writeKeys(t)
	return k
}

// Files returns the files of a program, which has one certificate unless it is issued anew. A program of
// another bank is 002/checkout, and one of no bank -/checkout.
func (k *Kit) Files(t testing.TB, program string) mtls.Config {
	t.Helper()
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if files, issued := k.files[program]; issued {
		return files
	}
	id := mtls.ID{Bank: bankCode, Program: program}
	if bank, name, other := strings.Cut(program, "/"); other {
		id = mtls.ID{Bank: bank, Program: name}
	}
	files, err := k.Authority.Issue(id, authority.Options{Name: strings.ReplaceAll(program, "/", "_")})
	require.NoError(t, err)
	k.files[program] = files
	return files
}

// Config returns the walls of a program: its own certificate, the kit's tokens, and the sessions that
// EndSession ends, if StartIdentity was called before.
func (k *Kit) Config(t testing.TB, program string) serve.WallsConfig {
	t.Helper()
	return serve.WallsConfig{TLS: k.Files(t, program), Tokens: k.Tokens(), IdentityAddress: k.identityAddress()}
}

// Tokens are the tokens that the kit signs.
func (k *Kit) Tokens() token.Settings {
	return token.Settings{Issuer: Issuer, Audience: Audience, Keys: k.keysFile()}
}

// Walls opens the walls of a program. change may be nil.
func (k *Kit) Walls(t testing.TB, program string, change func(*serve.WallsConfig)) *serve.Walls {
	t.Helper()
	config := k.Config(t, program)
	if change != nil {
		change(&config)
	}
	walls, err := serve.OpenWalls(config)
	require.NoError(t, err)
	t.Cleanup(walls.Close)
	return walls
}

// Flags returns the arguments that give a program the walls of Config.
func (k *Kit) Flags(t testing.TB, program string) []string {
	t.Helper()
	files, tokens := k.Files(t, program), k.Tokens()
	return []string{
		"--tls-certificate=" + files.Certificate, "--tls-key=" + files.Key, "--tls-authority=" + files.Authority,
		"--tls-denied=" + files.Denied, "--token-issuer=" + tokens.Issuer, "--token-audience=" + tokens.Audience,
		"--token-keys=" + tokens.Keys, "--identity-address=" + k.identityAddress(),
	}
}

// Dial returns a connection to an address, with the certificate of the program as; without one if as is "".
// It ends with the test.
func (k *Kit) Dial(t testing.TB, address, as string, options ...serve.DialOption) *grpc.ClientConn {
	t.Helper()
	conn, err := serve.Dial(address, append([]serve.DialOption{serve.WithGRPC(grpc.WithTransportCredentials(k.credentials(t, as)))}, options...)...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func (k *Kit) credentials(t testing.TB, as string) credentials.TransportCredentials {
	t.Helper()
	if as == "" {
		return credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS13, RootCAs: k.roots(t)})
	}
	files, err := mtls.Open(k.Files(t, as))
	require.NoError(t, err)
	return files.Client("")
}

// HTTP returns a client with the certificate of the program as; without one if as is "".
func (k *Kit) HTTP(t testing.TB, as string) *http.Client {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: k.roots(t)}, ForceAttemptHTTP2: true}
	if as != "" {
		files, err := mtls.Open(k.Files(t, as))
		require.NoError(t, err)
		transport = files.Transport("")
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func (k *Kit) roots(t testing.TB) *x509.CertPool {
	t.Helper()
	content, err := os.ReadFile(k.Authority.File())
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(content))
	return pool
}

// WithToken returns ctx for calls with an access token.
func WithToken(ctx context.Context, text string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+text)
}
