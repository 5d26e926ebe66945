package postgres

import (
	"context"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/failpoints"
	"codebank.dev/platform/database/wire"
)

const (
	// optimisticFor is how long after its decision an optimistic batch may be written. Later the
	// write itself refuses, by the database's clock.
	optimisticFor = 5 * time.Second
	// writtenWithin is the longest time from a decision to its last outbox id. The time of a mark
	// lies that far before the moment it is taken.
	//
	// An optimistic batch proves at the beginning of its transaction, by the database's clock, that
	// it is young enough. It takes its ids in that transaction, which the server ends after five
	// seconds. Both clocks are part of that comparison, so their difference does not matter.
	//
	// A batch that is decided under locks is decided in its transaction. Five seconds are enough
	// for it, and the other five are how far the bank's clock may be behind the database's.
	//
	// How long commands wait before they are decided, and how often a batch is tried, does not
	// count, because each try decides again.
	writtenWithin = optimisticFor + 5*time.Second
)

var (
	readMoment = &wire.Statement{Name: "read_moment", SQL: `SELECT now(), ` + lastID + `::bigint`}
	noteMark   = &wire.Statement{Name: "note_mark", SQL: `UPDATE relay_lease SET marked_at = now() WHERE epoch = $1::bigint AND marked_at < now() RETURNING 1`}
	readWaits  = &wire.Statement{Name: "read_waits", SQL: `SELECT EXISTS (SELECT FROM outbox WHERE id BETWEEN $1::bigint AND $2::bigint)`}
)

// Mark implements bank.Marker. The time is the time of the database, which all replicas share,
// minus writtenWithin, the longest time between a decision and its outbox id. The writers are read
// after the last id (see readWriters). The commit is flushed, so a crash cannot set the sequence of
// the ids back behind the mark.
func (s *Store) Mark(ctx context.Context, epoch int64) (mark bank.Mark, err error) {
	err = s.with(ctx, func(session *session) error {
		if err := session.PrepareStatements(ctx, readMoment, noteMark, readWriters); err != nil {
			return notCommitted(err)
		}
		b := wire.Batch{Session: session.Session}
		b.Add(readMoment, func(r wire.Row) {
			mark.CompleteTo = r.Timestamp().Add(-writtenWithin).Truncate(time.Millisecond)
			mark.LastID = r.Int8()
		})
		session.Parameters.Int8Argument(epoch)
		leads := false
		b.Add(noteMark, func(wire.Row) { leads = true })
		var running writers
		b.Add(readWriters, running.add)
		if _, _, err := b.Run(ctx); err != nil {
			return notCommitted(err)
		}
		if !leads {
			return bank.ErrNoMark
		}
		mark.Writers = running.ids
		s.config.Failpoint.At(failpoints.WatermarkMarked)
		return nil
	})
	if err != nil {
		return bank.Mark{}, err
	}
	return mark, nil
}

// Drained implements bank.Marker. It reads the writers before the rows: a writer that has ended by
// then is visible or has failed.
func (s *Store) Drained(ctx context.Context, mark bank.Mark) (drained bool, err error) {
	err = s.with(ctx, func(session *session) error {
		if err := session.PrepareStatements(ctx, readWriters, readWaits); err != nil {
			return notCommitted(err)
		}
		b := wire.Batch{Session: session.Session}
		var running writers
		b.Add(readWriters, running.add)
		session.Parameters.Int8Argument(s.floor.at())
		session.Parameters.Int8Argument(mark.LastID)
		waits := true
		b.Add(readWaits, func(r wire.Row) { waits = r.Bool() })
		if _, _, err := b.Run(ctx); err != nil {
			return notCommitted(err)
		}
		drained = !waits && !running.includeAny(mark.Writers)
		return nil
	})
	return drained, err
}
