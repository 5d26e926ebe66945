package wallstest

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// Issuer and Audience are those of a kit's tokens, and keyID is the id of its key.
const (
	Issuer   = "https://identity.test"
	Audience = "codebank"
	keyID    = "one"
)

// The algorithms of a Token.
const (
	EdDSA = "EdDSA"
	// HS256 signs with the public key as the secret, as an attacker would.
	HS256 = "HS256"
	// None does not sign.
	None = "none"
)

// Token is an access token before it is signed. The zero Token of a subject is right, and lives 15 minutes.
type Token struct {
	// Subject and Session are UUIDs; an empty Session is a new one.
	Subject, Session string
	Roles            []string
	// Audience, KeyID, Algorithm and Age change what is otherwise right. Age is how long ago the token was
	// issued.
	Audience, KeyID, Algorithm string
	Age                        time.Duration
}

// Customer returns a token of a user with the role customer.
func (k *Kit) Customer(t testing.TB, user string) string {
	t.Helper()
	return k.Sign(t, Token{Subject: user, Roles: []string{"customer"}})
}

// Sign returns the token as text.
func (k *Kit) Sign(t testing.TB, token Token) string {
	t.Helper()
	issued := time.Now().Add(-token.Age)
	if token.Session == "" {
		token.Session = uuid.NewString()
	}
	header := map[string]any{"alg": or(token.Algorithm, EdDSA), "typ": "at+jwt", "kid": or(token.KeyID, keyID)}
	claims := map[string]any{
		"iss": Issuer, "aud": or(token.Audience, Audience), "sub": token.Subject, "sid": token.Session, "roles": token.Roles,
		"jti": uuid.NewString(), "iat": issued.Unix(), "nbf": issued.Unix(), "exp": issued.Add(15 * time.Minute).Unix(),
	}
	text := part(t, header) + "." + part(t, claims)
	var signature []byte
	switch header["alg"] {
	case EdDSA:
		signature = ed25519.Sign(k.key, []byte(text))
	case HS256:
		mac := hmac.New(sha256.New, k.key.Public().(ed25519.PublicKey))
		mac.Write([]byte(text))
		signature = mac.Sum(nil)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func or(given, otherwise string) string {
	if given == "" {
		return otherwise
	}
	return given
}

func part(t testing.TB, of map[string]any) string {
	t.Helper()
	text, err := json.Marshal(maps.Clone(of))
	require.NoError(t, err)
	return base64.RawURLEncoding.EncodeToString(text)
}

func (k *Kit) keysFile() string { return filepath.Join(k.folder, "keys.json") }

// writeKeys writes the key set that verifiers read.
func (k *Kit) writeKeys(t testing.TB) {
	t.Helper()
	public := base64.RawURLEncoding.EncodeToString(k.key.Public().(ed25519.PublicKey))
	document := fmt.Sprintf(`{"keys":[{"kty":"OKP","crv":"Ed25519","use":"sig","alg":"EdDSA","kid":%q,"x":%q}]}`, keyID, public)
	require.NoError(t, os.WriteFile(k.keysFile(), []byte(document), 0o600))
}
