package postgres

import "time"

// Floor returns the outbox id below which a Store does not read any more.
func (s *Store) Floor() int64 { return s.floor.at() }

// OptimisticFor makes the store refuse optimistic batches that are written later than limit after
// their decision.
func (s *Store) OptimisticFor(limit time.Duration) { s.optimisticFor = limit }
