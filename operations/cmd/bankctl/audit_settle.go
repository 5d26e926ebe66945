package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"codebank.dev/operations/audit"
	statement "codebank.dev/operations/audit/postgres"
)

const (
	// settlePause is the time between two looks at a pipeline that is settling.
	settlePause = 250 * time.Millisecond
	// watchEvery is after how many copies a place is seen to be alive.
	watchEvery = 1024
)

// settling lets the pipeline bring everything to its place, for a time.
type settling struct {
	ledger    *ledgerPlace
	statement *statement.Statement
	index     *indexPlace
	wait      time.Duration
	deadline  time.Time
}

// settle is audit.Audit's Wait.
func (s *settling) settle(ctx context.Context, events int64) (again bool, err error) {
	if s.wait <= 0 {
		return false, nil
	}
	if s.deadline.IsZero() {
		s.deadline = time.Now().Add(s.wait)
	} else if err := pause(ctx); err != nil {
		return false, err
	}
	for {
		settled, err := s.settled(ctx, events)
		left := time.Until(s.deadline) > 0
		if err != nil || settled || !left {
			return left, err
		}
		if err := pause(ctx); err != nil {
			return false, err
		}
	}
}

// settled has a quick look: is all published that waited, and are there as many lines
// and documents as there were events? Later ones may make up for some that are not
// there; the audit itself is exact.
func (s *settling) settled(ctx context.Context, events int64) (bool, error) {
	published, err := (&outboxPlace{s.ledger}).settled(ctx)
	if err != nil {
		return false, &audit.AwayError{Store: audit.InOutbox, Cause: err}
	}
	if !published {
		return false, nil
	}
	for _, count := range []func(context.Context) (int64, error){s.statement.Count, s.index.Count} {
		try, cancel := context.WithTimeout(ctx, max(time.Until(s.deadline), settlePause))
		n, err := count(try)
		cancel()
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		// A place that is away may be back before the time is over; if not, the audit
		// itself will say so.
		if err != nil || n < events {
			return false, nil
		}
	}
	return true, nil
}

func pause(ctx context.Context) error {
	timer := time.NewTimer(settlePause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// watched is a place that is given up when nothing comes from it for a while.
type watched struct {
	audit.Source
	patience time.Duration
}

// Read implements audit.Source.
func (w watched) Read(ctx context.Context, each func(*audit.Copy) error) error {
	stalled := fmt.Errorf("nothing came for %v", w.patience)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(w.patience, func() { cancel(stalled) })
	defer timer.Stop()
	var count atomic.Int64
	err := w.Source.Read(ctx, func(c *audit.Copy) error {
		if count.Add(1)%watchEvery == 0 {
			timer.Reset(w.patience)
		}
		return each(c)
	})
	if err != nil && errors.Is(context.Cause(ctx), stalled) {
		return fmt.Errorf("%w; last: %w", stalled, err)
	}
	return err
}
