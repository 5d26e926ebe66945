package postgres

import (
	"codebank.dev/platform/consumer/offsets"
	"codebank.dev/statement/failpoints"
)

// Offsets returns how far the requests of a topic are dealt with.
func (s *Store) Offsets() *offsets.Store {
	return offsets.New(offsets.Config{
		Pool: s.pool, Table: "request_offsets", TextIDs: true, Fault: failure,
		Stored: func() { s.config.Failpoint.At(failpoints.RequestOffsetStored) },
	})
}
