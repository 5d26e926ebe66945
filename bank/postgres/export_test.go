package postgres

// Floor shows the tests below which outbox id a Store looks no more.
func (s *Store) Floor() int64 { return s.floor.at() }
