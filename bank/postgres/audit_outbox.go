package postgres

import (
	"context"
	"iter"

	"codebank.dev/bank"
)

var pageOfOutbox = &statement{"page_of_outbox", `SELECT ` + eventColumns + ` FROM outbox o
	WHERE o.id > $1::bigint AND o.id >= (SELECT floor FROM relay_lease) AND o.id <= $2::bigint ORDER BY o.id LIMIT 1000`}

// LastOutboxID returns the last id that an event in the outbox took, whether its
// transaction was committed or not; 0 when none ever did.
func (s *Store) LastOutboxID(ctx context.Context) (id int64, err error) {
	err = s.one(ctx, readMark, func(*parameters) {}, func(r row) { id = r.int8() })
	return id, err
}

// OutboxRows returns the rows of the outbox with ids above after and up to through,
// by id, like Entries. Rows that are published while it reads may be missing; every
// one that was committed before the call and is not returned was published.
func (s *Store) OutboxRows(ctx context.Context, after, through int64) iter.Seq2[*bank.OutboxRow, error] {
	return func(yield func(*bank.OutboxRow, error) bool) {
		for {
			var rows []bank.OutboxRow
			err := s.query(ctx, pageOfOutbox, func(p *parameters) {
				p.int8Argument(after)
				p.int8Argument(through)
			}, func(r row) { rows = append(rows, bank.OutboxRow{ID: r.int8(), Event: r.event()}) })
			if !yieldAll(rows, err, yield) || len(rows) < page {
				return
			}
			after = rows[len(rows)-1].ID
		}
	}
}
