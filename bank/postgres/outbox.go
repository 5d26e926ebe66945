package postgres

import (
	"context"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/failpoints"
	"codebank.dev/platform/database/wire"
)

const (
	eventColumns = `o.id, o.transaction_id, o.account_id, o.sequence, o.key, o.schema_version, o.body`
	// lastID is the last id that was taken. A sequence that was never used has a last_value too.
	lastID = `(SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM outbox_id_seq)`
)

var (
	acquireLease = &wire.Statement{Name: "acquire_lease", SQL: `UPDATE relay_lease
		SET holder = $1::text, epoch = epoch + CASE WHEN holder = $1::text THEN 0 ELSE 1 END,
			expires_at = clock_timestamp() + $2::bigint * interval '1 microsecond', floor = greatest(floor, $3::bigint)
		WHERE holder = $1::text OR expires_at <= clock_timestamp()
		RETURNING epoch, floor`}

	// fetchEvents reads each gap between the skipped ids by itself, so that rows in flight cost
	// nothing.
	fetchEvents = &wire.Statement{Name: "fetch_events", SQL: `SELECT ` + eventColumns + `, o.republished
		FROM unnest($1::bigint[], $2::bigint[]) AS gap (low, high)
		CROSS JOIN LATERAL (SELECT * FROM outbox WHERE id BETWEEN gap.low AND gap.high ORDER BY id LIMIT $3::bigint) AS o
		ORDER BY o.id LIMIT $3::bigint`}

	readMark     = &wire.Statement{Name: "read_mark", SQL: `SELECT ` + lastID + `::bigint`}
	deleteEvents = &wire.Statement{Name: "delete_events", SQL: `WITH leader AS MATERIALIZED (SELECT FROM relay_lease WHERE epoch = $1::bigint),
			gone AS (DELETE FROM outbox WHERE id = ANY($2::bigint[]) AND EXISTS (SELECT FROM leader))
		SELECT FROM leader`}

	countEvents = &wire.Statement{Name: "count_events", SQL: `SELECT count(*), min(created_at), min(id), ` + lastID + `::bigint
		FROM (SELECT id, created_at FROM outbox WHERE id >= greatest($1::bigint, (SELECT floor FROM relay_lease)) ORDER BY id LIMIT $2::bigint) o`}
)

// Acquire implements bank.Outbox, by the database's clock. The epoch grows when the holder changes,
// so every process needs a holder name of its own.
func (s *Store) Acquire(ctx context.Context, holder string, ttl time.Duration) (epoch int64, err error) {
	lowest := s.floor.at()
	err = s.one(ctx, acquireLease, func(p *wire.Parameters) {
		p.TextArgument(holder)
		p.Int8Argument(ttl.Microseconds())
		p.Int8Argument(lowest)
	}, func(r wire.Row) {
		epoch = r.Int8()
		s.floor.adopt(r.Int8())
	})
	if errors.Is(err, bank.ErrNotFound) {
		return 0, bank.ErrLeaseLost
	}
	if err == nil {
		s.config.Failpoint.At(failpoints.LeaseWritten)
		if s.floor.stored(lowest) {
			s.config.Failpoint.At(failpoints.FloorMoved)
		}
	}
	return epoch, err
}

// Fetch implements bank.Outbox. Its cost depends on limit and on the number of gaps between the
// skipped ids, not on how many rows were deleted before.
func (s *Store) Fetch(ctx context.Context, limit int, skip []int64) ([]bank.OutboxRow, error) {
	if limit <= 0 {
		// fetch takes the first row for the lowest there is, so a fetch of nothing must not run.
		return nil, nil
	}
	fetched, last, err := s.fetch(ctx, limit, skip)
	if err == nil && last+1 < s.floor.at() {
		// The last id is lower than before: this is another copy of the database.
		s.floor.reset()
		fetched, _, err = s.fetch(ctx, limit, skip)
	}
	return fetched, err
}

func (s *Store) fetch(ctx context.Context, limit int, skip []int64) (fetched []bank.OutboxRow, last int64, err error) {
	skip = slices.Sorted(slices.Values(skip))
	lows, highs := gaps(s.floor.at(), skip)
	err = s.with(ctx, func(session *session) error {
		if err := session.PrepareStatements(ctx, readMark, readWriters, fetchEvents); err != nil {
			return notCommitted(err)
		}
		b := wire.Batch{Session: session.Session}
		b.Add(readMark, func(r wire.Row) { last = r.Int8() })
		// The writers come before the rows: who has ended by then is visible or has failed.
		var running writers
		noted := s.floor.hasNote()
		if noted {
			b.Add(readWriters, running.add)
		}
		p := &session.Parameters
		wire.Column(p, wire.TypeInt8, lows, func(p *wire.Parameters, low *int64) { p.Int8(*low) })
		wire.Column(p, wire.TypeInt8, highs, func(p *wire.Parameters, high *int64) { p.Int8(*high) })
		p.Int8Argument(int64(limit))
		b.Add(fetchEvents, func(r wire.Row) {
			fetched = append(fetched, bank.OutboxRow{ID: r.Int8(), Event: eventOf(&r), Republished: r.Bool()})
		})
		if _, _, err := b.Run(ctx); err != nil {
			return notCommitted(err)
		}
		if noted {
			s.floor.raise(&running, lowestOf(fetched, skip))
		}
		return nil
	})
	return fetched, last, err
}

// gaps returns the ranges of ids from lowest on that skip leaves open. skip is sorted.
func gaps(lowest int64, skip []int64) (lows, highs []int64) {
	for _, id := range skip {
		if id > lowest {
			lows, highs = append(lows, lowest), append(highs, id-1)
		}
		lowest = max(lowest, id+1)
	}
	return append(lows, lowest), append(highs, math.MaxInt64)
}

// lowestOf returns the lowest id that is visible or in flight, 0 when there is none.
func lowestOf(fetched []bank.OutboxRow, skip []int64) int64 {
	switch {
	case len(fetched) == 0 && len(skip) == 0:
		return 0
	case len(fetched) == 0:
		return skip[0]
	case len(skip) == 0:
		return fetched[0].ID
	}
	return min(fetched[0].ID, skip[0])
}

// event reads eventColumns after the id.
func eventOf(r *wire.Row) bank.Event {
	return bank.Event{
		TransactionID: r.UUID(), AccountID: r.UUID(), Sequence: r.Int8(),
		Key: r.UUID(), SchemaVersion: int(r.Int4()), Body: r.Bytes(),
	}
}

// Delete implements bank.Outbox. The same statement checks whether epoch leads and deletes. Ids
// that are already deleted are not an error.
func (s *Store) Delete(ctx context.Context, epoch int64, ids []int64) error {
	s.config.Failpoint.At(failpoints.RelayAcknowledged)
	return s.with(ctx, func(session *session) error {
		if err := session.PrepareStatements(ctx, readMark, deleteEvents, readWriters); err != nil {
			return notCommitted(err)
		}
		var mark int64
		var running writers
		leads := false
		b := wire.Batch{Session: session.Session}
		b.Add(readMark, func(r wire.Row) { mark = r.Int8() })
		session.Parameters.Int8Argument(epoch)
		wire.Column(&session.Parameters, wire.TypeInt8, ids, func(p *wire.Parameters, id *int64) { p.Int8(*id) })
		b.Add(deleteEvents, func(wire.Row) { leads = true })
		b.Add(readWriters, running.add)
		if _, _, err := b.Run(ctx); err != nil {
			return notCommitted(err)
		}
		if !leads {
			return bank.ErrLeaseLost
		}
		s.config.Failpoint.At(failpoints.RelayDeleted)
		s.floor.note(mark, &running)
		return nil
	})
}

// countedExactly is how many waiting rows are counted one by one.
const countedExactly = 10_000

// Backlog implements bank.Outbox. It counts up to 10,000 rows. Beyond that the number is the
// distance between the first and the last id, which is too high by the ids of failed transactions
// and of rows deleted out of order. The time is the beginning of the oldest row's transaction, the
// zero time when no row waits.
func (s *Store) Backlog(ctx context.Context) (rows int64, oldest time.Time, err error) {
	err = s.one(ctx, countEvents, func(p *wire.Parameters) {
		p.Int8Argument(s.floor.at())
		p.Int8Argument(countedExactly + 1)
	}, func(r wire.Row) {
		rows, oldest = r.Int8(), r.Timestamp()
		if first, last := r.Int8(), r.Int8(); rows > countedExactly {
			rows = max(rows, last-first+1)
		}
	})
	return rows, oldest, err
}

// rows returns the number of rows in a command tag, for example 3 in "DELETE 3".
func rows(tag string) int64 {
	n, _ := strconv.ParseInt(tag[strings.LastIndexByte(tag, ' ')+1:], 10, 64)
	return n
}
