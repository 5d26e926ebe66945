package postgres

import (
	"codebank.dev/gateway/failpoints"
	"codebank.dev/platform/consumer/offsets"
)

// Offsets returns how far the results of the bank were read.
func (s *Store) Offsets() *offsets.Store {
	return offsets.New(offsets.Config{
		Pool: s.pool, Table: "result_offsets", Fault: failure, Stored: func() { s.config.Failpoint.At(failpoints.ResultsPassed) },
	})
}
