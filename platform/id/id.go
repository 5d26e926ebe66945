// Package id has the one kind of id that all services use: a UUID with one text.
package id

import (
	"errors"
	"io"

	"github.com/google/uuid"
)

// ID is a UUID. The zero ID means "none".
type ID uuid.UUID

// ErrMalformed says that a text is not a UUID in canonical form.
var ErrMalformed = errors.New("id: not a UUID of 36 characters in lower case")

// textLength is the length of the canonical text.
const textLength = 36

// Parse returns the ID of a UUID in its canonical text: 36 characters, lower case, with
// hyphens. It refuses every other spelling of the same UUID with ErrMalformed, so that
// one id has one text.
func Parse(text string) (ID, error) {
	if len(text) != textLength {
		return ID{}, ErrMalformed
	}
	parsed, err := uuid.Parse(text)
	if err != nil {
		return ID{}, ErrMalformed
	}
	var canonical [textLength]byte
	if string(ID(parsed).Append(canonical[:0])) != text {
		return ID{}, ErrMalformed
	}
	return ID(parsed), nil
}

// New returns a random UUID (version 4) read from random. The error is that of random.
func New(random io.Reader) (ID, error) {
	made, err := uuid.NewRandomFromReader(random)
	return ID(made), err
}

// Derive returns the UUID (version 5) of the parts within a namespace. The same parts
// always give the same ID. Parts are joined by a zero byte, which no validated text
// holds, so no two lists of parts share an ID.
func Derive(namespace ID, parts ...string) ID {
	size := len(parts)
	for _, part := range parts {
		size += len(part)
	}
	name := make([]byte, 0, size)
	for i, part := range parts {
		if i > 0 {
			name = append(name, 0)
		}
		name = append(name, part...)
	}
	return ID(uuid.NewSHA1(uuid.UUID(namespace), name))
}

// Append appends the canonical text of id to dst.
func (id ID) Append(dst []byte) []byte {
	text, _ := uuid.UUID(id).MarshalText() // It returns no error. Inlined, it allocates nothing.
	return append(dst, text...)
}

// String returns the canonical text, 36 characters.
func (id ID) String() string { return uuid.UUID(id).String() }

// IsZero reports whether id is "none".
func (id ID) IsZero() bool { return id == ID{} }
