package postgres

import (
	"codebank.dev/codepix/failpoints"
	"codebank.dev/platform/consumer/offsets"
)

// Offsets returns how far the topics out of the banks were read.
func (s *Store) Offsets() *offsets.Store {
	return offsets.New(offsets.Config{
		Pool: s.pool, Table: "payment_offsets", Fault: translate, Stored: func() { s.failpoint.At(failpoints.PixOffsetsStored) },
	})
}
