package postgres

import "time"

// Floor shows the tests below which outbox id a Store looks no more.
func (s *Store) Floor() int64 { return s.floor.at() }

// PresumeFor has batches that were presumed refused from now on unless they are
// written so soon.
func (s *Store) PresumeFor(limit time.Duration) { s.presumedFor = limit }
