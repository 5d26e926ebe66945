package event

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
)

// digestDomain separates these digests from all others, and names the version of their
// form.
const digestDomain = "codebank.dev/transaction/1\n"

// Digester calculates digests over some fields of events. It is immutable and safe for
// concurrent use.
type Digester struct {
	fields []*field
}

// NewDigester returns a digester over the named fields. Name the fields that all copies
// to compare have. The order of the names does not matter. A name that is not a field
// of the event, or is given twice, is an error.
func NewDigester(names ...string) (*Digester, error) {
	for i, name := range names {
		if fieldNamed(name) == nil {
			return nil, fmt.Errorf("event: no field %q", name)
		}
		if slices.Contains(names[:i], name) {
			return nil, fmt.Errorf("event: field %q is named twice", name)
		}
	}
	return digester(func(name string) bool { return slices.Contains(names, name) }), nil
}

// NewDigesterWithout returns a digester over all fields except the named ones. Name the
// fields that one of the copies does not keep. A name that is not a field is an error.
func NewDigesterWithout(names ...string) (*Digester, error) {
	for _, name := range names {
		if fieldNamed(name) == nil {
			return nil, fmt.Errorf("event: no field %q", name)
		}
	}
	return digester(func(name string) bool { return !slices.Contains(names, name) }), nil
}

func digester(in func(name string) bool) *Digester {
	d := &Digester{}
	for i := range fields {
		if in(fields[i].Name) {
			d.fields = append(d.fields, &fields[i])
		}
	}
	return d
}

// Digest returns the digest of t over every field. Copies with equal content have equal
// digests, wherever they were read from.
//
// The digest is the SHA-256 of "codebank.dev/transaction/1\n" followed by each field
// that is not null, in the order of the schema:
//
//	name 0x00 'T' length text      text and enums; length in bytes of UTF-8
//	name 0x00 'I' number           integers, timestamps in milliseconds
//
// Length and number have eight bytes, big-endian, the number in two's complement. A
// null field adds nothing. So a new field does not change the digests of earlier
// events.
func Digest(t *Transaction) [32]byte {
	var room [2048]byte
	form := append(room[:0], digestDomain...)
	for i := range fields {
		form = appendCanonical(form, &fields[i], t)
	}
	return sha256.Sum256(form)
}

// Digest returns the digest of t over the digester's fields, in the form that the
// function Digest describes.
func (d *Digester) Digest(t *Transaction) [32]byte {
	var room [2048]byte
	form := append(room[:0], digestDomain...)
	for _, f := range d.fields {
		form = appendCanonical(form, f, t)
	}
	return sha256.Sum256(form)
}

func appendCanonical(form []byte, f *field, t *Transaction) []byte {
	value := f.get(t)
	switch value.Type {
	case Text:
		form = append(append(form, f.Name...), 0, 'T')
		form = binary.BigEndian.AppendUint64(form, uint64(len(value.Text)))
		form = append(form, value.Text...)
	case Integer:
		form = append(append(form, f.Name...), 0, 'I')
		form = binary.BigEndian.AppendUint64(form, uint64(value.Integer))
	}
	return form
}
