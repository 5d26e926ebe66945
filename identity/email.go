package identity

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/pan"
)

// Email is an e-mail address in its one form: ASCII in lower case.
type Email string

const (
	maxEmail = 254 // RFC 5321
	maxLocal = 64
	maxLabel = 63
)

// emailForm is what mail servers in fact take of RFC 5321: no quotes, comments and literals.
var emailForm = regexp.MustCompile(`^[a-z0-9!#$%&'*+/=?^_{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_{|}~-]+)*@([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$`)

// ParseEmail returns the one form of an address: without spaces around it, in lower case. It
// refuses what is not ASCII, so that no two addresses look alike, and an international domain is
// written with xn--. Errors are InvalidArgument of the field and do not repeat the address.
func ParseEmail(field, text string) (Email, error) {
	refused := fault.Invalid(field, "This is not an e-mail address. Write it in ASCII, an international domain with xn--.")
	text = strings.TrimSpace(text)
	if text == "" {
		return "", fault.Invalid(field, "This field is required.")
	}
	for i := range len(text) {
		if text[i] > '~' { // Before the case changes: a letter outside ASCII may have one in it.
			return "", refused
		}
	}
	text = strings.ToLower(text)
	local, domain, _ := strings.Cut(text, "@")
	if len(text) > maxEmail || len(local) > maxLocal || !emailForm.MatchString(text) || pan.In(text) {
		return "", refused
	}
	for label := range strings.SplitSeq(domain, ".") {
		if len(label) > maxLabel {
			return "", refused
		}
	}
	return Email(text), nil
}

// Key returns what stands for the address where the address itself must not stand: in the audit
// log and in counters.
func (e Email) Key() string {
	hash := sha256.Sum256([]byte(e))
	return hex.EncodeToString(hash[:12])
}
