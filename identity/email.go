package identity

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/mail/address"
	"codebank.dev/platform/pan"
)

// Email is an e-mail address in its one form: ASCII in lower case.
type Email string

// ParseEmail returns the one form of an address: without spaces around it, in lower case. It
// refuses what is not ASCII, so that no two addresses look alike, and an international domain is
// written with xn--. Errors are InvalidArgument of the field and do not repeat the address.
func ParseEmail(field, text string) (Email, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return "", fault.Invalid(field, "This field is required.")
	}
	normal, ok := address.Normal(text, address.MaxLength)
	if !ok || pan.In(normal) {
		return "", fault.Invalid(field, "This is not an e-mail address. Write it in ASCII, an international domain with xn--.")
	}
	return Email(normal), nil
}

// Key returns what stands for the address where the address itself must not stand: in the audit
// log and in counters.
func (e Email) Key() string {
	hash := sha256.Sum256([]byte(e))
	return hex.EncodeToString(hash[:12])
}
