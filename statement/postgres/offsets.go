package postgres

import (
	"context"
	"errors"

	"codebank.dev/platform/consumer"
	"codebank.dev/platform/id"
	"codebank.dev/statement/failpoints"
	"github.com/jackc/pgx/v5"
)

var _ consumer.Offsets = (*Store)(nil)

// LoadOffsets implements consumer.Offsets.
func (s *Store) LoadOffsets(ctx context.Context, topic id.ID) (map[int32]int64, error) {
	rows, err := s.pool.Query(ctx, "SELECT partition, next_offset FROM request_offsets WHERE topic_id = $1", topic.String())
	if err != nil {
		return nil, failure(err)
	}
	offsets := make(map[int32]int64)
	var partition int32
	var next int64
	_, err = pgx.ForEachRow(rows, []any{&partition, &next}, func() error {
		offsets[partition] = next
		return nil
	})
	return offsets, failure(err)
}

// storeOffset returns no row if the stored offset is less than $3.
const storeOffset = `INSERT INTO request_offsets AS stored (topic_id, partition, next_offset)
SELECT $1, $2, $4::bigint WHERE $3::bigint = 0 OR EXISTS (SELECT FROM request_offsets WHERE topic_id = $1 AND partition = $2)
ON CONFLICT (topic_id, partition) DO UPDATE SET next_offset = greatest(stored.next_offset, excluded.next_offset)
	WHERE stored.next_offset >= $3::bigint
RETURNING next_offset`

// StoreOffset implements consumer.Offsets.
//
// tidy:parameters the port decides the signature
func (s *Store) StoreOffset(ctx context.Context, topic id.ID, partition int32, from, next int64) (bool, error) {
	var stored int64
	err := s.pool.QueryRow(ctx, storeOffset, topic.String(), partition, from, next).Scan(&stored)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	s.config.Failpoint.After(err, failpoints.RequestOffsetStored)
	return err == nil, failure(err)
}
