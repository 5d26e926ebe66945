package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"codebank.dev/checkout/payment"
	"codebank.dev/platform/id"
)

const (
	selectEvents = `SELECT merchant, mode, sequence, kind, charge_id, operation_id, version, state, captured_minor, refunded_minor, reserved_minor, at
		FROM charge_events WHERE merchant = $1 AND mode = $2 AND sequence > $3 ORDER BY sequence LIMIT $4`
	// The events come first: what is read after them is as new or newer, and payment.AsOf goes back to the event.
	pageOfEvents = `(SELECT charge_id, operation_id FROM charge_events
		WHERE merchant = $1 AND mode = $2 AND sequence > $3 ORDER BY sequence LIMIT $4)`
	chargesOfEvents    = "SELECT " + columns + " FROM charges WHERE id IN (SELECT charge_id FROM " + pageOfEvents + " e) AND merchant = $1 AND mode = $2"
	operationsOfEvents = "SELECT " + operationColumns + ` FROM charge_operations o JOIN charges c ON c.id = o.charge_id
		WHERE o.id IN (SELECT operation_id FROM ` + pageOfEvents + ` e) AND o.merchant = $1 AND o.mode = $2`
	selectNewest = `SELECT s.merchant, s.mode, s.sequence FROM unnest($1::text[], $2::smallint[]) AS wanted (merchant, mode)
		JOIN merchant_sequences s ON s.merchant = wanted.merchant COLLATE "C" AND s.mode = wanted.mode`
)

func scanEvent(row pgx.CollectableRow) (e payment.Event, err error) {
	var operation *[16]byte
	err = row.Scan(&e.Merchant, &e.Mode, &e.Sequence, &e.Kind, (*[16]byte)(&e.Charge), &operation, &e.Version, &e.State, &e.Captured,
		&e.Refunded, &e.Reserved, &e.At)
	if operation != nil {
		e.Operation = *operation
	}
	e.At = e.At.UTC()
	return e, err
}

// Changes implements payment.Feed.
func (s *Store) Changes(ctx context.Context, owner payment.Owner, after int64, limit int) ([]payment.Change, error) {
	var events []payment.Event
	var charges []payment.Charge
	var operations []payment.Operation
	args := []any{owner.Merchant, int16(owner.Mode), after, limit}
	err := s.as(ctx, readerOf(owner), func(batch *pgx.Batch) {
		batch.Queue(selectEvents, args...).Query(into(scanEvent, &events))
		batch.Queue(chargesOfEvents, args...).Query(into(scanCharge, &charges))
		batch.Queue(operationsOfEvents, args...).Query(into(scanOperation, &operations))
	})
	if err != nil {
		return nil, translate(err)
	}
	charge, operation := make(map[id.ID]payment.Charge, len(charges)), make(map[id.ID]payment.Operation, len(operations))
	for i := range charges {
		charge[charges[i].ID] = charges[i]
	}
	for i := range operations {
		operation[operations[i].ID] = operations[i]
	}
	var changes []payment.Change
	for i := range events {
		c, there := charge[events[i].Charge]
		o, ended := operation[events[i].Operation]
		if !there || !ended && !events[i].Operation.IsZero() {
			break // Charges stay, so this is a broken database. What cannot be told yet is not passed over.
		}
		changes = append(changes, payment.AsOf(&events[i], c, o))
	}
	return changes, nil
}

// Newest implements payment.Feed.
func (s *Store) Newest(ctx context.Context, owners []payment.Owner) (map[payment.Owner]int64, error) {
	merchants, modes := make([]string, len(owners)), make([]int16, len(owners))
	for i, owner := range owners {
		merchants[i], modes[i] = owner.Merchant, int16(owner.Mode)
	}
	newest := make(map[payment.Owner]int64, len(owners))
	rows, err := s.pool.Query(ctx, selectNewest, merchants, modes)
	if err != nil {
		return nil, translate(err)
	}
	var owner payment.Owner
	var sequence int64
	_, err = pgx.ForEachRow(rows, []any{&owner.Merchant, &owner.Mode, &sequence}, func() error {
		newest[owner] = sequence
		return nil
	})
	return newest, translate(err)
}
