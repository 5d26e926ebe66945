package webhook

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strings"
)

// secretPrefix begins the text of a secret.
const secretPrefix = "whsec_"

// The lengths of a key, in bytes. The scheme asks for 24 to 64.
const (
	minKey = 24
	newKey = 32
	maxKey = 64
)

// ErrSecret says that a text is no secret of an endpoint. It does not quote the text.
var ErrSecret = errors.New("webhook: not a secret: whsec_ and the base64 of 24 to 64 bytes")

// Secret is the key of an endpoint. Only Reveal shows it.
type Secret struct{ key *string }

// NewSecret returns a secret of 256 random bits.
func NewSecret() Secret {
	key := make([]byte, newKey)
	_, _ = rand.Read(key) // never fails
	text := string(key)
	return Secret{key: &text}
}

// ParseSecret reads the text that Reveal returns. It returns ErrSecret for any other text.
func ParseSecret(text string) (Secret, error) {
	encoded, found := strings.CutPrefix(text, secretPrefix)
	if !found || len(encoded) > base64.StdEncoding.EncodedLen(maxKey) {
		return Secret{}, ErrSecret
	}
	key, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || len(key) < minKey || strings.ContainsAny(encoded, "\r\n") {
		return Secret{}, ErrSecret
	}
	plain := string(key)
	return Secret{key: &plain}, nil
}

// Reveal returns the secret as its owner stores it.
func (s Secret) Reveal() string {
	return secretPrefix + base64.StdEncoding.EncodeToString(s.bytes())
}

// bytes returns the key; none of the zero Secret.
func (s Secret) bytes() []byte {
	if s.key == nil {
		return nil
	}
	return []byte(*s.key)
}

// String hides the secret.
func (s Secret) String() string { return secretPrefix + "(hidden)" }

// GoString hides the secret.
func (s Secret) GoString() string { return s.String() }
