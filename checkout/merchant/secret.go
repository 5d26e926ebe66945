package merchant

import (
	"crypto/sha256"
	"encoding/base64"
	"io"
	"strings"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
)

// Mode says what a secret is for. The numbers are stored: append only.
type Mode uint8

// The modes. The zero Mode is none.
const (
	// Test is for trying out: nothing that it does is for sale or costs anything.
	Test Mode = iota + 1
	// Live is for business.
	Live
)

// String returns the mode as a principal has it; "" for none.
func (m Mode) String() string {
	switch m {
	case Test:
		return "test"
	case Live:
		return "live"
	}
	return ""
}

const (
	testPrefix, livePrefix = "sk_test_", "sk_live_"
	// randomBytes are 256 bits, which nobody guesses. Hence one fast hash keeps the secret.
	randomBytes = 32
	// MaxLive is how many secrets of a mode may be live at once: the old one and the new one while a merchant
	// replaces it.
	MaxLive = 2
	// MaxListed is how many secrets a list has.
	MaxListed = 100
	// lastDigits is how many characters of a secret are kept to tell it from others.
	lastDigits = 4
)

// The refusals.
var (
	// ErrNoSecret says that there is no such secret, or that it has been revoked.
	ErrNoSecret = fault.New(fault.NotFound, "SECRET_NOT_FOUND", "There is no such secret.")
	// ErrTwoSecrets refuses a third one.
	ErrTwoSecrets = fault.New(fault.FailedPrecondition, "TOO_MANY_SECRETS", "Two secrets of this mode are live. Revoke one first.")
)

// Hash is the SHA-256 of a secret's text.
type Hash [sha256.Size]byte

// HashOf returns the hash of a text, which need not be a secret.
func HashOf(text string) Hash { return sha256.Sum256([]byte(text)) }

// Secret is what is kept of an API secret.
type Secret struct {
	ID       id.ID
	Merchant string // slug
	Mode     Mode
	// Last4 are the last four characters of the text.
	Last4     string
	CreatedAt time.Time
	// LastUsedOn is the day (UTC) on which it was used last; zero for never.
	LastUsedOn time.Time
	// RevokedAt is when it ended; zero for a live one.
	RevokedAt time.Time
}

// NewSecret makes a secret for a merchant at now, and its text, which is shown once and kept nowhere. The error
// is that of random.
func NewSecret(slug string, mode Mode, now time.Time, random io.Reader) (secret Secret, text string, err error) {
	made, err := id.New(random)
	if err != nil {
		return Secret{}, "", err
	}
	bits := make([]byte, randomBytes)
	if _, err := io.ReadFull(random, bits); err != nil {
		return Secret{}, "", err
	}
	text = prefixOf(mode) + base64.RawURLEncoding.EncodeToString(bits)
	return Secret{ID: made, Merchant: slug, Mode: mode, Last4: text[len(text)-lastDigits:], CreatedAt: now}, text, nil
}

func prefixOf(mode Mode) string {
	if mode == Live {
		return livePrefix
	}
	return testPrefix
}

// ParseSecret returns the mode of a text that has the form of a secret, and whether it has. That says nothing about
// whether there is such a secret.
func ParseSecret(text string) (Mode, bool) {
	mode := Test
	digits, ok := strings.CutPrefix(text, testPrefix)
	if !ok {
		mode = Live
		if digits, ok = strings.CutPrefix(text, livePrefix); !ok {
			return 0, false
		}
	}
	bits, err := base64.RawURLEncoding.Strict().DecodeString(digits)
	if err != nil || len(bits) != randomBytes || strings.ContainsAny(digits, "\r\n") {
		return 0, false
	}
	return mode, true
}

// SecretName returns the name of a secret: merchants/{slug}/secrets/{uuid}.
func SecretName(slug string, secret id.ID) string {
	return checkout.MerchantPrefix + slug + secretsPart + secret.String()
}

const secretsPart = "/secrets/"

// ParseSecretName returns the parts of a SecretName; else fault.InvalidArgument naming the field.
func ParseSecretName(name, text string) (slug string, secret id.ID, err error) {
	parent, last, ok := strings.Cut(text, secretsPart)
	slug, err = checkout.ParseMerchantName(name, parent)
	if err == nil {
		secret, err = id.Parse(last)
	}
	if !ok || err != nil || secret.IsZero() {
		return "", id.ID{}, fault.Invalid(name, "The name must be merchants/, a slug, /secrets/ and a lower-case UUID.")
	}
	return slug, secret, nil
}
