// Package clock is the machine's clock.
package clock

import (
	"context"
	"time"

	"codebank.dev/checkout"
)

// System is the machine's clock. Its zero value is ready.
type System struct{}

var _ checkout.Clock = System{}

// Now returns the time in UTC.
func (System) Now() time.Time { return time.Now().UTC() }

// Sleep returns nil after wait, or the context's error if the context ends first.
func (System) Sleep(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
