// Package waiting decides how long an audit waits until the pipeline has delivered the
// events in flight (Delivery), and how long it waits for a place that sends nothing
// (Limited).
package waiting

import (
	"context"
	"time"

	"codebank.dev/operations/audit"
)

// checkEvery is the time between two checks whether anything is in flight.
const checkEvery = 250 * time.Millisecond

// Count returns how many events a place has.
type Count func(context.Context) (int64, error)

// Delivery waits until no event of the cut seems to be in flight. Wait is meant for one
// audit; its time begins with the first call.
type Delivery struct {
	// Published reports whether all events that were in the outbox at the cut have left the
	// outbox.
	Published func(context.Context) (bool, error)
	// Counts are the counts of the places behind the topic.
	Counts []Count
	// AtMost bounds the whole wait. With 0 or less, Wait does not wait.
	AtMost time.Duration

	deadline time.Time
}

// Wait can be used as audit.Audit.Wait. It returns once nothing seems to be in flight or
// the time is over. again says whether there is time for another comparison.
func (d *Delivery) Wait(ctx context.Context, events int64) (again bool, err error) {
	if d.AtMost <= 0 {
		return false, nil
	}
	if d.deadline.IsZero() {
		d.deadline = time.Now().Add(d.AtMost)
	} else if err := pause(ctx); err != nil {
		return false, err
	}
	for {
		delivered, err := d.delivered(ctx, events)
		left := time.Until(d.deadline) > 0
		if err != nil || delivered || !left {
			return left, err
		}
		if err := pause(ctx); err != nil {
			return false, err
		}
	}
}

// delivered reports whether all events that waited at the cut are published, and each place
// has as many events as the cut. This is quick and not exact, because later events may be
// counted in place of missing ones. The audit itself is exact.
func (d *Delivery) delivered(ctx context.Context, events int64) (bool, error) {
	published, err := d.Published(ctx)
	if err != nil {
		return false, &audit.AwayError{Store: audit.InOutbox, Cause: err}
	}
	if !published {
		return false, nil
	}
	for _, count := range d.Counts {
		try, cancel := context.WithTimeout(ctx, max(time.Until(d.deadline), checkEvery))
		n, err := count(try)
		cancel()
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		// A place that is away may be back before the time is over. If it is not, the audit
		// says so.
		if err != nil || n < events {
			return false, nil
		}
	}
	return true, nil
}

func pause(ctx context.Context) error {
	timer := time.NewTimer(checkEvery)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
