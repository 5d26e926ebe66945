package wire

import (
	"encoding/binary"
	"time"

	"codebank.dev/platform/id"
	"codebank.dev/platform/money"
)

// Row reads the columns of a row from left to right. Null reads as the zero value. The values are
// in the binary format and come from our own statements, so their lengths are known; a broken
// connection never shows as a short value.
type Row struct {
	values [][]byte
	next   int
}

func (r *Row) value() []byte {
	v := r.values[r.next]
	r.next++
	return v
}

// UUID reads a uuid.
func (r *Row) UUID() (id id.ID) {
	copy(id[:], r.value())
	return id
}

// Hash reads a bytea of 32 bytes.
func (r *Row) Hash() (hash [32]byte) {
	copy(hash[:], r.value())
	return hash
}

// Currency reads a text of three letters.
func (r *Row) Currency() (c money.Currency) {
	copy(c[:], r.value())
	return c
}

// Bool reads a boolean.
func (r *Row) Bool() bool {
	v := r.value()
	return len(v) == 1 && v[0] != 0
}

// Int2 reads a smallint from 0 to 255.
func (r *Row) Int2() uint8 {
	v := r.value()
	if v == nil {
		return 0
	}
	return uint8(binary.BigEndian.Uint16(v))
}

// Int4 reads an integer.
func (r *Row) Int4() int32 {
	v := r.value()
	if v == nil {
		return 0
	}
	return int32(binary.BigEndian.Uint32(v))
}

// Int8 reads a bigint.
func (r *Row) Int8() int64 {
	v := r.value()
	if v == nil {
		return 0
	}
	return int64(binary.BigEndian.Uint64(v))
}

// Timestamp reads a timestamptz, in UTC.
func (r *Row) Timestamp() time.Time {
	v := r.value()
	if v == nil {
		return time.Time{}
	}
	return time.UnixMicro(int64(binary.BigEndian.Uint64(v)) + epochMicros).UTC()
}

// Text reads a text.
func (r *Row) Text() string { return string(r.value()) }

// Bytes returns a copy, because the row's own bytes are reused by the next row.
func (r *Row) Bytes() []byte { return append([]byte(nil), r.value()...) }

// Micros reads a bigint array of microseconds since 1970.
func (r *Row) Micros() []time.Time {
	v := r.value()
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
