package postgres

import (
	"context"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/failpoints"
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
	// readMoment comes before noteMark: every id up to the last one was taken by a transaction that
	// began to write before (see floor).
	readMoment = &statement{"read_moment", `SELECT now(), ` + lastID + `::bigint`}
	noteMark   = &statement{"note_mark", `UPDATE relay_lease SET marked_at = now()
		WHERE epoch = $1::bigint AND marked_at < now() RETURNING pg_current_xact_id()`}
	// readUndrained reads both in one snapshot.
	readUndrained = &statement{"read_undrained", `SELECT pg_snapshot_xmin(pg_current_snapshot()),
		EXISTS (SELECT FROM outbox WHERE id BETWEEN $1::bigint AND $2::bigint)`}
)

// Mark implements bank.Marker. The time is the time of the database, which all replicas share,
// minus writtenWithin, the longest time between a decision and its outbox id.
func (s *Store) Mark(ctx context.Context, epoch int64) (mark bank.Mark, err error) {
	err = s.with(ctx, func(session *session) error {
		if err := session.prepare(ctx, readMoment, noteMark); err != nil {
			return notCommitted(err)
		}
		b := batch{session: session}
		b.add(readMoment, func(r row) {
			mark.CompleteTo = r.timestamp().Add(-writtenWithin).Truncate(time.Millisecond)
			mark.LastID = r.int8()
		})
		session.parameters.int8Argument(epoch)
		b.add(noteMark, func(r row) { mark.Writer = uint64(r.int8()) })
		if _, _, err := b.run(ctx); err != nil {
			return notCommitted(err)
		}
		if mark.Writer == 0 {
			return bank.ErrNoMark
		}
		s.config.Failpoint.At(failpoints.WatermarkMarked)
		return nil
	})
	if err != nil {
		return bank.Mark{}, err
	}
	return mark, nil
}

// Drained implements bank.Marker.
func (s *Store) Drained(ctx context.Context, mark bank.Mark) (drained bool, err error) {
	err = s.one(ctx, readUndrained, func(p *parameters) {
		p.int8Argument(s.floor.at())
		p.int8Argument(mark.LastID)
	}, func(r row) {
		running, waits := uint64(r.int8()), r.bool()
		drained = running > mark.Writer && !waits
	})
	return drained, err
}
