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

// ErrNotFramed says that a record does not start with a Confluent frame. No program of
// the bank wrote it.
var ErrNotFramed = errors.New("event: not a Confluent frame")

// AppendFrame appends the Confluent frame to dst: the magic byte 0 and the id of the
// schema in the registry, in four bytes, big-endian. The Avro body follows the frame.
func AppendFrame(dst []byte, schemaID uint32) []byte {
	return binary.BigEndian.AppendUint32(append(dst, frameMagic), schemaID)
}

// ParseFrame splits a record into the schema id and the body. The body shares the
// memory of the record. The error is ErrNotFramed if the record is too short, or if its
// first byte is not the magic byte.
func ParseFrame(record []byte) (schemaID uint32, body []byte, err error) {
	if len(record) < frameSize {
		return 0, nil, fmt.Errorf("%w: %d bytes", ErrNotFramed, len(record))
	}
	if record[0] != frameMagic {
		return 0, nil, fmt.Errorf("%w: first byte is %#x", ErrNotFramed, record[0])
	}
	return binary.BigEndian.Uint32(record[1:frameSize]), record[frameSize:], nil
}
