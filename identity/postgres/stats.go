package postgres

import (
	"context"
	"maps"
	"sync"

	"codebank.dev/identity"
	"codebank.dev/platform/auditlog"
)

// Stats counts what a Store has committed since it was opened.
type Stats struct {
	// Acts are the acts in the audit log, by name.
	Acts map[auditlog.Act]int64
	// Refreshes are the refresh tokens that were presented and are known, by outcome.
	Refreshes map[identity.RefreshOutcome]int64
	// AttemptsRefused are the attempts that had to wait.
	AttemptsRefused int64
}

// counters are the Stats of a running store.
type counters struct {
	mutex sync.Mutex
	stats Stats
}

func (c *counters) count(add func(*Stats)) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.stats.Acts == nil {
		c.stats.Acts, c.stats.Refreshes = make(map[auditlog.Act]int64), make(map[identity.RefreshOutcome]int64)
	}
	add(&c.stats)
}

// Stats returns the counters.
func (s *Store) Stats() (stats Stats) {
	s.counters.count(func(counted *Stats) {
		stats = *counted
		stats.Acts, stats.Refreshes = maps.Clone(counted.Acts), maps.Clone(counted.Refreshes)
	})
	return stats
}

// MailBacklog returns how many e-mails are due and not sent, and how many were given up and not asked
// for again.
func (s *Store) MailBacklog(ctx context.Context) (waiting, givenUp int64, err error) {
	err = s.pool.QueryRow(ctx, "SELECT count(*) FILTER (WHERE tries < $1), count(*) FILTER (WHERE tries >= $1) FROM mails WHERE sent_at IS NULL",
		identity.MailTries).Scan(&waiting, &givenUp)
	return waiting, givenUp, failure(err)
}
