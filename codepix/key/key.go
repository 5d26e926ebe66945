// Package key is the keys of the directory: what may stand for an account, in its one form. It is pure.
//
//	key.go    Key, and the text that a customer types
//	email.go  e-mail addresses
//	cpf.go    the number of a person, with its check digits
//	phone.go  telephone numbers
//	mask.go   what is shown of a holder to others
package key

import (
	"io"
	"strings"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
)

// Kind is what a key is. The numbers are stored and sent: append only.
type Kind uint8

// The kinds. The zero Kind is that of no key.
const (
	Email Kind = iota + 1
	CPF
	Phone
	Random
)

var kindNames = [...]string{"", "EMAIL", "CPF", "PHONE", "RANDOM"}

// Kinds returns every kind.
func Kinds() []Kind { return []Kind{Email, CPF, Phone, Random} }

// String returns the name of the kind as messages have it, or "" for a kind that does not exist.
func (k Kind) String() string {
	if int(k) >= len(kindNames) {
		return ""
	}
	return kindNames[k]
}

// Proved reports whether a key of the kind is proved by a code that is sent to it.
func (k Kind) Proved() bool { return k == Email || k == Phone }

// Key is a key in its one form. Two texts that mean the same key make the same Key.
type Key struct {
	Kind Kind
	Text string
}

// MaxText is the length of the longest text that may be a key before its spaces and signs are taken out.
const MaxText = 120

// Parse returns the key of a kind that a text means. Spaces around it do not count, nor does the case of an e-mail
// address or a UUID, nor the signs that people write into a CPF or a telephone number. Errors are InvalidArgument of
// the field and do not repeat the text.
func Parse(field string, kind Kind, text string) (Key, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return Key{}, fault.Invalid(field, "This field is required.")
	}
	if len(text) > MaxText {
		return Key{}, fault.Invalid(field, "The text is too long.")
	}
	var refused error
	switch kind {
	case Email:
		text, refused = parseEmail(field, text)
	case CPF:
		text, refused = parseCPF(field, text)
	case Phone:
		text, refused = parsePhone(field, text)
	case Random:
		text, refused = parseRandom(field, text)
	default:
		refused = fault.Invalid(field, "There is no such kind of key.")
	}
	if refused != nil {
		return Key{}, refused
	}
	return Key{Kind: kind, Text: text}, nil
}

// Detect returns the key that a text means, whatever its kind: a telephone number begins with a plus sign, so eleven
// digits without one are a CPF. Errors are those of Parse.
func Detect(field, text string) (Key, error) {
	text = strings.TrimSpace(text)
	switch {
	case strings.Contains(text, "@"):
		return Parse(field, Email, text)
	case strings.HasPrefix(text, "+"):
		return Parse(field, Phone, text)
	case len(text) == uuidLength:
		return Parse(field, Random, text)
	case text == "" || strings.ContainsAny(text[:1], digits):
		return Parse(field, CPF, text)
	}
	return Key{}, fault.Invalid(field, "This is not a key: write an e-mail address, a CPF, a telephone number that begins with a plus sign, or a random key.")
}

const (
	digits     = "0123456789"
	uuidLength = 36
)

// NewRandom returns a new random key, read from random. The error is that of random.
func NewRandom(random io.Reader) (Key, error) {
	made, err := id.New(random)
	return Key{Kind: Random, Text: made.String()}, err
}

func parseRandom(field, text string) (string, error) {
	parsed, err := id.Parse(strings.ToLower(text))
	if err != nil || parsed.IsZero() {
		return "", fault.Invalid(field, "A random key is a UUID of 36 characters.")
	}
	return parsed.String(), nil
}

// without returns a text without certain signs.
func without(signs, text string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(signs, r) {
			return -1
		}
		return r
	}, text)
}

// areDigits reports whether a text is so many digits.
func areDigits(text string, least, most int) bool {
	return len(text) >= least && len(text) <= most && strings.Trim(text, digits) == ""
}
