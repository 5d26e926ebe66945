package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"codebank.dev/checkout/payment"
	"codebank.dev/platform/id"
)

const (
	selectCharge     = "SELECT " + columns + " FROM charges WHERE id = $1 AND merchant = $2 AND mode = $3"
	selectOperations = "SELECT " + operationColumns + ` FROM charge_operations o JOIN charges c ON c.id = o.charge_id
		WHERE o.charge_id = $1 AND o.merchant = $2 AND o.mode = $3 ORDER BY o.created_at, o.id`
	selectOperation = "SELECT " + operationColumns + ` FROM charge_operations o JOIN charges c ON c.id = o.charge_id
		WHERE o.id = $1 AND o.merchant = $2 AND o.mode = $3`
	page = "SELECT " + columns + ` FROM charges
		WHERE merchant = $1 AND mode = $2 AND (created_at, id) < ($3, $4) AND created_at >= $6 ORDER BY created_at DESC, id DESC LIMIT $5`
	pageOfState = "SELECT " + columns + ` FROM charges
		WHERE merchant = $1 AND mode = $2 AND (created_at, id) < ($3, $4) AND created_at >= $6 AND state = $7 ORDER BY created_at DESC, id DESC LIMIT $5`
)

// farFuture is microseconds since 1970 in the year 9999, behind every charge.
const farFuture = 253_370_764_800_000_000

// Charge implements payment.Store.
func (s *Store) Charge(ctx context.Context, owner payment.Owner, charge id.ID) (payment.Charge, []payment.Operation, error) {
	var found []payment.Charge
	var operations []payment.Operation
	err := s.as(ctx, readerOf(owner), func(batch *pgx.Batch) {
		batch.Queue(selectCharge, [16]byte(charge), owner.Merchant, int16(owner.Mode)).Query(into(scanCharge, &found))
		batch.Queue(selectOperations, [16]byte(charge), owner.Merchant, int16(owner.Mode)).Query(into(scanOperation, &operations))
	})
	switch {
	case err != nil:
		return payment.Charge{}, nil, translate(err)
	case len(found) == 0:
		return payment.Charge{}, nil, payment.ErrNoCharge
	}
	return found[0], operations, nil
}

// operation returns an operation of an owner that is known to be there.
func (s *Store) operation(ctx context.Context, owner payment.Owner, operation id.ID) (payment.Operation, error) {
	var found []payment.Operation
	err := s.as(ctx, readerOf(owner), func(batch *pgx.Batch) {
		batch.Queue(selectOperation, [16]byte(operation), owner.Merchant, int16(owner.Mode)).Query(into(scanOperation, &found))
	})
	switch {
	case err != nil:
		return payment.Operation{}, translate(err)
	case len(found) == 0: // The request made a charge.
		return payment.Operation{}, payment.ErrKeyReused
	}
	return found[0], nil
}

// Charges implements payment.Store.
func (s *Store) Charges(ctx context.Context, owner payment.Owner, wanted payment.Page) (found []payment.Charge, err error) {
	place := beginningOf(&wanted)
	sql := page
	args := []any{owner.Merchant, int16(owner.Mode), time.UnixMicro(place.CreatedAtMicros), [16]byte(place.ID), wanted.Size, wanted.From}
	if wanted.State != 0 {
		sql, args = pageOfState, append(args, int16(wanted.State))
	}
	err = s.as(ctx, readerOf(owner), func(batch *pgx.Batch) { batch.Queue(sql, args...).Query(into(scanCharge, &found)) })
	return found, translate(err)
}

// beginningOf returns the place behind which a page begins.
func beginningOf(page *payment.Page) payment.Place {
	if begin := page.Behind(); begin != nil {
		return *begin
	}
	return payment.Place{CreatedAtMicros: farFuture}
}

// into collects the rows of a query.
func into[T any](scan pgx.RowToFunc[T], found *[]T) func(pgx.Rows) error {
	return func(rows pgx.Rows) (err error) {
		*found, err = pgx.CollectRows(rows, scan)
		return err
	}
}
