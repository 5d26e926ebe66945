package auditlog

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// Hash is the hash of a row.
type Hash [sha256.Size]byte

// The first line of what is hashed is the version of the rest.
const (
	// versionOne is that of rows without a kind of principal, which identity wrote before there were
	// kinds.
	versionOne = "codebank identity audit 1\n"
	versionTwo = "codebank audit 2\n"
)

// Next returns the row of a record behind the head.
func (h Head) Next(record Record) Row {
	row := Row{Sequence: h.Sequence + 1, Record: record, Previous: h.Hash}
	row.At = record.At.UTC().Truncate(time.Microsecond)
	row.Hash = row.hash()
	return row
}

// Head returns the head of a log that ends with the row.
func (r *Row) Head() Head { return Head{r.Sequence, r.Hash} }

// hash returns the SHA-256 of everything in the row, each text behind its length, so that no
// two rows have the same bytes.
func (r *Row) hash() Hash {
	version, texts := versionTwo, []string{string(r.Act), r.WhoKind, r.Who, r.What, r.Address, r.Trace, r.Result}
	if r.WhoKind == "" {
		version, texts = versionOne, []string{string(r.Act), r.Who, r.What, r.Address, r.Trace, r.Result}
	}
	var b bytes.Buffer
	b.WriteString(version)
	b.Write(r.Previous[:])
	number := func(n int64) { b.Write(binary.BigEndian.AppendUint64(nil, uint64(n))) }
	number(r.Sequence)
	number(r.At.UnixMicro())
	for _, text := range texts {
		number(int64(len(text)))
		b.WriteString(text)
	}
	return sha256.Sum256(b.Bytes())
}
