package postgres

import (
	"context"
	"errors"
	"log/slog"

	"github.com/jackc/pgx/v5"

	"codebank.dev/checkout/payment"
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
func (k *Keys) Offsets() *Offsets { return &Offsets{pool: k.pool, failpoint: k.failpoint} }

// Key implements payment.Keys.
func (k *Keys) Key(ctx context.Context, charge id.ID) (key []byte, err error) {
	err = k.pool.QueryRow(ctx, "SELECT key FROM charge_keys WHERE charge_id = $1", [16]byte(charge)).Scan(&key)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, payment.ErrNoKey
	}
	return key, translate(err)
}
