package postgres

import (
	"cmp"
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/failpoints"
	"codebank.dev/platform/id"
)

const lockCharges = "SELECT " + columns + " FROM charges WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE"

const findOperations = "SELECT " + operationColumns + " FROM charge_operations o JOIN charges c ON c.id = o.charge_id WHERE o.id = ANY($1)"

// forgetKeys deletes the keys of charges that are decided.
const forgetKeys = "DELETE FROM charge_keys WHERE charge_id = ANY($1)"

// forgetRecords deletes records, whose locks it takes in the order of ids.
const forgetRecords = `WITH locked AS (SELECT id FROM charge_outbox WHERE id = ANY($1) ORDER BY id FOR UPDATE)
	DELETE FROM charge_outbox USING locked WHERE charge_outbox.id = locked.id`

// Apply implements payment.Store.
func (s *Store) Apply(ctx context.Context, results []payment.Result) ([]payment.Result, error) {
	a := application{charges: map[id.ID]payment.Charge{}, operations: map[id.ID]payment.Operation{}}
	if len(results) == 0 {
		return nil, nil
	}
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := a.lock(ctx, tx, results); err != nil {
			return err
		}
		for i := range results {
			a.apply(&results[i])
		}
		return a.write(ctx, tx)
	})
	s.failpoint.After(err, failpoints.ChargeResultsApplied)
	if err != nil {
		return nil, translate(err)
	}
	return a.applied, nil
}

// application is the work of one Apply.
type application struct {
	charges    map[id.ID]payment.Charge
	operations map[id.ID]payment.Operation
	changes    []payment.Change
	applied    []payment.Result
	// answered are the ids of records that are sent no more, decided those of charges whose keys go.
	answered, decided []id.ID
}

// lock reads what answers are about, with the charges locked.
func (a *application) lock(ctx context.Context, tx pgx.Tx, results []payment.Result) error {
	var charges, operations []id.ID
	for i := range results {
		charges = append(charges, results[i].Charge)
		if !results[i].Operation.IsZero() {
			operations = append(operations, results[i].Operation)
		}
	}
	batch := &pgx.Batch{}
	batch.Queue(setReader, everybody)
	batch.Queue(lockCharges, uuids(charges)).Query(func(rows pgx.Rows) error {
		found, err := pgx.CollectRows(rows, scanCharge)
		for i := range found {
			a.charges[found[i].ID] = found[i]
		}
		return err
	})
	batch.Queue(findOperations, uuids(operations)).Query(func(rows pgx.Rows) error {
		found, err := pgx.CollectRows(rows, scanOperation)
		for i := range found {
			a.operations[found[i].ID] = found[i]
		}
		return err
	})
	return tx.SendBatch(ctx, batch).Close()
}

// apply makes the change of one answer, unless it was made before.
func (a *application) apply(result *payment.Result) {
	charge, known := a.charges[result.Charge]
	operation := a.operations[result.Operation]
	if !known || !result.Operation.IsZero() && operation.Charge != result.Charge {
		return
	}
	change, err := charge.Apply(operation, result)
	if err != nil {
		return // It is answered.
	}
	a.charges[result.Charge] = change.Charge
	if result.Operation.IsZero() {
		a.decided, a.answered = append(a.decided, result.Charge), append(a.answered, result.Charge)
	} else {
		a.operations[result.Operation], a.answered = change.Operation, append(a.answered, result.Operation)
	}
	a.changes, a.applied = append(a.changes, change), append(a.applied, *result)
}

// write stores the changes. Events come last and in the order of merchants, because they lock the merchants' rows.
func (a *application) write(ctx context.Context, tx pgx.Tx) error {
	batch := &pgx.Batch{}
	for i := range a.changes {
		queueChange(batch, &a.changes[i].Charge)
		if operation := &a.changes[i].Operation; !operation.ID.IsZero() {
			queueEnd(batch, operation)
		}
	}
	batch.Queue(forgetKeys, uuids(a.decided))
	slices.SortStableFunc(a.changes, func(x, y payment.Change) int {
		return cmp.Or(cmp.Compare(x.Event.Merchant, y.Event.Merchant), cmp.Compare(x.Event.Mode, y.Event.Mode))
	})
	for i := range a.changes {
		queueEvent(batch, &a.changes[i].Event)
	}
	batch.Queue(forgetRecords, uuids(a.answered))
	return tx.SendBatch(ctx, batch).Close()
}
