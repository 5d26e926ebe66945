package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"codebank.dev/codepix/payment"
	"codebank.dev/codepix/record"
)

const findPayment = "SELECT " + columns + " FROM payments WHERE id = $1"

// findWaiting finds the one message of a payment that waits for an answer.
const findWaiting = "SELECT sends, due_at FROM payment_outbox WHERE id = $1 AND awaits"

// Payment implements payment.Store.
func (s *Store) Payment(ctx context.Context, name payment.ID) (payment.Payment, payment.Waiting, error) {
	rows, err := s.pool.Query(ctx, findPayment, name)
	if err != nil {
		return payment.Payment{}, payment.Waiting{}, translate(err)
	}
	found, err := pgx.CollectExactlyOneRow(rows, scanPayment)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return payment.Payment{}, payment.Waiting{}, payment.ErrNotFound
	case err != nil:
		return payment.Payment{}, payment.Waiting{}, translate(err)
	}
	waiting, err := s.waiting(ctx, &found)
	return found, waiting, translate(err)
}

// waiting returns how the message of a payment waits; the payment may have ended meanwhile.
func (s *Store) waiting(ctx context.Context, p *payment.Payment) (w payment.Waiting, err error) {
	if p.Waits() == 0 {
		return w, nil
	}
	err = s.pool.QueryRow(ctx, findWaiting, [16]byte(record.RowID(p.ID, p.Waits()))).Scan(&w.Attempts, &w.Next)
	if errors.Is(err, pgx.ErrNoRows) {
		return payment.Waiting{}, nil
	}
	w.Attempts, w.Next = max(0, w.Attempts-1), w.Next.UTC()
	return w, err
}

// pages are the queries of a page by whether it is of one bank, and of open payments only. Each stops where the page
// ends: $1 bank, $2 and $3 the place behind which the page begins, $4 the size.
var pages = map[[2]bool]string{
	{false, false}: "SELECT " + columns + " FROM payments WHERE (accepted_at, id) < ($2, $3) AND $1 = '' ORDER BY accepted_at DESC, id DESC LIMIT $4",
	{false, true}: "SELECT " + columns + " FROM payments WHERE (accepted_at, id) < ($2, $3) AND $1 = '' AND state IN (1, 2)" +
		" ORDER BY accepted_at DESC, id DESC LIMIT $4",
	{true, false}: "SELECT " + columns + " FROM ((" + ofParty("sender_bank") + ") UNION (" + ofParty("receiver_bank") + ")) AS both_parties" +
		" ORDER BY accepted_at DESC, id DESC LIMIT $4",
	{true, true}: "SELECT " + columns + " FROM payments WHERE (accepted_at, id) < ($2, $3) AND state IN (1, 2)" +
		" AND (sender_bank = $1 OR receiver_bank = $1) ORDER BY accepted_at DESC, id DESC LIMIT $4",
}

func ofParty(column string) string {
	return "SELECT " + columns + " FROM payments WHERE " + column + " = $1 AND (accepted_at, id) < ($2, $3) ORDER BY accepted_at DESC, id DESC LIMIT $4"
}

// newest is behind every payment.
var newest = payment.Place{AcceptedAtMicros: time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC).UnixMicro()}

// Payments implements payment.Store.
func (s *Store) Payments(ctx context.Context, page payment.Page) ([]payment.Payment, error) {
	after := newest
	if page.After != nil {
		after = *page.After
	}
	rows, err := s.pool.Query(ctx, pages[[2]bool{page.Bank != "", page.OpenOnly}], page.Bank, time.UnixMicro(after.AcceptedAtMicros).UTC(), after.ID, page.Size)
	if err != nil {
		return nil, translate(err)
	}
	found, err := pgx.CollectRows(rows, scanPayment)
	return found, translate(err)
}

// openFigures counts by the index of what is open.
const openFigures = `SELECT count(*) FILTER (WHERE state = 1), count(*) FILTER (WHERE held), count(*) FILTER (WHERE state = 2), min(accepted_at)
	FROM payments WHERE state IN (1, 2)`

// Figures implements payment.Store.
func (s *Store) Figures(ctx context.Context) (f payment.Figures, err error) {
	var oldest *time.Time
	err = s.pool.QueryRow(ctx, openFigures).Scan(&f.Pending, &f.Held, &f.Confirmed, &oldest)
	f.Oldest = timeOf(oldest)
	return f, translate(err)
}
