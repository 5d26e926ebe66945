package audit

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"strconv"

	"codebank.dev/platform/id"
	"codebank.dev/schemas/event"
)

// class groups event ids by their form.
type class uint8

const (
	// ofAccount ids consist of an account id, a colon and a sequence.
	ofAccount class = iota
	// ofRefusal ids are transaction ids.
	ofRefusal
	// stray ids are all others. The ledger has none.
	stray
)

// key is an event id in a form that sorts: events of accounts by account and sequence,
// then refusals, then ids of an unknown form.
type key struct {
	class    class
	id       id.ID
	sequence int64
}

// keyOf parses an event id. An id in a form that the bank does not write is a stray,
// also if it is only another spelling of an id. The key of a stray is a digest.
func keyOf(eventID string) key {
	const uuid = 36
	switch {
	case len(eventID) == uuid:
		if id, err := id.Parse(eventID); err == nil {
			return key{class: ofRefusal, id: id}
		}
	case len(eventID) > uuid+1 && eventID[uuid] == ':' && eventID[uuid+1] != '0':
		id, err := id.Parse(eventID[:uuid])
		sequence, errNumber := strconv.ParseUint(eventID[uuid+1:], 10, 63)
		if err == nil && errNumber == nil {
			return key{class: ofAccount, id: id, sequence: int64(sequence)}
		}
	}
	digest := sha256.Sum256([]byte(eventID))
	return key{class: stray, id: id.ID(digest[:16]), sequence: int64(binary.BigEndian.Uint64(digest[16:]) >> 1)}
}

// String returns the event id, or "" for a stray.
func (k key) String() string {
	switch k.class {
	case ofAccount:
		return event.ID(k.id.String(), k.sequence)
	case ofRefusal:
		return k.id.String()
	default:
		return ""
	}
}

func (k key) compare(other key) int {
	return cmp.Or(
		cmp.Compare(k.class, other.class),
		bytes.Compare(k.id[:], other.id[:]),
		cmp.Compare(k.sequence, other.sequence))
}
