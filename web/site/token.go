package site

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
)

// tokenField and requestField are the hidden fields of forms.
const tokenField, requestField = "token", "request"

// formToken returns the token of a session for one form. Each form has another text, so that compression tells nothing
// about it.
func formToken(s *session) string {
	masked := make([]byte, 2*secretBytes)
	mask := masked[:secretBytes]
	_, _ = rand.Read(mask) // It does not fail: see crypto/rand.
	subtle.XORBytes(masked[secretBytes:], mask, s.Token)
	return base64.RawURLEncoding.EncodeToString(masked)
}

// isTokenOf reports whether a text is a token of a session. It takes as long for every wrong one of the same length.
func isTokenOf(s *session, text string) bool {
	masked, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(masked) != 2*secretBytes || s == nil || s.ended {
		return false
	}
	token := make([]byte, secretBytes)
	subtle.XORBytes(token, masked[:secretBytes], masked[secretBytes:])
	return subtle.ConstantTimeCompare(token, s.Token) == 1
}

// NewRequestID returns a new id for the hidden field "request" of a form, which names the command that the form gives.
func NewRequestID() string {
	made, _ := id.New(rand.Reader) // It does not fail: see crypto/rand.
	return made.String()
}

// requests is the namespace of the ids of commands. It never changes.
var requests = id.ID{0x7c, 0x1d, 0x52, 0x0b, 0xe3, 0x96, 0x4a, 0x0e, 0x8d, 0x31, 0xc9, 0x5f, 0x60, 0xaa, 0x17, 0x44}

// RequestID returns the id of the command that a form gives for a user: the same one when the form is sent again, and
// another one for another user. It is an error if the form has no id.
func (v *Visit) RequestID(user string) (string, error) {
	given, err := id.Parse(v.Value(requestField))
	if err != nil || user == "" {
		return "", fault.Invalid(requestField, "This field is required.")
	}
	return id.Derive(requests, user, given.String()).String(), nil
}

// SameRequest returns the id of the form, for another form that gives the same command; a new one if it has none.
func (v *Visit) SameRequest() string {
	if given, err := id.Parse(v.Value(requestField)); err == nil {
		return given.String()
	}
	return NewRequestID()
}
