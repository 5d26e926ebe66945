package statement

import (
	"bytes"
	"encoding/binary"
	"errors"

	"codebank.dev/operations/audit"
)

// copySignature is the beginning of COPY's binary format. 4 bytes of flags and the length of
// an extension follow.
var copySignature = []byte("PGCOPY\n\xff\r\n\x00")

const (
	copyHeader = 11 + 4 + 4
	// copyEnd stands in place of the number of columns at the end.
	copyEnd = 0xffff
)

var errCopy = errors.New("statement: not the answer of COPY")

// copiedRows receives the output of COPY, in pieces of any size, and passes on each row.
type copiedRows struct {
	statement *Statement
	each      func(*audit.Copy) error

	pending []byte
	begun   bool
	ended   bool
}

// Write implements io.Writer.
func (r *copiedRows) Write(piece []byte) (int, error) {
	rest := piece
	if len(r.pending) > 0 {
		r.pending = append(r.pending, piece...)
		rest = r.pending
	}
	for {
		taken, err := r.take(rest)
		if err != nil {
			return 0, err
		}
		if taken == 0 {
			r.pending = append(r.pending[:0], rest...)
			return len(piece), nil
		}
		rest = rest[taken:]
	}
}

// whole returns an error if the output was not complete.
func (r *copiedRows) whole() error {
	if !r.ended || len(r.pending) > 0 {
		return errCopy
	}
	return nil
}

// take handles the header, the row or the end with which data begins, and returns its
// length. It returns 0 if data does not have all of it.
func (r *copiedRows) take(data []byte) (int, error) {
	if !r.begun {
		return r.takeHeader(data)
	}
	const width = 2
	if len(data) < width {
		return 0, nil
	}
	switch columns := binary.BigEndian.Uint16(data); {
	case columns == copyEnd:
		r.ended = true
		return width, nil
	case r.ended || int(columns) != len(r.statement.fields):
		return 0, errCopy
	}
	length := rowLength(data[width:], len(r.statement.fields))
	if length == 0 {
		return 0, nil
	}
	return width + length, r.row(data[width : width+length])
}

func (r *copiedRows) takeHeader(data []byte) (int, error) {
	if len(data) < copyHeader {
		return 0, nil
	}
	if !bytes.HasPrefix(data, copySignature) {
		return 0, errCopy
	}
	length := copyHeader + int(binary.BigEndian.Uint32(data[copyHeader-4:]))
	if len(data) < length {
		return 0, nil
	}
	r.begun = true
	return length, nil
}

// null is the length of a value that is null.
const null = 0xffffffff

// rowLength returns the length of a row's values, with the lengths that precede them. It
// returns 0 if data does not have all of them.
func rowLength(data []byte, columns int) int {
	const width = 4
	at := 0
	for range columns {
		if len(data) < at+width {
			return 0
		}
		length := binary.BigEndian.Uint32(data[at:])
		at += width
		if length != null {
			at += int(length)
		}
	}
	if len(data) < at {
		return 0
	}
	return at
}

// row passes on a row. The texts of a row share one copy of data.
func (r *copiedRows) row(data []byte) error {
	text := string(data)
	var c audit.Copy
	for i := range r.statement.fields {
		length := binary.BigEndian.Uint32(data)
		data, text = data[4:], text[4:]
		value, isNull := "", length == null
		if !isNull {
			value = text[:length]
			data, text = data[length:], text[length:]
		}
		if err := r.statement.fields[i].set(&c, value, isNull); err != nil {
			return err
		}
	}
	c.ID = c.Event.EventID
	return r.each(&c)
}
