package postgres

import (
	"bytes"
	"context"
	"log/slog"

	"github.com/jackc/pgx/v5"

	"codebank.dev/checkout/payment"
	"codebank.dev/platform/consumer/offsets"
	"codebank.dev/platform/database"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/id"
)

var _ payment.Keys = (*Keys)(nil)

// processorNeeds is all that the processor does with the tables.
var processorNeeds = database.Needs{"charge_keys": "SELECT", "charge_offsets": "SELECT INSERT UPDATE"}

// Keys are the keys of sealed card data in Postgres, as the processor sees them: it reads nothing else.
type Keys struct {
	pool      *database.Pool
	failpoint failpoint.Hook
}

// OpenKeys is Open for the processor.
func OpenKeys(ctx context.Context, config Config) (*Keys, error) {
	pool, err := database.Open(ctx, database.Config{
		URL: config.URL, ApplicationName: "payment-processor", MaxConnections: config.MaxConnections,
		Settings: settings, Needs: processorNeeds,
	})
	if err != nil {
		return nil, err
	}
	return &Keys{pool: pool, failpoint: config.Failpoint}, nil
}

// Close ends all connections after the calls in flight have ended.
func (k *Keys) Close() { k.pool.Close() }

// Ready is that of Store.
func (k *Keys) Ready(ctx context.Context) error { return k.pool.Ready(ctx) }

// Prepare is that of Store.
func (k *Keys) Prepare(ctx context.Context, logger *slog.Logger, schema database.Schema) error {
	return k.pool.Prepare(ctx, logger, func(ctx context.Context) error { return k.pool.Migrated(ctx, schema) })
}

// Offsets returns how far the charges were read.
func (k *Keys) Offsets() *offsets.Store { return offsetsIn(k.pool, k.failpoint) }

// KeysOf implements payment.Keys.
func (k *Keys) KeysOf(ctx context.Context, charges []id.ID) (map[id.ID][]byte, error) {
	keys := make(map[id.ID][]byte, len(charges))
	rows, err := k.pool.Query(ctx, "SELECT charge_id, key FROM charge_keys WHERE charge_id = ANY($1)", uuids(charges))
	if err != nil {
		return nil, translate(err)
	}
	var charge id.ID
	var key []byte
	_, err = pgx.ForEachRow(rows, []any{(*[16]byte)(&charge), &key}, func() error {
		keys[charge] = bytes.Clone(key)
		return nil
	})
	return keys, translate(err)
}
