package postgres

import (
	"context"

	"codebank.dev/bank"
	"codebank.dev/platform/database/wire"
)

// session is a connection, its prepared statements and what a batch does with them; see execute.go.
type session struct{ *wire.Session }

// query runs one statement on a connection of the pool, outside a transaction, and calls each for
// every row. build writes the parameters.
func (s *Store) query(ctx context.Context, st *wire.Statement, build func(*wire.Parameters), each func(wire.Row)) error {
	return s.with(ctx, func(session *session) error {
		if err := session.PrepareStatements(ctx, st); err != nil {
			return notCommitted(err)
		}
		build(&session.Parameters)
		b := wire.Batch{Session: session.Session}
		b.Add(st, each)
		_, _, err := b.Run(ctx)
		return answered(err)
	})
}

// one is query for at most one row. It returns bank.ErrNotFound when there is none.
func (s *Store) one(ctx context.Context, st *wire.Statement, build func(*wire.Parameters), each func(wire.Row)) error {
	found := false
	err := s.query(ctx, st, build, func(row wire.Row) {
		found = true
		each(row)
	})
	if err == nil && !found {
		return bank.ErrNotFound
	}
	return err
}
