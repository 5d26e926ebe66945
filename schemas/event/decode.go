package event

import (
	"encoding/binary"
	"errors"
	"fmt"

	"codebank.dev/schemas"
)

// Decoder reads bodies that were written with one schema into the newest Transaction.
// It is immutable. Any number of goroutines may use it, each with a Transaction of its
// own.
type Decoder struct {
	// empty holds the defaults of the fields that the writer does not have.
	empty Transaction
	steps []step
	// companions are among the fields that the writer has.
	companions []companion
}

// Decode reads a complete Avro body without a frame into t, and overwrites every field.
// A field that the writer does not have gets its default. A field that is unknown here
// is skipped. A symbol that is unknown here becomes UNKNOWN. A value outside its bound
// (schemas.Bounds) is a FieldError, because AppendTransaction never writes such a value
// and no other reader takes it.
//
// The texts of t share one copy of the body, which is the only allocation. After an
// error the content of t is undefined.
func (d *Decoder) Decode(body []byte, t *Transaction) error {
	*t = d.empty
	r := reader{rest: string(body)}
	for i := range d.steps {
		err := d.steps[i].read(&r, t)
		if err == nil {
			continue
		}
		if _, outside := errors.AsType[*FieldError](err); outside {
			return err
		}
		return fmt.Errorf("event: field %s: %w", d.steps[i].name, err)
	}
	if r.rest != "" {
		return fmt.Errorf("event: %d bytes after the last field", len(r.rest))
	}
	for _, companion := range d.companions {
		if err := companion.check(t); err != nil {
			return err
		}
	}
	return nil
}

// step reads one field of the writer.
type step struct {
	name string
	// into is nil if the field is unknown here, and then there is no bound.
	into  *field
	bound schemas.Bound
	// A field that is not a union has one branch, and no branch number on the wire.
	union    bool
	branches []branch
}

// branch is one type that a field can have on the wire.
type branch struct {
	wire wireType
	// symbols are the reader's symbols, by the writer's numbers.
	symbols []string
	// size is the number of bytes of a wireSkip.
	size int
}

type wireType int

const (
	wireNull  wireType = iota
	wireSkip           // a fixed number of bytes that are skipped
	wireInt            // a varint of 32 bits
	wireLong           // a varint of 64 bits
	wireBytes          // a length and that many bytes, text or not
	wireEnum           // a varint
)

var (
	errShort   = errors.New("the body ends early")
	errVarint  = errors.New("a number is out of range")
	errBranch  = errors.New("no such branch of the union")
	errSymbol  = errors.New("no such symbol of the enum")
	errNotUTF8 = errors.New("the text is not UTF-8")
)

func (s *step) read(r *reader, t *Transaction) error {
	chosen := &s.branches[0]
	if s.union {
		number, err := r.int()
		if err != nil {
			return err
		}
		if number < 0 || number >= int64(len(s.branches)) {
			return errBranch
		}
		chosen = &s.branches[number]
	}
	value, err := chosen.read(r)
	if err != nil || s.into == nil {
		return err
	}
	if wrong := problem(value, &s.bound); wrong != "" {
		return &FieldError{Field: s.name, Problem: wrong}
	}
	s.into.set(t, value)
	return nil
}

func (b *branch) read(r *reader) (Value, error) {
	switch b.wire {
	case wireSkip:
		_, err := r.take(int64(b.size))
		return Value{}, err
	case wireInt:
		n, err := r.int()
		return IntegerValue(n), err
	case wireLong:
		n, err := r.long()
		return IntegerValue(n), err
	case wireBytes:
		size, err := r.long()
		if err != nil {
			return Value{}, err
		}
		s, err := r.take(size)
		return TextValue(s), err
	case wireEnum:
		number, err := r.int()
		if err != nil {
			return Value{}, err
		}
		if number < 0 || number >= int64(len(b.symbols)) {
			return Value{}, errSymbol
		}
		return TextValue(b.symbols[number]), nil
	default:
		return Value{}, nil
	}
}

// reader reads values from the front of the rest of a body.
type reader struct{ rest string }

func (r *reader) take(size int64) (string, error) {
	if size < 0 || size > int64(len(r.rest)) {
		return "", errShort
	}
	taken := r.rest[:size]
	r.rest = r.rest[size:]
	return taken, nil
}

// int reads a number of 32 bits: an Avro int, or the number of a branch or symbol.
func (r *reader) int() (int64, error) {
	n, err := r.varint(binary.MaxVarintLen32)
	if err == nil && n != int64(int32(n)) {
		return 0, errVarint
	}
	return n, err
}

// long reads a number of 64 bits: an Avro long, or a length.
func (r *reader) long() (int64, error) { return r.varint(binary.MaxVarintLen64) }

// varint reads a zig-zag number of at most size bytes.
func (r *reader) varint(size int) (int64, error) {
	var bits uint64
	for i := range size {
		if i == len(r.rest) {
			return 0, errShort
		}
		b := r.rest[i]
		if i == binary.MaxVarintLen64-1 && b > 1 {
			return 0, errVarint
		}
		bits |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			r.rest = r.rest[i+1:]
			return int64(bits>>1) ^ -int64(bits&1), nil
		}
	}
	return 0, errVarint
}
