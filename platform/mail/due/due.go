// Package due sends messages that wait in a store, one after the other.
package due

import (
	"context"
	"time"
)

// Loop sends what is due. Next is required.
type Loop struct {
	// Next sends one message, if one is due, and reports whether one was. It is called again at once after one that was due,
	// so a message that fails must not be due again at once.
	Next func(context.Context) (bool, error)
	// Failed is told of errors of Next, but not of those of an end; nil for nobody.
	Failed func(context.Context, error)
	// Every is how often it looks while nothing is due; it must be positive.
	Every time.Duration
	// Wake makes it look at once; nil for no other way than by time.
	Wake <-chan struct{}
}

// Run works until ctx ends.
func (l *Loop) Run(ctx context.Context) {
	for ctx.Err() == nil {
		sent, err := l.Next(ctx)
		if err != nil && ctx.Err() == nil && l.Failed != nil {
			l.Failed(ctx, err)
		}
		if sent {
			continue
		}
		select {
		case <-ctx.Done():
		case <-l.Wake:
		case <-time.After(l.Every):
		}
	}
}
