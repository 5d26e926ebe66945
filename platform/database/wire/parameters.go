package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"codebank.dev/platform/id"
)

// The types of array elements, by their fixed numbers in pg_type. TypeTimestamp is timestamptz.
const (
	TypeBool      = 16
	TypeBytes     = 17
	TypeInt8      = 20
	TypeInt2      = 21
	TypeInt4      = 23
	TypeText      = 25
	TypeTimestamp = 1184
	TypeUUID      = 2950
)

// ErrRange is the error of a batch with a number that does not fit its column's type.
var ErrRange = errors.New("wire: a number is out of range")

// epochMicros is 2000-01-01T00:00:00Z, the epoch of Postgres, in microseconds since 1970.
const epochMicros = 946_684_800_000_000

// Parameters builds the binary parameters of one statement in one buffer that is used again. A
// batch writes some thirty arrays of hundreds of values, and the driver's own encoding costs
// several allocations for each value. The zero value is ready to use. Every value follows its length, as the protocol requires.
type Parameters struct {
	buffer []byte
	starts []int
	values [][]byte
	err    error
}

// Reset forgets what was written.
func (p *Parameters) Reset() {
	p.buffer, p.starts, p.err = p.buffer[:0], p.starts[:0], nil
}

// Values returns the parameters written since Reset. They are valid until the next Reset.
func (p *Parameters) Values() [][]byte {
	p.values = p.values[:0]
	for i, start := range p.starts {
		end := len(p.buffer)
		if i+1 < len(p.starts) {
			end = p.starts[i+1]
		}
		p.values = append(p.values, p.buffer[start:end:end])
	}
	return p.values
}

// Elements returns the values of parameters that are arrays of one element each: the bytes after
// the array's header and the element's length.
func (p *Parameters) Elements() [][]byte {
	const header, length = 20, 4
	values := p.Values()
	for i, array := range values {
		values[i] = nil
		if size := int32(binary.BigEndian.Uint32(array[header:])); size >= 0 {
			values[i] = array[header+length:]
		}
	}
	return values
}

// Array begins a parameter that is a one-dimensional array of n elements. Write the elements next.
func (p *Parameters) Array(element uint32, n int) {
	p.starts = append(p.starts, len(p.buffer))
	dimensions := uint32(1)
	if n == 0 {
		dimensions = 0
	}
	p.buffer = binary.BigEndian.AppendUint32(p.buffer, dimensions)
	p.buffer = binary.BigEndian.AppendUint32(p.buffer, 0)
	p.buffer = binary.BigEndian.AppendUint32(p.buffer, element)
	if n > 0 {
		p.buffer = binary.BigEndian.AppendUint32(p.buffer, uint32(n))
		p.buffer = binary.BigEndian.AppendUint32(p.buffer, 1) // the first index
	}
}

// Column writes one parameter: an array with an element for each row.
func Column[T any](p *Parameters, element uint32, rows []T, put func(*Parameters, *T)) {
	p.Array(element, len(rows))
	for i := range rows {
		put(p, &rows[i])
	}
}

// UUIDs writes a parameter that is an array of uuids.
func (p *Parameters) UUIDs(ids []id.ID) {
	p.Array(TypeUUID, len(ids))
	for i := range ids {
		p.UUID(ids[i])
	}
}

// argument begins a parameter that is a single value. Append its bytes next, without a length.
func (p *Parameters) argument() { p.starts = append(p.starts, len(p.buffer)) }

// UUIDArgument writes a parameter that is one uuid.
func (p *Parameters) UUIDArgument(value id.ID) {
	p.argument()
	p.buffer = append(p.buffer, value[:]...)
}

// Int8Argument writes a parameter that is one bigint.
func (p *Parameters) Int8Argument(value int64) {
	p.argument()
	p.buffer = binary.BigEndian.AppendUint64(p.buffer, uint64(value))
}

// TimestampArgument writes a parameter that is one timestamp, in microseconds.
func (p *Parameters) TimestampArgument(value time.Time) {
	p.Int8Argument(value.UnixMicro() - epochMicros)
}

// TextArgument writes a parameter that is one text.
func (p *Parameters) TextArgument(value string) {
	p.argument()
	p.buffer = append(p.buffer, value...)
}

// BytesArgument writes a parameter that is one bytea.
func (p *Parameters) BytesArgument(value []byte) {
	p.argument()
	p.buffer = append(p.buffer, value...)
}

// Null writes an element that is null.
func (p *Parameters) Null() { p.buffer = append(p.buffer, 0xff, 0xff, 0xff, 0xff) }

// UUID writes a uuid.
func (p *Parameters) UUID(value id.ID) {
	p.buffer = append(p.buffer, 0, 0, 0, 16)
	p.buffer = append(p.buffer, value[:]...)
}

// OptionalUUID writes the zero id as null.
func (p *Parameters) OptionalUUID(value id.ID) {
	if value.IsZero() {
		p.Null()
		return
	}
	p.UUID(value)
}

// Bool writes a boolean.
func (p *Parameters) Bool(value bool) {
	b := byte(0)
	if value {
		b = 1
	}
	p.buffer = append(p.buffer, 0, 0, 0, 1, b)
}

// Int2 writes a smallint.
func (p *Parameters) Int2(value uint8) {
	p.buffer = append(p.buffer, 0, 0, 0, 2, 0, value)
}

// OptionalInt2 writes null for a value that is not present.
func (p *Parameters) OptionalInt2(value uint8, present bool) {
	if !present {
		p.Null()
		return
	}
	p.Int2(value)
}

// Int4 writes an integer. A value that does not fit 32 bits makes the batch fail with ErrRange.
func (p *Parameters) Int4(value int) {
	if value < math.MinInt32 || value > math.MaxInt32 {
		p.err = fmt.Errorf("%w: %d does not fit 32 bits", ErrRange, value)
	}
	p.buffer = append(p.buffer, 0, 0, 0, 4)
	p.buffer = binary.BigEndian.AppendUint32(p.buffer, uint32(value))
}

// Int8 writes a bigint.
func (p *Parameters) Int8(value int64) {
	p.buffer = append(p.buffer, 0, 0, 0, 8)
	p.buffer = binary.BigEndian.AppendUint64(p.buffer, uint64(value))
}

// OptionalInt8 writes zero as null.
func (p *Parameters) OptionalInt8(value int64) {
	if value == 0 {
		p.Null()
		return
	}
	p.Int8(value)
}

// Timestamp writes a time in microseconds.
func (p *Parameters) Timestamp(at time.Time) { p.Int8(at.UnixMicro() - epochMicros) }

// OptionalTimestamp writes the zero time as null.
func (p *Parameters) OptionalTimestamp(at time.Time) {
	if at.IsZero() {
		p.Null()
		return
	}
	p.Timestamp(at)
}

// Text writes a text.
func (p *Parameters) Text(value string) {
	p.buffer = binary.BigEndian.AppendUint32(p.buffer, uint32(len(value)))
	p.buffer = append(p.buffer, value...)
}

// OptionalText writes the empty text as null.
func (p *Parameters) OptionalText(value string) {
	if value == "" {
		p.Null()
		return
	}
	p.Text(value)
}

// Bytes writes a bytea.
func (p *Parameters) Bytes(value []byte) {
	p.buffer = binary.BigEndian.AppendUint32(p.buffer, uint32(len(value)))
	p.buffer = append(p.buffer, value...)
}

// Micros writes times as the text of a bigint array, because the rows of an array of arrays must
// have equal lengths.
func (p *Parameters) Micros(times []time.Time) {
	at := len(p.buffer)
	p.buffer = append(p.buffer, 0, 0, 0, 0, '{')
	for i, t := range times {
		if i > 0 {
			p.buffer = append(p.buffer, ',')
		}
		p.buffer = strconv.AppendInt(p.buffer, t.UnixMicro(), 10)
	}
	p.buffer = append(p.buffer, '}')
	binary.BigEndian.PutUint32(p.buffer[at:], uint32(len(p.buffer)-at-4))
}
