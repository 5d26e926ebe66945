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
	a := newApplication()
	if len(results) == 0 {
		return nil, nil
	}
	err := s.transact(ctx, func(batch *pgx.Batch) { a.lock(batch, results) }, func(batch *pgx.Batch) {
		for i := range results {
			a.apply(&results[i])
		}
		a.write(batch)
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
	payouts    map[id.ID]payment.Payout
	changes    []payment.Change
	// paid are payouts that have ended.
	paid    []payment.Payout
	applied []payment.Result
	// answered are the ids of records that are sent no more, decided those of charges whose keys go.
	answered, decided []id.ID
}

func newApplication() application {
	return application{charges: map[id.ID]payment.Charge{}, operations: map[id.ID]payment.Operation{}, payouts: map[id.ID]payment.Payout{}}
}

// lock reads what answers are about, with the charges and then the payouts locked.
func (a *application) lock(batch *pgx.Batch, results []payment.Result) {
	var charges, operations, payouts []id.ID
	for i := range results {
		if !results[i].Payout.IsZero() {
			payouts = append(payouts, results[i].Payout)
			continue
		}
		charges = append(charges, results[i].Charge)
		if !results[i].Operation.IsZero() {
			operations = append(operations, results[i].Operation)
		}
	}
	batch.Queue(setReader, everybody)
	a.find(batch, lockCharges, charges, operations)
	if len(payouts) > 0 {
		batch.Queue(lockPayouts, uuids(payouts)).Query(func(rows pgx.Rows) error {
			found, err := pgx.CollectRows(rows, payoutOf)
			for i := range found {
				a.payouts[found[i].ID] = found[i]
			}
			return err
		})
	}
}

// find reads charges by a query, and operations.
func (a *application) find(batch *pgx.Batch, query string, charges, operations []id.ID) {
	batch.Queue(query, uuids(charges)).Query(func(rows pgx.Rows) error {
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
}

// apply makes the change of one answer, unless it was made before.
func (a *application) apply(result *payment.Result) {
	if !result.Payout.IsZero() {
		a.endPayout(result)
		return
	}
	charge, known := a.charges[result.Charge]
	operation := a.operations[result.Operation]
	if !known || !result.Operation.IsZero() && operation.Charge != result.Charge {
		return
	}
	a.answered = append(a.answered, result.Request())
	changes, err := charge.Apply(operation, result)
	if err != nil {
		return // It is answered, or the answer is that nothing has changed.
	}
	for i := range changes {
		a.charges[result.Charge] = changes[i].Charge
		if ended := &changes[i].Operation; !ended.ID.IsZero() {
			a.operations[ended.ID] = *ended
		}
	}
	if charge.State == payment.Pending {
		a.decided = append(a.decided, result.Charge)
	}
	a.changes, a.applied = append(a.changes, changes...), append(a.applied, *result)
}

// endPayout makes the end that an answer is, unless it was made before.
func (a *application) endPayout(result *payment.Result) {
	payout, known := a.payouts[result.Payout]
	if !known {
		return
	}
	a.answered = append(a.answered, result.Payout)
	ended, err := payout.End(result)
	if err != nil {
		return // It is answered.
	}
	a.payouts[result.Payout] = ended
	a.paid, a.applied = append(a.paid, ended), append(a.applied, *result)
}

// write stores the changes. Events come last and in the order of merchants, because they lock the merchants' rows.
func (a *application) write(batch *pgx.Batch) {
	for i := range a.changes {
		queueChange(batch, &a.changes[i].Charge)
		if operation := &a.changes[i].Operation; !operation.ID.IsZero() {
			queueEnd(batch, operation)
		}
	}
	for i := range a.paid {
		queuePayoutEnd(batch, &a.paid[i])
	}
	batch.Queue(forgetKeys, uuids(a.decided))
	batch.Queue(forgetRecords, uuids(a.answered))
	slices.SortStableFunc(a.changes, func(x, y payment.Change) int {
		return cmp.Or(cmp.Compare(x.Event.Merchant, y.Event.Merchant), cmp.Compare(x.Event.Mode, y.Event.Mode))
	})
	for i := range a.changes {
		queueEvent(batch, &a.changes[i].Event)
	}
	queueFigures(batch, a.changes, a.paid...)
}
