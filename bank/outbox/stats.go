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
	backlog                             atomic.Pointer[backlog]

	watermarkFailing            atomic.Bool
	watermarks, watermarkErrors atomic.Int64
	completeTo                  atomic.Int64 // milliseconds since 1970; 0 before the term's first
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

// Stats is what a Relay has done since it was made, and its state.
type Stats struct {
	// Leading says whether this relay publishes now; Epoch is that of its last term.
	Leading bool
	Epoch   int64
	// BacklogRows is how many rows waited at the last measurement, those in flight
	// among them, and Oldest since when the oldest did: zero when none, or not leading.
	BacklogRows int64
	Oldest      time.Time
	// InFlight is how many rows are fetched and not deleted. Held is how many are
	// held back for want of a predecessor: it stays 0 unless something is wrong.
	InFlight int64
	Held     int64
	// Fetches, Published, Deleted count calls, acknowledged events, deleted rows.
	Fetches   int64
	Published int64
	Deleted   int64
	// Repeats counts events sent though this term had sent their sequence before.
	Repeats int64
	// StoreErrors and PublishErrors count calls that failed and were tried again.
	StoreErrors   int64
	PublishErrors int64
	// CompleteTo is the time of the term's last watermark; zero when it has published
	// none, or not leading. Watermarks counts them, WatermarkErrors those that failed.
	CompleteTo      time.Time
	Watermarks      int64
	WatermarkErrors int64
}

// Stats returns the counters; each is exact, together they are of about one
// moment. It is safe for concurrent use and costs nothing to speak of.
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
	}
	return s
}
