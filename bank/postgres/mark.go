package postgres

import (
	"context"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/failpoints"
)

const (
	// presumedFor is for how long a batch that was decided outside of a transaction may
	// be written: the write itself refuses it later, by the database's clock.
	presumedFor = 5 * time.Second
	// writtenWithin is the longest from a decision to its last outbox id, and so how far a
	// mark's time lies before the moment it is taken.
	//
	// A batch that was presumed shows that it is young enough at the beginning of its
	// transaction, by the database's clock; its ids are taken in that transaction, which
	// the server ends after five seconds. Both clocks are in the comparison, so how they
	// differ does not matter. A batch that is decided under locks is decided in its
	// transaction: five seconds are enough, and the other five are how far the bank's
	// clock may be behind the database's. What commands wait before they are decided, and
	// how often a batch is tried, does not count: each try decides anew.
	writtenWithin = presumedFor + 5*time.Second
)

var (
	// readMoment comes before noteMark: every id up to the last one was taken by a
	// transaction that began to write before (see floor).
	readMoment = &statement{"read_moment", `SELECT now(), ` + lastID + `::bigint`}
	noteMark   = &statement{"note_mark", `UPDATE relay_lease SET marked_at = now()
		WHERE epoch = $1::bigint AND marked_at < now() RETURNING pg_current_xact_id()`}
	// readUnsettled sees both in one snapshot.
	readUnsettled = &statement{"read_unsettled", `SELECT pg_snapshot_xmin(pg_current_snapshot()),
		EXISTS (SELECT FROM outbox WHERE id BETWEEN $1::bigint AND $2::bigint)`}
)

// Mark implements bank.Marker. The time is that of the database, which all replicas
// share, less what may lie between a decision and its outbox id (see writtenWithin).
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
		s.reached(failpoints.WatermarkMarked)
		return nil
	})
	if err != nil {
		return bank.Mark{}, err
	}
	return mark, nil
}

// Drained implements bank.Marker.
func (s *Store) Drained(ctx context.Context, mark bank.Mark) (settled bool, err error) {
	err = s.one(ctx, readUnsettled, func(p *parameters) {
		p.int8Argument(s.floor.at())
		p.int8Argument(mark.LastID)
	}, func(r row) {
		running, waits := uint64(r.int8()), r.bool()
		settled = running > mark.Writer && !waits
	})
	return settled, err
}
