package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"codebank.dev/codepix/failpoints"
	"codebank.dev/codepix/payment"
	"codebank.dev/codepix/record"
	"codebank.dev/platform/database"
)

const lockPayments = "SELECT " + columns + " FROM payments WHERE id = ANY($1) ORDER BY id DESC FOR NO KEY UPDATE"

// lockHeld reads, with the originals locked, the returns that are held for them.
const lockHeld = "SELECT " + columns + " FROM payments WHERE original = ANY($1) AND held ORDER BY id DESC FOR NO KEY UPDATE"

// most is how often a batch is decided again because another process was in its way.
const most = 5

// Apply implements payment.Store. A payment that two processes insert at once is decided again by the later one.
func (s *Store) Apply(ctx context.Context, messages []payment.Received) (outcomes []payment.Outcome, err error) {
	if len(messages) == 0 {
		return nil, nil
	}
	for range most {
		outcomes, err = s.apply(ctx, messages)
		if err == nil || database.Classify(err) != database.Conflict {
			break
		}
	}
	s.failpoint.After(err, failpoints.PixApplied)
	return outcomes, translate(err)
}

// apply is one transaction of two round trips: begin and commit travel with them.
func (s *Store) apply(ctx context.Context, messages []payment.Received) ([]payment.Outcome, error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Release() // It closes a connection that is still within a transaction.
	book, err := lock(ctx, conn.Conn(), payment.Names(messages))
	if err != nil {
		return nil, rolledBack(ctx, conn.Conn(), err)
	}
	outcomes := make([]payment.Outcome, 0, len(messages))
	for i := range messages {
		outcomes = append(outcomes, book.Decide(&messages[i]))
	}
	return outcomes, rolledBack(ctx, conn.Conn(), write(ctx, conn.Conn(), book))
}

// lock begins, and reads what the messages name with it locked.
func lock(ctx context.Context, conn *pgx.Conn, names []payment.ID) (*payment.Book, error) {
	var named, held []payment.Payment
	batch := &pgx.Batch{}
	batch.Queue("begin")
	batch.Queue(lockPayments, texts(names)).Query(into(&named))
	batch.Queue(lockHeld, texts(names)).Query(into(&held))
	err := conn.SendBatch(ctx, batch).Close()
	return payment.NewBook(named, held), err
}

func into(to *[]payment.Payment) func(pgx.Rows) error {
	return func(rows pgx.Rows) (err error) {
		*to, err = pgx.CollectRows(rows, scanPayment)
		return err
	}
}

// write stores what a book has changed, and commits.
func write(ctx context.Context, conn *pgx.Conn, book *payment.Book) error {
	changes := book.Changes()
	rows, err := record.Rows(book, &changes)
	if err != nil {
		return err
	}
	batch := &pgx.Batch{}
	queueInsert(batch, changes.New)
	queueUpdate(batch, changes.Changed)
	queueEnded(batch, record.Ended(&changes))
	queueRows(batch, rows)
	batch.Queue("commit")
	return conn.SendBatch(ctx, batch).Close()
}

// idle is the status of a connection without a transaction.
const idle = 'I'

// rolledBack ends the transaction that has failed, and returns why.
func rolledBack(ctx context.Context, conn *pgx.Conn, err error) error {
	if err != nil && conn.PgConn().TxStatus() != idle {
		_, _ = conn.Exec(ctx, "rollback") // If it fails, the connection is closed.
	}
	return err
}

func texts(names []payment.ID) []string {
	out := make([]string, 0, len(names))
	for _, name := range names {
		out = append(out, string(name))
	}
	return out
}
