package postgres

import (
	"codebank.dev/checkout/payment/failpoints"
	"codebank.dev/platform/consumer/offsets"
	"codebank.dev/platform/database"
	"codebank.dev/platform/failpoint"
)

// Offsets returns how far the results were read.
func (s *Store) Offsets() *offsets.Store { return offsetsIn(s.pool, s.failpoint) }

// offsetsIn returns how far the topics of one of the two programs were read.
func offsetsIn(pool *database.Pool, hook failpoint.Hook) *offsets.Store {
	return offsets.New(offsets.Config{
		Pool: pool, Table: "charge_offsets", Fault: translate, Stored: func() { hook.At(failpoints.ChargeOffsetsStored) },
	})
}
