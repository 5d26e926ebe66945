package pan

import (
	"fmt"
	"log/slog"
)

// hidden stands for a secret where it would be shown.
const hidden = "***"

// Secret is a text that is never shown: it is printed, logged and marshalled as three
// stars. Only Reveal returns the text. The zero Secret has no text.
//
// The Secret holds a pointer to the text, because package fmt cannot call the methods of a
// value in an unexported field. It prints the value itself, which is only an address. The
// pointer is to a string, because fmt follows a pointer to a struct and prints its fields.
// Compare two secrets by what Reveal returns, not with ==.
type Secret struct{ text *string }

// secret is Secret for the types of this package. Other packages cannot set a field of
// this name.
type secret = Secret

// NewSecret returns the secret with that text; "" is none.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{&text}
}

// Reveal returns the text, or "" for none.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether there is no text.
func (s Secret) IsZero() bool { return s.text == nil }

// String returns three stars.
func (s Secret) String() string { return hidden }

// GoString masks %#v.
func (s Secret) GoString() string { return hidden }

// Format masks every verb of package fmt.
func (s Secret) Format(state fmt.State, _ rune) { fmt.Fprint(state, hidden) }

// LogValue masks the secret in logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText masks the secret in JSON, XML and every other text encoding.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }
