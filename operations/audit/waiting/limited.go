package waiting

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"codebank.dev/operations/audit"
)

// resetEvery is the number of copies after which the time of a Limited begins again.
const resetEvery = 1024

// Limited is a place whose Read fails if the place sends nothing for Limit.
type Limited struct {
	audit.Source
	// Limit is the longest wait for the next copies.
	Limit time.Duration
}

// Read implements audit.Source.
func (l Limited) Read(ctx context.Context, each func(*audit.Copy) error) error {
	stalled := fmt.Errorf("nothing came for %v", l.Limit)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(l.Limit, func() { cancel(stalled) })
	defer timer.Stop()
	var count atomic.Int64
	err := l.Source.Read(ctx, func(c *audit.Copy) error {
		if count.Add(1)%resetEvery == 0 {
			timer.Reset(l.Limit)
		}
		return each(c)
	})
	if err != nil && errors.Is(context.Cause(ctx), stalled) {
		return fmt.Errorf("%w; last: %w", stalled, err)
	}
	return err
}
