package postgres

import (
	"context"
	"encoding/binary"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/failpoints"
	"codebank.dev/platform/auditlog/table"
	"codebank.dev/platform/database"
	"codebank.dev/platform/id"
	"codebank.dev/platform/outbox"
	"codebank.dev/schemas/command"
)

// tryRequest takes a request's lock until the end of the transaction, or says that another call has it. Only half of
// the id is the lock's key. If two requests share it, one of them is told that it is running, and is sent again.
const tryRequest = "SELECT pg_try_advisory_xact_lock($1)"

// requireAlone is tryRequest that fails if another call has the lock.
const requireAlone = "SELECT 1 / pg_try_advisory_xact_lock($1)::integer"

// findRequest reads the id of no charge for a payout.
const findRequest = "SELECT coalesce(charge_id, '00000000-0000-0000-0000-000000000000'), fingerprint FROM charge_requests WHERE id = $1 AND merchant = $2 AND mode = $3"

const insertRequest = `INSERT INTO charge_requests (id, merchant, mode, charge_id, fingerprint, created_at) VALUES ($1, $2, $3, $4, $5, $6)`

const insertKey = "INSERT INTO charge_keys (charge_id, key) VALUES ($1, $2)"

const insertRecord = `INSERT INTO charge_outbox (id, topic, key, schema_folder, schema_version, body, mac_key_id, mac, created_at, due_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, now())`

// request is what arbitrates between equal requests. A payout is about no charge.
type request struct {
	owner       payment.Owner
	id, charge  id.ID
	fingerprint payment.Fingerprint
	at          time.Time
}

// begin makes the transaction the only one that works on a request, and reports whether the request was accepted
// before. A refusal is about the request, err about the database.
func (r *request) begin(ctx context.Context, tx pgx.Tx) (known bool, refusal, err error) {
	var alone bool
	batch := &pgx.Batch{}
	batch.Queue(setReader, readerOf(r.owner))
	batch.Queue(tryRequest, r.lock()).QueryRow(func(row pgx.Row) error { return row.Scan(&alone) })
	var charge id.ID
	var fingerprint []byte
	batch.Queue(findRequest, [16]byte(r.id), r.owner.Merchant, int16(r.owner.Mode)).Query(func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{(*[16]byte)(&charge), &fingerprint}, func() error {
			known = true
			return nil
		})
		return err
	})
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return false, nil, err
	}
	switch {
	case !alone:
		return false, payment.ErrRunning, nil
	case known && (charge != r.charge || string(fingerprint) != string(r.fingerprint[:])):
		return false, payment.ErrKeyReused, nil
	}
	return known, nil, nil
}

// lock is the key of the request's lock.
func (r *request) lock() int64 {
	return int64(binary.BigEndian.Uint64(r.id[:8])) //nolint:gosec // all 64 bits are the key
}

func (r *request) queue(batch *pgx.Batch) {
	batch.Queue(insertRequest, [16]byte(r.id), r.owner.Merchant, int16(r.owner.Mode), nullID(r.charge), r.fingerprint[:], r.at)
}

// queueRecord adds a record to the outbox. The record has the two headers of its MAC and no others.
func queueRecord(batch *pgx.Batch, row *outbox.Row, at time.Time) {
	queueRecordBy(batch, insertRecord, row, at)
}

func queueRecordBy(batch *pgx.Batch, insert string, row *outbox.Row, at time.Time) {
	var keyID, mac string
	for _, header := range row.Headers {
		switch header.Key {
		case command.HeaderKey:
			keyID = string(header.Value)
		case command.HeaderMAC:
			mac = string(header.Value)
		}
	}
	batch.Queue(insert, [16]byte(row.ID), row.Topic, row.Key, row.Folder, row.Version, row.Body, keyID, mac, at)
}

// AcceptCharge implements payment.Store. Nearly every request is new, so it is stored without a look, in one round
// trip: the merchant's row is locked for the commit only. If it is not new, the key or the lock says so, and it is
// looked up.
func (s *Store) AcceptCharge(ctx context.Context, a *payment.Acceptance) (stored payment.Charge, known bool, err error) {
	c := &a.Charge
	r := request{owner: c.Owner(), id: c.ID, charge: c.ID, fingerprint: a.Fingerprint, at: c.CreatedAt}
	err = s.as(ctx, readerOf(r.owner), func(batch *pgx.Batch) {
		batch.Queue(requireAlone, r.lock())
		r.queueCharge(batch, a)
	})
	var refusal error
	if mayBeKnown(err) {
		err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) (err error) {
			if known, refusal, err = r.begin(ctx, tx); known || refusal != nil || err != nil {
				return err
			}
			batch := &pgx.Batch{}
			r.queueCharge(batch, a)
			return tx.SendBatch(ctx, batch).Close()
		})
	}
	s.failpoint.After(err, failpoints.ChargeAccepted)
	switch {
	case err != nil:
		return payment.Charge{}, false, translate(err)
	case refusal != nil:
		return payment.Charge{}, false, refusal
	case known:
		stored, _, err = s.Charge(ctx, r.owner, c.ID)
		return stored, err == nil, err
	}
	return *c, false, nil
}

// mayBeKnown reports whether a request was perhaps accepted before (class 23: its key is taken, or the charge has gone
// on), or is being accepted by another call (22012: division by zero).
func mayBeKnown(err error) bool {
	state := database.State(err)
	return strings.HasPrefix(state, "23") || state == "22012"
}

// queueCharge stores all of a charge. The event is last, because it locks the merchant's row.
func (r *request) queueCharge(batch *pgx.Batch, a *payment.Acceptance) {
	queueCharge(batch, &a.Charge)
	batch.Queue(insertKey, [16]byte(a.Charge.ID), a.Key)
	r.queue(batch)
	queueRecord(batch, &a.Record, a.Charge.CreatedAt)
	event := payment.EventOf(payment.ChargeAccepted, &a.Charge, id.ID{})
	queueEvent(batch, &event)
}

const lockCharge = "SELECT " + columns + " FROM charges WHERE id = $1 AND merchant = $2 AND mode = $3 FOR NO KEY UPDATE"

// AcceptOperation implements payment.Store.
func (s *Store) AcceptOperation(ctx context.Context, o *payment.OperationRequest) (stored payment.Operation, known bool, err error) {
	r := request{owner: o.Owner, id: o.ID, charge: o.Charge, fingerprint: o.Fingerprint, at: o.At}
	var refusal error
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) (err error) {
		if known, refusal, err = r.begin(ctx, tx); known || refusal != nil || err != nil {
			return err
		}
		rows, err := tx.Query(ctx, lockCharge, [16]byte(o.Charge), o.Merchant, int16(o.Mode))
		if err != nil {
			return err
		}
		found, err := pgx.CollectRows(rows, scanCharge)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			refusal = payment.ErrNoCharge
			return nil
		}
		stored, refusal, err = r.acceptOperation(ctx, tx, o, found[0])
		return err
	})
	s.failpoint.After(err, failpoints.OperationAccepted)
	switch {
	case err != nil:
		return payment.Operation{}, false, translate(err)
	case refusal != nil:
		return payment.Operation{}, false, refusal
	case known:
		stored, err = s.operation(ctx, o.Owner, o.ID)
		return stored, err == nil, err
	}
	return stored, false, nil
}

// acceptOperation stores an operation on a charge that is locked.
func (r *request) acceptOperation(ctx context.Context, tx pgx.Tx, o *payment.OperationRequest, charge payment.Charge) (_ payment.Operation, refusal, err error) {
	after, accepted, refusal := charge.AcceptAt(o)
	if refusal != nil {
		return payment.Operation{}, refusal, nil
	}
	record, refusal := o.Record(after, accepted)
	if refusal != nil {
		return payment.Operation{}, refusal, nil
	}
	batch := &pgx.Batch{}
	queueChange(batch, &after)
	queueOperation(batch, r.owner, &accepted)
	r.queue(batch)
	queueRecord(batch, &record, o.At)
	event := payment.EventOf(payment.OperationAccepted, &after, accepted.ID)
	queueEvent(batch, &event)
	queueFigures(batch, []payment.Change{{Charge: after, Operation: accepted, Event: event}})
	err = tx.SendBatch(ctx, batch).Close()
	if err == nil && o.Audit != nil {
		err = table.Append(ctx, tx, *o.Audit) // Last, because it locks the head of the log.
	}
	return accepted, nil, err
}
