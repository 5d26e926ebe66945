package outbox

import (
	"sync/atomic"
	"time"
)

type counters struct {
	leading, storeAway                  atomic.Bool
	epoch, inFlight, held               atomic.Int64
	fetches, published, repeats         atomic.Int64
	deleted, storeErrors, publishErrors atomic.Int64
	backlog                             atomic.Pointer[backlog] // nil: not known

	watermarkFailing            atomic.Int64 // failures since the last success
	watermarks, watermarkErrors atomic.Int64
	completeTo                  atomic.Int64 // milliseconds since 1970; 0 before the first of the term
}

type backlog struct {
	rows   int64
	oldest time.Time
}

func (c *counters) lead(epoch int64) {
	c.epoch.Store(epoch)
	c.leading.Store(true)
}

func (c *counters) follow() {
	c.leading.Store(false)
	c.inFlight.Store(0)
	c.held.Store(0)
	c.backlog.Store(nil)
	c.completeTo.Store(0)
}

func (c *counters) setBacklog(rows int64, oldest time.Time) {
	c.backlog.Store(&backlog{rows, oldest})
}

// Stats is the state of a Relay and what it has done since it was made.
type Stats struct {
	// Leading says whether this relay publishes now; Epoch is the epoch of its last term.
	Leading bool
	Epoch   int64
	// BacklogRows is how many rows waited at the last measurement, including those in flight.
	// Oldest is since when the oldest of them waits. Both are zero when no row waits or another
	// relay leads. BacklogUnknown says that this relay leads and the last measurement failed, or that
	// there was none yet.
	BacklogRows    int64
	Oldest         time.Time
	BacklogUnknown bool
	// InFlight is how many rows are fetched and not deleted. Held is how many are held back because
	// a predecessor is missing: it stays 0 unless something is wrong.
	InFlight int64
	Held     int64
	// Fetches counts calls, Published acknowledged events, Deleted deleted rows.
	Fetches   int64
	Published int64
	Deleted   int64
	// Repeats counts events that were sent although this term had sent their sequence before.
	Repeats int64
	// StoreErrors and PublishErrors count calls that failed and were retried.
	StoreErrors   int64
	PublishErrors int64
	// CompleteTo is the time of the term's last watermark; zero when there is none yet or another
	// relay leads. Watermarks counts the published ones, WatermarkErrors those that failed.
	CompleteTo      time.Time
	Watermarks      int64
	WatermarkErrors int64
}

// Stats returns the counters. Each is exact; together they are of about one moment. It is safe for
// concurrent use and cheap.
func (r *Relay) Stats() Stats {
	s := Stats{
		Leading: r.stats.leading.Load(), Epoch: r.stats.epoch.Load(),
		InFlight: r.stats.inFlight.Load(), Held: r.stats.held.Load(),
		Fetches: r.stats.fetches.Load(), Published: r.stats.published.Load(),
		Deleted: r.stats.deleted.Load(), Repeats: r.stats.repeats.Load(),
		StoreErrors: r.stats.storeErrors.Load(), PublishErrors: r.stats.publishErrors.Load(),
		Watermarks: r.stats.watermarks.Load(), WatermarkErrors: r.stats.watermarkErrors.Load(),
	}
	if millis := r.stats.completeTo.Load(); millis != 0 {
		s.CompleteTo = time.UnixMilli(millis).UTC()
	}
	if b := r.stats.backlog.Load(); b != nil {
		s.BacklogRows, s.Oldest = b.rows, b.oldest
	} else {
		s.BacklogUnknown = s.Leading
	}
	return s
}
