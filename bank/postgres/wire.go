package postgres

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"time"

	"codebank.dev/bank"
	"codebank.dev/platform/money"
)

// The types of array elements, by their fixed numbers in pg_type.
const (
	typeBool      = 16
	typeBytes     = 17
	typeInt8      = 20
	typeInt2      = 21
	typeInt4      = 23
	typeText      = 25
	typeTimestamp = 1184 // timestamptz
	typeUUID      = 2950
)

// epochMicros is 2000-01-01T00:00:00Z, the epoch of Postgres, in microseconds since 1970.
const epochMicros = 946_684_800_000_000

// parameters builds the binary parameters of one statement in one buffer that is used again. A
// batch writes some thirty arrays of hundreds of values, and the driver's own encoding costs
// several allocations for each value. Every value follows its length, as the protocol requires.
type parameters struct {
	buffer []byte
	starts []int
	values [][]byte
	err    error
}

func (p *parameters) reset() {
	p.buffer, p.starts, p.err = p.buffer[:0], p.starts[:0], nil
}

// list returns the parameters written since reset. They are valid until the next reset.
func (p *parameters) list() [][]byte {
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

// elements returns the values of parameters that are arrays of one element each: the bytes after
// the array's header and the element's length.
func (p *parameters) elements() [][]byte {
	const header, length = 20, 4
	values := p.list()
	for i, array := range values {
		values[i] = nil
		if size := int32(binary.BigEndian.Uint32(array[header:])); size >= 0 {
			values[i] = array[header+length:]
		}
	}
	return values
}

// array begins a parameter that is a one-dimensional array of n elements. Write the elements next.
func (p *parameters) array(element uint32, n int) {
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

// argument begins a parameter that is a single value. Append its bytes next, without a length.
func (p *parameters) argument() { p.starts = append(p.starts, len(p.buffer)) }

func (p *parameters) uuidArgument(id bank.ID) {
	p.argument()
	p.buffer = append(p.buffer, id[:]...)
}

func (p *parameters) int8Argument(value int64) {
	p.argument()
	p.buffer = binary.BigEndian.AppendUint64(p.buffer, uint64(value))
}

func (p *parameters) textArgument(value string) {
	p.argument()
	p.buffer = append(p.buffer, value...)
}

func (p *parameters) bytesArgument(value []byte) {
	p.argument()
	p.buffer = append(p.buffer, value...)
}

func (p *parameters) null() { p.buffer = append(p.buffer, 0xff, 0xff, 0xff, 0xff) }

func (p *parameters) uuid(id bank.ID) {
	p.buffer = append(p.buffer, 0, 0, 0, 16)
	p.buffer = append(p.buffer, id[:]...)
}

// optionalUUID writes the zero id as null.
func (p *parameters) optionalUUID(id bank.ID) {
	if id.IsZero() {
		p.null()
		return
	}
	p.uuid(id)
}

func (p *parameters) bool(value bool) {
	b := byte(0)
	if value {
		b = 1
	}
	p.buffer = append(p.buffer, 0, 0, 0, 1, b)
}

func (p *parameters) int2(value uint8) {
	p.buffer = append(p.buffer, 0, 0, 0, 2, 0, value)
}

// optionalInt2 writes null for a value that is not present.
func (p *parameters) optionalInt2(value uint8, present bool) {
	if !present {
		p.null()
		return
	}
	p.int2(value)
}

// int4 refuses a value that does not fit, as the server would.
func (p *parameters) int4(value int) {
	if value < math.MinInt32 || value > math.MaxInt32 {
		p.err = fmt.Errorf("%w: %d does not fit 32 bits", bank.ErrRejected, value)
	}
	p.buffer = append(p.buffer, 0, 0, 0, 4)
	p.buffer = binary.BigEndian.AppendUint32(p.buffer, uint32(value))
}

func (p *parameters) int8(value int64) {
	p.buffer = append(p.buffer, 0, 0, 0, 8)
	p.buffer = binary.BigEndian.AppendUint64(p.buffer, uint64(value))
}

// optionalInt8 writes zero as null.
func (p *parameters) optionalInt8(value int64) {
	if value == 0 {
		p.null()
		return
	}
	p.int8(value)
}

// timestamp writes a time in microseconds.
func (p *parameters) timestamp(at time.Time) { p.int8(at.UnixMicro() - epochMicros) }

// optionalTimestamp writes the zero time as null.
func (p *parameters) optionalTimestamp(at time.Time) {
	if at.IsZero() {
		p.null()
		return
	}
	p.timestamp(at)
}

func (p *parameters) text(value string) {
	p.buffer = binary.BigEndian.AppendUint32(p.buffer, uint32(len(value)))
	p.buffer = append(p.buffer, value...)
}

func (p *parameters) bytes(value []byte) {
	p.buffer = binary.BigEndian.AppendUint32(p.buffer, uint32(len(value)))
	p.buffer = append(p.buffer, value...)
}

// micros writes times as the text of a bigint array, because the rows of an array of arrays must
// have equal lengths.
func (p *parameters) micros(times []time.Time) {
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

// row reads the columns of a row from left to right. Null reads as the zero value. The values are
// in the binary format and come from our own statements, so their lengths are known; a broken
// connection never shows as a short value.
type row struct {
	values [][]byte
	next   int
}

func (r *row) value() []byte {
	v := r.values[r.next]
	r.next++
	return v
}

func (r *row) uuid() (id bank.ID) {
	copy(id[:], r.value())
	return id
}

func (r *row) hash() (hash [32]byte) {
	copy(hash[:], r.value())
	return hash
}

func (r *row) currency() (c money.Currency) {
	copy(c[:], r.value())
	return c
}

func (r *row) bool() bool {
	v := r.value()
	return len(v) == 1 && v[0] != 0
}

func (r *row) int2() uint8 {
	v := r.value()
	if v == nil {
		return 0
	}
	return uint8(binary.BigEndian.Uint16(v))
}

func (r *row) int4() int32 {
	v := r.value()
	if v == nil {
		return 0
	}
	return int32(binary.BigEndian.Uint32(v))
}

func (r *row) int8() int64 {
	v := r.value()
	if v == nil {
		return 0
	}
	return int64(binary.BigEndian.Uint64(v))
}

func (r *row) timestamp() time.Time {
	v := r.value()
	if v == nil {
		return time.Time{}
	}
	return time.UnixMicro(int64(binary.BigEndian.Uint64(v)) + epochMicros).UTC()
}

func (r *row) text() string { return string(r.value()) }

// bytes returns a copy, because the row's own bytes are reused by the next row.
func (r *row) bytes() []byte { return append([]byte(nil), r.value()...) }

// micros reads a bigint array of microseconds since 1970.
func (r *row) micros() []time.Time {
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
