package charge

import (
	"context"
	"sync/atomic"

	"codebank.dev/checkout"
	"codebank.dev/platform/fault"
)

type stats struct {
	sends, unknownSends, voids, unknownVoids atomic.Int64
	approved, declined, gaveUp               atomic.Int64
}

func (s *stats) sent(err error) {
	s.sends.Add(1)
	if err != nil && !isRefusal(err) {
		s.unknownSends.Add(1)
	}
}

func (s *stats) voided(err error) {
	s.voids.Add(1)
	if err != nil {
		s.unknownVoids.Add(1)
	}
}

func (s *stats) ended(order checkout.Order) {
	switch {
	case order.State == checkout.Approved:
		s.approved.Add(1)
	case order.Decline.Reason == checkout.ReasonTimedOut || order.Decline.Reason == checkout.ReasonRefused:
		s.gaveUp.Add(1)
	default:
		s.declined.Add(1)
	}
}

// Stats counts what a Charger has done since it was made.
type Stats struct {
	Sends        int64 // purchases sent to the bank, repeats included
	UnknownSends int64 // of them, without a usable answer
	Voids        int64 // voids sent to the bank, repeats included
	UnknownVoids int64 // of them, without a usable answer
	Approved     int64 // orders ended by an approval
	Declined     int64 // orders ended by the bank's decline
	GaveUp       int64 // orders ended by a void of ours
}

// Stats returns the counters; each is exact, together they are of about one moment.
func (c *Charger) Stats() Stats {
	return Stats{
		Sends: c.stats.sends.Load(), UnknownSends: c.stats.unknownSends.Load(),
		Voids: c.stats.voids.Load(), UnknownVoids: c.stats.unknownVoids.Load(),
		Approved: c.stats.approved.Load(), Declined: c.stats.declined.Load(), GaveUp: c.stats.gaveUp.Load(),
	}
}

// Backlog returns how many orders are open in the store, those included that another
// process works on.
// fault.Unavailable when the store is away.
func (c *Charger) Backlog(ctx context.Context) (checkout.Backlog, error) {
	backlog, err := c.pending.Backlog(ctx)
	if err != nil {
		return checkout.Backlog{}, fault.Of(err)
	}
	return backlog, nil
}
