package identity

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"

	"codebank.dev/platform/fault"
)

// Secret is a token of 256 random bits: a refresh token, a token of an e-mail, or the token of a
// known device. It is stored as its Digest only; so much randomness needs no slow hash. It prints
// as nothing.
type Secret struct{ bits [sha256.Size]byte }

// Digest is the SHA-256 of a Secret, and what the store knows of it.
type Digest [sha256.Size]byte

// NewSecret returns a new random secret.
func NewSecret() Secret {
	var s Secret
	_, _ = rand.Read(s.bits[:]) // It never fails: package rand ends the program instead.
	return s
}

var encoding = base64.RawURLEncoding.Strict()

// secretLength is the length of a secret's text.
const secretLength = 43

// ParseSecret returns the secret with a text. There is one text for each secret. The error is
// InvalidArgument of the field and does not repeat the text.
func ParseSecret(field, text string) (Secret, error) {
	var s Secret
	if text == "" {
		return s, fault.Invalid(field, "This field is required.")
	}
	if len(text) == secretLength {
		if n, err := encoding.Decode(s.bits[:], []byte(text)); err == nil && n == len(s.bits) {
			return s, nil
		}
	}
	return Secret{}, fault.Invalid(field, "This is not a token.")
}

// Reveal returns the secret's text, for the one who shall have it.
func (s Secret) Reveal() string { return encoding.EncodeToString(s.bits[:]) }

// Digest returns what is stored.
func (s Secret) Digest() Digest { return sha256.Sum256(s.bits[:]) }

// String returns no part of the secret.
func (Secret) String() string { return "secret" }

// GoString returns no part of the secret.
func (Secret) GoString() string { return "secret" }

// LogValue returns no part of the secret.
func (Secret) LogValue() slog.Value { return slog.StringValue("secret") }

// Nonce is the random part of a successor.
type Nonce [sha256.Size]byte

// NewNonce returns a new random nonce.
func NewNonce() Nonce { return NewSecret().bits }

// Successor returns the refresh token that follows s. The nonce is stored beside the digest of s
// for as long as a repeat may come. So two tabs that present s get the same successor, although
// neither is stored: whoever reads the store does not know s, and a thief of s does not know the
// nonce.
func (s Secret) Successor(nonce Nonce) Secret {
	mac := hmac.New(sha256.New, s.bits[:])
	mac.Write(nonce[:])
	return Secret{[sha256.Size]byte(mac.Sum(nil))}
}
