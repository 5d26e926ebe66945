package wire

import (
	"encoding/binary"
	"time"

	"codebank.dev/platform/id"
	"codebank.dev/platform/money"
)

// Row reads the columns of a row from left to right.
type Row struct {
	values [][]byte
	next   int
}

// Value is one column of a row. Null reads as the zero value. The bytes are in the binary format and
// come from our own statements, so their lengths are known; a broken connection never shows as a short
// value. They are valid until the next row.
type Value []byte

// Next returns the next column. The methods of Row read it as a type.
func (r *Row) Next() Value {
	v := r.values[r.next]
	r.next++
	return v
}

// UUID reads a uuid.
func (r *Row) UUID() id.ID { return r.Next().UUID() }

// Hash reads a bytea of 32 bytes.
func (r *Row) Hash() [32]byte { return r.Next().Hash() }

// Currency reads a text of three letters.
func (r *Row) Currency() money.Currency { return r.Next().Currency() }

// Bool reads a boolean.
func (r *Row) Bool() bool { return r.Next().Bool() }

// Int2 reads a smallint from 0 to 255.
func (r *Row) Int2() uint8 { return r.Next().Int2() }

// Int4 reads an integer.
func (r *Row) Int4() int32 { return r.Next().Int4() }

// Int8 reads a bigint.
func (r *Row) Int8() int64 { return r.Next().Int8() }

// Timestamp reads a timestamptz, in UTC.
func (r *Row) Timestamp() time.Time { return r.Next().Timestamp() }

// Text reads a text.
func (r *Row) Text() string { return r.Next().Text() }

// Bytes reads a bytea.
func (r *Row) Bytes() []byte { return r.Next().Bytes() }

// Micros reads a bigint array of microseconds since 1970.
func (r *Row) Micros() []time.Time { return r.Next().Micros() }

// UUID returns a uuid.
func (v Value) UUID() (id id.ID) {
	copy(id[:], v)
	return id
}

// Hash returns a bytea of 32 bytes.
func (v Value) Hash() (hash [32]byte) {
	copy(hash[:], v)
	return hash
}

// Currency returns a text of three letters.
func (v Value) Currency() (c money.Currency) {
	copy(c[:], v)
	return c
}

// Bool returns a boolean.
func (v Value) Bool() bool { return len(v) == 1 && v[0] != 0 }

// Int2 returns a smallint from 0 to 255.
func (v Value) Int2() uint8 {
	if v == nil {
		return 0
	}
	return uint8(binary.BigEndian.Uint16(v))
}

// Int4 returns an integer.
func (v Value) Int4() int32 {
	if v == nil {
		return 0
	}
	return int32(binary.BigEndian.Uint32(v))
}

// Int8 returns a bigint.
func (v Value) Int8() int64 {
	if v == nil {
		return 0
	}
	return int64(binary.BigEndian.Uint64(v))
}

// Int returns a smallint or an integer.
func (v Value) Int() int {
	if len(v) == 2 {
		return int(int16(binary.BigEndian.Uint16(v)))
	}
	return int(v.Int4())
}

// Timestamp returns a timestamptz, in UTC.
func (v Value) Timestamp() time.Time {
	if v == nil {
		return time.Time{}
	}
	return time.UnixMicro(int64(binary.BigEndian.Uint64(v)) + epochMicros).UTC()
}

// Text returns a text.
func (v Value) Text() string { return string(v) }

// Bytes returns a copy, because the row's own bytes are reused by the next row.
func (v Value) Bytes() []byte { return append([]byte(nil), v...) }

// Micros returns the times of a bigint array of microseconds since 1970.
func (v Value) Micros() []time.Time {
	const header, element = 20, 12
	if len(v) < header {
		return nil
	}
	times := make([]time.Time, 0, (len(v)-header)/element)
	for v = v[header:]; len(v) >= element; v = v[element:] {
		times = append(times, time.UnixMicro(int64(binary.BigEndian.Uint64(v[4:]))).UTC())
	}
	return times
}
