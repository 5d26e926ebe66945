package directory

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"time"

	"codebank.dev/codepix/key"
	"codebank.dev/platform/fault"
)

const (
	codeLength = 6
	// CodeLifetime is how long a code counts.
	CodeLifetime = 15 * time.Minute
	// CodeAttempts is how often a code may be tried.
	CodeAttempts = 5
	// CodePause is the least time between two codes to a key for one account.
	CodePause = time.Minute
	// CodesADay is how many codes are sent to a key in a day, for whatever accounts: nobody's mailbox is filled, and
	// fifty guesses a day find one code in twenty thousand.
	CodesADay = 10
	// CodeTries is how often the sending of a code is tried.
	CodeTries = 8
)

const day = 24 * time.Hour

// Code is six digits that are sent to a key. It prints as nothing.
type Code struct{ digits string }

// NewCode returns a new random code.
func NewCode() (Code, error) {
	const codes = 1_000_000
	number, err := rand.Int(rand.Reader, big.NewInt(codes))
	if err != nil {
		return Code{}, err
	}
	return Code{fmt.Sprintf("%0*d", codeLength, number)}, nil
}

// ParseCode returns the code with a text. The error is InvalidArgument of the field and does not repeat the text.
func ParseCode(field, text string) (Code, error) {
	if len(text) != codeLength || strings.Trim(text, "0123456789") != "" {
		return Code{}, fault.Invalid(field, "A code is six digits.")
	}
	return Code{text}, nil
}

// Reveal returns the digits, for the one who reads what is sent to the key.
func (c Code) Reveal() string { return c.digits }

// String returns no part of the code.
func (Code) String() string { return "code" }

// GoString returns no part of the code.
func (Code) GoString() string { return "code" }

// LogValue returns no part of the code.
func (Code) LogValue() slog.Value { return slog.StringValue("code") }

// Hash is a keyed hash: who reads it and has not the key finds out nothing by trying.
type Hash [sha256.Size]byte

// IsZero reports whether there is no hash.
func (h Hash) IsZero() bool { return h == Hash{} }

// hashOf is HMAC-SHA256 over parts, each with its length before it.
func hashOf(secret []byte, parts ...string) (hash Hash) {
	h := hmac.New(sha256.New, secret)
	var length [8]byte
	for _, part := range parts {
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		h.Write(length[:])
		h.Write([]byte(part))
	}
	h.Sum(hash[:0])
	return hash
}

// codeHash is what is stored of a code. It is of one key and account only, so it counts nowhere else.
func codeHash(secret []byte, k key.Key, of Party, code Code) Hash {
	return hashOf(secret, "codepix code 1", k.Kind.String(), k.Text, of.BankCode, of.AccountID.String(), code.digits)
}

// Proof is the code that an account has to give back for a key.
type Proof struct {
	Party
	// RequestedAt is when the code was asked for. It is made when it is sent.
	RequestedAt time.Time
	// Hash is that of the code; zero until it is made.
	Hash      Hash
	ExpiresAt time.Time
	Attempts  int
	// Used says that the code was given back. It still answers a repeat of the same call.
	Used bool
}

// check counts an attempt. Errors: ErrNoCode, ErrWrongCode.
func (p *Proof) check(hash Hash, now time.Time) error {
	if p.Hash.IsZero() || p.Attempts >= CodeAttempts || !now.Before(p.ExpiresAt) {
		return ErrNoCode
	}
	p.Attempts++
	if !hmac.Equal(p.Hash[:], hash[:]) {
		return ErrWrongCode
	}
	return nil
}

// Sends counts the codes that were asked for a key.
type Sends struct {
	Since time.Time
	Count int
}

// add counts a code. Error: ErrTooManyCodes.
func (s *Sends) add(now time.Time) error {
	if now.Sub(s.Since) >= day {
		*s = Sends{Since: now}
	}
	if s.Count >= CodesADay {
		return ErrTooManyCodes.After(s.Since.Add(day).Sub(now))
	}
	s.Count++
	return nil
}
