package provision

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// The wait between two tries grows from firstWait to mostWait.
const (
	firstWait = 100 * time.Millisecond
	mostWait  = time.Second
)

// notReady marks an error after which another try may succeed.
type notReady struct{ cause error }

func (e notReady) Error() string { return e.cause.Error() }
func (e notReady) Unwrap() error { return e.cause }

// NotReady marks err as the error of a service that is starting, rebalancing or
// unreachable, so that Await tries again. NotReady(nil) is nil.
func NotReady(err error) error {
	if err == nil {
		return nil
	}
	return notReady{err}
}

// IsNotReady reports whether err was marked by NotReady.
func IsNotReady(err error) bool { return errors.As(err, new(notReady)) }

// waitingKey is the key under which a context carries the function of WithWaiting.
type waitingKey struct{}

// WithWaiting returns a context whose Await calls call tell before they repeat a try.
// tell gets what they wait for and the error of the try. The goroutine that waits calls
// it.
func WithWaiting(ctx context.Context, tell func(what string, err error)) context.Context {
	return context.WithValue(ctx, waitingKey{}, tell)
}

// Await calls try until it returns nil or an error that is not marked NotReady, and
// returns that result as it is. It waits 100 ms to 1 s between two tries. If ctx ends
// first, the error names what Await waited for, and wraps both the last error and the
// context's. Await calls try at least once. try must be safe to repeat.
func Await(ctx context.Context, what string, try func(context.Context) error) error {
	tell, _ := ctx.Value(waitingKey{}).(func(string, error))
	var last error
	for wait := firstWait; ; wait = min(2*wait, mostWait) {
		err := try(ctx)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil && errors.Is(err, ctx.Err()) && last != nil:
			// The last try was cut short. The error of the try before it is the better reason.
			return fmt.Errorf("waiting for %s: %w; last: %w", what, ctx.Err(), last)
		case !IsNotReady(err):
			return err
		}
		last = err
		if tell != nil && ctx.Err() == nil {
			tell(what, err)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("waiting for %s: %w; last: %w", what, ctx.Err(), err)
		}
	}
}
