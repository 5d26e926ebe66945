package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/failpoints"
	"codebank.dev/platform/id"
	"codebank.dev/platform/outbox"
)

// due locks authorizations whose time is over. Those that another replica is asking after, or whose capture or void
// is being stored, are left to it.
const due = "SELECT " + columns + ` FROM charges WHERE state = 3 AND ending = 0 AND expiry_due_at <= $1
	ORDER BY expiry_due_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED`

// askAgain is no change of the charge, and counts as none.
const askAgain = "UPDATE charges SET expiry_due_at = $2 WHERE id = ANY($1)"

// insertQuestion leaves the same question, if it is not answered yet.
const insertQuestion = insertRecord + " ON CONFLICT (id) DO NOTHING"

// AskExpiries implements payment.Expiries.
func (s *Store) AskExpiries(ctx context.Context, now time.Time, limit int, ask func(payment.Charge) (outbox.Row, error)) (asked int, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		var found []payment.Charge
		batch := &pgx.Batch{}
		batch.Queue(setReader, everybody)
		batch.Queue(due, now, limit).Query(into(scanCharge, &found))
		if err := tx.SendBatch(ctx, batch).Close(); err != nil || len(found) == 0 {
			return err
		}
		asked = len(found)
		questions, err := questionsOf(found, now, ask)
		if err != nil {
			return err
		}
		questions.Queue(askAgain, uuids(idsOf(found)), now.Add(payment.ExpiryRepeat))
		return tx.SendBatch(ctx, questions).Close()
	})
	if asked > 0 {
		s.failpoint.After(err, failpoints.ExpiriesAsked)
	}
	if err != nil {
		return 0, translate(err)
	}
	return asked, nil
}

// questionsOf returns the statements that store the questions after charges.
func questionsOf(found []payment.Charge, now time.Time, ask func(payment.Charge) (outbox.Row, error)) (*pgx.Batch, error) {
	batch := &pgx.Batch{}
	for i := range found {
		row, err := ask(found[i])
		if err != nil {
			return nil, err
		}
		queueRecordBy(batch, insertQuestion, &row, now)
	}
	return batch, nil
}

func idsOf(charges []payment.Charge) []id.ID {
	ids := make([]id.ID, 0, len(charges))
	for i := range charges {
		ids = append(ids, charges[i].ID)
	}
	return ids
}
