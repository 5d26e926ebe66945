package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"time"

	"codebank.dev/schemas/event"
)

// The layout of a record. Records are sorted by its beginning: the key, and among equal
// keys the position.
const (
	keyEnd       = 1 + 16 + 8
	positionEnd  = keyEnd + 4 + 8
	coreEnd      = positionEnd + len(coreDigest{})
	restEnd      = coreEnd + len(restDigest{})
	amountEnd    = restEnd + 8
	currencyEnd  = amountEnd + 3
	movementEnd  = currencyEnd + 1
	recordLength = movementEnd + 4
)

// coreDigest is a digest of the fields that every place keeps, and restDigest a digest
// of the others. Both are the first bytes of SHA-256.
type (
	coreDigest [16]byte
	restDigest [8]byte
)

// movement is the direction in which an event moves money.
type movement uint8

const (
	movesNothing movement = iota
	movesDebit
	movesCredit
)

// opposite is the direction that gives the movement back.
func (m movement) opposite() movement {
	return [...]movement{movesNothing: movesNothing, movesDebit: movesCredit, movesCredit: movesDebit}[m]
}

// movementOf returns how an event moves money. Only approved events do. A hold has the direction of
// its debit, but only sets the amount aside.
func movementOf(t *event.Transaction) movement {
	switch {
	case t.Status != event.StatusApproved || t.Kind == event.KindHold || t.Kind == event.KindExpiry:
		return movesNothing
	case t.Direction == event.DirectionDebit:
		return movesDebit
	case t.Direction == event.DirectionCredit:
		return movesCredit
	}
	return movesNothing
}

// record is what is kept of a copy while copies are sorted.
type record struct {
	key      key
	position Position
	core     coreDigest
	rest     restDigest
	amount   int64
	currency currency
	movement movement
	waited   uint32 // seconds
}

// currency is a currency code as a place has it, or noCode if it does not have three
// bytes.
type currency [3]byte

var noCode = currency{'?', '?', '?'}

func (r *record) appendTo(dst []byte) []byte {
	dst = append(dst, byte(r.key.class))
	dst = append(dst, r.key.id[:]...)
	dst = binary.BigEndian.AppendUint64(dst, uint64(r.key.sequence))
	dst = binary.BigEndian.AppendUint32(dst, uint32(r.position.Partition))
	dst = binary.BigEndian.AppendUint64(dst, uint64(r.position.Offset))
	dst = append(dst, r.core[:]...)
	dst = append(dst, r.rest[:]...)
	dst = binary.BigEndian.AppendUint64(dst, uint64(r.amount))
	dst = append(dst, r.currency[:]...)
	dst = append(dst, byte(r.movement))
	return binary.BigEndian.AppendUint32(dst, r.waited)
}

func (r *record) parse(from []byte) {
	r.key.class = class(from[0])
	copy(r.key.id[:], from[1:])
	r.key.sequence = int64(binary.BigEndian.Uint64(from[17:]))
	r.position.Partition = int32(binary.BigEndian.Uint32(from[keyEnd:]))
	r.position.Offset = int64(binary.BigEndian.Uint64(from[keyEnd+4:]))
	copy(r.core[:], from[positionEnd:])
	copy(r.rest[:], from[coreEnd:])
	r.amount = int64(binary.BigEndian.Uint64(from[restEnd:]))
	copy(r.currency[:], from[amountEnd:])
	r.movement = movement(from[currencyEnd])
	r.waited = binary.BigEndian.Uint32(from[movementEnd:])
}

// digesters make the digests of records.
type digesters struct{ core, rest *event.Digester }

func newDigesters() (digesters, error) {
	core, err := event.NewDigesterWithout(omitted...)
	if err != nil {
		return digesters{}, err
	}
	rest, err := event.NewDigester(omitted...)
	return digesters{core: core, rest: rest}, err
}

// record returns the record of a readable copy.
func (d digesters) record(c *Copy) record {
	r := record{key: keyOf(c.ID), position: c.Position, amount: c.Event.AmountMinor, currency: noCode, waited: secondsOf(c.Waited)}
	core, rest := d.core.Digest(&c.Event), d.rest.Digest(&c.Event)
	if len(c.Problems) > 0 {
		core = withProblems(core, c.Problems)
	}
	copy(r.core[:], core[:])
	copy(r.rest[:], rest[:])
	if len(c.Event.Currency) == len(r.currency) {
		copy(r.currency[:], c.Event.Currency)
	}
	r.movement = movementOf(&c.Event)
	return r
}

// secondsOf returns a wait in whole seconds, between 0 and the most that a record holds.
func secondsOf(wait time.Duration) uint32 {
	return uint32(min(max(wait/time.Second, 0), math.MaxUint32))
}

func withProblems(digest [32]byte, problems []Problem) [32]byte {
	form := digest[:]
	for _, p := range problems {
		form = append(append(form, p.Field...), 0)
		form = append(append(form, p.Stored...), 0)
	}
	return sha256.Sum256(form)
}
