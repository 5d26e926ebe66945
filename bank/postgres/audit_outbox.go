package postgres

import (
	"context"
	"iter"
	"time"

	"codebank.dev/bank"
	"codebank.dev/platform/database/wire"
)

var pageOfOutbox = &wire.Statement{Name: "page_of_outbox", SQL: `SELECT ` + eventColumns + `,
		(1000000 * extract(epoch FROM clock_timestamp() - o.created_at))::bigint FROM outbox o
	WHERE o.id > $1::bigint AND o.id >= (SELECT floor FROM relay_lease) AND o.id <= $2::bigint ORDER BY o.id LIMIT 1000`}

// LastOutboxID returns the last id that an event in the outbox took, whether its transaction was
// committed or not; 0 when there was none.
func (s *Store) LastOutboxID(ctx context.Context) (id int64, err error) {
	err = s.one(ctx, readMark, func(*wire.Parameters) {}, func(r wire.Row) { id = r.Int8() })
	return id, err
}

// OutboxEvent is an event that waits in the outbox.
type OutboxEvent struct {
	// ID is the id of the row.
	ID int64
	// EventID, TransactionID and Key come from the columns of the row. If nothing was altered, the
	// body says the same, and the key is the first part of the event id.
	EventID, TransactionID, Key string
	// SchemaVersion is the version of the schema in which Body is encoded.
	SchemaVersion int
	Body          []byte
	// Waited is how long ago the row was written, by the database's clock.
	Waited time.Duration
}

// OutboxEvents returns the events in the outbox with ids above after and up to through, by id. It
// reads like Entries. Events that are published while it reads may be missing. An event that was
// committed before the call and is not returned was published.
func (s *Store) OutboxEvents(ctx context.Context, after, through int64) iter.Seq2[*OutboxEvent, error] {
	return func(yield func(*OutboxEvent, error) bool) {
		for {
			var rows []OutboxEvent
			err := s.query(ctx, pageOfOutbox, func(p *wire.Parameters) {
				p.Int8Argument(after)
				p.Int8Argument(through)
			}, func(r wire.Row) { rows = append(rows, outboxEvent(r)) })
			if !yieldAll(rows, err, yield) || len(rows) < page {
				return
			}
			after = rows[len(rows)-1].ID
		}
	}
}

func outboxEvent(r wire.Row) OutboxEvent {
	id, e, waited := r.Int8(), eventOf(&r), r.Int8()
	columns := bank.Entry{TransactionID: e.TransactionID, AccountID: e.AccountID, Sequence: e.Sequence}
	return OutboxEvent{
		ID: id, EventID: columns.EventID(), TransactionID: e.TransactionID.String(), Key: e.Key.String(),
		SchemaVersion: e.SchemaVersion, Body: e.Body, Waited: time.Duration(waited) * time.Microsecond,
	}
}
