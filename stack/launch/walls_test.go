package launch

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"codebank.dev/identity/signing"
	"codebank.dev/platform/mtls"
)

// Each program has a certificate of its own that names it, and nobody else reads its key.
func TestEachProgramHasACertificate(t *testing.T) {
	stack := open(t, t.TempDir())
	require.NoError(t, stack.makeCertificates(t.Context(), nil))
	for program, want := range map[string]string{
		"bank": "spiffe://codebank/001/bank", "statement": "spiffe://codebank/001/statement", "operator": "spiffe://codebank/001/operator",
		"checkout": "spiffe://codebank/001/checkout", "identity": "spiffe://codebank/-/identity", "codepix": "spiffe://codebank/-/codepix",
		"002:bank": "spiffe://codebank/002/bank", "002:statement": "spiffe://codebank/002/statement", "002:operator": "spiffe://codebank/002/operator",
		"banking": "spiffe://codebank/001/banking", "002:banking": "spiffe://codebank/002/banking",
		HubOperator: "spiffe://codebank/-/operator",
	} {
		settings, err := stack.tlsSettings(program)
		require.NoError(t, err)
		files, err := mtls.Open(mtls.Config{
			Certificate: settings["tls-certificate"], Key: settings["tls-key"], Authority: settings["tls-authority"], Denied: settings["tls-denied"],
		})
		require.NoError(t, err)
		require.Equal(t, want, files.ID().String())
		info, err := os.Stat(settings["tls-key"])
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm()&0o077, program)
	}
}

// A client of the stack takes a server of the stack's authority only, and shows whom it calls as.
func TestAClientTakesTheStacksServersOnly(t *testing.T) {
	stack := open(t, t.TempDir())
	files, err := stack.walls.as("bank")
	require.NoError(t, err)
	caller := ""
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		caller = ""
		if shown := request.TLS.PeerCertificates; len(shown) > 0 {
			caller = shown[0].URIs[0].String()
		}
	}))
	server.TLS = files.ServerConfig()
	server.StartTLS()
	defer server.Close()
	for as, want := range map[string]string{"": "", "shop": "spiffe://codebank/001/shop", "002:shop": "spiffe://codebank/002/shop"} {
		client, err := stack.HTTPClient(as)
		require.NoError(t, err)
		_, err = getWith(t.Context(), client, URL(server.Listener.Addr().String()))
		require.NoError(t, err)
		require.Equal(t, want, caller)
		other, err := open(t, t.TempDir()).HTTPClient(as)
		require.NoError(t, err)
		_, err = getWith(t.Context(), other, URL(server.Listener.Addr().String()))
		require.Error(t, err)
	}
}

func TestTheLauncherSignsTokensWithTheKeysOfIdentity(t *testing.T) {
	stack := open(t, t.TempDir())
	_, err := stack.Token(uuid.New())
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.MkdirAll(filepath.Dir(stack.signingKeysFile()), 0o700))
	require.NoError(t, signing.NewKeyFile(stack.signingKeysFile(), time.Now(), nil))
	user := uuid.New()
	text, err := stack.Token(user, "customer")
	require.NoError(t, err)
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(text, ".")[1])
	require.NoError(t, err)
	var claims struct {
		Issuer  string   `json:"iss"`
		Subject string   `json:"sub"`
		Roles   []string `json:"roles"`
	}
	require.NoError(t, json.Unmarshal(payload, &claims))
	require.Equal(t, stack.tokenSettings()["token-issuer"], claims.Issuer)
	require.Equal(t, user.String(), claims.Subject)
	require.Equal(t, []string{"customer"}, claims.Roles)
}

// Plain text is for copies whose programs say so.
func TestACopyWithoutTLSHasNoSettingsOfIt(t *testing.T) {
	help := filepath.Join(t.TempDir(), "program")
	for text, want := range map[string]map[string]string{
		"echo -insecure": {"bank-code": "001", "insecure": "checkout"}, "true": {"bank-code": "001"},
	} {
		require.NoError(t, os.WriteFile(help, []byte("#!/bin/sh\n"+text+"\n"), 0o700))
		settings := map[string]string{"bank-code": "001", "tls-key": "x", "token-keys": "x", "identity-address": "x"}
		withoutTLS(settings, help, "checkout")
		require.Equal(t, want, settings)
	}
}
