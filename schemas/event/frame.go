package event

import (
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	frameMagic = 0
	frameSize  = 5
)

// ErrNotFramed says that a record does not start with a Confluent frame: it was
// not written by a program of the bank.
var ErrNotFramed = errors.New("event: not a Confluent frame")

// AppendFrame appends the Confluent frame to dst: the magic byte 0 and the
// schema's id in the registry, four bytes, big-endian. The Avro body follows it.
func AppendFrame(dst []byte, schemaID uint32) []byte {
	return binary.BigEndian.AppendUint32(append(dst, frameMagic), schemaID)
}

// ParseFrame takes the frame off a record. The body shares the record's memory.
// The error is ErrNotFramed when the record is too short or starts otherwise.
func ParseFrame(record []byte) (schemaID uint32, body []byte, err error) {
	if len(record) < frameSize {
		return 0, nil, fmt.Errorf("%w: %d bytes", ErrNotFramed, len(record))
	}
	if record[0] != frameMagic {
		return 0, nil, fmt.Errorf("%w: first byte is %#x", ErrNotFramed, record[0])
	}
	return binary.BigEndian.Uint32(record[1:frameSize]), record[frameSize:], nil
}
