package postgres

import (
	"context"

	"codebank.dev/bank"
	"codebank.dev/bank/failpoints"
	"codebank.dev/platform/database/wire"
)

var (
	// storeOutcome returns no row if the transaction has an outcome; outcomeOf reads it then.
	storeOutcome = &wire.Statement{Name: "store_command_outcome", SQL: `INSERT INTO command_outcomes (transaction_id, reason, field, decided_at)
		VALUES ($1::uuid, $2::text, $3::text, $4::timestamptz) ON CONFLICT DO NOTHING RETURNING transaction_id`}
	outcomeOf   = &wire.Statement{Name: "command_outcome", SQL: `SELECT transaction_id, reason, field, decided_at FROM command_outcomes WHERE transaction_id = $1::uuid`}
	loadOffsets = &wire.Statement{Name: "load_command_offsets", SQL: `SELECT partition, next_offset FROM command_offsets WHERE topic_id = $1::uuid`}
	// storeOffset returns no row if the stored offset is less than $3.
	storeOffset = &wire.Statement{Name: "store_command_offset", SQL: `INSERT INTO command_offsets AS o (topic_id, partition, next_offset)
		SELECT $1::uuid, $2::bigint::integer, $4::bigint WHERE $3::bigint = 0 OR EXISTS
			(SELECT FROM command_offsets s WHERE s.topic_id = $1::uuid AND s.partition = $2::bigint)
		ON CONFLICT (topic_id, partition) DO UPDATE SET next_offset = greatest(o.next_offset, EXCLUDED.next_offset) WHERE o.next_offset >= $3::bigint
		RETURNING next_offset`}
)

// StoreOutcome implements bank.CommandStore.
func (s *Store) StoreOutcome(ctx context.Context, outcome bank.CommandOutcome) (stored bank.CommandOutcome, err error) {
	first := false
	err = s.query(ctx, storeOutcome, func(p *wire.Parameters) {
		p.UUIDArgument(outcome.TransactionID)
		p.TextArgument(outcome.Reason)
		p.TextArgument(outcome.Field)
		p.TimestampArgument(outcome.DecidedAt)
	}, func(r wire.Row) { first = r.UUID() == outcome.TransactionID })
	s.config.Failpoint.After(err, failpoints.CommandRefused)
	if err != nil || first {
		return outcome, err
	}
	err = s.one(ctx, outcomeOf, func(p *wire.Parameters) { p.UUIDArgument(outcome.TransactionID) }, func(r wire.Row) {
		stored = bank.CommandOutcome{TransactionID: r.UUID(), Reason: r.Text(), Field: r.Text(), DecidedAt: r.Timestamp()}
	})
	return stored, err
}

// LoadOffsets implements bank.CommandStore.
func (s *Store) LoadOffsets(ctx context.Context, topic bank.ID) (map[int32]int64, error) {
	offsets := make(map[int32]int64)
	err := s.query(ctx, loadOffsets, func(p *wire.Parameters) { p.UUIDArgument(topic) }, func(r wire.Row) {
		partition := r.Int4()
		offsets[partition] = r.Int8()
	})
	return offsets, err
}

// StoreOffset implements bank.CommandStore.
func (s *Store) StoreOffset(ctx context.Context, topic bank.ID, partition int32, from, next int64) (stored bool, err error) {
	err = s.query(ctx, storeOffset, func(p *wire.Parameters) {
		p.UUIDArgument(topic)
		p.Int8Argument(int64(partition))
		p.Int8Argument(from)
		p.Int8Argument(next)
	}, func(wire.Row) { stored = true })
	s.config.Failpoint.After(err, failpoints.CommandOffsetStored)
	return stored, err
}
