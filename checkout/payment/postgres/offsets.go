package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"codebank.dev/checkout/payment/failpoints"
	"codebank.dev/platform/database"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/id"
)

// Offsets are how far a program has read its topic. It implements the port Offsets of package consumer.
type Offsets struct {
	pool      *database.Pool
	failpoint failpoint.Hook
}

// Offsets returns how far the results were read.
func (s *Store) Offsets() *Offsets { return &Offsets{pool: s.pool, failpoint: s.failpoint} }

// LoadOffsets implements the port Offsets of package consumer.
func (o *Offsets) LoadOffsets(ctx context.Context, topic id.ID) (map[int32]int64, error) {
	rows, err := o.pool.Query(ctx, "SELECT partition, next_offset FROM charge_offsets WHERE topic_id = $1", [16]byte(topic))
	if err != nil {
		return nil, translate(err)
	}
	offsets := make(map[int32]int64)
	var partition int32
	var next int64
	_, err = pgx.ForEachRow(rows, []any{&partition, &next}, func() error {
		offsets[partition] = next
		return nil
	})
	return offsets, translate(err)
}

// storeOffset stores an offset unless the stored one, 0 for none, is less than $3.
const storeOffset = `
INSERT INTO charge_offsets AS stored (topic_id, partition, next_offset)
SELECT $1::uuid, $2::integer, $4::bigint WHERE $3::bigint = 0 OR EXISTS (SELECT FROM charge_offsets WHERE topic_id = $1 AND partition = $2)
ON CONFLICT (topic_id, partition) DO UPDATE SET next_offset = greatest(stored.next_offset, excluded.next_offset)
WHERE stored.next_offset >= $3 RETURNING true`

// StoreOffset implements the port Offsets of package consumer.
func (o *Offsets) StoreOffset(ctx context.Context, topic id.ID, partition int32, from, next int64) (ok bool, err error) {
	err = o.pool.QueryRow(ctx, storeOffset, [16]byte(topic), partition, from, next).Scan(&ok)
	o.failpoint.After(err, failpoints.ChargeOffsetsStored)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return ok, translate(err)
}
